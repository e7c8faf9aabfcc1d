-- alone
CREATE TABLE z (id int, extra int); CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(extra) FROM z';
