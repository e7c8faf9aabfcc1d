--
-- Drift is what has been done to the schema since the last run; a repair makes
-- a revision of it that other databases can apply, too
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state RESTART IDENTITY;
\set VERBOSITY terse
SET schemamig.allow_destructive = on;
SET client_min_messages = warning;
SET search_path = "Drift ""x", public;
SET schemamig.lint = off;
SELECT schemamig_revision('one', 'CREATE SCHEMA "Drift ""x"; CREATE TABLE t (a int CONSTRAINT pk PRIMARY KEY, b int); CREATE VIEW v AS SELECT a FROM t; CREATE TYPE mood AS ENUM (''glad'')', 'DROP VIEW v; DROP TABLE t; DROP TYPE mood; DROP SCHEMA "Drift ""x"', 'dri1');
-- nothing applied: not known
SELECT drifted FROM schemamig_status();
SELECT * FROM schemamig_drift();
SELECT schemamig_repair();
SELECT revision FROM schemamig_apply();
SELECT drifted FROM schemamig_status();
SELECT * FROM schemamig_drift();
SET client_min_messages = notice;
SELECT schemamig_repair();
-- data and temporary tables are no drift, nor what is undone
INSERT INTO t VALUES (1, 2);
CREATE TEMP TABLE drift_temp (a int);
SELECT drifted FROM schemamig_status();
DROP TABLE drift_temp;
ALTER TABLE t ADD c int;
SELECT drifted FROM schemamig_status();
ALTER TABLE t DROP c;
SELECT drifted FROM schemamig_status();

-- all sorts of changes
ALTER TABLE t ADD c int CHECK (c > 0), ALTER b TYPE bigint, ALTER b SET DEFAULT 7;
ALTER TABLE t RENAME CONSTRAINT pk TO "Primary";
CREATE TABLE u (a int PRIMARY KEY REFERENCES t, n int GENERATED ALWAYS AS IDENTITY);
CREATE INDEX u_n ON u (n);
CREATE POLICY p ON u USING (true);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION f();
ALTER TYPE mood ADD VALUE 'sad' BEFORE 'glad';
CREATE DOMAIN d AS int CHECK (VALUE < 9);
DROP VIEW v;
COMMENT ON TABLE t IS 'it''s $schemamig$ odd';
GRANT SELECT ON t TO PUBLIC;
SELECT DISTINCT kind, object, action FROM schemamig_drift() ORDER BY 1, 2;
SELECT drifted, next FROM schemamig_status();
SELECT schemamig_autogenerate('no', 'schema:public');
-- a run that is pending must come first
SELECT schemamig_revision('two', 'SELECT 1', '', 'dri2');
SELECT schemamig_repair();
SELECT schemamig_remove('dri2');
SET client_min_messages = warning;
SELECT schemamig_repair('by hand') IS NOT NULL AS repaired;
SELECT message, applied_by = current_user AS mine FROM schemamig_current();
SELECT * FROM schemamig_drift();
SELECT drifted FROM schemamig_status();
SELECT up ~ 'CREATE TABLE IF NOT EXISTS' AS conditional, up ~ 'EXCEPTION WHEN' AS guarded FROM schemamig_show('head');

-- it does nothing where it is done, all of it where nothing is
SET client_min_messages = warning;
SELECT schemamig_fingerprint() AS here \gset
SELECT schemamig_stamp('dri1');
SELECT steps FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'here' AS same;
SELECT count(*) FROM schemamig_revert('base', allow_destructive => true);
SELECT count(*) FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'here' AS same;
SELECT ok, test, detail FROM schemamig_verify() WHERE NOT ok OR test = 'live';

-- how many are kept; none
SELECT count(*) FROM schemamig.state;
SET schemamig.snapshots = 1;
SELECT schemamig_stamp('dri1');
SELECT count(*), min(current::text) FROM schemamig.state;
SET schemamig.snapshots = 0;
SELECT count(*) FROM schemamig_stamp('head');
SELECT drifted FROM schemamig_status();
SELECT * FROM schemamig_drift();
RESET schemamig.snapshots;
SELECT count(*) FROM schemamig_stamp('current');
SELECT drifted FROM schemamig_status();

-- half done: not known
SELECT schemamig_revision('half', 'SELECT 1; COMMIT; SELECT 1/0', '', 'dri3');
SELECT schemamig_apply();
SELECT drifted FROM schemamig_status();
SELECT * FROM schemamig_drift();
SELECT schemamig_repair();
SELECT schemamig_settle('dri3', 'unapplied');
SELECT schemamig_remove('dri3');

RESET search_path;
DROP SCHEMA "Drift ""x" CASCADE;
SELECT schemamig_stamp('base');
