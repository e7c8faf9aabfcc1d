--
-- What counts as loss of data, and who has to agree to it
--
\set QUIET on
\pset format unaligned
\pset tuples_only on

-- The statements of a script that need allow_destructive, by number.
CREATE FUNCTION pg_temp.lossy(up text) RETURNS TABLE (statement integer, sql text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM schemamig_revision('', up, '', 's', '{}');
	RETURN QUERY SELECT p.statement, p.sql FROM schemamig_plan('s') p WHERE p.destructive;
	DELETE FROM schemamig.revision;
END;
$$;

-- The error of a run that would lose something; nothing runs.
CREATE FUNCTION pg_temp.refused(up text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; hint text;
BEGIN
	PERFORM schemamig_revision('', up, '', 's', '{}');
	PERFORM schemamig_apply('s', transaction => 'caller');
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', SQLSTATE || ': ' || message, nullif(detail, ''), nullif(hint, ''));
END;
$$;

CREATE TABLE held (i int, s smallint, b bigint, n numeric(8, 2), nn numeric, v varchar(10), vv varchar, c char(5),
	x text, d date, ts timestamp(3), f real, "Q q" int, arr int[], va varchar(5)[], j json, bits varbit(8));
CREATE DOMAIN whole AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (l int, r int);

\echo == drops
SELECT * FROM pg_temp.lossy($x$
DROP TABLE held;
DROP TABLE IF EXISTS held, "We""ird"."Näme" CASCADE;
DROP SCHEMA s;
DROP SEQUENCE q;
DROP TYPE pair;
DROP DOMAIN whole;
DROP EXTENSION e;
DROP DATABASE d;
DROP OWNED BY CURRENT_USER;
ALTER TABLE held DROP COLUMN i;
ALTER TABLE IF EXISTS held DROP COLUMN IF EXISTS i CASCADE, ADD z int;
ALTER TYPE pair DROP ATTRIBUTE l;
DROP FUNCTION f CASCADE; DROP PROCEDURE p CASCADE;
DROP COLLATION c CASCADE; DROP OPERATOR CLASS o USING btree CASCADE; DROP ACCESS METHOD m CASCADE;
$x$);
\echo == drops of what holds no data
SELECT * FROM pg_temp.lossy($x$
DROP VIEW v; DROP MATERIALIZED VIEW m CASCADE; DROP INDEX i; DROP FUNCTION f; DROP TRIGGER t ON held; DROP POLICY p ON held;
DROP FOREIGN TABLE f; DROP ROLE r; DROP COLLATION c; ALTER TABLE held DROP CONSTRAINT c; ALTER TABLE held ALTER i DROP DEFAULT;
ALTER TABLE held ALTER i DROP NOT NULL; ALTER TABLE held DETACH PARTITION p; ALTER FOREIGN TABLE f DROP COLUMN i;
$x$);
\echo == rows
SELECT * FROM pg_temp.lossy($x$
TRUNCATE held; TRUNCATE TABLE ONLY held, other CASCADE;
DELETE FROM held; DELETE FROM held WHERE true; DELETE FROM held USING other; DELETE FROM held WHERE 1 = 1;
WITH gone AS (DELETE FROM held RETURNING *) INSERT INTO other SELECT * FROM gone;
WITH gone AS (DELETE FROM held RETURNING *) SELECT * FROM gone;
CREATE TABLE moved AS WITH gone AS (DELETE FROM held RETURNING *) SELECT * FROM gone;
EXPLAIN ANALYZE DELETE FROM held; PREPARE p AS DELETE FROM held;
$x$);
SELECT * FROM pg_temp.lossy($x$
DELETE FROM held WHERE i = 1; DELETE FROM held WHERE false; DELETE FROM held WHERE i = i;
EXPLAIN DELETE FROM held; UPDATE held SET i = 1; INSERT INTO held SELECT; WITH one AS (DELETE FROM held WHERE i = 1) SELECT 1;
DO $$ BEGIN DELETE FROM held; END $$; CREATE RULE r AS ON INSERT TO held DO DELETE FROM other;
$x$);
\echo == what the script has made itself
SELECT * FROM pg_temp.lossy($x$
CREATE TABLE a (i int); ALTER TABLE a DROP COLUMN i; TRUNCATE a; DELETE FROM a; DROP TABLE a;
CREATE TEMP TABLE b AS SELECT 1; DROP TABLE b; SELECT 1 AS i INTO c; DROP TABLE c;
CREATE SCHEMA s; CREATE TABLE s.a (); DROP TABLE s.a; DROP TABLE s.b; DROP SCHEMA s CASCADE;
CREATE SCHEMA s2 CREATE TABLE t (); DROP TABLE s2.t; CREATE SEQUENCE q; DROP SEQUENCE q;
CREATE TYPE e AS ENUM (); DROP TYPE e; CREATE TYPE cc AS (l int); ALTER TYPE cc DROP ATTRIBUTE l; DROP TYPE cc; CREATE DOMAIN d AS int; DROP DOMAIN d;
CREATE EXTENSION x; DROP EXTENSION x; CREATE DATABASE y; DROP DATABASE y;
ALTER TABLE held ADD z int; ALTER TABLE held ALTER z TYPE smallint; ALTER TABLE held RENAME z TO zz; ALTER TABLE held DROP COLUMN zz;
CREATE TABLE a (); ALTER TABLE a RENAME TO a2; DROP TABLE a2; CREATE TABLE a (); ALTER TABLE a SET SCHEMA s3; DROP TABLE s3.a;
CREATE TEMP TABLE oc ON COMMIT DROP AS SELECT 1; TRUNCATE oc;
$x$);
\echo == and what only looks so
SELECT * FROM pg_temp.lossy($x$
CREATE TABLE IF NOT EXISTS a (); DROP TABLE a;
CREATE TABLE n (); ALTER TABLE held RENAME TO old; ALTER TABLE n RENAME TO held; DROP TABLE old;
CREATE TABLE m (); ALTER TABLE m RENAME TO m2; ALTER TABLE kept RENAME TO m; DROP TABLE m;
CREATE TABLE k (); DROP TABLE k; DROP TABLE k;
CREATE TABLE l (); DROP TABLE s.l;
CREATE TABLE o (); SET search_path = s; DROP TABLE o;
CREATE TEMP TABLE oc ON COMMIT DROP AS SELECT 1; COMMIT; TRUNCATE oc;
CREATE SCHEMA s4; CREATE TABLE s4.t (); ALTER SCHEMA s4 RENAME TO s5; ALTER SCHEMA other RENAME TO s4; DROP TABLE s4.t;
ALTER TABLE held ADD COLUMN IF NOT EXISTS i int; ALTER TABLE held DROP COLUMN i;
$x$);

\echo == type changes that keep every value
SELECT * FROM pg_temp.lossy($x$
ALTER TABLE held ALTER i TYPE bigint, ALTER i TYPE numeric, ALTER i TYPE text, ALTER i TYPE double precision, ALTER i TYPE whole, ALTER i TYPE int;
ALTER TABLE held ALTER s TYPE int, ALTER s TYPE real; ALTER TABLE held ALTER b TYPE numeric;
ALTER TABLE held ALTER n TYPE numeric(10, 2), ALTER n TYPE numeric(10, 4), ALTER n TYPE numeric;
ALTER TABLE held ALTER v TYPE varchar(11), ALTER v TYPE varchar, ALTER v TYPE text; ALTER TABLE held ALTER c TYPE char(6), ALTER c TYPE text;
ALTER TABLE held ALTER vv TYPE text; ALTER TABLE held ALTER x TYPE varchar; ALTER TABLE held ALTER d TYPE timestamp;
ALTER TABLE held ALTER ts TYPE timestamp(4), ALTER ts TYPE timestamp; ALTER TABLE held ALTER f TYPE double precision;
ALTER TABLE held ALTER arr TYPE bigint[], ALTER va TYPE varchar(6)[], ALTER va TYPE text[]; ALTER TABLE held ALTER bits TYPE varbit(9);
ALTER TABLE held ALTER i TYPE bigint USING i::bigint, ALTER i TYPE bigint USING i, ALTER "Q q" TYPE bigint USING CAST("Q q" AS bigint);
ALTER TYPE pair ALTER ATTRIBUTE l TYPE bigint; ALTER TABLE not_there_yet ALTER i TYPE smallint; ALTER TABLE held ALTER not_there TYPE smallint;
$x$);
\echo == and those that may not
SELECT * FROM pg_temp.lossy($x$
ALTER TABLE held ALTER b TYPE int;
ALTER TABLE public.held ALTER i TYPE smallint;
ALTER TABLE held ALTER i TYPE real;
ALTER TABLE held ALTER b TYPE double precision;
ALTER TABLE held ALTER n TYPE numeric(8, 3);
ALTER TABLE held ALTER n TYPE numeric(7, 2);
ALTER TABLE held ALTER nn TYPE numeric(30, 2);
ALTER TABLE held ALTER n TYPE int;
ALTER TABLE held ALTER v TYPE varchar(9);
ALTER TABLE held ALTER vv TYPE varchar(100);
ALTER TABLE held ALTER x TYPE varchar(100);
ALTER TABLE held ALTER x TYPE int USING x::int;
ALTER TABLE held ALTER x TYPE jsonb USING x::jsonb;
ALTER TABLE held ALTER j TYPE jsonb;
ALTER TABLE held ALTER ts TYPE timestamp(2);
ALTER TABLE held ALTER ts TYPE date;
ALTER TABLE held ALTER f TYPE int;
ALTER TABLE held ALTER arr TYPE smallint[];
ALTER TABLE held ALTER va TYPE varchar(4)[];
ALTER TABLE held ALTER i TYPE bigint USING 0;
ALTER TABLE held ALTER i TYPE bigint USING b::bigint;
ALTER TABLE held ALTER i TYPE text USING left(i::text, 1);
ALTER TABLE held ALTER i TYPE no_such_type;
ALTER TYPE pair ALTER ATTRIBUTE l TYPE smallint;
$x$);

\echo == the error lists what would be lost
SELECT pg_temp.refused(E'CREATE TABLE made ();\nALTER TABLE held DROP COLUMN "Q q",\n  DROP COLUMN b;\n  TRUNCATE held, "We""ird"."Näme"; DROP TABLE made');
SELECT to_regclass('made'), count(*) FROM schemamig.applied;

DROP TABLE held;
DROP DOMAIN whole;
DROP TYPE pair;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry;
