CREATE TYPE addr AS (street text, no int);
CREATE TABLE t (id int, a addr, b addr[]); INSERT INTO t VALUES (1, ('x', 1), NULL);
CREATE FUNCTION f(addr) RETURNS int LANGUAGE sql AS 'SELECT 1';
