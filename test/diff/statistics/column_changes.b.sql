CREATE TABLE t (a bigint, b int, c text);
CREATE STATISTICS s1 ON a, b FROM t;
