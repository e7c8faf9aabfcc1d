CREATE SUBSCRIPTION regress_smig_sub CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE, binary = true, streaming = true, synchronous_commit = 'off');
