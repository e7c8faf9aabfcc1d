/* schemamig: lint */

CREATE FUNCTION schemamig_lint(sql text)
RETURNS TABLE (statement integer, line integer, col integer, rule text,
	severity text, message text, suggestion text, locks jsonb,
	rewrites text[], scans text[])
AS 'MODULE_PATHNAME', 'schemamig_lint'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_lint(text) IS
'Says what the statements of a script would do to this database, without running them: one row per finding, and one row with rule NULL for a statement without findings. locks holds the strongest lock on each relation that exists before the statement, rewrites the relations that get new storage, scans the tables that are read from end to end; what earlier statements of the script make or change is taken into account. suggestion is SQL that does the same more safely. A comment "-- schemamig:ignore RULE, RULE" before a statement silences rules for it, "-- schemamig:ignore-file RULE" for the script.';

CREATE FUNCTION schemamig_rules()
RETURNS TABLE (rule text, severity text, family text, description text,
	example_bad text, example_good text, min_version integer,
	max_version integer)
AS 'MODULE_PATHNAME', 'schemamig_rules'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION schemamig_rules() IS
'The rules of schemamig_lint: id, severity (error, warning, note), family (A long locks by rewrite, B long locks by scan, C brief strong locks, D shape of the transaction, E running clients, F robustness, G design), what is flagged and why, an example that is flagged and one that is not, and the PostgreSQL versions it is for (NULL: all).';

CREATE FUNCTION schemamig_rewrite(sql text)
RETURNS text
AS 'MODULE_PATHNAME', 'schemamig_rewrite'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_rewrite(text) IS
'The script in its online-safe form, for this database and ready to be stored as a revision: statements for which schemamig_lint knows a form that does the same without blocking as long are replaced by it; COMMIT cuts the script into transactions. A statement that will hurt and has no such form is left as it is, with the reason in a comment in front of it.';

CREATE FUNCTION schemamig_trace(
	target text DEFAULT 'head',
	direction text DEFAULT 'apply',
	steps text DEFAULT 'cheap',
	budget interval DEFAULT '5 s')
RETURNS TABLE (seq integer, revision text, direction text, step integer,
	kind text, statement integer, line integer, sql text, traced boolean,
	reason text, locks jsonb, rewrites text[], scans jsonb, rows bigint,
	duration interval)
AS 'MODULE_PATHNAME', 'schemamig_trace'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_trace(text, text, text, interval) IS
'Executes what a run would do, with the caller''s rights, in a subtransaction that is always rolled back, and returns a row per statement: the locks it took on relations that were there before (a lock that an earlier statement of the trace holds already is shown where it was foreseen), the relations that got new storage, the tables read from end to end with the pages read, the rows inserted, updated or deleted, and the time. steps: cheap (steps that are not predicted to write, read or run anything big or opaque) or all. Steps that are no transaction are listed with the reason why they are not traced. budget: after that long, 24 hours at most, no further statement is executed, for the locks are held until the end; NULL for no limit. schemamig.lock_timeout bounds each wait for a lock. What a rollback does not undo stays: numbers taken from sequences, setval(), and what functions do outside of the database.';

CREATE FUNCTION schemamig_approve(
	revision text,
	note text DEFAULT NULL,
	checksum text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'schemamig_approve'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_approve(text, text, text) IS
'Approves the present content of a revision and returns its checksum. Refused to its author: the role or the login that wrote it. checksum: that of the content you have read, or its first digits, 8 at least; refused when it has been changed since. Where schemamig.require_approval is on, only what somebody else than the author has approved is executed; an approval ends with the content it is of.';

CREATE FUNCTION schemamig_guard(mode text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'schemamig_guard'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_guard(text) IS
'Sets what happens to DDL from outside of runs, and returns it; NULL leaves it as it is. off: nothing; log: each object that a command creates, alters or drops is in schemamig.log as event ddl, with role and statement; block: such commands are refused, but for superusers with schemamig.guard_pass on, which is logged. Runs, CREATE and ALTER EXTENSION, temporary objects and pg_upgrade are let through. Done by event triggers, so only superusers set it, and it stays through dump and restore.';

CREATE FUNCTION schemamig_guard_log()
RETURNS event_trigger
AS 'MODULE_PATHNAME', 'schemamig_guard_log'
LANGUAGE C;
COMMENT ON FUNCTION schemamig_guard_log() IS
'Event trigger of schemamig_guard(''log'').';

CREATE FUNCTION schemamig_guard_block()
RETURNS event_trigger
AS 'MODULE_PATHNAME', 'schemamig_guard_block'
LANGUAGE C;
COMMENT ON FUNCTION schemamig_guard_block() IS
'Event trigger of schemamig_guard(''block'').';
