/* schemamig: other tools' histories as revisions */

CREATE FUNCTION schemamig_import(tool text, source text, down text DEFAULT NULL)
RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_import';
COMMENT ON FUNCTION schemamig_import(text, text, text) IS
'Writes the migrations of another tool as revisions, all or none, and returns their ids in the tool''s order. tool: alembic, dbmate, diesel, flyway, golang-migrate, goose, sqitch or sqlx. source: of Alembic the output of "alembic upgrade base:head --sql", and down that of "alembic downgrade head:base --sql"; of the others their files as JSON, {"path": "content"} or [{"name": "path", "content": "content"}]. Importing again changes nothing that is applied; what is new follows. What cannot be imported is an error with file and line.';
