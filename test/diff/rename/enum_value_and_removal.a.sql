CREATE TYPE mood AS ENUM ('a', 'b', 'c');
CREATE TABLE t (id int, m mood DEFAULT 'a', n mood[] DEFAULT '{a,c}');
CREATE INDEX ti ON t (m) WHERE m = 'a';
CREATE VIEW v AS SELECT id FROM t WHERE m = 'a';
INSERT INTO t VALUES (1, 'a', '{c}');
