CREATE TABLE t (a int, b int, c text, d int);
CREATE STATISTICS s1 ON a, b FROM t; CREATE STATISTICS s2 (ndistinct) ON a, b, c FROM t; CREATE STATISTICS s3 (dependencies, mcv) ON b, d FROM t;
