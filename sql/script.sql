--
-- How scripts become statements and steps
--
\set QUIET on
\pset format unaligned
\pset tuples_only on

-- Plans one script, and forgets it: step.statement kind line: text.
CREATE FUNCTION pg_temp.steps(up text, mode text DEFAULT 'revision')
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM schemamig_load(format(E'-- schemamig:revision s\n-- schemamig:parents\n-- schemamig:up exact transaction=%s\n%s\n', mode, up));
	RETURN QUERY SELECT format('%s.%s %s, line %s: %s', p.step, p.statement, p.kind, p.line, p.sql) FROM schemamig_plan('s') p;
	DELETE FROM schemamig.revision;
END;
$$;

\echo == statements are what the parser says, comments belong to none
SELECT pg_temp.steps($x$-- first; a comment
CREATE TABLE "a;b" (i int); /* nested /* ; */ ; */ SELECT ';', $$;$$, $é$ ; $$ $é$, E'\';', U&'\003B' -- trailing
	;;; ;
  INSERT INTO t VALUES (1) /* between */ RETURNING *
-- the end$x$);
SELECT pg_temp.steps(E'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\nCREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);\r\nSELECT 3');
SELECT pg_temp.steps(E'\n\n\tSELECT\n1\n;\n\nSELECT 2');
SELECT count(*) FROM pg_temp.steps('');
SELECT count(*) FROM pg_temp.steps(E'-- nothing\n;; /* at all */ ;');
\echo == literals mean the same whatever the session has set
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT pg_temp.steps($x$SELECT 'a\'; SELECT 'b'$x$);
RESET standard_conforming_strings;
RESET escape_string_warning;

\echo == BEGIN is implied, COMMIT and END cut
SELECT pg_temp.steps('BEGIN; SELECT 1; SELECT 2; COMMIT;');
SELECT pg_temp.steps('SELECT 1; COMMIT; SELECT 2; END; COMMIT; SELECT 3; COMMIT');
SELECT pg_temp.steps('BEGIN; SELECT 1; COMMIT AND CHAIN; SELECT 2; COMMIT WORK; SELECT 3');
SELECT pg_temp.steps('SELECT 1; BEGIN; SELECT 2; COMMIT; BEGIN; COMMIT; START TRANSACTION; SELECT 3; END');
SELECT pg_temp.steps('SELECT 1; BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 2; COMMIT');
SELECT count(*) FROM pg_temp.steps('BEGIN; COMMIT; BEGIN; END;');

\echo == statements that are no part of a transaction
SELECT pg_temp.steps('CREATE TABLE t (i int);
CREATE INDEX CONCURRENTLY ON t (i); CREATE INDEX ON t (i);
DROP INDEX CONCURRENTLY i; DROP INDEX i;
REINDEX INDEX CONCURRENTLY i; REINDEX (CONCURRENTLY) TABLE t; REINDEX (CONCURRENTLY off) TABLE t; REINDEX INDEX i; REINDEX SCHEMA s;
ALTER TABLE t DETACH PARTITION p CONCURRENTLY; ALTER TABLE t DETACH PARTITION p FINALIZE; ALTER TABLE t DETACH PARTITION p;
REFRESH MATERIALIZED VIEW CONCURRENTLY m');
SELECT pg_temp.steps('SELECT 0; VACUUM t; VACUUM; ANALYZE t; CLUSTER; CLUSTER t USING i; CREATE DATABASE d; ALTER DATABASE d SET TABLESPACE x;
ALTER DATABASE d SET work_mem = 1; DROP DATABASE d; CREATE TABLESPACE x LOCATION ''/x''; DROP TABLESPACE x; ALTER SYSTEM RESET ALL;
CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p; ALTER SUBSCRIPTION s DISABLE; DROP SUBSCRIPTION s; DISCARD ALL; DISCARD PLANS; CHECKPOINT');
\echo == between BEGIN and COMMIT the server decides what it only may refuse
SELECT pg_temp.steps('BEGIN; SELECT 0; CALL p(); REINDEX TABLE t; CLUSTER t; COMMIT; CALL p()');

\echo == DO that commits
SELECT pg_temp.steps($x$SELECT 0;
DO 'BEGIN COMMIT; END';
DO LANGUAGE plpgsql $$ DECLARE i int; BEGIN IF true THEN ROLLBACK; ELSE NULL; END IF; END $$;
DO $$ BEGIN LOOP UPDATE t SET i = 1; COMMIT AND CHAIN; END LOOP; END $$;
DO $$ <<outer>> BEGIN <<inner>> COMMIT; END $$;
DO $$ BEGIN CALL p(); END $$;
DO LANGUAGE plperl $$ spi_commit() $$;
$x$);
\echo == and DO that does not
SELECT pg_temp.steps($x$SELECT 0;
DO $$ BEGIN CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1; END $$;
DO $$ BEGIN /* COMMIT; */ RAISE NOTICE '; COMMIT;'; -- ROLLBACK;
END $$;
DO $$ DECLARE "commit" int; rollback text; BEGIN commit := 1; rollback = 2; END $$;
DO $$ BEGIN PERFORM 'x never closed; COMMIT; END $$;
DO LANGUAGE plperl $$ elog(NOTICE, 'done') $$;
$x$);

\echo == backfills
SELECT pg_temp.steps($x$SELECT 0;
SELECT schemamig_backfill('UPDATE t SET i = 1');
SELECT public.schemamig_backfill('DELETE FROM t', batch_size => 10) AS done;
SELECT schemamig_backfill('UPDATE t SET i = 1') FROM t;
SELECT schemamig_backfill('UPDATE t SET i = 1'), 2;
SELECT 1 + schemamig_backfill('UPDATE t SET i = 1');
SELECT schemamig_backfill_start('UPDATE t SET i = 1');
$x$);

\echo == enum values cannot be used in the transaction that adds them
SELECT pg_temp.steps($x$CREATE TABLE a (); ALTER TYPE mood ADD VALUE 'sad'; ALTER TYPE mood ADD VALUE IF NOT EXISTS 'glad' BEFORE 'sad'; CREATE TABLE b (); INSERT INTO a VALUES ('glad')$x$);
SELECT pg_temp.steps($x$ALTER TYPE mood ADD VALUE 'sad'; ALTER TYPE mood ADD VALUE 'sadder' AFTER 'sad'; CREATE TABLE b ()$x$);
SELECT pg_temp.steps($x$ALTER TYPE mood ADD VALUE 'it''s'; CREATE TABLE b ()$x$);
SELECT pg_temp.steps($x$ALTER TYPE mood RENAME VALUE 'sad' TO 'glad'; INSERT INTO a VALUES ('glad')$x$);
SELECT pg_temp.steps($x$ALTER TYPE mood ADD VALUE 'one'; BEGIN; INSERT INTO a VALUES ('one'); COMMIT$x$);
SELECT pg_temp.steps($x$INSERT INTO a VALUES ('one'); ALTER TYPE mood ADD VALUE 'one'; /* one */ SELECT 1$x$);

\echo == transaction=none: every statement, but explicit blocks
SELECT pg_temp.steps('SELECT 1; SELECT 2; BEGIN; SELECT 3; SELECT 4; COMMIT; SELECT 5; VACUUM', 'none');

\echo == long scripts
SELECT count(*), max(substring(s from '^\d+')::int) FROM pg_temp.steps((SELECT string_agg(format('CREATE TABLE t%s ();', i), ' ') FROM generate_series(1, 10000) i)) s;
SELECT count(*), max(substring(s from '^\d+')::int) FROM pg_temp.steps((SELECT string_agg(format(E'-- %s\nVACUUM t', repeat('ö', 50) || i), E';\n') FROM generate_series(1, 10000) i)) s;
SELECT count(*), max(length(s)) FROM pg_temp.steps('SELECT ''' || repeat('ö', 500000) || '''; SELECT 2') s;
SELECT count(*) FROM pg_temp.steps((SELECT string_agg(format('ALTER TYPE e ADD VALUE ''v%s''; SELECT 1', i), ';') FROM generate_series(1, 2000) i)) s;

\echo == what does not fit one transaction is refused before anything runs
CREATE FUNCTION pg_temp.inline(up text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text;
BEGIN
	PERFORM schemamig_revision('', up, revision => 's', parents => '{}');
	PERFORM schemamig_apply('s', transaction => 'caller');
	RAISE EXCEPTION 'ran';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', message, nullif(detail, ''));
END;
$$;
SET client_min_messages = warning;
SELECT pg_temp.inline('SELECT 1; SELECT 2');
SELECT pg_temp.inline('SELECT 1; COMMIT;');
SELECT pg_temp.inline(E'SELECT 1;\nCOMMIT;\n SELECT 2');
SELECT pg_temp.inline(E'SELECT 1;\nVACUUM');
SELECT pg_temp.inline('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT');

SELECT count(*) FROM schemamig.revision;
