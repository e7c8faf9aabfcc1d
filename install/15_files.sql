/* schemamig: directories of files */

CREATE FUNCTION schemamig_load_files(files jsonb)
RETURNS TABLE (file text, revision text, change text)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_load_files';
COMMENT ON FUNCTION schemamig_load_files(jsonb) IS
'Loads the files of a directory, an object of names and contents, all or none, as schemamig_load() does, and says of each revision whether it is new, changed, or the same as before. Errors name file and line.';

CREATE FUNCTION schemamig_export_files(files jsonb DEFAULT '{}')
RETURNS TABLE (file text, change text, content text)
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_export_files';
COMMENT ON FUNCTION schemamig_export_files(jsonb) IS
'The files that a directory lacks: files is what is in it, an object of names and contents. change is new for a revision that is in no file, changed for a file in which a revision is not what is stored. Revisions that are stored nowhere stay as they are.';

CREATE FUNCTION schemamig_draft(message text, files jsonb DEFAULT '{}',
	revision text DEFAULT NULL, parents text[] DEFAULT NULL,
	depends_on text[] DEFAULT NULL, labels text[] DEFAULT NULL)
RETURNS TABLE (file text, revision text, content text)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_draft';
COMMENT ON FUNCTION schemamig_draft(text, jsonb, text, text[], text[], text[]) IS
'The file of a revision that is still to be written, with its name; nothing is stored. files: what the directory has, loaded or not. revision NULL: a random id. parents NULL: the single head of the stored revisions and the files together; empty array: a new base.';
