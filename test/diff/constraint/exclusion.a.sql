CREATE TABLE t (r int4range, s int4range, CONSTRAINT e1 EXCLUDE USING gist (r WITH &&));
