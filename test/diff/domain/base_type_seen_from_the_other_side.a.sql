CREATE DOMAIN d AS int;
CREATE DOMAIN e AS d;
CREATE TYPE k AS (x d);
CREATE TABLE t (id int, a int, b int, c int[], e numeric(8,2), f int);
INSERT INTO t VALUES (1, 2, 3, '{4}', 5.25, 6);
