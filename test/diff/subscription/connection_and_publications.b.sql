CREATE SUBSCRIPTION regress_smig_sub CONNECTION 'dbname=elsewhere' PUBLICATION q, "R r" WITH (connect = false, slot_name = NONE);
