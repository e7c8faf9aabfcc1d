CREATE FUNCTION d(time, time) RETURNS float8 LANGUAGE sql STRICT IMMUTABLE AS 'SELECT EXTRACT(EPOCH FROM ($1 - $2))::float8';
CREATE TYPE tr AS RANGE (subtype = time, subtype_diff = d);
