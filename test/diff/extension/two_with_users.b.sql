CREATE EXTENSION citext; CREATE EXTENSION pg_trgm; CREATE TABLE t (a int, b citext, c text); CREATE INDEX ti ON t USING gin (c gin_trgm_ops);
