CREATE TABLE t (a int, b int, c text, d int);
CREATE STATISTICS s1 (ndistinct) ON a, b FROM t; CREATE STATISTICS s2 ON a, b FROM t;
