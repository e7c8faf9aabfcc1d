-- schemamig:rename public.mood.a z
CREATE TYPE mood AS ENUM ('c', 'z');
CREATE TABLE t (id int, m mood DEFAULT 'z', n mood[] DEFAULT '{z,c}');
CREATE INDEX ti ON t (m) WHERE m = 'z';
CREATE VIEW v AS SELECT id FROM t WHERE m = 'z';
