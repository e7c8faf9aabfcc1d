CREATE DOMAIN d AS text;
CREATE DOMAIN odd AS int;
ALTER DOMAIN odd ADD CONSTRAINT odd_small CHECK (VALUE < 100) NOT VALID;
CREATE TYPE k AS (x int, z bigint);
CREATE TABLE t (id int, a k, b text[], c d, e int);
INSERT INTO t VALUES (1, '(1,2)', '{u,v}', 'w', 5);
