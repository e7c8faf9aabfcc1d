--
-- Directories of files: what is new, what differs, what is missing, and the
-- file of a new revision
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
\set SHOW_CONTEXT always
\pset format unaligned

-- all or none, in any order; created in the order of their names
SELECT * FROM schemamig_load_files($$ {
	"c.sql": "-- schemamig:revision one\n-- schemamig:message first\n-- schemamig:parents\n-- schemamig:up\nSELECT 1;\n",
	"b/both.sql": "-- schemamig:revision three\n-- schemamig:parents two\n-- schemamig:up\nSELECT 3;\n-- schemamig:revision two\n-- schemamig:parents one\n-- schemamig:labels line\n-- schemamig:up\nSELECT 2;\n-- schemamig:down\n"
} $$);
SELECT id, ordinal, parents FROM schemamig.revision ORDER BY ordinal;
-- the same, written otherwise; another one; a new one that follows the head
SELECT * FROM schemamig_load_files($$ {
	"c.sql": "-- schemamig:message first\r\n-- schemamig:revision one\r\n/* comment */\r\n-- schemamig:parents\r\n\r\n-- schemamig:up\r\n\r\nSELECT 1;",
	"d.sql": "-- schemamig:revision two\n-- schemamig:labels line\n-- schemamig:up\nSELECT 2.5;\n-- schemamig:down\n",
	"e.sql": "-- schemamig:revision four\n-- schemamig:up\n"
} $$);
SELECT up, parents FROM schemamig_show('two');
SELECT parents FROM schemamig_show('four');
SELECT * FROM schemamig_load_files('{}');

-- errors name file and line, and nothing is stored
SELECT * FROM schemamig_load_files('{"a.sql": "-- schemamig:revision five\n-- schemamig:parents four\n-- schemamig:up\n", "b.sql": "SELECT 1;"}');
SELECT * FROM schemamig_load_files('{"a.sql": "-- schemamig:revision five\n-- schemamig:parents four\n-- schemamig:up\n", "b.sql": ""}');
SELECT * FROM schemamig_load_files('{"a.sql": "-- schemamig:revision five\n-- schemamig:parents four\n-- schemamig:up\n", "b.sql": "-- schemamig:revision six\n-- schemamig:bad\n"}');
SELECT * FROM schemamig_load_files('{"a.sql": "\n-- schemamig:revision five\n-- schemamig:parents four\n-- schemamig:up\n", "b.sql": "\n\n-- schemamig:revision five\n-- schemamig:up\n"}');
SELECT * FROM schemamig_load_files('{"a.sql": "\n-- schemamig:revision five\n-- schemamig:up\n", "b.sql": "\n\n-- schemamig:revision six\n-- schemamig:up\n"}');
SELECT * FROM schemamig_load_files('{"a.sql": "\n-- schemamig:revision five\n-- schemamig:parents four\n-- schemamig:up\n\nSELECT 1;\n-- schemamig:down\nSELEKT;\n"}');
SELECT * FROM schemamig_load_files(NULL);
SELECT * FROM schemamig_load_files('[]');
SELECT * FROM schemamig_load_files('"x"');
SELECT * FROM schemamig_load_files('{"a.sql": ["x"]}');
SELECT * FROM schemamig_load_files('{"a.sql": {"b": "c"}}');
SELECT * FROM schemamig_load_files('{"a.sql": null}');
SELECT count(*) FROM schemamig_history();
-- what is applied stays
SELECT schemamig_stamp('one');
SELECT * FROM schemamig_load_files('{"a.sql": "-- schemamig:revision one\n-- schemamig:parents\n-- schemamig:message first\n-- schemamig:up\nSELECT 11;\n"}');

-- what a directory lacks
SELECT file, change FROM schemamig_export_files();
SELECT file, change, content FROM schemamig_export_files($$ {
	"sub/mine.sql": "-- schemamig:revision mine\n-- schemamig:parents line\n-- schemamig:up\n",
	"sub/same.sql": "-- schemamig:revision one\n-- schemamig:message first\n-- not kept\n-- schemamig:parents\n-- schemamig:up\nSELECT 1;\n-- schemamig:revision four\n-- schemamig:up\n",
	"both.sql": "-- schemamig:revision two\n-- schemamig:parents one\n-- schemamig:labels line\n-- schemamig:up\nSELECT 'other';\n-- schemamig:down\n-- schemamig:revision mine2\n-- schemamig:parents two\n-- schemamig:up\nSELECT 'mine';\n"
} $$);
-- names are not taken twice, and fit every file system
SELECT schemamig_revision('x', '', '', r, parents => '{}')
FROM unnest('{A/x,a/x,../../up,.hid,42,0a1b2c3d4e5f,ünï}'::text[]) r;
SELECT schemamig_revision('It''s a/long message: ' || repeat('x', 100), '', '', '0a1b', parents => '{}');
SELECT schemamig_revision('x', '', '', repeat('ä', 127), parents => '{}');
SELECT file FROM schemamig_export_files('{"A_X.sql": "-- schemamig:revision one\n-- schemamig:parents\n-- schemamig:message first\n-- schemamig:up\nSELECT 1;"}')
WHERE change = 'new';
-- what is exported is the same when loaded
SELECT l.change, count(*)
FROM (SELECT jsonb_object_agg(file, content) FROM schemamig_export_files()) AS e (files),
	schemamig_load_files(e.files) l
GROUP BY 1;

-- a new file follows what is stored and what is in the files
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
SELECT regexp_replace(file, '^[0-9a-f]{12}', 'ID') AS file, file = revision || '_the_first.sql' AS named,
	regexp_replace(content, '[0-9a-f]{12}', 'ID') AS content
FROM schemamig_draft('the first');
SELECT * FROM schemamig_draft('second', '{"1.sql": "-- schemamig:revision 1\n-- schemamig:up\n"}',
	revision => '2_second', labels => '{l,m}');
SELECT count(*) FROM schemamig_history();
SELECT schemamig_revision('stored', '', '', 'stored');
SELECT content FROM schemamig_draft('third', revision => 'third');
SELECT content FROM schemamig_draft('base', parents => '{}', depends_on => '{stor}', revision => 'root');
SELECT content FROM schemamig_draft('third', '{"1.sql": "-- schemamig:revision first\n-- schemamig:labels line\n-- schemamig:parents\n-- schemamig:up\n"}',
	parents => '{line,stored}', revision => 'third');
SELECT schemamig_draft('third', '{"1.sql": "-- schemamig:revision 1\n-- schemamig:parents\n-- schemamig:up\n"}');
SELECT schemamig_draft('x', revision => 'stored');
SELECT schemamig_draft('x', '{"1.sql": "-- schemamig:revision 1\n-- schemamig:up\n"}', revision => '1');
SELECT schemamig_draft('x', revision => 'no good');
SELECT schemamig_draft(E'two\nlines');
SELECT schemamig_draft(NULL);
SELECT schemamig_draft('x', labels => '{stored}', revision => 'q');
SELECT schemamig_draft('x', depends_on => '{nowhere}');
SELECT schemamig_draft('x', parents => '{base}');

-- no part of it is for everybody
SELECT p.proname, has_function_privilege('public', p.oid, 'EXECUTE')
FROM pg_proc p WHERE p.proname IN ('schemamig_load_files', 'schemamig_export_files', 'schemamig_draft') ORDER BY 1;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
