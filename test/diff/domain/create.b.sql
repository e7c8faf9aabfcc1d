CREATE SCHEMA app;
CREATE DOMAIN app.email AS varchar(200) COLLATE "C" DEFAULT 'x@y' NOT NULL CONSTRAINT has_at CHECK (VALUE ~ '@');
COMMENT ON DOMAIN app.email IS 'mail'; COMMENT ON CONSTRAINT has_at ON DOMAIN app.email IS 'at';
CREATE TABLE app.t (e app.email);
