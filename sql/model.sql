--
-- A model is DDL as a person or pg_dump writes it, built in a scratch
-- database; check and autogenerate compare with it
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state, schemamig.model RESTART IDENTITY;
\set VERBOSITY default
\set ON_ERROR_STOP 0
SET schemamig.allow_destructive = on;
SET schemamig.lint = off;

-- nothing declared
SELECT * FROM schemamig_check();
SELECT * FROM schemamig_diff('live', 'model:none');

-- as a person writes it; what pg_dump writes for psql and for newer servers
SELECT length(schemamig_model($$
-- \restrict in a comment
\restrict 3Kd9xJ
SET statement_timeout = 0;
SET some_future_setting = off;
SELECT pg_catalog.set_config('search_path', 'public', false);
CREATE TABLE public.model_t (id bigint PRIMARY KEY, email text NOT NULL,
	note text DEFAULT '
\restrict is no command here');
CREATE INDEX model_email ON model_t (email);
CREATE TYPE "Odd ""Type" AS ENUM ('a', 'it''s');
CREATE VIEW model_v AS SELECT id FROM model_t;
GRANT SELECT (id) ON model_t TO PUBLIC;
COMMENT ON COLUMN model_t.email IS 'where mail goes';
\unrestrict 3Kd9xJ
$$)) AS fingerprint;
SELECT name, owners, built_by = current_user AS built_here, fingerprint = schemamig_fingerprint('model') AS same FROM schemamig.model;
SELECT kind, object, action FROM schemamig_check();
SELECT schemamig_autogenerate('as declared', revision => 'mod1');
SELECT up ~ 'CREATE TABLE public.model_t' AS up, down ~ 'DROP TABLE public.model_t' AS down FROM schemamig_show('mod1');
-- not at head
SELECT schemamig_autogenerate('more');
SELECT revision FROM schemamig_apply();
SELECT * FROM schemamig_check();
SELECT schemamig_autogenerate('more');
SELECT schemamig_fingerprint('live') = schemamig_fingerprint('revision:mod1') AS same;

-- the declaration goes on; the id is taken
SELECT schemamig_model($$CREATE TABLE model_t (id bigint PRIMARY KEY, email varchar(200))$$, 'smaller') IS NOT NULL AS declared;
SELECT schemamig_autogenerate('smaller', 'smaller', 'mod1');
SET client_min_messages = warning;
SELECT schemamig_autogenerate('smaller', 'model:smaller', 'mod2');
SELECT revision FROM schemamig_apply();
SELECT count(*) FROM schemamig_diff('live', 'model:smaller');
SELECT DISTINCT kind, object, action FROM schemamig_diff('revision:mod2', 'revision:mod1') WHERE action = 'create' ORDER BY 1, 2;
SELECT revision FROM schemamig_revert();
SELECT count(*) FROM schemamig_check();
SELECT revision FROM schemamig_revert();
SELECT count(*) FROM schemamig_diff('live', 'empty');
-- a snapshot that is not kept any more is built from base
TRUNCATE schemamig.state;
SELECT kind, object, action FROM schemamig_diff('empty', 'revision:mod1');
SELECT schemamig_remove('mod2');
SELECT schemamig_remove('mod1');
SET client_min_messages = notice;

-- a schema as the model of another
CREATE SCHEMA model_new CREATE TABLE thing (a int);
CREATE SCHEMA model_old;
SET search_path = model_old, public;
SELECT schemamig_autogenerate('like new', 'schema:model_new', 'mod3');
SELECT up, down FROM schemamig_show('mod3');
SELECT schemamig_remove('mod3');
SELECT schemamig_autogenerate('like itself', 'schema:model_old', 'mod4');
RESET search_path;
DROP SCHEMA model_new, model_old CASCADE;

-- models that do not build, with the place
SELECT schemamig_model($$CREATE TABLE a (b int);
CREATE TABLE c (d int) WHERE;$$);
SELECT schemamig_model($$CREATE TABLE a (b int);

	CREATE VIEW v AS SELECT c FROM a;$$);
SELECT schemamig_model($$CREATE TABLE a (b int);
\connect other$$);
SELECT schemamig_model($$CREATE TABLE a (b int);
COPY a FROM stdin;
1
\.
$$);
SELECT schemamig_model($$CREATE EXTENSION "No such"; CREATE EXTENSION nor_this;
CREATE TABLE a (b int); ALTER TABLE a OWNER TO "Nobody here";
GRANT SELECT ON a TO nobody_there; CREATE POLICY p ON a TO nobody_there$$, 'Odd "name');
SELECT schemamig_model('', '');
SELECT schemamig_model('', repeat('x', 64));
-- what would act outside of the scratch database is passed over
SELECT schemamig_model('CREATE ROLE regress_never; CREATE DATABASE regress_never; SELECT 1', 'outside') IS NOT NULL;
SELECT count(*) FROM pg_roles WHERE rolname = 'regress_never';
-- what was declared before still is; forgetting
SELECT name FROM schemamig.model ORDER BY name;
SELECT schemamig_model(NULL, 'outside'), schemamig_model(NULL, 'smaller');
SELECT schemamig_model(NULL, 'outside');
SELECT schemamig_model(NULL);
SELECT count(*) FROM schemamig.snapshot;
-- nothing is left
SELECT datname FROM pg_database WHERE datname LIKE 'schemamig\_scratch%';
