CREATE SUBSCRIPTION "regress_Sub ""x" CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE);
