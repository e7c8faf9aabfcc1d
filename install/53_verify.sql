/* schemamig: proof that the revisions work */

CREATE FUNCTION schemamig_verify(target text DEFAULT 'heads')
RETURNS TABLE (ok boolean, revision text, test text, detail text)
AS 'MODULE_PATHNAME', 'schemamig_verify'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION schemamig_verify(text) IS
'Proves the revisions up to the target in a scratch database, with the caller''s rights: applies them from base, takes each down and up again and compares the schema, and compares the end with the model "default", if there is one, and with the live schema, if the target is what is applied. One row for each test: checksums, single head, up, down, up again, model, live; revision is NULL where the test is about none, detail says what differs. A script that fails or leaves something behind is a row, not an error.';

CREATE FUNCTION schemamig_verify_tap(target text DEFAULT 'heads')
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'schemamig_verify_tap'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION schemamig_verify_tap(text) IS
'schemamig_verify in the Test Anything Protocol, for pg_prove and its like.';
