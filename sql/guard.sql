-- DDL from outside of runs is recorded or refused.
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
SET client_min_messages = warning;
SET schemamig.lint = off;
CREATE ROLE regress_smig_dba LOGIN;
CREATE SCHEMA guard_s AUTHORIZATION regress_smig_dba;
GRANT EXECUTE ON FUNCTION schemamig_apply, schemamig_revision, schemamig_revert, schemamig_remove, schemamig_guard TO regress_smig_dba;
SELECT schemamig_guard();
SELECT current_user AS me \gset
SELECT coalesce(max(seq), 0) AS seen FROM schemamig.log \gset

-- log
SELECT schemamig_guard('log');
\c - regress_smig_dba
SET client_min_messages = warning;
CREATE TABLE guard_s.t (id int PRIMARY KEY, v text);
ALTER TABLE guard_s.t ADD COLUMN w int;
CREATE INDEX CONCURRENTLY guard_i ON guard_s.t (v);
DROP INDEX guard_s.guard_i;
COMMENT ON TABLE guard_s.t IS 'by hand';
GRANT SELECT ON guard_s.t TO PUBLIC;
DO $$BEGIN EXECUTE 'CREATE VIEW guard_s.v AS SELECT 1 AS one'; END$$;
CREATE FUNCTION guard_s.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
-- not ours: temporary, rolled back, no DDL
CREATE TEMP TABLE guard_temp (a int);
CREATE INDEX ON guard_temp (a);
CREATE TRIGGER guard_trigger BEFORE INSERT ON guard_temp FOR EACH ROW EXECUTE FUNCTION guard_s.f();
DROP TABLE guard_temp;
BEGIN; CREATE TABLE guard_s.never (a int); ROLLBACK;
INSERT INTO guard_s.t VALUES (1, 'a', 1);
SELECT id INTO guard_s.selected FROM guard_s.t;
DROP SCHEMA guard_s;
-- nor a run, in a worker or here
SELECT schemamig_revision('run', 'CREATE TABLE guard_s.run (a int); COMMIT; CREATE INDEX CONCURRENTLY ON guard_s.run (a); DROP VIEW guard_s.v',
	'DROP TABLE guard_s.run', revision => 'run', parents => '{}');
SELECT revision FROM schemamig_apply();
SELECT revision FROM schemamig_revert('base', 'caller', true);
-- the guard is the superusers'
SELECT schemamig_guard('off');
SELECT schemamig_guard_log();
DROP EVENT TRIGGER schemamig_guard_end;
\c - :me
SET client_min_messages = warning;
SELECT CASE role WHEN :'me' THEN 'me' ELSE role END AS role, event, message, detail FROM schemamig.log WHERE seq > :seen AND event IN ('ddl', 'guard') ORDER BY seq;
SELECT max(seq) AS seen FROM schemamig.log \gset

-- block
SELECT schemamig_guard('block');
\c - regress_smig_dba
SET client_min_messages = warning;
CREATE TABLE guard_s.x (a int);
ALTER TABLE guard_s.t ALTER id TYPE bigint;
CREATE INDEX CONCURRENTLY guard_i ON guard_s.t (v);
DROP TABLE guard_s.t;
DROP TABLE IF EXISTS guard_s.selected CASCADE;
ALTER TABLE guard_s.nowhere ADD a int;
GRANT SELECT ON guard_s.t TO regress_smig_dba;
DO $$BEGIN EXECUTE 'CREATE VIEW guard_s.x AS SELECT 1 AS one'; END$$;
SET search_path = guard_s;
DROP FUNCTION f;
RESET search_path;
CREATE TEMP TABLE guard_temp (a int);
ALTER TABLE guard_temp ADD b int;
DROP TABLE guard_temp;
-- nobody pretends to be a run, or passes
SET application_name = 'schemamig worker';
SET schemamig.guard_pass = on;
SELECT set_config('schemamig.guard_pass', 'on', false);
CREATE TABLE guard_s.x (a int);
\c - regress_smig_dba
SET schemamig.guard_pass = on;
CREATE TABLE guard_s.x (a int);
-- after a run, also one that failed, it is as before
SELECT schemamig_revision('fail', 'CREATE TABLE guard_s.y (a int); SELECT 1/0', '', revision => 'fail', parents => '{}');
SELECT revision FROM schemamig_apply('fail', 'caller');
CREATE TABLE guard_s.x (a int);
SELECT revision FROM schemamig_apply('run', 'caller');
CREATE TABLE guard_s.x (a int);
SELECT count(*) FROM pg_class WHERE relnamespace = 'guard_s'::regnamespace AND relname IN ('x', 'y', 'run');
SELECT schemamig_remove('fail');
SELECT revision FROM schemamig_revert('base', 'caller', true);
SELECT schemamig_remove('run');
\c - :me
SET client_min_messages = warning;
-- superusers pass with the setting, which is logged; extensions come and go
CREATE TABLE guard_s.x (a int);
SET schemamig.guard_pass = on;
CREATE TABLE guard_s.x (a int);
DROP TABLE guard_s.x;
RESET schemamig.guard_pass;
SELECT CASE role WHEN :'me' THEN 'me' ELSE role END AS role, event, message, detail FROM schemamig.log WHERE seq > :seen AND event IN ('ddl', 'guard') ORDER BY seq;
SELECT schemamig_guard();
SELECT schemamig_guard('never');
SELECT schemamig_guard('off');
SELECT schemamig_guard('off');
SELECT count(*) FROM pg_event_trigger;
CREATE TABLE guard_s.x (a int);

-- it goes with the extension
SELECT schemamig_guard('block');
BEGIN;
SAVEPOINT s;
DROP EXTENSION schemamig;
SELECT count(*) FROM pg_event_trigger;
ROLLBACK;
SELECT schemamig_guard('off');
DROP SCHEMA guard_s CASCADE;
REVOKE ALL ON FUNCTION schemamig_apply, schemamig_revision, schemamig_revert, schemamig_remove, schemamig_guard FROM regress_smig_dba;
DROP ROLE regress_smig_dba;
TRUNCATE schemamig.run, schemamig.log_entry;
