CREATE SCHEMA app; CREATE TYPE app.addr AS (street text COLLATE "C", "No" int);
COMMENT ON TYPE app.addr IS 'a'; COMMENT ON COLUMN app.addr.street IS 's';
CREATE TABLE app.t (a app.addr);
