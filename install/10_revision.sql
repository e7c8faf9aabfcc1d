/* schemamig: writing revisions */

CREATE FUNCTION schemamig_revision(message text, up text, down text DEFAULT NULL,
	revision text DEFAULT NULL, parents text[] DEFAULT NULL,
	depends_on text[] DEFAULT NULL, labels text[] DEFAULT NULL,
	splice boolean DEFAULT false)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_revision';
COMMENT ON FUNCTION schemamig_revision(text, text, text, text, text[], text[], text[], boolean) IS
'Writes a revision and returns its id. down NULL: cannot be undone; empty: nothing to undo. revision NULL: a random id. parents NULL: the single head; empty array: a new base; a parent that is no head needs splice => true and begins a branch. The scripts are parsed at once; nothing runs.';

CREATE FUNCTION schemamig_load(source text)
RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_load';
COMMENT ON FUNCTION schemamig_load(text) IS
'Loads the revisions of a text in the file format, in any order, all or none, and returns their ids. Content that is there already is left alone; other content replaces a revision that is not applied, and is refused for one that is.';

CREATE FUNCTION schemamig_export(revision text)
RETURNS text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_export';
COMMENT ON FUNCTION schemamig_export(text) IS
'A revision in the file format; schemamig_load() of the result gives the same revision, byte for byte.';

CREATE FUNCTION schemamig_replace(revision text, up text, down text)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_replace';
COMMENT ON FUNCTION schemamig_replace(text, text, text) IS
'Gives a revision that is not applied new scripts. Not while a run is in progress; of a half done revision the steps that have run must stay as they are.';

CREATE FUNCTION schemamig_remove(revision text)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_remove';
COMMENT ON FUNCTION schemamig_remove(text) IS
'Removes a revision that is neither applied nor half done, and that no other revision names. Not while a run is in progress.';

CREATE FUNCTION schemamig_merge(message text DEFAULT NULL, revisions text[] DEFAULT NULL,
	revision text DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_merge';
COMMENT ON FUNCTION schemamig_merge(text, text[], text) IS
'Writes an empty revision that follows several heads (all, unless revisions names them) and returns its id. A NOTICE lists the objects that more than one side touches.';
