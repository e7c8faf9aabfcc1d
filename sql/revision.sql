--
-- Writing revisions by hand: revision, replace, remove, merge
--
\set QUIET on
\pset format unaligned
\pset tuples_only on

CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
	TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry;
$$;

\echo == ids are 12 hexadecimal digits unless they are given
SELECT schemamig_revision('the first', 'CREATE TABLE a ()') ~ '^[0-9a-f]{12}$';
SELECT schemamig_revision('  the second' || chr(9), 'CREATE TABLE b ()', 'DROP TABLE b', 'Zwölf/2.x');
SELECT id, message, down, parents = ARRAY(SELECT id FROM schemamig.revision WHERE parents = '{}') AS follows, up_transaction, created_by = current_user
FROM schemamig.revision WHERE parents <> '{}';

\echo == down NULL cannot be undone, empty has nothing to undo
SELECT schemamig_revision('', '', NULL, 'n');
SELECT schemamig_revision('', '', '', 'e');
SELECT id, down IS NULL FROM schemamig.revision WHERE id IN ('n', 'e') ORDER BY id;
SELECT count(DISTINCT checksum) FROM schemamig.revision WHERE id IN ('n', 'e');

\echo == bases, branches, labels, dependencies, by any name
SELECT pg_temp.clear();
SELECT schemamig_revision('', '', '', 'aaaa1111', labels => '{core}');
SELECT schemamig_revision('', '', '', 'bbbb2222', parents => '{}');
SELECT schemamig_revision('', '', '', 'cccc3333', parents => '{bbbb}', depends_on => '{core}');
SELECT schemamig_revision('', '', '', 'dddd4444', parents => '{bbbb2222}', splice => true, labels => '{side,"Größe"}');
SELECT schemamig_revision('', '', '', 'eeee5555', parents => '{core@head,side}', depends_on => '{cccc3333}');
SELECT revision, parents, depends_on, labels FROM schemamig_history();
-- splice is not needed, and does no harm, at a head
SELECT schemamig_revision('', '', '', 'ffff6666', parents => '{eeee5555}', splice => true);

\echo == revisions are written in the name of the current role
CREATE ROLE regress_author;
GRANT EXECUTE ON FUNCTION schemamig_revision, schemamig_replace, schemamig_load TO regress_author;
SET ROLE regress_author;
SELECT schemamig_revision('by a role without rights on tables', '', '', 'theirs', parents => '{ffff6666}');
SELECT * FROM schemamig_load(E'-- schemamig:revision loaded\n-- schemamig:parents theirs\n-- schemamig:up\n');
-- what was not granted is not there
SELECT schemamig_remove('theirs');
SELECT schemamig_merge();
SELECT schemamig_export('theirs');
UPDATE schemamig.revision SET up = 'DROP TABLE x';
SELECT * FROM schemamig.revision;
RESET ROLE;
SELECT id, created_by FROM schemamig.revision WHERE created_by <> current_user ORDER BY id;
-- who changes a revision becomes its author
SELECT schemamig_replace('loaded', 'SELECT 1', NULL);
SELECT id, created_by = current_user FROM schemamig.revision WHERE id = 'loaded';
DROP OWNED BY regress_author;
DROP ROLE regress_author;

\echo == replace changes scripts, and nothing else
SELECT schemamig_replace('dddd', 'SELECT 4', 'SELECT -4');
SELECT id, up, down, labels FROM schemamig.revision WHERE id = 'dddd4444';
SELECT schemamig_replace('dddd', 'SELECT 4', NULL);
SELECT down IS NULL FROM schemamig.revision WHERE id = 'dddd4444';
-- its transaction mode stays
SELECT * FROM schemamig_load(E'-- schemamig:revision none\n-- schemamig:parents loaded\n-- schemamig:up transaction=none\n-- schemamig:down transaction=none\n');
SELECT schemamig_replace('none', 'SELECT 4', NULL);
SELECT up_transaction, down_transaction FROM schemamig.revision WHERE id = 'none';

\echo == remove, from the end
SELECT schemamig_remove('none');
SELECT schemamig_remove('head');
SELECT schemamig_remove('cccc3333');
SELECT schemamig_remove('theirs');
SELECT revision FROM schemamig_history();

\echo == what is half done keeps the steps that have run
SELECT pg_temp.clear();
SELECT schemamig_revision('', 'CREATE TABLE a (); COMMIT; CREATE TABLE b (); VACUUM; CREATE TABLE c ()', '', 'half');
-- as a run would leave it that was interrupted after its second step
DO $$
DECLARE
	step_text text;
BEGIN
	FOREACH step_text IN ARRAY ARRAY['CREATE TABLE a ()', 'CREATE TABLE b ()'] LOOP
		INSERT INTO schemamig.step (revision, direction, step, kind, state, checksum)
		SELECT 'half', 'apply', coalesce(max(step), 0) + 1, 'transaction', 'done',
			encode(sha256(convert_to(format(E'statement %s\n%s', octet_length(step_text), step_text), 'UTF8')), 'hex')
		FROM schemamig.step;
	END LOOP;
END;
$$;
SELECT schemamig_remove('half');
SELECT schemamig_replace('half', 'CREATE TABLE a (); COMMIT; CREATE TABLE b (i int); VACUUM', '');
SELECT schemamig_replace('half', 'CREATE TABLE a ()', '');
SELECT schemamig_replace('half', 'CREATE TABLE a (); CREATE TABLE b (); VACUUM', '');
SELECT * FROM schemamig_load(replace(schemamig_export('half'), 'TABLE a', 'TABLE aa'));
SELECT up FROM schemamig.revision;
-- comments may change, and what comes after
SELECT schemamig_replace('half', E'-- first\nCREATE TABLE a ();\nCOMMIT; -- then\nCREATE TABLE b ();\nVACUUM b; CREATE TABLE c (i int)', 'DROP TABLE a');
SELECT up FROM schemamig.revision;

\echo == merge joins all heads
SELECT pg_temp.clear();
SELECT schemamig_merge();
SELECT schemamig_revision('', 'CREATE TABLE a (); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS ''SELECT 1''; CREATE TYPE mood AS ENUM ()', '', 'base1');
SELECT schemamig_merge();
SELECT schemamig_revision('', 'ALTER TABLE a ADD i int; CREATE TABLE s.x (); CREATE OR REPLACE FUNCTION public.f() RETURNS int LANGUAGE sql AS ''SELECT 2''', '', 'left1');
SELECT schemamig_revision('', 'CREATE INDEX ON public.a (i); ALTER TYPE mood ADD VALUE ''sad''', '', 'left2');
SELECT schemamig_revision('', 'INSERT INTO a DEFAULT VALUES; CREATE TABLE t.x (); DROP FUNCTION f(); ALTER TYPE mood ADD VALUE ''glad''; DROP TRIGGER g ON "Other"', '', 'right1', parents => '{base1}', splice => true);
SELECT schemamig_merge(revision => 'both');
SELECT id, message, parents, up = '' AND down = '' FROM schemamig.revision WHERE id = 'both';
\echo == or those that are named
SELECT schemamig_revision('', 'CREATE TABLE only_here ()', '', 'one', parents => '{both}');
SELECT schemamig_revision('', 'CREATE TABLE only_there ()', '', 'two', parents => '{both}', splice => true);
SELECT schemamig_revision('', 'DROP TABLE only_here', '', 'three', parents => '{both}', splice => true);
SELECT schemamig_merge('without three', '{one,two}', 'onetwo');
SELECT schemamig_merge('now all', '{heads}', 'end');
SELECT id, message, parents FROM schemamig.revision WHERE id IN ('onetwo', 'end') ORDER BY ordinal;
SELECT revision FROM schemamig_heads();

SELECT pg_temp.clear();
