CREATE TABLE t (a int, b int, c text, d int);
CREATE STATISTICS s1 (mcv) ON a, b FROM t; CREATE STATISTICS s2 ON a, d FROM t;
