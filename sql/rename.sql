--
-- Renames by hint: in the text of a model, or by schemamig.rename
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state, schemamig.model RESTART IDENTITY;
\set VERBOSITY terse
SET client_min_messages = warning;
SET schemamig.lint = off;
CREATE SCHEMA ren;
SET search_path = ren, public;

-- a table and its column keep their rows, on both ways
SELECT schemamig_revision('one', 'CREATE TABLE ren.customer (id serial PRIMARY KEY, mail text UNIQUE, n int);
CREATE VIEW ren.mails AS SELECT mail FROM ren.customer; CREATE TABLE ren.other (a int);
INSERT INTO ren.customer (mail) SELECT i FROM generate_series(1, 100) i', 'DROP VIEW ren.mails; DROP TABLE ren.customer, ren.other', 'ren1');
SELECT revision FROM schemamig_apply();
SELECT 'ren.customer'::regclass::oid AS table_oid, pg_relation_filenode('ren.customer') AS file,
	'ren.customer_id_seq'::regclass::oid AS sequence_oid, 'ren.customer_mail_key'::regclass::oid AS index_oid \gset
SELECT schemamig_model($$
-- schemamig:rename ren.customer client
-- schemamig:rename ren.customer.mail "E-mail"
CREATE SCHEMA ren;
CREATE TABLE ren.client (id serial PRIMARY KEY, "E-mail" text UNIQUE, n int, added int);
CREATE VIEW ren.mails AS SELECT "E-mail" AS mail FROM ren.client;
CREATE TABLE ren.other (a int);
$$) IS NOT NULL AS declared;
SELECT kind, object, action, destructive FROM schemamig_check() WHERE action <> 'rename' OR kind IN ('table', 'column', 'sequence') ORDER BY seq;
SELECT object, h->>'message' AS message FROM schemamig_check(), jsonb_array_elements(hazards) h WHERE h->>'rule' = 'rename' ORDER BY seq;
SELECT schemamig_autogenerate('renamed', revision => 'ren2');
SELECT revision FROM schemamig_apply();
SELECT count(*), sum("E-mail"::int) FROM ren.client;
SELECT 'ren.client'::regclass = :table_oid AS same_table, pg_relation_filenode('ren.client') = :file AS same_file,
	'ren.client_id_seq'::regclass = :sequence_oid AS same_sequence, '"client_E-mail_key"'::regclass = :index_oid AS same_index, nextval('ren.client_id_seq');
-- a hint that has been followed does nothing, in either direction
SELECT * FROM schemamig_check();
SELECT * FROM schemamig_diff('model', 'live');
SELECT schemamig_fingerprint('model') = schemamig_fingerprint('live') AS same;
SELECT revision FROM schemamig_revert(allow_destructive => true);
SELECT count(*), sum(mail::int) FROM ren.customer;
SELECT 'ren.customer'::regclass = :table_oid AS same_table, pg_relation_filenode('ren.customer') = :file AS same_file, count(*) FROM ren.mails;
SELECT schemamig_fingerprint('revision:ren1') = schemamig_fingerprint('live') AS same;
-- the other way round the hints are read the other way round
SELECT object, action FROM schemamig_diff('model', 'live') WHERE kind IN ('table', 'column') ORDER BY seq;
-- nothing is renamed in what is empty
SELECT DISTINCT action FROM schemamig_diff('empty', 'model');

-- bad hints, with the line where they stand
\set VERBOSITY default
\set SHOW_CONTEXT always
SELECT schemamig_model(E'CREATE TABLE a ();\n-- schemamig:rename a');
SELECT schemamig_model(E'-- schemamig:rename a b.c\nCREATE TABLE a ();');
SELECT schemamig_model(E'-- schemamig:rename a..b c');
SELECT schemamig_model(E'-- schemamig:rename a.b.c.d e');
SELECT schemamig_revision('no', E'SELECT 1;\n-- schemamig:rename a b\nSELECT 2', '', 'ren9');
\set VERBOSITY terse
\set SHOW_CONTEXT errors

-- without a text: the setting
SELECT schemamig_remove('ren2');
CREATE SCHEMA wanted;
CREATE TABLE wanted.client (id serial PRIMARY KEY, mail text UNIQUE, n int);
CREATE VIEW wanted.mails AS SELECT mail FROM wanted.client;
CREATE TABLE wanted.other (a int);
SELECT kind, object, action FROM schemamig_diff('schema:ren', 'schema:wanted') WHERE kind = 'table' ORDER BY 2;
SET schemamig.rename = 'customer client';
SELECT kind, object, action FROM schemamig_diff('schema:ren', 'schema:wanted') WHERE action <> 'rename' OR kind = 'table' ORDER BY seq;
SELECT schemamig_stamp('current');
SELECT schemamig_autogenerate('by setting', 'schema:wanted', 'ren3');
SELECT revision FROM schemamig_apply();
SELECT * FROM schemamig_diff('schema:ren', 'schema:wanted');
SELECT revision FROM schemamig_revert(allow_destructive => true);
-- refused
SET schemamig.rename = 'custmer client';
SELECT count(*) FROM schemamig_diff('schema:ren', 'schema:wanted');
SET schemamig.rename = 'customer clint';
SELECT count(*) FROM schemamig_diff('schema:ren', 'schema:wanted');
SET schemamig.rename = 'customer client, other client';
SELECT count(*) FROM schemamig_diff('schema:ren', 'schema:wanted');
SET schemamig.rename = 'customer client, other client.x';
SELECT count(*) FROM schemamig_diff('schema:ren', 'schema:wanted');
SET schemamig.rename = 'other client';
SELECT count(*) FROM schemamig_diff('schema:ren', 'schema:wanted');
SET schemamig.rename = 'id ident';
SELECT count(*) FROM schemamig_diff('schema:ren', 'schema:wanted');
SET schemamig.rename = 'other.a b';
SELECT count(*) FROM schemamig_diff('schema:ren', 'schema:wanted');
SET schemamig.rename = '"customer client';
SELECT count(*) FROM schemamig_diff('schema:ren', 'schema:wanted');
-- a name that many have
CREATE SCHEMA ren2;
CREATE TABLE ren2.other (a int);
SELECT schemamig_model('CREATE SCHEMA ren; CREATE SCHEMA ren2; CREATE SCHEMA wanted; CREATE TABLE ren.others (a int); CREATE TABLE ren2.other (a int)') IS NOT NULL AS declared;
SET schemamig.rename = 'other others';
SELECT count(*) FROM schemamig_check();
SET schemamig.rename = 'ren.other others';
SELECT object, action FROM schemamig_check() WHERE object LIKE '%.other%';
-- names that go round
CREATE TABLE ren2.x (a int);
CREATE TABLE ren2.y (b int);
SELECT schemamig_model('CREATE SCHEMA ren2; CREATE TABLE ren2.x (b int); CREATE TABLE ren2.y (a int)') IS NOT NULL AS declared;
SET schemamig.rename = 'ren2.x y, ren2.y x';
SELECT count(*) FROM schemamig_check();
-- what a rename cannot take along without loss is refused
CREATE VIEW ren2.v AS SELECT a FROM ren2.x;
CREATE TABLE ren2.holds (v ren2.v);
SELECT schemamig_model('CREATE SCHEMA ren2; CREATE TABLE ren2.x (c int)') IS NOT NULL AS declared;
SET schemamig.rename = 'ren2.x.a c';
SELECT count(*) FROM schemamig_check();
-- an inherited column goes with its parent
CREATE TABLE ren2.child () INHERITS (ren2.y);
SELECT schemamig_model('CREATE SCHEMA ren2; CREATE TABLE ren2.y (c int); CREATE TABLE ren2.child () INHERITS (ren2.y)') IS NOT NULL AS declared;
SET schemamig.rename = 'ren2.child.b c';
SELECT count(*) FROM schemamig_check();
SET schemamig.rename = 'ren2.y.b c';
SELECT object, action, up FROM schemamig_check() WHERE kind = 'column' AND object ~ '[.](y|child)[.]';
RESET schemamig.rename;

-- a value of an enum: nothing but the value is touched
CREATE SCHEMA val;
CREATE TYPE val.mood AS ENUM ('sad', 'glad', 'very glad');
CREATE TABLE val.t (m val.mood DEFAULT 'sad' CHECK (m <> 'glad'), ms val.mood[] DEFAULT '{sad,"very glad"}', sad text);
CREATE INDEX ti ON val.t ((m = 'sad'));
CREATE VIEW val.v AS SELECT 'sad'::val.mood AS a, 'sad' AS b;
INSERT INTO val.t VALUES (DEFAULT);
SELECT 'val.ti'::regclass::oid AS index_oid \gset
SELECT schemamig_stamp('current');
SELECT schemamig_model($$
-- schemamig:rename val.mood.sad "so la la"
-- schemamig:rename mood.glad happy
CREATE SCHEMA val;
CREATE TYPE val.mood AS ENUM ('so la la', 'happy', 'very glad');
CREATE TABLE val.t (m val.mood DEFAULT 'so la la' CHECK (m <> 'happy'), ms val.mood[] DEFAULT '{"so la la","very glad"}', sad text);
CREATE INDEX ti ON val.t ((m = 'so la la'));
CREATE VIEW val.v AS SELECT 'so la la'::val.mood AS a, 'sad' AS b;
$$, 'val') IS NOT NULL AS declared;
CREATE VIEW diff_val AS SELECT * FROM schemamig_diff('live', 'model:val') WHERE object ~ '^val|ON val';
SELECT object, action, up, down, hazards->0->>'message' AS message FROM diff_val ORDER BY seq;
ALTER TYPE val.mood RENAME VALUE 'glad' TO 'happy';
SELECT up FROM diff_val WHERE kind = 'enum' ORDER BY seq;
ALTER TYPE val.mood RENAME VALUE 'sad' TO 'so la la';
ALTER TABLE val.t ALTER ms SET DEFAULT '{"so la la","very glad"}';
SELECT * FROM diff_val;
SELECT count(*) FROM schemamig_diff('model:val', 'live') WHERE object ~ '^val|ON val';
ALTER TYPE val.mood RENAME VALUE 'happy' TO 'glad';
-- the other way round
SELECT up FROM schemamig_diff('model:val', 'live') WHERE object ~ '^val|ON val';
SELECT m, ms, 'val.ti'::regclass = :index_oid AS same_index FROM val.t;
-- refused
SELECT schemamig_model(replace(source, '-- schemamig', '-- no'), 'val') IS NOT NULL AS declared FROM schemamig.model WHERE name = 'val';
SET schemamig.rename = 'val.mood.glad unhappy';
SELECT count(*) FROM diff_val;
SET schemamig.rename = 'val.mood."very glad" happy';
SELECT count(*) FROM diff_val;
SET schemamig.rename = 'val.mood.glad "very glad"';
SELECT count(*) FROM diff_val;
SET schemamig.rename = 'val.mood.gladd happy, val.mood.glad "very glad"';
SELECT count(*) FROM diff_val;
SET schemamig.rename = 'mood.glad happy';
CREATE TABLE val.holds (c text GENERATED ALWAYS AS (CASE WHEN ROW('glad'::val.mood) IN (ROW('glad'::val.mood)) THEN 'glad' END) STORED);
SELECT count(*) FROM diff_val WHERE kind = 'enum';
CREATE TYPE val.pair AS (m val.mood, n int);
CREATE TABLE val.holds_pair (p val.pair, c text GENERATED ALWAYS AS (CASE WHEN p = '(glad,1)'::val.pair THEN 'glad' END) STORED);
SELECT count(*) FROM diff_val;
DROP TABLE val.holds, val.holds_pair;
DROP TYPE val.pair;
CREATE TABLE val.part (n int, m val.mood) PARTITION BY RANGE (n, m);
CREATE TABLE val.part1 PARTITION OF val.part FOR VALUES FROM (1, 'glad') TO (1, 'very glad');
SELECT count(*) FROM diff_val;
DROP TABLE val.part;
CREATE SCHEMA mood;
CREATE TABLE mood.glad (a int);
SELECT count(*) FROM diff_val;
DROP TABLE mood.glad;
CREATE TYPE mood.mood AS ENUM ('glad');
SELECT count(*) FROM diff_val;
RESET schemamig.rename;

-- an attribute of a composite type
CREATE TYPE val.pair AS (a int, b text);
CREATE TABLE val.p (p val.pair DEFAULT ROW(1, 'b'));
CREATE INDEX pi ON val.p ((p));
INSERT INTO val.p VALUES (DEFAULT);
SELECT 'val.pi'::regclass::oid AS index_oid \gset
SELECT schemamig_model(E'-- schemamig:rename val.pair.b "The b"\n' || source || 'CREATE TYPE val.pair AS (a int, "The b" text);
CREATE TABLE val.p (p val.pair DEFAULT ROW(1, ''b'')); CREATE INDEX pi ON val.p ((p));', 'val') IS NOT NULL AS declared
FROM schemamig.model WHERE name = 'val';
SELECT object, action, up, down, hazards->0->>'message' AS message FROM diff_val WHERE kind = 'attribute' OR object ~ 'val.p' ORDER BY seq;
SELECT up AS script FROM diff_val WHERE kind = 'attribute' \gexec
SELECT object FROM diff_val WHERE kind = 'attribute' OR object ~ 'val.p';
SELECT (p)."The b", 'val.pi'::regclass = :index_oid AS same_index FROM val.p;
ALTER TYPE val.pair RENAME ATTRIBUTE "The b" TO b;
SET schemamig.rename = 'pair.a "The b"';
SELECT count(*) FROM diff_val;
RESET schemamig.rename;
CREATE TABLE val.typed OF val.pair;
SELECT count(*) FROM diff_val;
DROP TABLE val.typed;
ALTER TABLE val.p ADD g text GENERATED ALWAYS AS ((p).b) STORED;
SELECT count(*) FROM diff_val;
DROP VIEW diff_val;

SET client_min_messages = error;
DROP SCHEMA mood CASCADE;
DROP SCHEMA val CASCADE;
DROP SCHEMA ren, ren2, wanted CASCADE;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state, schemamig.model RESTART IDENTITY;
