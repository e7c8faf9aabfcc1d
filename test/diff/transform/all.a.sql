CREATE TYPE ct AS (a int); CREATE FUNCTION tf(internal) RETURNS internal LANGUAGE internal AS 'jsonb_in';
