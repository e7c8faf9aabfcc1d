--
-- Wrong calls: each is refused with SQLSTATE, message and hint, and leaves
-- everything as it was
--
\set QUIET on
\pset format unaligned
\pset tuples_only on

-- What is there before and after a wrong call.
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$
	SELECT pg_catalog.md5(pg_catalog.concat(
		(SELECT pg_catalog.string_agg(r::text, '|' ORDER BY id) FROM schemamig.revision r),
		(SELECT pg_catalog.string_agg(a::text, '|' ORDER BY revision) FROM schemamig.applied a),
		(SELECT pg_catalog.count(*) FROM schemamig.step),
		(SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE relname ~ '^bad_')));
$$;

-- Runs a wrong call, tells the error, and whether anything changed.
CREATE FUNCTION pg_temp.refused(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before text := pg_temp.state();
	state text; message text; detail text; hint text; context text;
BEGIN
	BEGIN
		EXECUTE call;
		RETURN 'NOT REFUSED: ' || left(call, 200);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
			message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
			hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
	END;
	IF pg_temp.state() <> before THEN
		RETURN 'SOMETHING WAS STORED: ' || left(call, 200);
	END IF;
	context := regexp_replace(context, '(^|\n)(SQL statement|PL/pgSQL function).*', '');
	RETURN concat_ws(E'\n    ', state || ': ' || message,
		'DETAIL: ' || nullif(detail, ''),
		coalesce('HINT: ' || nullif(hint, ''), 'no hint'),
		'CONTEXT: ' || nullif(replace(context, E'\n', ' | '), ''));
END;
$$;

-- For scripts: the up script of a revision written by schemamig_revision.
CREATE FUNCTION pg_temp.refused_script(up text, down text DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$
	SELECT pg_temp.refused(format('SELECT schemamig_revision(%L, %L, %L, %L, %L)', 'wrong', up, down, 'new', '{c1f0}'));
$$;

-- For texts in the file format.
CREATE FUNCTION pg_temp.refused_source(source text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.refused(format('SELECT * FROM schemamig_load(%L)', source));
$$;

-- some history: a1f0 - b1f0 - c1f0, a1f0 - b2f0, and a1f0 is applied
SELECT schemamig_revision('base', 'CREATE TABLE bad_a (i int)', 'DROP TABLE bad_a', 'a1f0');
SELECT schemamig_revision('left', '', '', 'b1f0', labels => '{left}');
SELECT schemamig_revision('left', '', '', 'c1f0');
SELECT schemamig_revision('right', '', '', 'b2f0', parents => '{a1f0}', splice => true);
SELECT * FROM schemamig_stamp('a1f0');

\echo == scripts that are no SQL
SELECT pg_temp.refused_script('SELEC 1');
SELECT pg_temp.refused_script(E'SELECT 1;\n  SELECT ''ü'' FROM WHERE');
SELECT pg_temp.refused_script('CREATE TABLE bad_t (a int');
SELECT pg_temp.refused_script('SELECT ''never closed');
SELECT pg_temp.refused_script('SELECT $tag$never closed$other$');
SELECT pg_temp.refused_script('SELECT "never closed');
SELECT pg_temp.refused_script('/* never /* closed */');
SELECT pg_temp.refused_script('SELECT 1', 'DROP TABLEE bad_t');
SELECT pg_temp.refused_script($$SELECT E'\u00'$$);
SELECT pg_temp.refused_script($$SELECT U&'\00'$$);
SELECT pg_temp.refused_script($$SELECT E'\xff'$$);
SELECT pg_temp.refused_script('SELECT 1;' || U&'\FEFF' || 'SELECT 2');

\echo == psql in scripts
SELECT pg_temp.refused_script('\d bad_a');
SELECT pg_temp.refused_script(E'SELECT 1;\n\\i other.sql');
SELECT pg_temp.refused_script('SELECT 1 \gset');
SELECT pg_temp.refused_script('\copy bad_a from ''/tmp/x''');
SELECT pg_temp.refused_script('SELECT :variable');
SELECT pg_temp.refused_script(E'COPY bad_a FROM stdin;\n1\n2\n\\.\n');

\echo == statements that have no place in a script
SELECT pg_temp.refused_script('COPY bad_a FROM STDIN');
SELECT pg_temp.refused_script('COPY bad_a TO STDOUT');
SELECT pg_temp.refused_script('COPY (SELECT 1) TO STDOUT');
SELECT pg_temp.refused_script(E'SELECT 1;\nLISTEN channel');
SELECT pg_temp.refused_script(E'SELECT 1;\n\tROLLBACK;');
SELECT pg_temp.refused_script('ABORT');
SELECT pg_temp.refused_script('BEGIN; SAVEPOINT s; COMMIT');
SELECT pg_temp.refused_script('RELEASE s');
SELECT pg_temp.refused_script('ROLLBACK TO s');
SELECT pg_temp.refused_script('PREPARE TRANSACTION ''x''');
SELECT pg_temp.refused_script('COMMIT PREPARED ''x''');
SELECT pg_temp.refused_script('ROLLBACK PREPARED ''x''');
SELECT pg_temp.refused_script('', 'ROLLBACK AND CHAIN');

\echo == transaction blocks
SELECT pg_temp.refused_script('SELECT 1; BEGIN; SELECT 2;');
SELECT pg_temp.refused_script('START TRANSACTION READ ONLY');
SELECT pg_temp.refused_script('SELECT 1; COMMIT AND CHAIN;');
SELECT pg_temp.refused_script('BEGIN; BEGIN; COMMIT');
SELECT pg_temp.refused_script('BEGIN; CREATE INDEX CONCURRENTLY ON bad_a (i); COMMIT');
SELECT pg_temp.refused_script('BEGIN; DROP INDEX CONCURRENTLY bad_i; COMMIT');
SELECT pg_temp.refused_script('BEGIN; REINDEX TABLE CONCURRENTLY bad_a; COMMIT');
SELECT pg_temp.refused_script('BEGIN; ALTER TABLE bad_a DETACH PARTITION p CONCURRENTLY; COMMIT');
SELECT pg_temp.refused_script('BEGIN; VACUUM bad_a; COMMIT');
SELECT pg_temp.refused_script('BEGIN; ALTER SYSTEM SET work_mem = 1; COMMIT');
SELECT pg_temp.refused_script('BEGIN; SELECT schemamig_backfill(''DELETE FROM bad_a''); COMMIT');

\echo == directives
SELECT pg_temp.refused_script('-- schemamig:ignore
SELECT 1');
SELECT pg_temp.refused_script('SELECT 1;
-- schemamig:ignore a-rule');
SELECT pg_temp.refused_script('-- schemamig:ignroe a-rule
SELECT 1');
SELECT pg_temp.refused_script('-- schemamig:up
SELECT 1');

\echo == long scripts are shown in part
SELECT pg_temp.refused_script(repeat(E'SELECT 1; -- ü\n', 10000) || E'SELECT 1 1;\n' || repeat('SELECT 1;', 1000));
SELECT pg_temp.refused_script('SELECT ''' || repeat('ü', 500000) || ''' 1 2');
SELECT pg_temp.refused_script(repeat('SELECT 1;', 10000) || 'ROLLBACK');

\echo == names
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => ''a b'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => '''')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => ''head'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => ''a@b'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => ''a+1'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => ''We"ird'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => ''it''''s'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => U&''zero\200Bwidth'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => E''new\nline'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => repeat(''x'', 300))');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', labels => ''{base}'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', revision => ''new'', parents => ''{c1f0}'', labels => ''{left}'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', ''new'', revision => ''new'', parents => ''{c1f0}'', labels => ''{x,x}'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', ''new'', revision => ''new'', parents => ''{c1f0}'', labels => ''{a1f0}'')');
SELECT pg_temp.refused('SELECT schemamig_revision('''', '''', ''left'', parents => ''{c1f0}'', revision => ''left'')');
SELECT pg_temp.refused('SELECT schemamig_revision(E''two\nlines'', '''', parents => ''{c1f0}'')');

\echo == arguments
SELECT pg_temp.refused('SELECT schemamig_revision(NULL, '''')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', NULL)');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ARRAY[NULL])');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{{c1f0},{b2f0}}'')');
SELECT pg_temp.refused('SELECT * FROM schemamig_load(NULL)');
SELECT pg_temp.refused('SELECT schemamig_export(NULL)');
SELECT pg_temp.refused('SELECT schemamig_replace(''c1f0'', NULL, '''')');
SELECT pg_temp.refused('SELECT schemamig_remove(NULL)');
SELECT pg_temp.refused('SELECT schemamig_merge(revisions => ARRAY[NULL])');

\echo == parents and dependencies
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', revision => ''c1f0'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{nowhere}'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{b1f0}'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{base}'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{heads}'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', revision => ''new'', parents => ''{c1f0,c1f0}'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{c1f0+1}'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{c1f0}'', depends_on => ''{nowhere}'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{c1f0}'', revision => ''new'', depends_on => ''{b2f0,b2f0}'')');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', '''', parents => ''{self}'', revision => ''self'')');

\echo == targets
SELECT pg_temp.refused('SELECT schemamig_export(''nowhere'')');
SELECT pg_temp.refused('SELECT schemamig_export(''base'')');
SELECT pg_temp.refused('SELECT schemamig_export(''head'')');
SELECT pg_temp.refused('SELECT schemamig_export(''heads'')');
SELECT pg_temp.refused('SELECT schemamig_export(''a1f0+9'')');
SELECT pg_temp.refused('SELECT schemamig_export(''a1f0+1x'')');
SELECT pg_temp.refused('SELECT schemamig_export(''nolabel@head'')');
SELECT pg_temp.refused('SELECT schemamig_export('''')');

\echo == changing, removing, merging
SELECT pg_temp.refused('SELECT schemamig_replace(''a1f0'', ''CREATE TABLE bad_b ()'', NULL)');
SELECT pg_temp.refused('SELECT schemamig_replace(''c1f0'', ''nonsense'', NULL)');
SELECT pg_temp.refused('SELECT schemamig_replace(''nowhere'', '''', NULL)');
SELECT pg_temp.refused('SELECT schemamig_remove(''a1f0'')');
SELECT pg_temp.refused('SELECT schemamig_remove(''b1f0'')');
SELECT pg_temp.refused('SELECT schemamig_remove(''nowhere'')');
SELECT pg_temp.refused('SELECT schemamig_merge(revisions => ''{c1f0}'')');
SELECT pg_temp.refused('SELECT schemamig_merge(revisions => ''{b1f0,b2f0}'')');
SELECT pg_temp.refused('SELECT schemamig_merge(revisions => ''{nowhere,b2f0}'')');
SELECT pg_temp.refused('SELECT schemamig_merge(revisions => ''{}'')');
SELECT pg_temp.refused('SELECT schemamig_merge(revision => ''b2f0'')');

\echo == sources that are no revisions
SELECT pg_temp.refused_source('');
SELECT pg_temp.refused_source('-- only a comment');
SELECT pg_temp.refused_source('CREATE TABLE bad_c ()');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\nSELECT 1;');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:message no script');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:down\nSELECT 1');
SELECT pg_temp.refused_source(E'-- schemamig:revision\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:message no id\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:author me\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:message a\n-- schemamig:message b\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:up\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:revision y\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:up transaction=never\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:up\nSELECT 1;\n--schemamig:dwon\nSELECT 2;');
SELECT pg_temp.refused_source(E'/* never closed\n-- schemamig:revision x\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x y\n-- schemamig:up\n');

\echo == sources that do not fit together
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents nowhere\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents c1f0\n-- schemamig:depends_on nowhere\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents x\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents c1f0, c1f0\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents\n-- schemamig:up\n-- schemamig:revision x\n-- schemamig:parents\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents y\n-- schemamig:up\n-- schemamig:revision y\n-- schemamig:parents x\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents\n-- schemamig:depends_on y\n-- schemamig:up\n-- schemamig:revision y\n-- schemamig:parents x\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision b1f0\n-- schemamig:parents c1f0\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents\n-- schemamig:labels l\n-- schemamig:up\n-- schemamig:revision y\n-- schemamig:parents\n-- schemamig:labels l\n-- schemamig:up\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents\n-- schemamig:up\nSELECT 1;\n\n-- schemamig:revision y\n-- schemamig:parents x\n-- schemamig:up\n\nSELECT 1;\n  SELEC 2;\n');
SELECT pg_temp.refused_source(E'-- schemamig:revision x\n-- schemamig:parents\n-- schemamig:up\n-- schemamig:down\n\n\nROLLBACK;');
SELECT pg_temp.refused_source(replace(schemamig_export('a1f0'), 'bad_a', 'bad_b'));
SELECT pg_temp.refused_source(replace(schemamig_export('a1f0'), 'base', 'other message'));

\echo == texts the server refuses by itself
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', convert_from(''\x53454c00'', ''UTF8''))');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', convert_from(''\x53ff'', ''UTF8''))');
SELECT pg_temp.refused('SELECT schemamig_revision(''x'', ''SELECT '' || chr(0))');

\echo == where nothing can be written
BEGIN READ ONLY;
\set VERBOSITY terse
SELECT schemamig_revision('x', '', parents => '{}');
ROLLBACK;
BEGIN READ ONLY;
SELECT schemamig_load(E'-- schemamig:revision x\n-- schemamig:up\n');
ROLLBACK;
BEGIN READ ONLY;
SELECT schemamig_export('a1f0') = schemamig_export('left@a1f0');
ROLLBACK;
\set VERBOSITY default

SELECT revision, state FROM schemamig_history();

\echo == tables that were changed or restored one without the other
SELECT schemamig_revision('lost', 'SELECT 1', '', revision => 'lost', parents => '{}');
SELECT FROM schemamig_stamp('lost');
BEGIN;
DELETE FROM schemamig.revision WHERE id = 'lost';
SELECT * FROM schemamig_current();
ROLLBACK;

-- away with it
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry;
