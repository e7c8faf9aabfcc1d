CREATE TABLE t (r int4range, s int4range, CONSTRAINT e1 EXCLUDE USING gist (r WITH &&) WHERE (NOT isempty(r)), CONSTRAINT e2 EXCLUDE USING gist (s WITH &&, r WITH =) DEFERRABLE);
