CREATE TYPE fr AS RANGE (subtype = float8);
CREATE TABLE t (id int, r fr); INSERT INTO t VALUES (1, '[1,2]');
