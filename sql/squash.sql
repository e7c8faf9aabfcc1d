--
-- One revision takes the place of many, wherever a database stands
--
SELECT current_database() AS db \gset
CREATE DATABASE regress_smig_squash TEMPLATE template0;
CREATE DATABASE regress_smig_fresh TEMPLATE template0;
CREATE DATABASE regress_smig_all TEMPLATE template0;
CREATE DATABASE regress_smig_one TEMPLATE template0;
CREATE DATABASE regress_smig_two TEMPLATE template0;
CREATE DATABASE regress_smig_none TEMPLATE template0;
SET client_min_messages = warning;
SELECT $files$
-- schemamig:revision r0
-- schemamig:parents
-- schemamig:up
CREATE TABLE base (a int PRIMARY KEY);
-- schemamig:down
DROP TABLE base;

-- schemamig:revision r1
-- schemamig:message users
-- schemamig:parents r0
-- schemamig:labels people
-- schemamig:up
SET search_path = pg_catalog;
CREATE TABLE public.users (id bigint PRIMARY KEY, a int REFERENCES public.base)
-- no semicolon here
-- schemamig:down
DROP TABLE users

-- schemamig:revision r2
-- schemamig:message an index
-- schemamig:parents r1
-- schemamig:up transaction=none
CREATE INDEX CONCURRENTLY users_a ON users (a);
INSERT INTO base VALUES (1);
-- schemamig:down
DELETE FROM base WHERE a = 1;
DROP INDEX users_a;

-- schemamig:revision r3
-- schemamig:message a colour
-- schemamig:parents r2
-- schemamig:up
CREATE TYPE colour AS ENUM ('red');
ALTER TYPE colour ADD VALUE 'green';
CREATE TABLE painted (c colour DEFAULT 'green');
-- schemamig:down
DROP TABLE painted;
DROP TYPE colour;
$files$ AS originals, $files$
-- schemamig:revision r4
-- schemamig:message names
-- schemamig:parents r3
-- schemamig:depends_on r3
-- schemamig:up
ALTER TABLE users ADD name text;
-- schemamig:down
ALTER TABLE users DROP name;
$files$ AS next \gset

-- the author's database: all are applied
\connect regress_smig_squash
SET client_min_messages = warning;
CREATE EXTENSION schemamig;
SELECT count(*) FROM schemamig_load(:'originals');
SELECT count(*) FROM schemamig_load(:'next');
SELECT revision FROM schemamig_apply();
SELECT schemamig_fingerprint() AS fingerprint \gset
-- what cannot be squashed
SELECT schemamig_squash('r4:r4', 'one');
SELECT schemamig_squash('r2:r1', 'backwards');
SELECT schemamig_squash('nowhere:', 'no');
SELECT schemamig_squash(NULL, 'no');
SELECT schemamig_revision('side', '', '', 'side', parents => '{r2}', splice => true);
SELECT schemamig_squash('r1:r3', 'with a branch');
SELECT schemamig_remove('side');
SELECT schemamig_revision('side', '', '', 'side', parents => '{}', depends_on => '{r2}');
SELECT schemamig_squash('r1:r3', 'with a dependant');
SELECT schemamig_remove('side');
SELECT schemamig_squash('r1:r3', 'taken', 'r0');
BEGIN;
SELECT revision FROM schemamig_revert('r2', 'caller', true);
SELECT schemamig_squash('r1:r3', 'in part');
ROLLBACK;
-- one for three
SELECT schemamig_squash('r1:r3', 'people and colours', 's1');
SELECT schemamig_export('s1');
SELECT revision, parents, depends_on, labels, state, is_current FROM schemamig_history();
SELECT revision, squash, message, applied_at IS NOT NULL AS applied FROM schemamig.replaced ORDER BY 1;
SELECT event, revision, message FROM schemamig.log WHERE event = 'squash';
SELECT revision FROM schemamig_apply();
-- the old files may be there still, and name what they named
SELECT schemamig_load(:'originals');
SELECT schemamig_load(:'next');
SELECT schemamig_load(replace(:'originals', 'red', 'blue'));
SELECT revision, parents FROM schemamig_history();
SELECT schemamig_export('s1') AS squash, schemamig_export('r0') AS first \gset
SELECT schemamig_fingerprint() = :'fingerprint' AS same;

-- all of it can be undone
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
SELECT count(*) FROM schemamig_diff('empty', 'live');
SELECT revision FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'fingerprint' AS same;
TABLE base;

-- a fresh database, without the old files
\connect regress_smig_fresh
SET client_min_messages = warning;
CREATE EXTENSION schemamig;
SELECT schemamig_load(:'next' || E'\n' || :'squash' || E'\n' || :'first');
SELECT revision, parents, depends_on FROM schemamig_history();
SELECT revision FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'fingerprint' AS same;
SELECT schemamig_load(:'squash');

-- a database in which all are applied
\connect regress_smig_all
SET client_min_messages = warning;
CREATE EXTENSION schemamig;
SELECT count(*) FROM schemamig_load(:'originals');
SELECT revision FROM schemamig_apply();
SELECT schemamig_load(:'squash' || E'\n' || :'originals' || E'\n' || :'next');
SELECT revision, parents, depends_on, state FROM schemamig_history();
SELECT revision FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'fingerprint' AS same;

-- inside of the range: the rest is applied, then the squash counts as applied
\connect regress_smig_one
SET client_min_messages = warning;
CREATE EXTENSION schemamig;
SELECT count(*) FROM schemamig_load(:'originals');
SELECT revision FROM schemamig_apply('r1');
SELECT schemamig_load(:'squash' || E'\n' || :'next');
SELECT revision, parents, depends_on, labels, state FROM schemamig_history();
SELECT id, labels, replaces FROM schemamig.squash;
SELECT schemamig_load(:'squash' || E'\n' || :'originals' || E'\n' || :'next');
-- what was written after the squash names it
SELECT schemamig_load(E'-- schemamig:revision r5\n-- schemamig:parents s1, r4\n-- schemamig:up\nSELECT 5;\n');
SELECT revision, parents FROM schemamig_history(':') LIMIT 1;
SELECT revision, steps FROM schemamig_apply();
SELECT revision, parents, depends_on, labels, state FROM schemamig_history();
SELECT count(*) FROM schemamig.squash;
SELECT schemamig_fingerprint() = :'fingerprint' AS same;
SELECT event, revision, message FROM schemamig.log WHERE event = 'squash';
SELECT revision FROM schemamig_revert('base', allow_destructive => true);

-- inside of the range, and back: then it takes their place
\connect regress_smig_two
SET client_min_messages = warning;
CREATE EXTENSION schemamig;
SELECT count(*) FROM schemamig_load(:'originals');
SELECT revision FROM schemamig_apply('r2');
SELECT schemamig_load(:'squash' || E'\n' || :'next');
SELECT revision FROM schemamig_revert('r0', allow_destructive => true);
SELECT revision, parents, state FROM schemamig_history();
SELECT revision, steps FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'fingerprint' AS same;

-- a stamp completes it too; then none is applied
\connect regress_smig_none
SET client_min_messages = warning;
CREATE EXTENSION schemamig;
SELECT count(*) FROM schemamig_load(:'originals');
SELECT schemamig_stamp('r1');
SELECT schemamig_load(:'squash');
SELECT schemamig_stamp('r3');
SELECT revision, parents, state FROM schemamig_history();
SELECT schemamig_stamp('base', purge => true);
SELECT schemamig_remove('s1');
SELECT count(*) FROM schemamig_load(:'originals' || E'\n' || :'next');
SELECT schemamig_load(:'squash');
SELECT revision, parents, depends_on, state FROM schemamig_history();
SELECT revision FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'fingerprint' AS same;
-- squashed again, once it is a revision like others
SELECT schemamig_squash('s1:r4', 'more', 's2');
SELECT schemamig_load(replace(:'squash', '-- schemamig:replaces r1, r2, r3', ''));
SELECT schemamig_squash('s1:r4', 'more', 's2');
SELECT revision, parents, labels, state FROM schemamig_history();
SELECT schemamig_export('s2') LIKE '%schemamig:replaces s1, r4%' AS replaces;
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
SELECT revision FROM schemamig_apply();
SELECT schemamig_fingerprint() = :'fingerprint' AS same;
-- of what it replaces all must be known, or nothing
SELECT schemamig_load(E'-- schemamig:revision s3\n-- schemamig:parents\n-- schemamig:replaces lost, r0\n-- schemamig:up\n');

\connect :db
DROP DATABASE regress_smig_squash;
DROP DATABASE regress_smig_fresh;
DROP DATABASE regress_smig_all;
DROP DATABASE regress_smig_one;
DROP DATABASE regress_smig_two;
DROP DATABASE regress_smig_none;

-- a squash is proved before it is stored
\connect :db
SET client_min_messages = warning;
CREATE DATABASE regress_smig_squash TEMPLATE template0;
CREATE ROLE regress_squash_author LOGIN;
\connect regress_smig_squash
CREATE EXTENSION schemamig;
\set VERBOSITY default
SELECT count(*) FROM schemamig_load($files$
-- schemamig:revision p0
-- schemamig:parents
-- schemamig:up
CREATE SCHEMA elsewhere;
-- schemamig:down
DROP SCHEMA elsewhere;

-- schemamig:revision p1
-- schemamig:parents p0
-- schemamig:up
CREATE TABLE one (a int);
-- schemamig:down
DROP TABLE one;

-- schemamig:revision p2
-- schemamig:parents p1
-- schemamig:up
CREATE TABLE two (a int);
DO $$ BEGIN PERFORM pg_catalog.set_config('search_path', 'elsewhere', false); END $$;
-- schemamig:down
DROP TABLE two;

-- schemamig:revision p3
-- schemamig:parents p2
-- schemamig:up
CREATE TABLE three (a int);
-- schemamig:down
DROP TABLE three;

-- schemamig:revision p4
-- schemamig:parents p3
-- schemamig:up
CREATE TABLE four (a int);
-- schemamig:down
DROP TABLE fuor;
$files$);
SELECT schemamig_squash('p1:p2', 'the same', 'good');
SELECT schemamig_squash('p3:p4', 'a way back that fails', 'no_way', verify => true);
SELECT schemamig_squash('p3:p4', 'a way back that fails', 'no_way');
SELECT schemamig_revision('five', 'CREATE TABLE five (a int)', 'DROP TABLE five', 'p5');
SELECT schemamig_revision('six', 'CREATE TABLE nowhere.six (a int)', NULL, 'p6');
SELECT schemamig_squash('p5:p6', 'a way that fails', 'fails', verify => true);
SELECT schemamig_remove('p6');
-- what comes to light: a setting that was made where nobody sees it
SELECT schemamig_revision('a setting', $up$DO $$ BEGIN PERFORM pg_catalog.set_config('search_path', 'elsewhere', false); END $$$up$, '', 'p6');
SELECT schemamig_revision('seven', 'CREATE TABLE seven (a int)', 'DROP TABLE seven', 'p7');
SELECT schemamig_squash('p5:p7', 'another schema', 'other');
SELECT revision FROM schemamig_history();
SELECT schemamig_squash('p5:p7', 'another schema', 'other', verify => false);
SELECT revision FROM schemamig_history();
-- who may not create databases is told, or refused
GRANT USAGE ON SCHEMA public TO regress_squash_author;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_squash_author;
SET SESSION AUTHORIZATION regress_squash_author;
SELECT schemamig_revision('eight', '', '', 'p8');
SELECT schemamig_revision('nine', '', '', 'p9');
SELECT schemamig_squash('p8:p9', 'without the right', 'right', verify => true);
SELECT schemamig_squash('p8:p9', 'without the right', 'right');
RESET SESSION AUTHORIZATION;
\connect :db
DROP DATABASE regress_smig_squash;
DROP ROLE regress_squash_author;
