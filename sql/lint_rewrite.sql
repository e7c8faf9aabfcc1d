-- The online-safe form keeps the comments, and says why it leaves a statement.
SET client_min_messages = error;
\getenv srcdir PG_ABS_SRCDIR
\set examples :srcdir '/test/lint/examples.sql'
\set ECHO none
\i :examples
\set ECHO all
SET search_path = lint_examples, public;

\pset format unaligned
\pset tuples_only
SELECT schemamig_rewrite($$-- several at once
BEGIN;
ALTER TABLE t ADD COLUMN x int DEFAULT 5 CHECK (x > 0), ADD COLUMN y text,
	ADD CONSTRAINT u UNIQUE (a, d);
-- an index
CREATE INDEX ON t (a); ALTER TABLE t ALTER a TYPE numeric;
COMMIT;
/* nothing to do here */ ALTER TABLE t ADD COLUMN z text;
$$);
SELECT schemamig_rewrite('ALTER TABLE ONLY t ADD COLUMN "Odd name" uuid DEFAULT gen_random_uuid() NOT NULL CONSTRAINT cc REFERENCES o(id) ON DELETE CASCADE');
SELECT schemamig_rewrite('ALTER TABLE p ADD COLUMN s serial');
SELECT schemamig_rewrite('-- schemamig:ignore create-index
CREATE INDEX t_x ON t (a)');
SELECT schemamig_rewrite('DROP INDEX t_b, t_o_id; REINDEX TABLE t; REFRESH MATERIALIZED VIEW mv; DELETE FROM t WHERE d = 1');

-- What has nothing to improve stays byte for byte, and what was improved has
-- nothing left to improve.
SELECT schemamig_rewrite(example_good) = example_good
FROM schemamig_rules() WHERE rule IN ('create-index', 'add-check-valid', 'prefer-text-field');
SELECT r.rule, l.rule, l.message
FROM schemamig_rules() r, schemamig_lint(schemamig_rewrite(r.example_bad)) l
WHERE r.family IN ('A', 'B') AND l.severity = 'error' AND r.min_version IS NULL
	AND schemamig_rewrite(r.example_bad) !~ '-- left as it is';

DROP SCHEMA lint_examples CASCADE;
