--
-- The schema after each revision of a run is kept where that is asked for
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state RESTART IDENTITY;
\set VERBOSITY terse
SET schemamig.allow_destructive = on;
SET schemamig.lint = off;
SET client_min_messages = warning;
CREATE ROLE regress_smig_states;
GRANT EXECUTE ON FUNCTION schemamig_diff(text, text) TO regress_smig_states;
GRANT EXECUTE ON FUNCTION schemamig_fingerprint(text) TO regress_smig_states;
SELECT schemamig_revision('one', 'CREATE SCHEMA "States x"; CREATE TABLE "States x".t (a int)', 'DROP SCHEMA "States x" CASCADE', 'sta1');
SELECT schemamig_revision('two', 'ALTER TABLE "States x".t ADD b text; COMMIT; CREATE VIEW "States x".v AS SELECT b FROM "States x".t',
	'DROP VIEW "States x".v; ALTER TABLE "States x".t DROP b', 'sta2');
SELECT schemamig_revision('data', 'INSERT INTO "States x".t VALUES (1)', 'TRUNCATE "States x".t', 'sta3');
SELECT schemamig_revision('four', 'DROP VIEW "States x".v', 'CREATE VIEW "States x".v AS SELECT b FROM "States x".t', 'sta4');

-- off: that at the end alone, and others cost a scratch database
SELECT count(*) FROM schemamig_apply();
SELECT count(*) FROM schemamig_drift();
SELECT current FROM schemamig.state ORDER BY id;
SET ROLE regress_smig_states;
SELECT kind, object, action FROM schemamig_diff('revision:sta1', 'revision:sta2') ORDER BY seq;
RESET ROLE;
SELECT schemamig_fingerprint('revision:sta1') AS one, schemamig_fingerprint('revision:sta2') AS two \gset
SELECT count(*) FROM schemamig_revert('base');

-- on: all of them, equal ones stored once; no right to create databases is needed
DELETE FROM schemamig.state;
SET schemamig.snapshot_each_revision = on;
SELECT count(*) FROM schemamig_apply();
SELECT count(*) FROM schemamig_drift();
SELECT current, row_number() OVER (PARTITION BY fingerprint ORDER BY id) AS like_it, run IS NOT NULL AS of_run
FROM schemamig.state ORDER BY id;
SET ROLE regress_smig_states;
SELECT kind, object, action FROM schemamig_diff('revision:sta1', 'revision:sta2') ORDER BY seq;
SELECT kind, object, action FROM schemamig_diff('revision:sta2', 'revision:sta3') ORDER BY seq;
SELECT kind, object, action FROM schemamig_diff('revision:sta3', 'revision:sta4') ORDER BY seq;
SELECT schemamig_fingerprint('revision:sta1') = :'one' AS one, schemamig_fingerprint('revision:sta2') = :'two' AS two;
RESET ROLE;

-- each revision that is reverted, too
DELETE FROM schemamig.state;
SELECT count(*) FROM schemamig_revert('base');
SELECT current FROM schemamig.state ORDER BY id;
SELECT schemamig_fingerprint('revision:sta1') = :'one' AS one, schemamig_fingerprint('revision:sta2') = :'two' AS two;

-- no more than schemamig.snapshots
DELETE FROM schemamig.state;
SET schemamig.snapshots = 2;
SELECT count(*) FROM schemamig_apply();
SELECT count(*) FROM schemamig_drift();
SELECT current FROM schemamig.state ORDER BY id;
SET schemamig.snapshots = 0;
SELECT count(*) FROM schemamig_revert('sta2');
SELECT current FROM schemamig.state ORDER BY id;
RESET schemamig.snapshots;

-- one transaction has one state
DELETE FROM schemamig.state;
SELECT count(*) FROM schemamig_apply(transaction => 'all');
SELECT count(*) FROM schemamig_drift();
SELECT count(*) FROM schemamig_revert('sta2', transaction => 'caller');
SELECT current FROM schemamig.state ORDER BY id;
SELECT count(*) FROM schemamig_revert('base');

-- one that cannot be taken costs itself, not the run
DELETE FROM schemamig.state;
CREATE FUNCTION states_fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'not %', new.current USING ERRCODE = tg_argv[0];
END $$;
CREATE TRIGGER fail BEFORE INSERT ON schemamig.state
	FOR EACH ROW WHEN (new.current = '{sta2}') EXECUTE FUNCTION states_fail('22000');
SELECT count(*) FROM schemamig_apply();
SELECT count(*) FROM schemamig_drift();
SELECT current FROM schemamig.state ORDER BY id;
SELECT state, error FROM schemamig.run ORDER BY id DESC LIMIT 1;
SELECT count(*) FROM schemamig_revert('base');

-- a cancel is meant for the run
DROP TRIGGER fail ON schemamig.state;
CREATE TRIGGER fail BEFORE INSERT ON schemamig.state
	FOR EACH ROW WHEN (new.current = '{sta2}') EXECUTE FUNCTION states_fail('57014');
SELECT schemamig_apply();
SELECT state, revision, error FROM schemamig.run ORDER BY id DESC LIMIT 1;
SELECT revision FROM schemamig_current();
DROP TRIGGER fail ON schemamig.state;
SELECT revision FROM schemamig_apply();
SELECT count(*) FROM schemamig_drift();

SELECT count(*) FROM schemamig_revert('base');
RESET schemamig.snapshot_each_revision;
SELECT schemamig_remove('sta4');
SELECT schemamig_remove('sta3');
SELECT schemamig_remove('sta2');
SELECT schemamig_remove('sta1');
REVOKE EXECUTE ON FUNCTION schemamig_diff(text, text), schemamig_fingerprint(text) FROM regress_smig_states;
DROP FUNCTION states_fail();
DROP ROLE regress_smig_states;
