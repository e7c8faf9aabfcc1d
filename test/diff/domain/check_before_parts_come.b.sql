CREATE DOMAIN d AS text NOT NULL CONSTRAINT filled CHECK (VALUE <> '');
CREATE DOMAIN odd AS int CONSTRAINT odd_small CHECK (VALUE < 100);
CREATE TYPE k AS (x int, z d);
CREATE TABLE t (id int, a k, b d[], c d, e odd, f odd[]);
CREATE TABLE u (id int, k k);
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
