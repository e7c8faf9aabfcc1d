-- Executes the plan, takes it back, and says what it did.
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
SET client_min_messages = warning;
CREATE TABLE trace_a (id bigint PRIMARY KEY, v int, w text) WITH (autovacuum_enabled = off);
CREATE TABLE trace_b (id bigint PRIMARY KEY, a_id bigint CONSTRAINT trace_b_a REFERENCES trace_a) WITH (autovacuum_enabled = off);
INSERT INTO trace_a SELECT g, g, 'w' FROM generate_series(1, 1000) g;
INSERT INTO trace_b SELECT g, g FROM generate_series(1, 10) g;
CREATE SEQUENCE trace_s;
SET schemamig.lint = off;
SELECT schemamig_revision('cheap', 'ALTER TABLE trace_a ADD COLUMN x int;
CREATE TABLE trace_n (id int);
ALTER TABLE trace_b DROP CONSTRAINT trace_b_a;
UPDATE trace_a SET v = 0 WHERE id = 5;
DROP TABLE trace_b;
SET LOCAL work_mem = ''3MB''', '', revision => 'cheap', parents => '{}');
SELECT schemamig_revision('dear', 'ALTER TABLE trace_a ALTER v TYPE bigint;
COMMIT;
ALTER TABLE trace_a ADD CHECK (v >= 0);
COMMIT;
CREATE INDEX CONCURRENTLY trace_i ON trace_a (w);
UPDATE trace_a SET w = ''x'' WHERE v < 500;
COMMIT;
DO $$BEGIN UPDATE trace_a SET w = ''y'' WHERE id < 11; END$$;
COMMIT;
SELECT schemamig_backfill(''UPDATE trace_a SET w = NULL'');
VACUUM trace_a;
PREPARE trace_p AS SELECT 1;
ALTER TABLE trace_a ADD COLUMN x int;
COMMIT;
SELECT pg_advisory_lock(4711), set_config(''my.trace'', ''left'', false);
COMMIT;
ALTER TABLE trace_a ADD UNIQUE USING INDEX trace_i;
CREATE TABLE trace_never (id int);
COMMIT;
ALTER TABLE trace_a ALTER v SET NOT NULL', '', revision => 'dear');

-- the cheap steps
CREATE TABLE trace_before AS SELECT oid, relname, relfilenode, relnatts FROM pg_class WHERE relname ~ '^trace_';
SELECT seq, revision, step, statement, traced, locks, rewrites, scans, rows, duration > '0' AS took
FROM schemamig_trace();
SELECT seq, step, kind, statement, traced, reason FROM schemamig_trace() WHERE NOT traced;

-- all of them
SELECT seq, step, statement, traced, locks, rewrites, jsonb_path_query_array(scans, '$.keyvalue().key') AS scans,
	(SELECT bool_and(value::text::int > 4) FROM jsonb_each(scans)) AS pages, rows
FROM schemamig_trace(steps => 'all') WHERE revision = 'dear';
SELECT step, statement, reason FROM schemamig_trace('dear', steps => 'all') WHERE NOT traced;

-- nothing is left
SELECT relname FROM pg_class c FULL JOIN trace_before b USING (oid, relname, relfilenode, relnatts)
WHERE relname ~ '^trace_' AND relname <> 'trace_before' AND (c.oid IS NULL OR b.oid IS NULL);
SELECT count(*) AS applied FROM schemamig_current();
SELECT count(*) AS runs FROM schemamig.run WHERE state <> 'done';
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT count(*) AS prepared FROM pg_prepared_statements;
SELECT current_setting('my.trace', true) AS setting, current_setting('work_mem');
SELECT count(*), sum(v), count(DISTINCT w) FROM trace_a;

-- inside a transaction that has done things itself, and in a function
BEGIN;
SELECT pg_advisory_lock(4712);
ALTER TABLE trace_a ADD COLUMN mine int;
SELECT count(*) FILTER (WHERE traced) FROM schemamig_trace('cheap');
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT attname FROM pg_attribute WHERE attrelid = 'trace_a'::regclass AND attnum > 3;
ROLLBACK;
SELECT pg_advisory_unlock(4712);
DO $$BEGIN PERFORM schemamig_trace('cheap'); END$$;

-- a step that fails costs its rest, not the trace
SELECT schemamig_revision('fails', 'CREATE TABLE trace_f (id int);
ALTER TABLE trace_a ADD COLUMN v int;
CREATE TABLE trace_g (id int);
COMMIT;
CREATE TABLE trace_h (id int)', '', revision => 'fails');
SELECT statement, traced, reason FROM schemamig_trace() WHERE revision = 'fails';

-- a statement that does not end: the budget
SELECT schemamig_replace('fails', 'CREATE TABLE trace_f (id int); SELECT pg_sleep(100); CREATE TABLE trace_g (id int); COMMIT; CREATE TABLE trace_h (id int)', '');
SELECT statement, traced, reason FROM schemamig_trace(steps => 'all', budget => '1 s') WHERE revision = 'fails';
SET statement_timeout = '500ms';
\set VERBOSITY sqlstate
SELECT count(*) FROM schemamig_trace(steps => 'all', budget => NULL);
\set VERBOSITY default
RESET statement_timeout;

-- bad arguments
SELECT schemamig_trace('nowhere');
SELECT schemamig_trace(steps => 'some');
SELECT schemamig_trace(direction => 'sideways');
SELECT schemamig_trace(budget => '-1 s');
SELECT schemamig_trace(budget => '1 month');
SELECT schemamig_trace(NULL);

-- what was done already is not traced; reverting is
SELECT revision FROM schemamig_apply('cheap', allow_destructive => true);
SELECT count(*) FROM schemamig_trace('cheap');
SELECT schemamig_remove('fails');
SELECT schemamig_remove('dear');
SELECT schemamig_revision('rev', 'CREATE TABLE trace_r (id int)', 'DROP TABLE trace_r', revision => 'rev');
SELECT revision FROM schemamig_apply();
SELECT direction, sql, traced, locks FROM schemamig_trace('-1', 'revert');
SELECT to_regclass('trace_r');

-- With the caller's rights and no more.
CREATE ROLE regress_smig_tracer;
CREATE ROLE regress_smig_rogue;
GRANT EXECUTE ON FUNCTION schemamig_trace TO regress_smig_tracer;
GRANT EXECUTE ON FUNCTION schemamig_revision TO regress_smig_rogue;
CREATE SCHEMA trace_rogue AUTHORIZATION regress_smig_rogue;
SET ROLE regress_smig_rogue;
CREATE FUNCTION trace_rogue.evil() RETURNS int LANGUAGE plpgsql AS
$$BEGIN RAISE WARNING 'rogue code ran as %', current_user; RETURN 1; END$$;
SELECT schemamig_revision('rogue', 'CREATE TABLE trace_rogue.t AS SELECT trace_rogue.evil() AS x; ALTER ROLE regress_smig_rogue CREATEROLE',
	'', revision => 'rogue');
SELECT schemamig_trace();
RESET ROLE;
-- not a superuser
SELECT count(*) FROM schemamig_trace(steps => 'all');
SET schemamig.trusted_authors = regress_smig_rogue;
SET ROLE regress_smig_tracer;
SELECT count(*) FROM schemamig_trace(steps => 'all');
RESET ROLE;
SET SESSION AUTHORIZATION regress_smig_tracer;
SELECT statement, traced, reason FROM schemamig_trace(steps => 'all');
RESET SESSION AUTHORIZATION;
RESET schemamig.trusted_authors;
CREATE FUNCTION trace_definer() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM schemamig_trace()';
SELECT trace_definer();
DROP FUNCTION trace_definer;
BEGIN READ ONLY;
SELECT schemamig_trace();
ROLLBACK;
-- a script must not
SELECT schemamig_remove('rogue');
SELECT schemamig_revision('nested', 'SELECT count(*) FROM schemamig_trace()', '', revision => 'nested');
SELECT revision FROM schemamig_apply();
SELECT statement, traced, reason FROM schemamig_trace(steps => 'all');
SELECT schemamig_remove('nested');

SELECT revision FROM schemamig_revert('base', allow_destructive => true);
SELECT schemamig_remove('rev'), schemamig_remove('cheap');
DROP SCHEMA trace_rogue CASCADE;
DROP TABLE trace_a, trace_n, trace_before;
DROP SEQUENCE trace_s;
REVOKE ALL ON FUNCTION schemamig_trace FROM regress_smig_tracer;
REVOKE ALL ON FUNCTION schemamig_revision FROM regress_smig_rogue;
DROP ROLE regress_smig_tracer, regress_smig_rogue;
TRUNCATE schemamig.run, schemamig.log_entry;
