/* schemamig: a history that begins with the schema as it is */

CREATE FUNCTION schemamig_baseline(message text DEFAULT 'baseline', revision text DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_baseline';
COMMENT ON FUNCTION schemamig_baseline(text, text) IS
'Writes the first revision from the live schema, by schemamig_diff(''empty'', ''live''), marks it as applied here and returns its id (revision, or a random one). Elsewhere it makes the same schema. An error when there are revisions already. A warning names what no statement is known for.';
