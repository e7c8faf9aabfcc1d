--
-- schemamig_plan and schemamig_show: what would run, and what is known
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
\pset null '-'
SELECT schemamig_revision('accounts', $$
CREATE TABLE account (id int PRIMARY KEY, name text);
-- a comment; with a semicolon
CREATE INDEX CONCURRENTLY account_name ON account (name);
INSERT INTO account VALUES (1, 'a;b');
$$, 'DROP TABLE account', 'acc1');
SELECT schemamig_revision('nothing', '', '', 'emp1');
SELECT schemamig_revision('big ids', 'ALTER TABLE account ALTER COLUMN id TYPE bigint;
ALTER TABLE account DROP COLUMN name, ADD COLUMN "we""ird" text', NULL, 'big1', labels => '{"odd.label"}');
SELECT schemamig_revision('vacuum', 'VACUUM account; DO $d$ BEGIN COMMIT; END $d$;', '', 'vac1');

SELECT schemamig_revision('rename', '-- schemamig:ignore-file no-such-rule
ALTER TABLE account RENAME TO client', '', 'ren1');

-- one row for each statement, in order; a revision without any is a row too
SELECT seq, revision, direction, step, kind, statement, line, sql, destructive FROM schemamig_plan();
-- nothing exists yet, so nothing would be locked
SELECT DISTINCT locks, rewrites, scans FROM schemamig_plan();

-- it agrees with the path, and with what runs
SELECT string_agg(revision, ' ') FROM (SELECT DISTINCT ON (revision) revision FROM schemamig_plan('emp1')) p;
SELECT seq, revision, direction, message, steps FROM schemamig_apply('emp1');
SELECT count(*) FROM schemamig_plan('emp1');

-- locks, rewrites, scans and hazards of what exists now
SELECT revision, statement, locks, rewrites, scans, destructive FROM schemamig_plan('big1');
SELECT p.revision, p.statement, h->>'rule' AS rule, h->>'severity' AS severity, h->>'message' <> '' AND h ? 'suggestion' AS complete
FROM schemamig_plan() p, jsonb_array_elements(p.hazards) h WHERE p.revision = 'ren1' ORDER BY 1, 2, 3;
-- destructive is what the run asks consent for
SELECT schemamig_apply('big1');
SELECT seq, revision FROM schemamig_apply('big1', allow_destructive => true);

-- reverting: children first; what cannot be undone is destructive
SELECT seq, revision, direction, step, kind, statement, line, sql, destructive FROM schemamig_plan('base', 'revert');
SELECT revision, destructive, locks, hazards FROM schemamig_plan('-1', 'revert');

-- what an interrupted run has done is left out
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
SELECT schemamig_replace('acc1', $$
CREATE TABLE account (id int PRIMARY KEY, name text);
CREATE INDEX CONCURRENTLY account_name ON account (name);
INSERT INTO nosuch VALUES (1);
$$, 'DROP TABLE account');
\set VERBOSITY terse
SELECT schemamig_apply('acc1');
\set VERBOSITY default
SELECT seq, revision, step, statement, sql FROM schemamig_plan('emp1');
SELECT state FROM schemamig_show('acc1');
SELECT current, pending, running, last_error - '{at,role}'::text[] AS last_error, next FROM schemamig_status();
-- there is no way back from the middle but forward, or by hand
SELECT * FROM schemamig_plan('base', 'revert');
-- a changed step is refused as by the run
UPDATE schemamig.step SET checksum = 'another' WHERE step = 1;
SELECT * FROM schemamig_plan('emp1');
SELECT schemamig_settle('acc1', 'unapplied');
DROP TABLE account;

-- wrong calls
SELECT * FROM schemamig_plan(NULL);
SELECT * FROM schemamig_plan('head', NULL);
SELECT * FROM schemamig_plan('head', 'sideways');
SELECT * FROM schemamig_plan('nosuch');

-- show: everything about one revision
SELECT schemamig_apply('acc1');
\x on
SELECT revision, message, parents, depends_on, labels, state, is_head, is_current, up, down, up_transaction, down_transaction,
	length(checksum), created_at <= now() AS created, created_by = current_user AS by_me, applied_at, applied_by, run, applied_checksum
FROM schemamig_show('acc1');
SELECT schemamig_stamp('big1');
SELECT revision, labels, state, is_head, is_current, down, applied_at <= now() AS applied, applied_by = current_user AS by_me,
	run, applied_checksum = checksum AS same
FROM schemamig_show('odd.label');
\x off
SELECT revision FROM schemamig_show('current');
SELECT revision FROM schemamig_show('head');
SELECT revision FROM schemamig_show('head-3');
SELECT * FROM schemamig_show('base');
SELECT * FROM schemamig_show('acc1, emp1');
SELECT * FROM schemamig_show(NULL);
SELECT * FROM schemamig_show('nosuch');

DROP TABLE account;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
