/* schemamig: looking at the graph */

CREATE FUNCTION schemamig_current()
RETURNS TABLE (revision text, message text, applied_at timestamptz, applied_by text)
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_current';
COMMENT ON FUNCTION schemamig_current() IS
'The current revisions: applied, and needed by no other applied revision. No row when nothing is applied.';

CREATE FUNCTION schemamig_heads(effective boolean DEFAULT false)
RETURNS TABLE (revision text, message text, labels text[])
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_heads';
COMMENT ON FUNCTION schemamig_heads(boolean) IS
'The heads: revisions that no other names as parent; with effective => true those that no other depends on either, which is what the target heads applies.';

CREATE FUNCTION schemamig_branches()
RETURNS TABLE (revision text, children text[])
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_branches';
COMMENT ON FUNCTION schemamig_branches() IS
'The branch points: revisions that several others name as parent, with these children.';

CREATE FUNCTION schemamig_history(range text DEFAULT NULL)
RETURNS TABLE (revision text, parents text[], depends_on text[], labels text[],
	message text, state text, is_head boolean, is_current boolean,
	created_at timestamptz, applied_at timestamptz)
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_history';
COMMENT ON FUNCTION schemamig_history(text) IS
'The revisions of a range from:to, newest first, both ends included; either end may be left open, NULL is everything. state is applied, pending, or partial for a revision that an interrupted run left half done.';

CREATE FUNCTION schemamig_path(target text DEFAULT 'head', direction text DEFAULT 'apply')
RETURNS TABLE (seq integer, revision text, direction text)
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_path';
COMMENT ON FUNCTION schemamig_path(text, text) IS
'The revisions that applying (direction apply) or reverting (direction revert) to a target would run, in order. No row when there is nothing to do.';

CREATE FUNCTION schemamig_resolve(target text)
RETURNS SETOF text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_resolve';
COMMENT ON FUNCTION schemamig_resolve(text) IS
'The ids of the revisions a target names; no row for base. -N counts from the heads, +N from what is applied.';

CREATE FUNCTION schemamig_stamp(target text, purge boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_stamp';
COMMENT ON FUNCTION schemamig_stamp(text, boolean) IS
'Makes the target current without running any script, and returns the current revisions: for databases whose schema is known to be there already. Current revisions above or below the target give way, those of other branches stay; with purge nothing else stays. Journals that interrupted runs left in the branch are forgotten. Fails while a run is in progress.';

CREATE FUNCTION schemamig_graph(format text DEFAULT 'text')
RETURNS text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_graph';
COMMENT ON FUNCTION schemamig_graph(text) IS
'The whole graph, drawn: text, newest revision first like git log --graph (@ current, * applied, o pending, % half done; dotted lines are depends_on), mermaid, or dot for Graphviz.';
