-- A run looks for hazards in its plan before it starts.
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
CREATE TABLE lint_users (id bigint PRIMARY KEY, email text, note text);
INSERT INTO lint_users SELECT g, 'e' || g FROM generate_series(1, 10) g;
CREATE TABLE lint_orders (id bigint PRIMARY KEY, user_id bigint);

-- warn, the default, tells errors and warnings, each with the safer form
SELECT schemamig_revision('emails', 'ALTER TABLE lint_users ADD CONSTRAINT has_email CHECK (email <> '''');
CREATE TABLE lint_new (id bigint PRIMARY KEY);
CREATE INDEX ON lint_new (id)',
	'DROP TABLE lint_new; ALTER TABLE lint_users DROP CONSTRAINT has_email',
	revision => 'emails', parents => '{}');
SELECT revision FROM schemamig_apply();

-- who has consented to loss is not told of it again
SELECT revision FROM schemamig_revert('base', allow_destructive => true);

-- error refuses the run for errors before anything is done
SET schemamig.lint = error;
SELECT schemamig_revision('key', 'CREATE TABLE lint_first (id bigint PRIMARY KEY);
ALTER TABLE lint_orders ADD FOREIGN KEY (user_id) REFERENCES lint_users;
ALTER TABLE lint_users RENAME note TO remark',
	revision => 'key', parents => '{emails}');
SELECT revision FROM schemamig_apply();
SELECT to_regclass('lint_first'), count(*) FROM schemamig_current();
SELECT state, sqlstate FROM schemamig.run ORDER BY id DESC LIMIT 1;
\set VERBOSITY sqlstate
SELECT revision FROM schemamig_apply(transaction => 'caller');
CALL schemamig_run();
\set VERBOSITY default

-- silenced for a statement or for the script; an unknown name is told
SELECT schemamig_replace('emails', '-- schemamig:ignore add-check-valid, no-such-rule
ALTER TABLE lint_users ADD CONSTRAINT has_email CHECK (email <> '''');
ALTER TABLE lint_users ADD CONSTRAINT has_email_2 CHECK (email <> ''x'')', '');
SELECT schemamig_replace('key', '-- schemamig:ignore-file add-fk-valid, fk-without-index, no-such-rule-either
ALTER TABLE lint_orders ADD FOREIGN KEY (user_id) REFERENCES lint_users', NULL);
SELECT revision FROM schemamig_apply();
SELECT schemamig_replace('emails', '-- schemamig:ignore add-check-valid
ALTER TABLE lint_users ADD CONSTRAINT has_email CHECK (email <> '''')', '');
SELECT revision FROM schemamig_apply();

-- the plan is seen as a whole: what it makes is in nobody's way
SELECT schemamig_revision('one', 'CREATE TABLE lint_one (id bigint, a int)', '', revision => 'one');
SELECT schemamig_revision('two', 'CREATE INDEX ON lint_one (a); ALTER TABLE lint_one ALTER a SET NOT NULL', '', revision => 'two');
SELECT schemamig_revision('three', 'ALTER TABLE lint_one ADD CONSTRAINT lint_positive CHECK (a > 0)', '', revision => 'three');
SELECT revision FROM schemamig_apply('two');
SELECT revision FROM schemamig_apply('three', 'all');
SET schemamig.lint = warn;
SELECT revision FROM schemamig_apply('three');

-- what is done of a revision is not looked at again
SELECT schemamig_revision('half', 'ALTER TABLE lint_users ADD CHECK (id > 0);
COMMIT;
SELECT 1 / (SELECT count(*) - 11 FROM lint_users)', '', revision => 'half');
INSERT INTO lint_users VALUES (11, 'e11');
SELECT revision FROM schemamig_apply();
DELETE FROM lint_users WHERE id = 11;
SELECT revision FROM schemamig_apply();

-- many are cut short, and the number is told
SELECT schemamig_revision('many',
	(SELECT string_agg(format('CREATE INDEX lint_many_%s ON lint_users (email)', g), ';') FROM generate_series(1, 23) g),
	'', revision => 'many');
SET client_min_messages = warning;
SET schemamig.lint = error;
\set VERBOSITY terse
SELECT revision FROM schemamig_apply();
\set VERBOSITY default
RESET client_min_messages;

-- off does not look
SET schemamig.lint = off;
SELECT revision FROM schemamig_apply();
SET schemamig.lint = sometimes;
RESET schemamig.lint;

-- The search path of the caller says what a name means.
CREATE SCHEMA lint_path;
CREATE TABLE lint_path.hidden (id bigint);
SET search_path = lint_path, public;
SELECT schemamig_revision('path', 'CREATE INDEX hidden_id ON hidden (id)', '', revision => 'path');
SELECT revision FROM schemamig_apply();
RESET search_path;

-- Looking at a revision runs nothing of its author's as somebody else.
CREATE ROLE regress_smig_author;
GRANT EXECUTE ON FUNCTION schemamig_revision, schemamig_replace TO regress_smig_author;
CREATE SCHEMA lint_theirs AUTHORIZATION regress_smig_author;
SET ROLE regress_smig_author;
CREATE FUNCTION lint_theirs.evil(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$BEGIN RAISE WARNING 'code of another ran as %', current_user; RETURN $1; END$$;
CREATE FUNCTION lint_theirs.evil(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
$$BEGIN RAISE WARNING 'code of another ran as %', current_user; RETURN true; END$$;
CREATE DOMAIN lint_theirs.trap AS text CHECK (lint_theirs.evil(VALUE));
CREATE TABLE lint_theirs.t (id int, a int, b text,
	CHECK (a > lint_theirs.evil(3) AND a IS NOT NULL));
CREATE TABLE lint_theirs.p (k int) PARTITION BY LIST (k);
CREATE TABLE lint_theirs.p1 (k int);
SELECT schemamig_revision('theirs', $$
ALTER TABLE lint_theirs.t ADD COLUMN c int DEFAULT lint_theirs.evil(1);
ALTER TABLE lint_theirs.t ADD COLUMN d lint_theirs.trap[] DEFAULT '{x}';
ALTER TABLE lint_theirs.t ALTER a TYPE bigint USING lint_theirs.evil(2);
ALTER TABLE lint_theirs.t ALTER a SET NOT NULL;
ALTER TABLE lint_theirs.p ATTACH PARTITION lint_theirs.p1 FOR VALUES IN (lint_theirs.evil(5));
$$, '', revision => 'theirs');
RESET ROLE;
SELECT statement, scans, jsonb_path_query_array(hazards, '$[*].rule') AS rules FROM schemamig_plan();
SELECT revision FROM schemamig_apply();
-- also what a superuser writes himself is only looked at
SELECT DISTINCT statement, rule FROM schemamig_lint($$
ALTER TABLE lint_theirs.t ADD COLUMN c int DEFAULT lint_theirs.evil(1);
ALTER TABLE lint_theirs.t ALTER a TYPE bigint USING lint_theirs.evil(2);
ALTER TABLE lint_theirs.t ALTER a SET NOT NULL;
$$) ORDER BY 1, 2;

SELECT schemamig_remove('theirs');
SET client_min_messages = warning;
SELECT count(*) FROM schemamig_stamp('base', purge => true);
DO $$
DECLARE name text;
BEGIN
	FOREACH name IN ARRAY '{path,many,half,three,two,one,key,emails}'::text[] LOOP
		PERFORM schemamig_remove(name);
	END LOOP;
END$$;
DROP SCHEMA lint_path, lint_theirs CASCADE;
DROP TABLE lint_orders, lint_users, lint_one;
REVOKE ALL ON FUNCTION schemamig_revision, schemamig_replace FROM regress_smig_author;
DROP ROLE regress_smig_author;
TRUNCATE schemamig.run, schemamig.log_entry;
