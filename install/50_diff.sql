/* schemamig: snapshots and differences of schemas */

CREATE FUNCTION schemamig_snapshot(schemas text[] DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'schemamig_snapshot'
LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_snapshot(text[]) IS
'The canonical description of the named schemas, or of the whole database: all schemas but the system''s, schemamig''s and the extensions'', and the objects outside schemas. Its text is a source for schemamig_diff, in any database.';

CREATE FUNCTION schemamig_fingerprint(source text DEFAULT 'live')
RETURNS text
AS 'MODULE_PATHNAME', 'schemamig_fingerprint'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_fingerprint(text) IS
'SHA-256, in hexadecimal, of what schemamig_diff compares of a source: the same for equal schemas, whatever the order in which they were built, dropped columns or OIDs.';

CREATE FUNCTION schemamig_diff(source text, target text)
RETURNS TABLE
(
	seq integer,
	kind text,
	object text,
	action text,
	up text,
	down text,
	transactional boolean,
	destructive boolean,
	hazards jsonb
)
AS 'MODULE_PATHNAME', 'schemamig_diff'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION schemamig_diff(text, text) IS
'Ordered DDL that turns source into target: "up" by seq; "down" by seq descending turns target back into source. A cell holds one or more complete statements, or is NULL where only the other direction has something to do. Sources: live, empty, schema:<name>, database:<name>, or the text of a jsonb made by schemamig_snapshot(). "transactional" is false for what must be committed by itself; such a statement is alone in its cell. Tables that exist are changed in the form that keeps them in use, unless schemamig.diff_online is off; "destructive" is true where "up" loses data; "hazards" is an array of {rule, severity, message, suggestion}. Action "unsupported" names what differs and is not modelled.';
