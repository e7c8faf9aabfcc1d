/* schemamig: the declared schema, and snapshots that are kept */

CREATE TABLE schemamig.snapshot
(
	fingerprint text COLLATE "C" PRIMARY KEY,
	snapshot jsonb NOT NULL,
	taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE schemamig.snapshot IS
'Snapshots of whole databases, each kept once: those of the models, and of the states after runs.';
COMMENT ON COLUMN schemamig.snapshot.fingerprint IS
'SHA-256, in hexadecimal, of what is compared of it.';
COMMENT ON COLUMN schemamig.snapshot.snapshot IS
'The snapshot as schemamig_snapshot() returns it; options of user mappings, which may be passwords, are left out.';
COMMENT ON COLUMN schemamig.snapshot.taken_at IS 'When it was read.';

CREATE TABLE schemamig.model
(
	name text COLLATE "C" PRIMARY KEY,
	source text NOT NULL,
	fingerprint text COLLATE "C" NOT NULL REFERENCES schemamig.snapshot,
	owners boolean NOT NULL,
	built_by text NOT NULL,
	declared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	declared_by text NOT NULL
);
COMMENT ON TABLE schemamig.model IS
'The declared schemas. Written only by schemamig_model.';
COMMENT ON COLUMN schemamig.model.name IS 'Name of the model; default is what schemamig_check compares with.';
COMMENT ON COLUMN schemamig.model.source IS 'The DDL, as it was given.';
COMMENT ON COLUMN schemamig.model.fingerprint IS 'The snapshot of what the DDL builds.';
COMMENT ON COLUMN schemamig.model.owners IS
'Whether the DDL says who owns things. Where it does not, owners are no difference.';
COMMENT ON COLUMN schemamig.model.built_by IS
'Role that built it, and owns what the DDL gives no owner.';
COMMENT ON COLUMN schemamig.model.declared_at IS 'When it was declared.';
COMMENT ON COLUMN schemamig.model.declared_by IS
'Role that declared it. A revision made from it by a superuser counts as written by this role.';

CREATE FUNCTION schemamig_model(sql text, name text DEFAULT 'default')
RETURNS text
AS 'MODULE_PATHNAME', 'schemamig_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_model(text, text) IS
'Declares a schema: builds the DDL, as a person or pg_dump --schema-only writes it, in a scratch database with the caller''s rights, stores the DDL with its snapshot under the name, and returns the fingerprint. Needs the right to create databases. A line "-- schemamig:rename OLD NEW" in it says what is renamed. NULL instead of the DDL forgets the model. Who may call it writes what schemamig_autogenerate puts into revisions.';

SELECT pg_catalog.pg_extension_config_dump('schemamig.snapshot', '');
SELECT pg_catalog.pg_extension_config_dump('schemamig.model', '');
