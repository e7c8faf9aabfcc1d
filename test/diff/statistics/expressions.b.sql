CREATE TABLE t (a int, b int, c text, d int);
CREATE STATISTICS s1 ON (a - b), (upper(c)) FROM t; CREATE STATISTICS s2 ON (a % 7) FROM t;
