CREATE FUNCTION me() RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'; CREATE TABLE t (a text); CREATE POLICY p1 ON t USING (a = me());
