CREATE FUNCTION me() RETURNS varchar LANGUAGE sql AS 'SELECT ''x''::varchar'; CREATE TABLE t (a text); CREATE POLICY p1 ON t USING (a = me());
