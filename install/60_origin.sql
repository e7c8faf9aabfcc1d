/* schemamig: where revisions are from */

-- No foreign key: what refers to a revision that is gone has no meaning.
CREATE TABLE schemamig.origin
(
	revision text COLLATE "C" PRIMARY KEY,
	tool text COLLATE "C" NOT NULL,
	version text COLLATE "C",
	file text,
	checksum text COLLATE "C"
);
COMMENT ON TABLE schemamig.origin IS
'Which migration of which other tool a revision was imported from; schemamig_adopt() finds it again by this.';
COMMENT ON COLUMN schemamig.origin.revision IS 'Id of the revision.';
COMMENT ON COLUMN schemamig.origin.tool IS
'The tool: alembic, dbmate, diesel, flyway, golang-migrate, goose, sqitch, sqlx.';
COMMENT ON COLUMN schemamig.origin.version IS
'The migration''s name in the tool''s own table, numbers without zeros in front; NULL where it has none.';
COMMENT ON COLUMN schemamig.origin.file IS 'File it was in; NULL when it was in none.';
COMMENT ON COLUMN schemamig.origin.checksum IS
'Checksum of the migration, of the kind that the tool keeps in its own table.';

SELECT pg_catalog.pg_extension_config_dump('schemamig.origin', '');
