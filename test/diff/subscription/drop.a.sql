CREATE SUBSCRIPTION regress_smig_sub CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE); COMMENT ON SUBSCRIPTION regress_smig_sub IS 's';
