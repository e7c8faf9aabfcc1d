CREATE SUBSCRIPTION regress_smig_sub2 CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE); COMMENT ON SUBSCRIPTION regress_smig_sub2 IS 'x';
