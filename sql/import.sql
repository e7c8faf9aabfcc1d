--
-- schemamig_import: histories of tools that keep them in files
--
\set QUIET on
\pset format unaligned
\pset tuples_only on
\set VERBOSITY default
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.origin, schemamig.run, schemamig.log_entry RESTART IDENTITY;
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
	TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.origin;
$$;
CREATE FUNCTION pg_temp.show() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', id, message, parents, depends_on, up_transaction,
		down_transaction) || E'\nup: ' || up || E'\ndown: ' || coalesce(down, 'none')
	FROM schemamig.revision ORDER BY ordinal;
$$;
CREATE FUNCTION pg_temp.file(name text, VARIADIC lines text[]) RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_build_object(name, array_to_string(lines, E'\n'))::text;
$$;

\echo == golang-migrate: pairs of files, in the order of their numbers
SELECT schemamig_import('golang-migrate', '{
"db/migrations/10_c.up.sql": "CREATE TABLE imp_c ();\n",
"db/migrations/2_b_two.up.sql": "BEGIN;\nCREATE TABLE imp_b ();\nCOMMIT;",
"db/migrations/2_b_two.down.sql": "DROP TABLE imp_b;",
"db/migrations/0001_a.up.sql": "\n\nCREATE TABLE imp_a ();",
"db/migrations/0001_a.down.sql": "",
"db/migrations/README.md": "no"}');
SELECT pg_temp.show();
SELECT revision, tool, version, file, checksum = encode(sha256('CREATE TABLE imp_c ();
'), 'hex') FROM schemamig.origin ORDER BY 3;
\echo == again, as an array: nothing changes
SELECT schemamig_import('migrate', '[
{"name": "10_c.up.sql", "content": "CREATE TABLE imp_c ();\n"},
{"path": "./2_b_two.up.sql", "text": "BEGIN;\nCREATE TABLE imp_b ();\nCOMMIT;"},
{"file": "2_b_two.down.sql", "sql": "DROP TABLE imp_b;"}]');
\echo == what appears among older ones follows what is applied; what is not applied yet makes room
SET client_min_messages = warning;
SELECT revision FROM schemamig_apply('2', allow_destructive => true);
RESET client_min_messages;
SELECT count(*) FROM schemamig_import('migrate', '{"1_x.up.sql": "SELECT 1;", "3_d.up.sql": "SELECT 3;", "10_c.up.sql": "CREATE TABLE imp_c ();\n"}');
SELECT id, parents FROM schemamig.revision ORDER BY ordinal;
SELECT revision FROM schemamig_path('head');
\echo == revisions written here come before what is imported later
SELECT schemamig_revision('ours', 'SELECT 4', '', revision => 'ours');
SELECT count(*) FROM schemamig_import('migrate', '{"10_c.up.sql": "CREATE TABLE imp_c ();\n", "11_e.up.sql": "SELECT 5;"}');
SELECT id, parents FROM schemamig.revision WHERE id IN ('10', '11', 'ours') ORDER BY ordinal;
\echo == an applied migration cannot change
SELECT schemamig_import('migrate', '{"0001_a.up.sql": "SELECT 0;"}');
\echo == nor can another tool take it over
SELECT schemamig_import('sqlx', '{"0001_a.sql": "SELECT 0;"}');
SET client_min_messages = warning;
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
RESET client_min_messages;
SELECT pg_temp.clear();

\echo == errors have file and line; a down script that is not valid is left out
SELECT schemamig_import('golang-migrate', '{"a/1_a.up.sql": "\n\nSELECT 1;\nSELEC 2;"}');
SELECT schemamig_import('golang-migrate', '{"1_a.up.sql": "SELECT 1;", "1_a.down.sql": "SELECT 1;\nDORP 2;"}');
SELECT schemamig_import('golang-migrate', '{"1_a.up.sql": "SELECT 1;", "1_b.up.sql": "SELECT 1;"}');
SELECT schemamig_import('golang-migrate', '{"1_a.down.sql": "SELECT 1;"}');
SELECT schemamig_import('golang-migrate', '{"a.sql": "SELECT 1;"}');
SELECT schemamig_import('golang-migrate', '{"1_a.up.sql": 1}');
SELECT schemamig_import('golang-migrate', '[1]');
SELECT schemamig_import('golang-migrate', '[{"name": "1_a.up.sql"}]');
SELECT schemamig_import('golang-migrate', '"a"');
SELECT schemamig_import('golang-migrate', 'CREATE TABLE');
SELECT schemamig_import('golang-migrate', '{"1_a.up.sql": "SELECT 1;"}', 'down');
SELECT schemamig_import('liquibase', '{}');
SELECT schemamig_import(NULL, '{}');
SELECT schemamig_import('sqlx', NULL);
SELECT pg_temp.show();
SELECT pg_temp.clear();

\echo == dbmate
SELECT schemamig_import('dbmate', pg_temp.file('20200102_b.sql', '-- a comment', '-- migrate:up transaction:false',
	'CREATE INDEX CONCURRENTLY imp_i ON imp_a (n);', '-- migrate:down', 'DROP INDEX imp_i;',
	'--migrate:up', 'SELECT 2;', '-- migrate:down transaction:false', 'SELECT 3;'));
SELECT pg_temp.show();
SELECT schemamig_import('dbmate', pg_temp.file('1_a.sql', '-- nothing'));
SELECT schemamig_import('dbmate', pg_temp.file('1_a.sql', '-- migrate:up', '-- migrate:down', '-- migrate:down'));
SELECT schemamig_import('dbmate', pg_temp.file('1_a.sql', 'SELECT 1;', '-- migrate:up'));
SELECT schemamig_import('dbmate', pg_temp.file('1_a.sql', '-- migrate:up no:way'));
SELECT schemamig_import('dbmate', pg_temp.file('1_a.sql', '-- migrate:upp'));
SELECT schemamig_import('dbmate', pg_temp.file('1_a.sql', '-- migrate:up', '', 'SELECT 1;', 'SELECT 1 1;', '-- migrate:down'));
SELECT pg_temp.clear();

\echo == goose
SELECT schemamig_import('goose', '{".env": "export SCHEMA=app\n# no\nNAME=\"a b\"",
"00002_two.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n\n-- +goose Down\nSELECT 2;",
"00001_one.sql": "-- +goose Up\n-- +goose ENVSUB ON\nSELECT ''${SCHEMA} $NAME ${NONE:-none} $$1 $''\n;\n-- +goose ENVSUB OFF\nSELECT ''$NAME'';\n-- +goose StatementBegin\nSELECT 3\n-- +goose StatementEnd\nSELECT 4;"}');
SELECT pg_temp.show();
SELECT schemamig_import('goose', '{"3_go.go": "package migrations"}');
SELECT schemamig_import('goose', pg_temp.file('1_a.sql', 'SELECT 1;'));
SELECT schemamig_import('goose', pg_temp.file('1_a.sql', '-- +goose Up', '-- +goose Sideways'));
SELECT schemamig_import('goose', pg_temp.file('1_a.sql', '-- +goose Down'));
SELECT schemamig_import('goose', pg_temp.file('1_a.sql', '-- +goose Up', '-- +goose StatementBegin', 'SELECT 1;'));
SELECT schemamig_import('goose', pg_temp.file('1_a.sql', '-- +goose Up', '-- +goose ENVSUB ON', 'SELECT $MISSING;'));
SELECT schemamig_import('goose', pg_temp.file('1_a.sql', '-- +goose Up', '-- +goose StatementBegin', 'SELECT', '1 1;', '-- +goose StatementEnd'));
SELECT pg_temp.clear();

\echo == sqlx and diesel
SELECT schemamig_import('sqlx', '{"20200101_simple.sql": "-- no-transaction\nVACUUM;", "20200102_pair.up.sql": "SELECT 1;", "20200102_pair.down.sql": "SELECT 2;"}');
SELECT pg_temp.show();
SELECT version, checksum FROM schemamig.origin ORDER BY 1;
SELECT pg_temp.clear();
SELECT schemamig_import('diesel', '{"migrations/2020-01-02-030405_more/up.sql": "VACUUM;", "migrations/2020-01-02-030405_more/down.sql": "SELECT 2;",
"migrations/2020-01-02-030405_more/metadata.toml": "run_in_transaction = false", "migrations/00000000000000_diesel_initial_setup/up.sql": "SELECT 1;"}');
SELECT pg_temp.show();
SELECT pg_temp.clear();
-- versions of diesel are text, of anything: 127 is between 01 and 2
SELECT schemamig_import('diesel', '{"2020-127-190800_odd/up.sql": "SELECT 2;", "2020-01-28-190800_even/up.sql": "SELECT 1;", "2020-2_short/up.sql": "SELECT 3;", "2020-1-no-underscore/up.sql": "SELECT 4;", ".git/up.sql": "SELECT 5;"}');
SELECT id, message FROM schemamig.revision ORDER BY ordinal;
SELECT pg_temp.clear();

\echo == flyway
SELECT schemamig_import('flyway', '{"flyway.conf": "flyway.placeholders.schema=app\nflyway.placeholders.n = 7",
"sql/V1.10__ten.sql": "SELECT ''${schema}'', ${n};\n", "sql/V1_2__two_words.sql": "VACUUM;", "sql/V1_2__two_words.sql.conf": "executeInTransaction=false",
"sql/U1.2__two_words.sql": "SELECT 2;", "sql/V2.sql": "SELECT ''${flyway:filename}'';",
"sql/R__b_view.sql": "CREATE OR REPLACE VIEW imp_b AS SELECT 1 AS one;", "sql/R__a_view.sql": "SELECT 1;", "sql/B1__base.sql": "SELECT 0;", "notes.txt": ""}');
SELECT pg_temp.show();
SELECT revision, version, file, checksum FROM schemamig.origin ORDER BY 1;
\echo == a repeatable migration that has changed becomes a revision, its down script the text before
SELECT schemamig_import('flyway', '{"R__b_view.sql": "CREATE OR REPLACE VIEW imp_b AS SELECT 1 AS one, 2 AS two;"}');
SELECT schemamig_import('flyway', '{"R__b_view.sql": "CREATE OR REPLACE VIEW imp_b AS SELECT 1 AS one;", "V3__three.sql": "SELECT 3;"}');
SELECT schemamig_import('flyway', '{"R__b_view.sql": "CREATE OR REPLACE VIEW imp_b AS SELECT 1 AS one;"}');
SELECT id, parents, up, down FROM schemamig.revision WHERE id LIKE 'R__b%' OR id = '3' ORDER BY ordinal;
SELECT pg_temp.clear();
SELECT schemamig_import('flyway', '{"V1__a.sql": "SELECT 1;\nSELECT ''${missing}'';"}');
SELECT schemamig_import('flyway', '{"V1__a.sql": "SELECT 1;", "V01__b.sql": "SELECT 1;"}');
SELECT schemamig_import('flyway', '{"U1__a.sql": "SELECT 1;"}');
SELECT schemamig_import('flyway', '{"V1__a.java": "class"}');
SELECT schemamig_import('flyway', '{"afterMigrate.sql": "SELECT 1;"}');
SELECT schemamig_import('flyway', '{"V1__a.sql": "SELECT 1;", "V1__a.sql.conf": "shouldExecute=${x}==y"}');
SELECT count(*) FROM schemamig_import('flyway', '{"flyway.toml": "[flyway]\nplaceholderReplacement = false", "V1__a.sql": "SELECT ''${x}'';"}');
SELECT pg_temp.show();
SELECT pg_temp.clear();

\echo == sqitch
SELECT schemamig_import('sqitch', '{"sqitch.conf": "[core]\n\tengine = pg\n\ttop_dir = db\n[deploy \"variables\"]\n\tschema = app",
"db/sqitch.plan": "%syntax-version=1.0.0\n%project=shop\n%uri=https://example.com/\n\nschema 2020-01-01T00:00:00Z A B <a@example.com> # The schema\nusers [schema !people] 2020-01-02T00:00:00Z A B <a@example.com> # Users\\nof all kinds\n@v1 2020-01-03T00:00:00Z A B <a@example.com> # tag\n\nusers [users@v1 shop:schema] 2020-01-04T00:00:00Z A B <a@example.com>\nadd-it [@v1 users] 2020-01-05T00:00:00Z A B <a@example.com> # More\n",
"db/deploy/schema.sql": "BEGIN;\nSET LOCAL x.y = :''schema'';\nCREATE SCHEMA :\"schema\"; SELECT :registry, ''a:schema'', 1::text;\nCOMMIT;",
"db/revert/schema.sql": "DROP SCHEMA :schema;", "db/verify/schema.sql": "SELECT 1/0; ROLLBACK;",
"db/deploy/users@v1.sql": "SELECT ''first'';", "db/revert/users@v1.sql": "SELECT ''undo first'';", "db/deploy/users.sql": "SELECT ''second'';", "db/revert/users.sql": "SELECT ''undo second'';",
"db/deploy/add-it.sql": "SELECT 1;\nSELECT 2;"}');
SELECT pg_temp.show();
SELECT revision, version, checksum FROM schemamig.origin ORDER BY 1;
SELECT pg_temp.clear();
SELECT schemamig_import('sqitch', '{"a.sql": ""}');
SELECT schemamig_import('sqitch', '{"sqitch.plan": "%project=p\n\na 2020-01-01T00:00:00Z A <a@b>", "revert/a.sql": ""}');
SELECT schemamig_import('sqitch', '{"sqitch.plan": "%project=p\n\na [b] 2020-01-01T00:00:00Z A <a@b>", "deploy/a.sql": ""}');
SELECT schemamig_import('sqitch', '{"sqitch.plan": "%project=p\n\na [q:b] 2020-01-01T00:00:00Z A <a@b>", "deploy/a.sql": ""}');
SELECT schemamig_import('sqitch', '{"sqitch.plan": "%project=p\n\na 2020-01-01T00:00:00Z A <a@b>\nb [!a] 2020-01-01T00:00:00Z A <a@b>", "deploy/a.sql": "", "deploy/b.sql": ""}');
SELECT schemamig_import('sqitch', '{"sqitch.plan": "%project=p\n\na A <a@b>", "deploy/a.sql": ""}');
SELECT schemamig_import('sqitch', '{"sqitch.plan": "a", "deploy/a.sql": ""}');

\echo == what psql alone can do makes a down script invalid, and an up script an error
SELECT schemamig_import('sqlx', '{"1_a.up.sql": "SELECT 1;", "1_a.down.sql": "SELECT 1;\n\\copy t from program ''x''", "2_b.up.sql": "SELECT 2;", "2_b.down.sql": "\\ir none.sql", "3_c.up.sql": "SELECT 3;", "3_c.down.sql": "SELECT 4;"}');
SELECT id, down FROM schemamig.revision ORDER BY ordinal;
SELECT pg_temp.clear();
SELECT schemamig_import('sqlx', '{"1_a.up.sql": "SELECT 1;\n\\copy t from program ''x''", "1_a.down.sql": "\\copy t from program ''x''"}');
SELECT schemamig_import('dbmate', '{"1_a.sql": "-- migrate:up\nSELECT 1;\n-- migrate:down\n\\copy t from program ''x''\n"}');
SELECT pg_temp.clear();
SELECT schemamig_import('goose', '{"1_a.sql": "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n\\! ls\n"}');
SELECT count(*) FROM schemamig.origin;
SELECT schemamig_remove('1');
SELECT count(*) FROM schemamig.origin;

\echo == what psql does with a file: variables, conditions, included files
SELECT schemamig_import('sqlx', '{"1_psql.sql": "\\restrict abc\n\\set ON_ERROR_STOP on\n\\set t ''a b''\nSELECT :''t'', :\"t\", '':t'', ''x''::text;\n\\if :{?none}\nSELECT ''no'';\n\\set t no\n\\elif true\nSELECT :''t'';\n\\if false\nSELECT 1;\n\\endif\n\\else\nSELECT ''else'' \\gexec\n\\endif\n\\ir parts/x.sql\n\\echo done\nSELECT ''\\set no'' \\g\nSELECT 1 \\; SELECT 2;\n\\unrestrict abc\n\\q\nnever",
"parts/x.sql": "SELECT ''x''; \\i parts/y.sql\nSELECT ''behind'';", "parts/y.sql": "SELECT :''t'';"}');
SELECT pg_temp.show();
SELECT pg_temp.clear();
SELECT schemamig_import('sqlx', '{"1_a.sql": "SELECT 1;\n\\i missing.sql"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\i x.sql\n", "x.sql": "\n\\i x.sql"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\i x.sql\n", "x.sql": "SELECT 1;\nSELEC 2;"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\i x.sql\n\nSELEC 2;", "x.sql": "SELECT 1;\nSELECT 2;\n"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "SELECT 1;\nSELECT 2 \\gexec"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\connect other"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\! rm"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\set x `date`"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\set a b\nSELECT :''USER'';"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\set a b\nSELECT :unset;"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\if true\nSELECT 1;"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "SELECT 1;\n\\endif"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\if maybe\n\\endif"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\copy t from ''x.csv''"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\encoding LATIN1"}');
SELECT schemamig_import('sqlx', '{"1_a.sql": "\\echo\nSELECT ''never closed"}');

\echo == COPY with its data, as pg_dump writes it
CREATE SCHEMA imp;
SELECT count(*) FROM schemamig_import('flyway', jsonb_build_object('V1__baseline.sql', E'SET statement_timeout = 0;
SET client_encoding = ''UTF8'';
SELECT pg_catalog.set_config(''search_path'', '''', false);
CREATE TABLE imp.t (id int GENERATED ALWAYS AS IDENTITY, "a b" text, c text[], g int GENERATED ALWAYS AS (1) STORED);
COPY imp.t (id, "a b", c) FROM stdin;
1\tit''s\t{a,b}
2\t\\N\t\\N
3\ttab\\tnew\\nline\\\\back \\x41\\101\t{}
4\t\t{"x;y"}
\\.

COPY imp.t (id) FROM stdin;
\\.
COPY imp.t ("a b", id) FROM STDIN WITH (FORMAT csv, HEADER, NULL ''-'');
x,y
"quoted, ""and
two lines",5
-,6
"-",7
\\.
SELECT 1; -- \\. stdin
\\copy imp.t (id, "a b") from stdin with delimiter ''|''
8|pipe
\\.
SELECT 2;
')::text);
SELECT pg_temp.show();
SET client_min_messages = warning;
SELECT revision FROM schemamig_apply('head');
RESET client_min_messages;
SELECT id, replace("a b", E'\n', '<nl>'), c, g FROM imp.t ORDER BY id;
SELECT schemamig_stamp('base');
SELECT pg_temp.clear();
SELECT count(*) FROM schemamig_import('sqlx', jsonb_build_object('1_many.sql', (SELECT E'COPY imp.t (id) FROM stdin;\n' || string_agg(i::text, E'\n' ORDER BY i) || E'\n\\.\nSELECT 1;' FROM generate_series(1, 1200) i))::text);
SELECT array_length(string_to_array(up, 'INSERT'), 1) - 1, array_length(string_to_array(up, E'\n'), 1) FROM schemamig.revision;
SELECT pg_temp.clear();
SELECT schemamig_import('sqlx', jsonb_build_object('1_a.sql', E'SELECT 1;\nCOPY imp.t FROM stdin BINARY;\n\\.')::text);
SELECT schemamig_import('sqlx', jsonb_build_object('1_a.sql', E'COPY imp.t FROM stdin WHERE id > 1;\n\\.')::text);
SELECT schemamig_import('sqlx', jsonb_build_object('1_a.sql', E'COPY imp.t (id) FROM stdin;\n1\n\\.\nSELECT 1 1;')::text);
DROP SCHEMA imp CASCADE;
DROP TABLE IF EXISTS imp_a;
