/* schemamig: taking over what other tools have applied */

CREATE FUNCTION schemamig_adopt(tool text DEFAULT NULL)
RETURNS TABLE (version text, revision text, state text, detail text, source text)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_adopt';
COMMENT ON FUNCTION schemamig_adopt(text) IS
'Marks as applied what another tool has applied, by the table in which that tool keeps it, and reports every migration and revision. tool is alembic, dbmate, diesel, django, flyway, golang-migrate, goose, knex, rails, sqitch or sqlx; with a table of another name, "tool:schema.table"; NULL takes the only such table there is. The table is read with the caller''s rights and never changed. state: adopted (marked as applied now), applied (was before), changed (applied, but its checksum there is another one than that of what was imported), pending (not applied there), failed (failed there), blocked (applied there, but something it needs is not), unknown (there only), extra (applied here, but not there). Only adopted and changed revisions are marked. source is the tool with its table, as the argument takes it.';
