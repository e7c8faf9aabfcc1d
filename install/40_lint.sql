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
