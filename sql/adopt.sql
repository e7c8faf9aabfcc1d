--
-- What other tools have applied is found, compared and marked as applied
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
TRUNCATE schemamig.origin;
\set VERBOSITY default
CREATE ROLE regress_smig_app;
CREATE SCHEMA regress_adopt;
SET search_path = regress_adopt, public;

-- A linear history as an import would leave it.
CREATE FUNCTION pg_temp.imported(tool text, VARIADIC versions text[]) RETURNS void LANGUAGE sql AS $$
	TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.origin;
	INSERT INTO schemamig.revision (id, message, parents, up, down, checksum, created_by)
	SELECT split_part(v, ':', 1), '', CASE WHEN n > 1 THEN ARRAY[split_part(versions[n - 1], ':', 1)] ELSE '{}' END,
		'', '', 'sum', 'regress'
	FROM unnest(versions) WITH ORDINALITY u(v, n) ORDER BY n;
	INSERT INTO schemamig.origin
	SELECT split_part(v, ':', 1), tool, nullif(split_part(v, ':', 2), ''), split_part(v, ':', 3), nullif(split_part(v, ':', 4), '')
	FROM unnest(versions) v WHERE tool <> '';
$$;

-- nothing to be found; nothing to compare with; no such tool
SELECT * FROM schemamig_adopt();
SELECT * FROM schemamig_adopt('goose');
SELECT * FROM schemamig_adopt('liquibase');
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
SELECT * FROM schemamig_adopt();

-- Alembic: heads, and all that they need
SELECT pg_temp.imported('', 'a1', 'b2', 'c3', 'd4');
INSERT INTO schemamig.revision (id, message, parents, depends_on, up, checksum, created_by)
VALUES ('e5', '', '{b2}', '{}', '', 'sum', 'regress'), ('f6', '', '{}', '{c3}', '', 'sum', 'regress');
INSERT INTO alembic_version VALUES ('b2');
SELECT * FROM schemamig_adopt();
SELECT revision FROM schemamig_current();
INSERT INTO alembic_version VALUES ('f6'), ('9999');
SELECT version, revision, state, detail FROM schemamig_adopt('alembic');
SELECT state, count(*) FROM schemamig_adopt('alembic') GROUP BY 1 ORDER BY 1;
SELECT revision FROM schemamig_current();
SELECT kind, target, state FROM schemamig.run ORDER BY id;
SELECT revision, message FROM schemamig.log ORDER BY seq;
-- the other tool's table is as it was
TABLE alembic_version;
-- its table under another name
ALTER TABLE alembic_version RENAME TO "We""ird Name";
SELECT schemamig_adopt();
SELECT count(*), min(source) FROM schemamig_adopt('alembic:regress_adopt."We""ird Name"');
SELECT schemamig_adopt('alembic:regress_adopt.nowhere');
CREATE VIEW alembic_version AS SELECT 'a1'::varchar(32) AS version_num;
SELECT schemamig_adopt();
SELECT schemamig_adopt('alembic:alembic_version');
DROP VIEW alembic_version;
DROP TABLE "We""ird Name";
-- nor is one with types of somebody's own read
CREATE DOMAIN own AS text;
CREATE TABLE alembic_version (version_num own);
SELECT schemamig_adopt();
DROP TABLE alembic_version;
DROP DOMAIN own;

-- golang-migrate: one version; one that failed half way
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
SELECT pg_temp.imported('golang-migrate', '000001:1', '000002:2', '000003:3', '000004:4');
INSERT INTO schema_migrations VALUES (3, true);
SELECT * FROM schemamig_adopt();
UPDATE schema_migrations SET dirty = false;
SELECT version, revision, state, detail FROM schemamig_adopt();
DROP TABLE schema_migrations;

-- dbmate and Rails: a list of versions, with a hole
CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);
SELECT pg_temp.imported('dbmate', '20240101:20240101', '20240102:20240102', '20240103:20240103', '20240104:20240104');
INSERT INTO schema_migrations VALUES ('20240101'), ('20240103'), ('20200101');
SELECT * FROM schemamig_adopt();
SELECT schemamig_adopt('rails');
CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar);
SELECT schemamig_adopt('dbmate');
-- not imported, but written by hand: found by the number
SELECT pg_temp.imported('', '20240101_users', '20240102_orders', '20240103_other');
INSERT INTO schema_migrations VALUES ('20240102');
SELECT * FROM schemamig_adopt();
DROP TABLE ar_internal_metadata, schema_migrations;

-- goose: the last word about a version counts
CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now());
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (2, false), (3, true), (3, false), (3, true);
SELECT pg_temp.imported('goose', '00001:1', '00002:2', '00003:3');
SELECT version, revision, state, detail FROM schemamig_adopt();
DROP TABLE goose_db_version;

-- Flyway: baseline, undo, repeatable migrations, failures, checksums
CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL,
	type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL,
	installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, success boolean NOT NULL);
INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES
	(0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '"x"', NULL, 'me', 0, true),
	(1, '1.1', 'base', 'BASELINE', '<< Flyway Baseline >>', NULL, 'me', 0, true),
	(2, '1.2', 'two', 'SQL', 'V1_2__two.sql', 12, 'me', 5, true),
	(3, '1.10', 'ten', 'SQL', 'V1_10__ten.sql', -110, 'me', 5, true),
	(4, NULL, 'views', 'SQL', 'R__views.sql', 77, 'me', 5, true),
	(5, NULL, 'old', 'SQL', 'R__old.sql', 78, 'me', 5, true),
	(6, '2', 'gone', 'SQL', 'V2__gone.sql', 2, 'me', 5, true),
	(7, '2', 'gone', 'UNDO_SQL', 'U2__gone.sql', 2, 'me', 5, true),
	(8, '3', 'bad', 'SQL', 'V3__bad.sql', 3, 'me', 5, false);
SELECT pg_temp.imported('flyway', '1:1:sql/V1__one.sql:1', '1.0.5:1.0.5:sql/V1_0_5__x.sql:1', '1.2:1.2:sql/V1_2__two.sql:12',
	'1.10:1.10:sql/V1_10__ten.sql:111', 'R__views_1::sql/R__views.sql:77', '2:2:sql/V2__gone.sql:2', '3:3:sql/V3__bad.sql:3', 'R__old_2::sql/R__old.sql:79');
SELECT * FROM schemamig_adopt();
SELECT revision FROM schemamig_current();
DROP TABLE flyway_schema_history;

-- sqitch: by the id of the change, or else its name
CREATE TABLE changes (change_id text PRIMARY KEY, script_hash text, change text NOT NULL, project text NOT NULL, committed_at timestamptz DEFAULT clock_timestamp());
INSERT INTO changes (change_id, script_hash, change, project) VALUES ('aa11', 'h1', 'appschema', 'app'), ('bb22', 'h2', 'users', 'app'), ('cc33', 'H3', 'flips', 'app');
SELECT pg_temp.imported('sqitch', 'appschema:aa11:deploy/appschema.sql:h1', 'users:zz99:deploy/users.sql:h2', 'flips:cc33:deploy/flips.sql:h3', 'more:dd44');
SELECT version, revision, state, detail FROM schemamig_adopt();
DROP TABLE changes;

-- diesel, sqlx, Django, knex
CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp DEFAULT now());
INSERT INTO __diesel_schema_migrations VALUES ('00000000000000'), ('20240101000000');
SELECT pg_temp.imported('diesel', '00000000000000:0', '20240101000000:20240101000000', '20240102000000:20240102000000');
SELECT * FROM schemamig_adopt();
DROP TABLE __diesel_schema_migrations;
CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL);
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (1, 'one', true, '\xAB', 1), (2, 'two', true, '\xCD', 1);
SELECT pg_temp.imported('sqlx', '1:1:1_one.sql:ab', '2:2:2_two.sql:ef');
SELECT * FROM schemamig_adopt();
DROP TABLE _sqlx_migrations;
CREATE TABLE django_migrations (id serial PRIMARY KEY, app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied timestamptz NOT NULL DEFAULT now());
INSERT INTO django_migrations (app, name) VALUES ('shop', '0001_initial'), ('auth', '0001_initial');
SELECT pg_temp.imported('', 'shop.0001_initial', 'shop.0002_more');
SELECT version, revision, state, source FROM schemamig_adopt();
DROP TABLE django_migrations;
CREATE TABLE knex_migrations (id serial PRIMARY KEY, name varchar(255), batch int, migration_time timestamptz);
INSERT INTO knex_migrations (name, batch) VALUES ('20240101_users.js', 1), ('20240102_orders.ts', 1);
SELECT pg_temp.imported('', '20240101_users', '20240102_orders');
SELECT version, revision, state, source FROM schemamig_adopt();

-- what is applied here and not there stays
DELETE FROM knex_migrations WHERE id = 2;
SELECT version, revision, state, detail FROM schemamig_adopt();
-- two tables: one must be named
CREATE TABLE alembic_version (version_num varchar(32));
SELECT * FROM schemamig_adopt();
DROP TABLE alembic_version;

-- the table is read with the caller's rights
GRANT USAGE ON SCHEMA regress_adopt TO regress_smig_app;
SET ROLE regress_smig_app;
SELECT count(*) FROM schemamig_adopt();
RESET ROLE;
GRANT EXECUTE ON FUNCTION schemamig_adopt TO regress_smig_app;
SET ROLE regress_smig_app;
SELECT count(*) FROM schemamig_adopt();
RESET ROLE;
GRANT SELECT ON knex_migrations TO regress_smig_app;
ALTER TABLE knex_migrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON knex_migrations USING (name < 'x');
SET ROLE regress_smig_app;
SELECT count(*) FROM schemamig_adopt();
RESET ROLE;
DROP POLICY few ON knex_migrations;
ALTER TABLE knex_migrations DISABLE ROW LEVEL SECURITY;
SET ROLE regress_smig_app;
SELECT count(*) FROM schemamig_adopt();
RESET ROLE;
BEGIN READ ONLY;
SELECT count(*) FROM schemamig_adopt();
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM schemamig_adopt();
ROLLBACK;

-- what a revision was imported from goes with it
SELECT pg_temp.imported('goose', '1:1');
SELECT schemamig_remove('1');
SELECT count(*) FROM schemamig.origin;

DROP SCHEMA regress_adopt CASCADE;
DROP OWNED BY regress_smig_app;
DROP ROLE regress_smig_app;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
TRUNCATE schemamig.origin;
