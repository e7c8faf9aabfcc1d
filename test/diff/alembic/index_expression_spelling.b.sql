CREATE TABLE t (a int, s varchar(10)); CREATE INDEX i1 ON t (lower(s::text)); CREATE INDEX i2 ON t ((coalesce(a,0)+1));
