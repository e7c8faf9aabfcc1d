CREATE TABLE t (a int, b int, c text, d int);
CREATE STATISTICS s1 ON a, b FROM t;
