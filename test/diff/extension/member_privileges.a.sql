CREATE EXTENSION hstore; GRANT EXECUTE ON FUNCTION akeys(hstore) TO alice; GRANT SELECT ON pg_catalog.pg_authid TO bob;
