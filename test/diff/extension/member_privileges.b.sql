CREATE EXTENSION hstore; REVOKE EXECUTE ON FUNCTION hstore(text, text) FROM PUBLIC; GRANT SELECT ON pg_catalog.pg_authid TO alice;
