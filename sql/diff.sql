-- schemamig_diff, schemamig_snapshot, schemamig_fingerprint
\set VERBOSITY default
CREATE SCHEMA diff_a;
CREATE SCHEMA diff_b;
CREATE TABLE diff_a.account (id bigint PRIMARY KEY, email text, old_name text);
CREATE TABLE diff_b.account (id bigint PRIMARY KEY, email varchar(200) NOT NULL,
	name text);
CREATE VIEW diff_a.mail AS SELECT email FROM diff_a.account, generate_series(1, 1) n;
CREATE VIEW diff_b.mail AS SELECT email FROM diff_b.account, generate_series(1, 1) n;
CREATE TYPE diff_a.mood AS ENUM ('sad');
CREATE TYPE diff_b.mood AS ENUM ('sad', 'happy');

-- two schemas, as if they had the same name
SELECT seq, kind, object, action, up, down, transactional, destructive
FROM schemamig_diff('schema:diff_a', 'schema:diff_b') ORDER BY seq;

-- each hazard says what it is about
SELECT object, h->>'rule' AS rule, h->>'severity' AS severity,
	h->>'message' AS message
FROM schemamig_diff('schema:diff_a', 'schema:diff_b') d,
	jsonb_array_elements(d.hazards) h
ORDER BY seq, rule;

-- a schema has no difference to itself, whatever it is called
SELECT count(*) FROM schemamig_diff('schema:diff_a', 'schema:diff_a');
SELECT count(*) FROM schemamig_diff('live', 'live');

-- a stored snapshot is a source
SELECT schemamig_snapshot('{diff_b}')::text AS snapshot \gset
SELECT count(*) FROM schemamig_diff('schema:diff_b', :'snapshot');
SELECT count(*) > 0 AS differs FROM schemamig_diff(:'snapshot', 'schema:diff_a');

-- the fingerprint depends neither on the order of creation nor on what was
-- dropped, but on every property
CREATE SCHEMA diff_c;
CREATE TABLE diff_c.t (b int, gone int, a text);
ALTER TABLE diff_c.t DROP COLUMN gone;
CREATE INDEX i ON diff_c.t (a);
SELECT schemamig_fingerprint('schema:diff_c') AS first \gset
DROP TABLE diff_c.t;
CREATE TABLE diff_c.t (a text, b int);
CREATE INDEX i ON diff_c.t (a);
SELECT schemamig_fingerprint('schema:diff_c') = :'first' AS same;
ALTER TABLE diff_c.t ALTER b SET STATISTICS 7;
SELECT schemamig_fingerprint('schema:diff_c') = :'first' AS same;

-- everything, from and to nothing
SELECT up, down FROM schemamig_diff('empty', 'schema:diff_c') ORDER BY seq;

-- a name that is part of another, and in quotes
CREATE SCHEMA "diff";
CREATE SCHEMA "Diff D";
CREATE TABLE diff.diff (diff int DEFAULT length('diff.x'));
CREATE TABLE "Diff D".diff (diff int DEFAULT length('diff.x'));
CREATE VIEW diff.v AS SELECT d.diff FROM diff.diff d;
CREATE VIEW "Diff D".v AS SELECT d.diff FROM "Diff D".diff d;
SELECT * FROM schemamig_diff('schema:diff', 'schema:Diff D');
CREATE VIEW diff.w AS SELECT diff.diff FROM diff.diff;
SELECT * FROM schemamig_diff('schema:Diff D', 'schema:diff');

-- bad input
SELECT * FROM schemamig_diff('live', 'nonsense');
SELECT * FROM schemamig_diff('live', 'schema:no such');
SELECT * FROM schemamig_diff('live', 'schema:pg_catalog');
SELECT * FROM schemamig_diff('live', '{');
SELECT * FROM schemamig_diff('live', '{"format": 1}');
SELECT * FROM schemamig_diff('live', '{"objects": [{"kind": "nothing", "id": "x", "name": "x", "attrs": {}, "deps": []}], "schemas": []}');
\set SHOW_CONTEXT never
SELECT * FROM schemamig_diff('live', '{"objects": [], "schemas": []} 1');
SELECT * FROM schemamig_diff('live', '{"objects": [], "schemas": [] "whole": true}');
SELECT * FROM schemamig_diff('live', '{"objects": [{"kind": "schema", "id": "x", "name": "x", "attrs": {"owner": 1}, "deps": []}], "schemas": []}');
SELECT * FROM schemamig_diff('live', '{"objects": [{"kind": "schema", "id": "x", "name": "x\u0000", "attrs": {}, "deps": []}], "schemas": []}');
SELECT * FROM schemamig_diff('live', '{"objects": [{"kind": "schema", "id": "x", "name": "x", "attrs": {}}], "schemas": []}');
SELECT * FROM schemamig_diff('live', '{"objects": [{"kind": "schema", "id": "x", "name": "x", "parent": "schema y", "attrs": {}, "deps": []}], "schemas": []}');
SELECT * FROM schemamig_diff('live', '{"objects": [{"kind": "schema", "id": "x", "name": "x", "attrs": {}, "deps": []}, {"kind": "schema", "id": "x", "name": "x", "attrs": {}, "deps": []}], "schemas": []}');
\set SHOW_CONTEXT errors
-- what comes later in a snapshot, or is not known, or is there twice
SELECT kind, object, up FROM schemamig_diff('{"more": [{"a": [1, {}]}], "objects": [
 {"deps": ["column y.t.a"], "attrs": {"def": "USING btree (a)", "_schema": "y"}, "parent": "table y.t", "name": "i", "id": "y.i", "kind": "index"},
 {"deps": [], "attrs": {"owner": "x", "owner": "postgres"}, "name": "y", "id": "y", "kind": "schema", "parent": null},
 {"deps": ["schema y", "schema z"], "attrs": {"owner": "postgres", "_schema": "y"}, "name": "t", "id": "y.t", "kind": "table"},
 {"deps": [], "attrs": {"type": "integer", "_position": "1"}, "parent": "table y.t", "name": "a", "id": "y.t.a", "kind": "column"}],
 "schemas": ["y"], "whole": false}', '{"schemas": ["y"], "objects": []}') ORDER BY seq;
SELECT * FROM schemamig_diff('live', :'snapshot');
SELECT schemamig_snapshot('{}');
SELECT schemamig_snapshot('{diff_a,NULL}');

-- a change that would lose rows of something else is refused by name
CREATE TABLE diff_a.part (x int);
CREATE TABLE diff_b.part (x int) PARTITION BY LIST (x);
CREATE TABLE diff_a.uses (p diff_a.part);
CREATE TABLE diff_b.uses (p diff_b.part);
SELECT * FROM schemamig_diff('schema:diff_a', 'schema:diff_b');

-- two objects that differ in nothing but the schema of an argument
CREATE SCHEMA diff_e;
CREATE SCHEMA diff_f;
CREATE TYPE diff_e.t AS (i int);
CREATE TYPE diff_f.t AS (i int);
CREATE FUNCTION diff_e.f(diff_e.t) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION diff_e.f(diff_f.t) RETURNS int LANGUAGE sql AS 'SELECT 2';
SELECT count(*) FROM schemamig_diff('schema:diff_f', 'schema:diff_e');

-- reading takes no rights but those on the functions
CREATE ROLE diff_reader;
GRANT EXECUTE ON FUNCTION schemamig_diff(text, text) TO diff_reader;
SET ROLE diff_reader;
SELECT count(*) > 0 AS works FROM schemamig_diff('empty', 'schema:diff_c');
SELECT schemamig_fingerprint('live');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION schemamig_diff(text, text) FROM diff_reader;
DROP ROLE diff_reader;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA diff_a, diff_b, diff_c, diff_e, diff_f, diff, "Diff D" CASCADE;
