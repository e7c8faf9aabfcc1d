--
-- schemamig_status and the views log, lock and progress
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state RESTART IDENTITY;
\pset null '-'
\set VERBOSITY terse
CREATE FUNCTION pg_temp.status() RETURNS TABLE (current text[], heads text[], pending int, running boolean, failed text, drifted boolean, next text)
LANGUAGE sql AS $$
	SELECT s.current, s.heads, s.pending, s.running IS NOT NULL,
		concat_ws(' ', s.last_error->>'run', s.last_error->>'state', s.last_error->>'direction', s.last_error->>'target',
			s.last_error->>'revision', s.last_error->>'step', s.last_error->>'sqlstate', s.last_error->>'message'),
		s.drifted, s.next
	FROM schemamig_status() s;
$$;
\x on
-- nothing yet
SELECT * FROM pg_temp.status();
-- something to apply
SELECT schemamig_revision('one', 'CREATE TABLE status_t (a int)', 'DROP TABLE status_t', 'one1') \g /dev/null
SELECT * FROM pg_temp.status();
SELECT schemamig_apply() \g /dev/null
SELECT * FROM pg_temp.status();
-- several heads, some of them applied
SELECT schemamig_revision('left', 'SELECT 1/0', '', 'lef1'), schemamig_revision('right', '', '', 'rig1', parents => '{one1}', splice => true) \g /dev/null
SELECT * FROM pg_temp.status();
SELECT schemamig_apply('rig1') \g /dev/null
SELECT * FROM pg_temp.status();
-- a run that failed, with the command that continues; a later success clears it
SELECT schemamig_apply('left''s') \g /dev/null
SELECT schemamig_apply('lef1');
SELECT * FROM pg_temp.status();
SELECT schemamig_replace('lef1', 'CREATE INDEX CONCURRENTLY status_i ON status_t (a); CALL status_p();', '') \g /dev/null
SELECT schemamig_apply('lef1', transaction => 'all');
SELECT * FROM pg_temp.status();
-- half done
SELECT schemamig_apply('lef1');
SELECT * FROM pg_temp.status();
-- a part of a procedure's work is committed: a person must decide
CREATE PROCEDURE status_p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO status_t VALUES (1); COMMIT; PERFORM 1/0; END $$;
SELECT schemamig_apply('lef1');
SELECT * FROM pg_temp.status();
SELECT schemamig_settle('lef1', 'done') \g /dev/null
SELECT * FROM pg_temp.status();
SELECT schemamig_apply('lef1') \g /dev/null
SELECT * FROM pg_temp.status();
-- INVALID indexes that no run will care for, and a half detached partition
CREATE SCHEMA "Odd";
CREATE TABLE "Odd".t (a int);
INSERT INTO "Odd".t VALUES (1), (1);
CREATE UNIQUE INDEX CONCURRENTLY "I""x" ON "Odd".t (a);
SELECT next FROM pg_temp.status();
DROP SCHEMA "Odd" CASCADE;
-- a run whose process is gone
INSERT INTO schemamig.run (kind, target, transaction, role, login_role, state, worker_pid)
VALUES ('revert', 'base', 'revision', 'nobody', 'nobody', 'running', 2147483647);
SELECT * FROM pg_temp.status();
SELECT schemamig_stamp('heads') \g /dev/null
SELECT state, error FROM schemamig.run WHERE worker_pid = 2147483647;
SELECT * FROM pg_temp.status();
\x off

-- the log keeps all of it, in order; columns are what was promised
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'schemamig.log'::regclass AND attnum > 0;
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'schemamig.lock'::regclass AND attnum > 0;
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'schemamig.progress'::regclass AND attnum > 0;
SELECT run, event, revision, step, statement, duration >= '0' AS timed, sqlstate, message,
	role = current_user AS by_me, client <> '' AS has_client, at BETWEEN now() - '1 day'::interval AND clock_timestamp() AS plausible
FROM schemamig.log ORDER BY seq;

-- nobody runs: lock and progress are empty
SELECT count(*) FROM schemamig.lock;
SELECT count(*) FROM schemamig.progress;

-- a run sees itself: what its script reads from the views
SELECT schemamig_revision('look', $$
SELECT pg_sleep(0);
CREATE TABLE status_seen AS
	SELECT p.*, l.pid = pg_backend_pid() AS own_pid, l.role = current_user AS own_role, l.application_name, l.run AS lock_run,
		l.target, l.acquired_at <= clock_timestamp() AS acquired, l.waiting_callers
	FROM schemamig.progress p, schemamig.lock l;
CREATE TABLE status_said AS SELECT * FROM schemamig_status();
-- an old run whose process id came back does not seem to be alive
UPDATE schemamig.run SET state = 'running', worker_pid = pg_backend_pid(), started_at = '2000-01-01' WHERE id = 1;
CREATE TABLE status_old AS SELECT run FROM schemamig.progress;
UPDATE schemamig.run SET state = 'done' WHERE id = 1;
$$, '', 'Look.*1', parents => '{lef1,rig1}') \g /dev/null
SET application_name = 'status test';
SELECT schemamig_apply() \g /dev/null
SELECT schemamig_apply();
\x on
SELECT * FROM status_seen;
SELECT running - '{pid,role,since}'::text[] AS running, running->>'role' = current_user AS role,
	(running->>'since')::timestamptz <= now() AS since, (running->>'pid')::int > 0 AS pid, last_error, next FROM status_said;
\x off
SELECT * FROM status_old;
-- inside the caller's own transaction: locked, but not on record before it commits
BEGIN;
SELECT count(*) FROM schemamig_revert('lef1', 'caller');
SELECT pid = pg_backend_pid() AS mine, role = current_user AS role, application_name, run, target, acquired_at <= now() AS acquired, waiting_callers FROM schemamig.lock;
SELECT next FROM schemamig_status();
ROLLBACK;
SELECT count(*) FROM schemamig.lock;
RESET application_name;

-- half reverted: the target of the run that came there, which no other run can mistake
SELECT schemamig_revision('half', 'SELECT 1', 'SELECT 1; COMMIT; SELECT 1 / current_setting(''smig.divisor'')::int', 'half1', parents => '{Look.*1}') \g /dev/null
SELECT schemamig_apply() \g /dev/null
SET smig.divisor = 0;
SELECT schemamig_revert('Look.*1', allow_destructive => true);
SELECT next FROM schemamig_status();
SELECT schemamig_apply();
SET smig.divisor = 1;
SELECT revision FROM schemamig_revert('Look.*1');
SELECT next FROM schemamig_status();

-- every setting is described
SELECT name FROM pg_settings WHERE name LIKE 'schemamig.%' AND (short_desc = '' OR extra_desc IS NULL);

DROP TABLE status_seen, status_said, status_old, status_t;
DROP PROCEDURE status_p;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
