CREATE PROCEDURE p() LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS 'BEGIN NULL; END';
