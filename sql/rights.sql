--
-- The grants of doc/rights.md make a reader, an author and an operator: what
-- they need works, and nothing else does
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
\set VERBOSITY terse
CREATE ROLE regress_smig_reader;
CREATE ROLE regress_smig_author;
CREATE ROLE regress_smig_operator;
GRANT regress_smig_reader TO regress_smig_author, regress_smig_operator;

-- reader
GRANT USAGE ON SCHEMA schemamig TO regress_smig_reader;
GRANT SELECT ON schemamig.log, schemamig.lock, schemamig.progress TO regress_smig_reader;
GRANT EXECUTE ON FUNCTION schemamig_current, schemamig_heads, schemamig_branches,
	schemamig_history, schemamig_show, schemamig_export, schemamig_export_files, schemamig_path,
	schemamig_resolve, schemamig_graph, schemamig_plan, schemamig_sql,
	schemamig_status, schemamig_lint, schemamig_rules, schemamig_report,
	schemamig_snapshot, schemamig_fingerprint, schemamig_diff, schemamig_check,
	schemamig_drift, schemamig_filters TO regress_smig_reader;
-- author
GRANT EXECUTE ON FUNCTION schemamig_revision, schemamig_load, schemamig_import, schemamig_load_files,
	schemamig_draft, schemamig_replace, schemamig_remove, schemamig_merge,
	schemamig_squash, schemamig_model, schemamig_autogenerate, schemamig_verify,
	schemamig_verify_tap, schemamig_filter TO regress_smig_author;
-- operator
GRANT EXECUTE ON FUNCTION schemamig_apply, schemamig_revert, schemamig_start,
	schemamig_wait, schemamig_cancel, schemamig_pause, schemamig_resume,
	schemamig_stamp, schemamig_settle, schemamig_adopt, schemamig_trace TO regress_smig_operator;
GRANT EXECUTE ON PROCEDURE schemamig_run TO regress_smig_operator;

-- what each may execute and read, beyond what it has from another role
CREATE FUNCTION pg_temp.may(who text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT * FROM (
	SELECT p.oid::regproc::text
	FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
		JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE e.extname = 'schemamig' AND d.deptype = 'e' AND has_function_privilege(who, p.oid, 'EXECUTE')
	UNION ALL
	SELECT c.oid::regclass::text
	FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
		JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE e.extname = 'schemamig' AND CASE c.relkind
		WHEN 'S' THEN has_sequence_privilege(who, c.oid, 'SELECT, USAGE, UPDATE')
		ELSE has_table_privilege(who, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
			OR has_any_column_privilege(who, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END
	UNION ALL
	SELECT 'server ' || srvname FROM pg_foreign_server WHERE has_server_privilege(who, oid, 'USAGE')
	UNION ALL
	SELECT 'wrapper ' || fdwname FROM pg_foreign_data_wrapper WHERE has_foreign_data_wrapper_privilege(who, oid, 'USAGE')
	) x (name) ORDER BY name COLLATE "C";
$$;
SELECT pg_temp.may('regress_smig_reader');
SELECT pg_temp.may('regress_smig_author') EXCEPT SELECT pg_temp.may('regress_smig_reader') ORDER BY 1;
SELECT pg_temp.may('regress_smig_operator') EXCEPT SELECT pg_temp.may('regress_smig_reader') ORDER BY 1;

-- they suffice: an author writes
SET ROLE regress_smig_author;
SELECT schemamig_revision('one', 'CREATE TABLE rights_t (a int)', 'DROP TABLE rights_t', 'one1');
SELECT schemamig_load('-- schemamig:revision two1
-- schemamig:parents one1
-- schemamig:up
SELECT 1;
-- schemamig:down
');
SELECT schemamig_replace('two1', 'SELECT 2', '');
SELECT schemamig_import('sqlx', '{"1_imported.sql": "SELECT 1"}');
SELECT schemamig_remove('1');
SELECT * FROM schemamig_load_files(jsonb_build_object('two1.sql', schemamig_export('two1')));
SELECT file, change FROM schemamig_export_files();
SELECT file FROM schemamig_draft('three', revision => 'three1');
SELECT schemamig_revision('side', '', '', 'sid1', parents => '{one1}', splice => true);
SELECT schemamig_merge('both', revision => 'mer1');
SELECT schemamig_remove('mer1');
SELECT schemamig_remove('sid1');
SELECT schemamig_filter('exclude', 'tmp_*');
SELECT action, pattern, created_by FROM schemamig_filters();
SELECT schemamig_filter('remove', 'tmp_*');
SELECT schemamig_apply();
SELECT schemamig_stamp('head');
-- an operator runs, with the rights of its role and no more; a superuser's
-- session, which this is, must trust the author
RESET ROLE;
SET schemamig.trusted_authors = 'regress_smig_author';
SET ROLE regress_smig_operator;
SELECT schemamig_revision('evil', 'SELECT 1', '');
SELECT schemamig_apply();
RESET ROLE;
CREATE SCHEMA regress_smig AUTHORIZATION regress_smig_operator;
SET ROLE regress_smig_operator;
SET search_path = regress_smig, public;
SELECT revision FROM schemamig_apply();
SELECT tableowner FROM pg_tables WHERE tablename = 'rights_t';
SELECT revision FROM schemamig_revert('-1');
CALL schemamig_run();
SELECT schemamig_start() > 0 AS started;
SELECT count(*) FROM schemamig_wait();
SELECT schemamig_cancel(), schemamig_pause(), schemamig_resume();
SELECT schemamig_stamp('one1');
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
RESET ROLE;
RESET search_path;
-- a reader sees, and changes nothing
SET ROLE regress_smig_reader;
SELECT count(*) FROM schemamig_current();
SELECT revision FROM schemamig_heads();
SELECT count(*) FROM schemamig_branches();
SELECT revision, state FROM schemamig_history();
SELECT revision, up FROM schemamig_show('one1');
SELECT schemamig_export('one1') LIKE '%CREATE TABLE%' AS exported;
SELECT revision FROM schemamig_path();
SELECT schemamig_resolve('head');
SELECT schemamig_graph() <> '' AS drawn;
SELECT revision, sql FROM schemamig_plan();
SELECT count(*) > 10 AS script FROM schemamig_sql();
SELECT pending, next FROM schemamig_status();
SELECT count(*) FROM schemamig_lint('SELECT 1');
SELECT schemamig_report() LIKE '<!DOCTYPE html>%' AS page;
SELECT count(*) > 0 AS logged FROM schemamig.log;
SELECT count(*) FROM schemamig.lock;
SELECT count(*) FROM schemamig.progress;
SELECT count(*) FROM schemamig.lock_now;
SELECT count(*) FROM schemamig.activity;
SELECT count(*) FROM schemamig.run;
SELECT schemamig.view_handler();
CREATE FOREIGN TABLE pg_temp.lock_now (pid int) SERVER schemamig;
SELECT schemamig_revert();
SELECT schemamig_remove('two1');
SELECT schemamig_filter('exclude', 'x');
SELECT count(*) FROM schemamig_filters();
RESET ROLE;
-- nor does the wrapper read anything for tables that others make
CREATE FOREIGN TABLE lock_now (pid int) SERVER schemamig;
SELECT * FROM lock_now;
DROP FOREIGN TABLE lock_now;

RESET schemamig.trusted_authors;
DROP SCHEMA regress_smig CASCADE;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
DROP OWNED BY regress_smig_reader, regress_smig_author, regress_smig_operator;
DROP ROLE regress_smig_reader, regress_smig_author, regress_smig_operator;
