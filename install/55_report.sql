/* schemamig: the page for a review */

CREATE FUNCTION schemamig_report(target text DEFAULT 'head')
RETURNS text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_report';
COMMENT ON FUNCTION schemamig_report(text) IS
'One HTML page about a run to the target, for a pull request or a change ticket: graph, plan with the SQL of each step, its locks and hazards, drift, history, last runs. The direction is the one that leads to the target. The page stands alone: it loads nothing and has no script, and nothing on it has been executed. Save it with psql -XAtqc. Where drift cannot be checked, it says why.';
