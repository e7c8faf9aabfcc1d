--
-- schemamig_verify proves the revisions in a scratch database
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state, schemamig.model RESTART IDENTITY;
\set VERBOSITY terse
SET client_min_messages = warning;
-- none
SELECT * FROM schemamig_verify();
SELECT schemamig_verify_tap();
-- steps of all kinds; a way back that forgets something, one that fails,
-- one that has none
SELECT schemamig_revision('good', 'CREATE TABLE verify_t (a int PRIMARY KEY, n int); INSERT INTO verify_t VALUES (1, 1)', 'DROP TABLE verify_t', 'ver1');
SELECT schemamig_revision('steps', 'CREATE INDEX CONCURRENTLY verify_i ON verify_t (a); VACUUM verify_t; SELECT schemamig_backfill($$UPDATE verify_t SET n = 2$$, batch_size => 10); SELECT 1', 'DROP INDEX verify_i', 'ver2', depends_on => '{}');
SELECT schemamig_replace('ver2', 'CREATE INDEX CONCURRENTLY verify_i ON verify_t (a); VACUUM verify_t; SELECT schemamig_backfill($$UPDATE verify_t SET n = 2$$, batch_size => 10); DO $$BEGIN IF (SELECT n FROM verify_t) <> 2 THEN RAISE ''no backfill''; END IF; END$$; BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT', 'DROP INDEX verify_i');
SELECT * FROM schemamig_verify();
SELECT schemamig_revision('forgets', 'CREATE TABLE verify_u (a int); ALTER TABLE verify_t ADD b int; COMMENT ON TABLE verify_t IS ''new''', 'DROP TABLE verify_u', 'ver3');
SELECT schemamig_revision('fails', 'CREATE VIEW verify_v AS SELECT b FROM verify_t', 'DROP VIEW verify_w', 'ver4');
SELECT schemamig_revision('differs', 'DO $$BEGIN IF to_regclass(''verify_s'') IS NULL THEN CREATE SEQUENCE verify_s; PERFORM set_config(''verify.was'', ''1'', false); END IF; END$$', 'DROP SEQUENCE verify_s', 'ver5');
SELECT schemamig_revision('irreversible', 'DROP TABLE verify_u', revision => 'ver6');
SELECT * FROM schemamig_verify();
SELECT * FROM schemamig_verify('ver2');
SELECT schemamig_verify_tap('ver3');
-- an up script that fails ends it
SELECT schemamig_revision('breaks', E'SELECT 1;\nCREATE TABLE verify_t ()', '', 'ver7');
SELECT schemamig_revision('never', 'SELECT 1', '', 'ver8');
SELECT * FROM schemamig_verify() WHERE NOT ok;
SELECT schemamig_remove('ver8');
SELECT schemamig_remove('ver7');
-- two heads
SELECT schemamig_revision('branch', '', '', 'ver9', parents => '{ver1}', splice => true);
SELECT * FROM schemamig_verify() WHERE NOT ok AND revision IS NULL;
SELECT schemamig_remove('ver9');

-- the end against the model and the live schema
SET schemamig.allow_destructive = on;
SET schemamig.lint = off;
SELECT count(*) FROM schemamig_apply();
SELECT schemamig_model('CREATE TABLE verify_t (a int PRIMARY KEY, n int, b bigint)') IS NOT NULL;
CREATE TABLE verify_by_hand ();
SELECT ok, test, detail FROM schemamig_verify() WHERE test IN ('model', 'live');
DROP TABLE verify_by_hand;
-- who owns the live objects makes no difference
CREATE ROLE regress_verify_owner;
ALTER TABLE verify_t OWNER TO regress_verify_owner;
GRANT SELECT ON verify_t TO PUBLIC;
SELECT ok, test, detail FROM schemamig_verify() WHERE test = 'live';
REVOKE ALL ON verify_t FROM PUBLIC;
SELECT ok, test, detail FROM schemamig_verify() WHERE test = 'live';
-- content that was changed behind our back
UPDATE schemamig.revision SET up = up || ' ' WHERE id = 'ver1';
UPDATE schemamig.applied SET checksum = 'x' WHERE revision = 'ver2';
SELECT ok, test, detail FROM schemamig_verify() WHERE test = 'checksums';
-- rights: a superuser does not run what others wrote
UPDATE schemamig.revision SET created_by = 'regress_verify_owner' WHERE id = 'ver4';
SELECT * FROM schemamig_verify();
-- a role without the right to create databases
GRANT EXECUTE ON FUNCTION schemamig_verify, schemamig_model, schemamig_diff, schemamig_check TO regress_verify_owner;
SET ROLE regress_verify_owner;
\set VERBOSITY default
SELECT schemamig_verify();
SELECT schemamig_model('CREATE TABLE a ()');
SELECT count(*) > 0 FROM schemamig_check();
SELECT schemamig_diff('revision:ver1', 'empty');
RESET ROLE;
\set VERBOSITY terse
-- in functions with another's rights, in a run, in recovery: never
CREATE FUNCTION verify_definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM schemamig_verify()';
SELECT verify_definer();
DROP FUNCTION verify_definer();
SELECT * FROM schemamig_verify('nowhere');
SELECT * FROM schemamig_verify(NULL);

DROP TABLE verify_t CASCADE;
DROP SEQUENCE verify_s;
DROP OWNED BY regress_verify_owner;
DROP ROLE regress_verify_owner;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state, schemamig.model RESTART IDENTITY;
SELECT datname FROM pg_database WHERE datname LIKE 'schemamig\_scratch%';
