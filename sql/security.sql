-- Attacks: nobody gets a right through schemamig that he has not got.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE ROLE regress_smig_nobody;
CREATE ROLE regress_smig_author;
CREATE ROLE regress_smig_operator;
CREATE ROLE regress_smig_owner NOLOGIN;
GRANT regress_smig_owner TO regress_smig_operator;
GRANT EXECUTE ON FUNCTION schemamig_revision, schemamig_load, schemamig_replace TO regress_smig_author;
GRANT EXECUTE ON FUNCTION schemamig_apply, schemamig_revert TO regress_smig_operator;
GRANT CREATE, USAGE ON SCHEMA public TO regress_smig_operator, regress_smig_owner, regress_smig_author;

-- a role without any grant can execute nothing and reads nothing
SELECT p.proname
FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'schemamig' AND has_function_privilege('regress_smig_nobody', p.oid, 'EXECUTE');
SELECT c.relname
FROM pg_class c
WHERE c.relnamespace = 'schemamig'::regnamespace AND c.relkind IN ('r', 'v', 'S')
	AND (has_table_privilege('regress_smig_nobody', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
		OR has_any_column_privilege('regress_smig_nobody', c.oid, 'SELECT'));
SET ROLE regress_smig_nobody;
SELECT schemamig_revision('x', 'SELECT 1');
SELECT * FROM schemamig_apply();
CALL schemamig_run();
SELECT schemamig_start();
SELECT schemamig_cancel();
SELECT * FROM schemamig.revision;
RESET ROLE;

-- a low-privileged author does not act through a superuser's nightly apply
SET ROLE regress_smig_author;
SELECT schemamig_revision('harmless', 'RESET ROLE; RESET SESSION AUTHORIZATION; ALTER ROLE regress_smig_author SUPERUSER',
	'', revision => 'evil');
SET schemamig.trusted_authors = '*';
RESET ROLE;
SELECT * FROM schemamig_apply();
SELECT * FROM schemamig_apply(transaction => 'caller');
SELECT * FROM schemamig_apply(transaction => 'all');
CALL schemamig_run();
-- nor by a superuser's session that has put on another role
SET ROLE regress_smig_operator;
SELECT * FROM schemamig_apply();
RESET ROLE;
SET SESSION AUTHORIZATION regress_smig_operator;
SELECT * FROM schemamig_apply();
RESET SESSION AUTHORIZATION;
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_smig_author';
SELECT count(*) AS applied FROM schemamig.applied;

-- what a superuser trusts, or has written, is run
SET ROLE regress_smig_author;
SELECT schemamig_replace('evil', 'CREATE TABLE trusted_table (a int)', 'DROP TABLE trusted_table');
RESET ROLE;
SET schemamig.trusted_authors = 'somebody, regress_smig_author';
SELECT revision FROM schemamig_apply();
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
RESET schemamig.trusted_authors;
SELECT revision FROM schemamig_apply();
SELECT schemamig_replace('evil', 'CREATE TABLE trusted_table (a int)', 'DROP TABLE trusted_table');
SELECT revision FROM schemamig_apply();

-- an operator cannot change what runs, nor the record of it
SET ROLE regress_smig_operator;
SELECT schemamig_revision('x', 'SELECT 1');
UPDATE schemamig.revision SET up = 'ALTER ROLE regress_smig_operator SUPERUSER';
DELETE FROM schemamig.applied;
SET schemamig.trusted_authors = '*';
RESET ROLE;

-- the run has the rights of the role that calls, also after SET ROLE
SELECT schemamig_revision('owned', 'CREATE TABLE owned_table (a int)', 'DROP TABLE owned_table', revision => 'owned');
SET ROLE regress_smig_owner;
SELECT * FROM schemamig_apply();
RESET ROLE;
GRANT EXECUTE ON FUNCTION schemamig_apply TO regress_smig_owner;
SET ROLE regress_smig_owner;
SELECT revision FROM schemamig_apply();
RESET ROLE;
SELECT tableowner FROM pg_tables WHERE tablename = 'owned_table';
SELECT applied_by FROM schemamig.applied WHERE revision = 'owned';
SELECT schemamig_revision('forbidden', 'SELECT pg_read_file(''PG_VERSION'')', '', revision => 'forbidden');
SET ROLE regress_smig_owner;
SELECT revision FROM schemamig_apply();
RESET ROLE;
SELECT schemamig_remove('forbidden');

-- SECURITY DEFINER: the role is not the caller's own choice
CREATE FUNCTION definer() RETURNS bigint SECURITY DEFINER LANGUAGE sql
AS $$ SELECT count(*) FROM schemamig_apply() $$;
CREATE FUNCTION definer_start() RETURNS bigint SECURITY DEFINER LANGUAGE plpgsql
AS $$ BEGIN RETURN schemamig_start(); END $$;
CREATE FUNCTION definer_inline() RETURNS bigint SECURITY DEFINER LANGUAGE plpgsql
AS $$ BEGIN RETURN (SELECT count(*) FROM schemamig_apply(transaction => 'caller')); END $$;
SELECT definer();
SELECT definer_start();
SELECT definer_inline();

-- an index expression that applies, reached by a superuser's REINDEX
SELECT schemamig_revision('planted', 'ALTER ROLE regress_smig_author SUPERUSER', '', revision => 'planted');
GRANT EXECUTE ON FUNCTION schemamig_apply, schemamig_start TO regress_smig_author;
SET ROLE regress_smig_author;
CREATE TABLE trap (a int);
INSERT INTO trap VALUES (1);
CREATE FUNCTION bait(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
CREATE INDEX trap_idx ON trap (bait(a));
CREATE OR REPLACE FUNCTION bait(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
AS $$ BEGIN PERFORM public.schemamig_apply(transaction => 'caller'); RETURN $1; END $$;
RESET ROLE;
REINDEX TABLE trap;
SET ROLE regress_smig_author;
CREATE OR REPLACE FUNCTION bait(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
AS $$ BEGIN PERFORM public.schemamig_start(); RETURN $1; END $$;
RESET ROLE;
REINDEX TABLE trap;
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_smig_author';
DROP TABLE trap;
SELECT schemamig_remove('planted');

-- shadowing by search_path: our own queries see pg_catalog only
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.evil(text, text) RETURNS boolean LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'shadowed operator was used'; END $$;
CREATE OPERATOR shadow.= (LEFTARG = text, RIGHTARG = text, FUNCTION = shadow.evil);
CREATE FUNCTION shadow.evil_in(bigint, bigint) RETURNS boolean LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'shadowed operator was used'; END $$;
CREATE OPERATOR shadow.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = shadow.evil_in);
CREATE FUNCTION shadow.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'shadowed function was used'; END $$;
CREATE FUNCTION shadow.concat_ws(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'shadowed function was used'; END $$;
CREATE FUNCTION shadow.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'shadowed function was used'; END $$;
CREATE FUNCTION shadow.has_privs() RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT schemamig_revision('shadow', 'CREATE TABLE shadow_table (a int)', 'DROP TABLE shadow_table', revision => 'shadow');
SET search_path = shadow, pg_catalog, public;
SELECT revision FROM schemamig_apply();
SELECT revision, state FROM schemamig_history() WHERE revision OPERATOR(pg_catalog.=) 'shadow';
SELECT schemamig_stamp('current');
SELECT revision FROM schemamig_revert(allow_destructive => true);
SELECT revision FROM schemamig_heads();
RESET search_path;
SELECT schemamig_remove('shadow');
DROP SCHEMA shadow CASCADE;

-- names are data
CREATE ROLE "regress_smig""; ALTER ROLE regress_smig_author SUPERUSER; --";
GRANT EXECUTE ON FUNCTION schemamig_revision, schemamig_apply, schemamig_revert
	TO "regress_smig""; ALTER ROLE regress_smig_author SUPERUSER; --";
GRANT CREATE ON SCHEMA public TO "regress_smig""; ALTER ROLE regress_smig_author SUPERUSER; --";
SET ROLE "regress_smig""; ALTER ROLE regress_smig_author SUPERUSER; --";
SELECT schemamig_revision('a''); DROP TABLE schemamig.applied; --',
	'CREATE TABLE "We""ird ''Näme" ("a""b" int)', 'DROP TABLE "We""ird ''Näme"', revision => 'odd');
SELECT schemamig_revision('x', 'SELECT 1', revision => 'a''); DROP TABLE t; --');
SELECT * FROM schemamig_apply('odd''; DROP TABLE schemamig.applied; --');
RESET ROLE;
SET schemamig.trusted_authors = '*';
SET ROLE "regress_smig""; ALTER ROLE regress_smig_author SUPERUSER; --";
SELECT revision, message FROM schemamig_apply('odd');
RESET ROLE;
SELECT applied_by FROM schemamig.applied WHERE revision = 'odd';
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
RESET schemamig.trusted_authors;
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_smig_author';

-- clean up
DROP FUNCTION definer(), definer_start(), definer_inline(), bait(int);
SELECT schemamig_remove('odd');
SELECT schemamig_remove('owned');
SELECT schemamig_remove('evil');
REVOKE ALL ON SCHEMA public FROM regress_smig_operator, regress_smig_owner, regress_smig_author,
	"regress_smig""; ALTER ROLE regress_smig_author SUPERUSER; --";
DROP OWNED BY regress_smig_author, regress_smig_operator, regress_smig_owner,
	"regress_smig""; ALTER ROLE regress_smig_author SUPERUSER; --";
DROP ROLE regress_smig_nobody, regress_smig_author, regress_smig_operator, regress_smig_owner,
	"regress_smig""; ALTER ROLE regress_smig_author SUPERUSER; --";
