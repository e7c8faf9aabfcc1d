-- Each rule flags its bad example and not its good one.
SET client_min_messages = error;
\getenv srcdir PG_ABS_SRCDIR
\set examples :srcdir '/test/lint/examples.sql'
\set ECHO none
\i :examples
\set ECHO all
SET search_path = lint_examples, public;

SELECT r.rule AS bad_example_not_flagged
FROM schemamig_rules() r
WHERE NOT EXISTS (SELECT FROM schemamig_lint(r.example_bad) l
		WHERE l.rule = r.rule AND l.severity = r.severity)
	AND current_setting('server_version_num')::int / 10000
		BETWEEN coalesce(r.min_version, 15) AND coalesce(r.max_version, 99);
SELECT r.rule AS good_example_flagged
FROM schemamig_rules() r
WHERE EXISTS (SELECT FROM schemamig_lint(r.example_good) l WHERE l.rule = r.rule)
	AND current_setting('server_version_num')::int / 10000
		BETWEEN coalesce(r.min_version, 15) AND coalesce(r.max_version, 99);
SELECT count(*) - count(DISTINCT rule) AS twice, count(*) > 60 AS many,
	bool_and(description ~ '\.$' AND severity IN ('error', 'warning', 'note')) AS complete
FROM schemamig_rules();

-- The page about the rules is up to date; "make rules" writes it.
\set page `cat "$PG_ABS_SRCDIR/doc/rules.md"`
\set query `cat "$PG_ABS_SRCDIR/test/lint/rules.sql"`
\set ECHO none
SELECT rtrim(made, E'\n') = :'page' AS current FROM (:query) x (made);
\set ECHO all

-- A statement without findings has a row of its own, with its facts.
SELECT statement, line, col, rule, locks, rewrites, scans
FROM schemamig_lint('ALTER TABLE t ADD COLUMN x bigint; SELECT 1;
  ALTER TABLE t VALIDATE CONSTRAINT proved_there');

-- Findings say where they are, in characters.
SELECT statement, line, col, rule
FROM schemamig_lint('SELECT ''ä'';
SELECT 1; /* ä */ ALTER TABLE t ADD COLUMN ok bigint,
	ADD COLUMN "bäd" uuid DEFAULT gen_random_uuid()');

-- Names of any kind come out quoted.
CREATE TABLE "We""ird Näme" ("Select" bigint PRIMARY KEY, "group" text);
SELECT rule, suggestion
FROM schemamig_lint('ALTER TABLE "We""ird Näme" ALTER "group" SET NOT NULL');
SELECT locks
FROM schemamig_lint('ALTER TABLE "We""ird Näme" ALTER "group" DROP NOT NULL');

-- What the script itself makes blocks nobody.
SELECT statement, rule, locks
FROM schemamig_lint('CREATE TABLE n (id bigint PRIMARY KEY, a bigint);
	CREATE INDEX ON n (a); ALTER TABLE n ADD COLUMN b uuid DEFAULT gen_random_uuid();
	ALTER TABLE n ALTER a SET NOT NULL; ALTER TABLE n RENAME TO m; DROP TABLE m');

-- Rules can be silenced for a statement and for the script.
SELECT statement, rule
FROM schemamig_lint('-- schemamig:ignore create-index, no-such-rule
CREATE INDEX t_x ON t (a);
CREATE INDEX t_y ON t (d)');
SELECT statement, rule
FROM schemamig_lint('-- schemamig:ignore-file create-index
CREATE INDEX t_x ON t (a);
CREATE INDEX t_y ON t (d)');
SELECT statement, line, rule, message
FROM schemamig_lint('-- schemamig:ignore-file also-no-rule
SELECT 1');

-- A valid CHECK, or one that implies it, makes SET NOT NULL cheap; so does
-- one that the script validates.
SELECT rule FROM schemamig_lint('ALTER TABLE t ALTER proved SET NOT NULL');
SELECT statement, rule
FROM schemamig_lint('ALTER TABLE t ADD CONSTRAINT x CHECK (a > 5 AND a IS NOT NULL) NOT VALID;
	COMMIT; ALTER TABLE t VALIDATE CONSTRAINT x; COMMIT; ALTER TABLE t ALTER a SET NOT NULL');
SELECT statement, rule
FROM schemamig_lint('ALTER TABLE t ADD CONSTRAINT x CHECK (a IS NOT NULL) NOT VALID;
	COMMIT; ALTER TABLE t ALTER a SET NOT NULL');

-- What is not there is no error.
SELECT statement, rule, locks
FROM schemamig_lint('ALTER TABLE nowhere ALTER a SET NOT NULL;
	ALTER TABLE IF EXISTS nowhere2 ADD COLUMN a bigint; DROP VIEW IF EXISTS nowhere3;
	ALTER TABLE t ADD COLUMN y no_such_type DEFAULT no_such_function()');
SELECT count(*) FROM schemamig_lint(NULL);
SELECT count(*) FROM schemamig_lint('-- nothing but a comment');
SELECT count(*) FROM schemamig_lint('SELECT 1 FROM');

-- Linting locks nothing that stays.
BEGIN;
SELECT count(*) > 0 AS found
FROM schemamig_lint('ALTER TABLE p ATTACH PARTITION p_unproved FOR VALUES FROM (2000) TO (3000);
	DROP SCHEMA lint_examples CASCADE; UPDATE t SET a = 1');
SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation'
	AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'lint_examples'::regnamespace);
ROLLBACK;

-- What comes later in the script counts, and what does not do does not.
SELECT statement, rule FROM schemamig_lint('CREATE TABLE o9 (id bigint PRIMARY KEY);
CREATE TABLE n9 (id bigint PRIMARY KEY, o bigint REFERENCES o9, j json);
CREATE INDEX ON n9 (o)') WHERE rule IS NOT NULL;
SELECT statement, rule, suggestion FROM schemamig_lint('CREATE TABLE o9 (id bigint PRIMARY KEY);
CREATE TABLE n9 (id bigint PRIMARY KEY, o bigint REFERENCES o9, j jsonb);
CREATE INDEX ON n9 (o) WHERE o > 1') WHERE rule IS NOT NULL;

DROP SCHEMA lint_examples CASCADE;

-- a call that no function answers to counts as volatile
CREATE TABLE lint_call (a int);
SELECT rule FROM schemamig_lint('ALTER TABLE lint_call ADD b timestamptz DEFAULT now(1)');
SELECT rule FROM schemamig_lint('CREATE DOMAIN lint_d AS timestamptz; ALTER TABLE lint_call ADD b lint_d DEFAULT now()');
DROP TABLE lint_call;
