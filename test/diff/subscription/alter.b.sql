CREATE SUBSCRIPTION regress_smig_sub2 CONNECTION 'dbname=elsewhere' PUBLICATION q WITH (connect = false, slot_name = NONE, binary = true);
