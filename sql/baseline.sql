--
-- A history begins with the schema as it is
--
SELECT current_database() AS db \gset
CREATE DATABASE regress_smig_baseline TEMPLATE template0;
CREATE DATABASE regress_smig_second TEMPLATE template0;
\connect regress_smig_baseline
CREATE EXTENSION schemamig;
-- an empty schema is nothing to begin with
SELECT schemamig_baseline();
CREATE SCHEMA shop;
CREATE TYPE shop.colour AS ENUM ('red', 'green');
CREATE TABLE shop."We""ird" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, c shop.colour DEFAULT 'red', "user" text COLLATE "C");
CREATE TABLE shop.item (w bigint REFERENCES shop."We""ird", n numeric(10, 2) CHECK (n > 0), day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE shop.item_2024 PARTITION OF shop.item FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX ON shop.item (w);
CREATE VIEW shop.red AS SELECT id FROM shop."We""ird" WHERE c = 'red';
CREATE FUNCTION shop.count_red() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM shop.red $$;
COMMENT ON VIEW shop.red IS 'it''s red';
INSERT INTO shop."We""ird" ("user") VALUES ('kept');
SELECT schemamig_baseline('as it was', revision => 'start');
SELECT revision, message, parents, state, is_current FROM schemamig_history();
SELECT kind, target, state FROM schemamig.run;
SELECT * FROM schemamig_apply();
-- there is only one beginning
SELECT schemamig_baseline();
-- the next revision follows
SELECT schemamig_revision('more', 'ALTER TABLE shop.item ADD m int', 'ALTER TABLE shop.item DROP m', 'more');
SELECT revision, steps FROM schemamig_apply();
-- another database gets the same schema from it
SELECT string_agg(schemamig_export(revision), E'\n') AS files, schemamig_fingerprint() AS fingerprint FROM schemamig_history() \gset
\connect regress_smig_second
CREATE EXTENSION schemamig;
SELECT schemamig_load(:'files');
SELECT revision FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'fingerprint' AS same;
-- and can go back to nothing
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
SELECT count(*) FROM schemamig_diff('empty', 'live');
-- rights: that to execute is enough, but what is read is the caller's view
\connect regress_smig_baseline
CREATE ROLE regress_smig_author;
SET ROLE regress_smig_author;
SELECT schemamig_baseline();
RESET ROLE;
GRANT EXECUTE ON FUNCTION schemamig_baseline TO regress_smig_author;
SET ROLE regress_smig_author;
SELECT schemamig_baseline();
BEGIN READ ONLY;
SELECT schemamig_baseline();
ROLLBACK;
SELECT schemamig_baseline(NULL);
\connect :db
DROP DATABASE regress_smig_baseline;
DROP DATABASE regress_smig_second;
DROP ROLE regress_smig_author;
