-- alone
CREATE TABLE z (id int); CREATE FUNCTION a_f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM z'; CREATE FUNCTION a_e() RETURNS bigint LANGUAGE sql AS 'SELECT a_f()'; CREATE TABLE y (n bigint DEFAULT a_e());
