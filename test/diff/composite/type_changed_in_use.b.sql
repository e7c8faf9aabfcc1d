CREATE TYPE addr AS (street text, no bigint);
CREATE TABLE t (id int, a addr, b addr[]);
CREATE FUNCTION f(addr) RETURNS int LANGUAGE sql AS 'SELECT 1';
