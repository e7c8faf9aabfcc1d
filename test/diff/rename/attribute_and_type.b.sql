-- schemamig:rename pair couple
-- schemamig:rename public.pair.a z
-- schemamig:rename public.couple.b a
-- schemamig:rename t.p q
CREATE TYPE couple AS (z int, a text, added int);
CREATE TABLE t (id int, q couple);
CREATE VIEW v AS SELECT (q).z AS a, (q).a AS c FROM t;
