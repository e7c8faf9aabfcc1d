/* schemamig: one revision for many */

CREATE TABLE schemamig.squash
(
	LIKE schemamig.revision
);
COMMENT ON TABLE schemamig.squash IS
'Squashes that wait: some of the revisions that they replace are applied here, and others are not. As schemamig.revision.';
COMMENT ON COLUMN schemamig.squash.id IS 'Name of the revision.';
COMMENT ON COLUMN schemamig.squash.ordinal IS 'Order of creation.';
COMMENT ON COLUMN schemamig.squash.message IS 'What the revision does.';
COMMENT ON COLUMN schemamig.squash.parents IS 'Ids of the revisions this one follows.';
COMMENT ON COLUMN schemamig.squash.depends_on IS
'Ids of revisions of other lineages that must be applied before.';
COMMENT ON COLUMN schemamig.squash.labels IS 'Names of the branch that begins here.';
COMMENT ON COLUMN schemamig.squash.up IS 'Script that applies the revision.';
COMMENT ON COLUMN schemamig.squash.down IS 'Script that reverts it.';
COMMENT ON COLUMN schemamig.squash.up_transaction IS 'As in schemamig.revision.';
COMMENT ON COLUMN schemamig.squash.down_transaction IS 'As in schemamig.revision.';
COMMENT ON COLUMN schemamig.squash.checksum IS 'As in schemamig.revision.';
COMMENT ON COLUMN schemamig.squash.created_at IS 'When it was written.';
COMMENT ON COLUMN schemamig.squash.created_by IS 'Role that wrote it.';
COMMENT ON COLUMN schemamig.squash.created_login IS 'Role that had logged in then.';
COMMENT ON COLUMN schemamig.squash.replaces IS
'Ids of the revisions that it replaces, in their order.';

CREATE TABLE schemamig.replaced
(
	revision text COLLATE "C" PRIMARY KEY,
	squash text COLLATE "C" NOT NULL,
	message text NOT NULL,
	parents text[] COLLATE "C" NOT NULL,
	depends_on text[] COLLATE "C" NOT NULL,
	labels text[] COLLATE "C" NOT NULL,
	up text NOT NULL,
	down text,
	checksum text NOT NULL,
	created_at timestamptz NOT NULL,
	created_by text NOT NULL,
	applied_at timestamptz,
	applied_by text,
	replaced_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE schemamig.replaced IS
'Revisions that a squash has replaced here, as they were.';
COMMENT ON COLUMN schemamig.replaced.revision IS 'Id of the revision that was replaced.';
COMMENT ON COLUMN schemamig.replaced.squash IS 'Id of the squash.';
COMMENT ON COLUMN schemamig.replaced.message IS 'What the revision did.';
COMMENT ON COLUMN schemamig.replaced.parents IS 'Ids of the revisions it followed.';
COMMENT ON COLUMN schemamig.replaced.depends_on IS 'Ids of the revisions it depended on.';
COMMENT ON COLUMN schemamig.replaced.labels IS 'Names of the branch that began there.';
COMMENT ON COLUMN schemamig.replaced.up IS 'Script that applied it.';
COMMENT ON COLUMN schemamig.replaced.down IS 'Script that reverted it.';
COMMENT ON COLUMN schemamig.replaced.checksum IS 'Checksum of its content.';
COMMENT ON COLUMN schemamig.replaced.created_at IS 'When it was written.';
COMMENT ON COLUMN schemamig.replaced.created_by IS 'Role that wrote it.';
COMMENT ON COLUMN schemamig.replaced.applied_at IS 'When it was applied; NULL when it was not.';
COMMENT ON COLUMN schemamig.replaced.applied_by IS 'Role that applied it.';
COMMENT ON COLUMN schemamig.replaced.replaced_at IS 'When the squash took its place.';

CREATE FUNCTION schemamig_squash(range text, message text, revision text DEFAULT NULL,
	verify boolean DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_squash';
COMMENT ON FUNCTION schemamig_squash(text, text, text, boolean) IS
'Replaces the revisions of a range, one behind the other, by one revision with all their scripts, and returns its id. All of them must be applied here, or none. The file of the new revision names them (schemamig:replaces), so that it can be loaded everywhere: where all are applied it counts as applied, where none is it takes their place, and where some are, these go on, and the squash counts as applied when all are. verify: before it is stored, it is proved in a scratch database that it gives the same schema as what it replaces, up and down. NULL does so where the role may create databases, and only warns where the old scripts do not run there; true makes an error of whatever stands against a proof; false leaves it out.';

SELECT pg_catalog.pg_extension_config_dump('schemamig.squash', '');
SELECT pg_catalog.pg_extension_config_dump('schemamig.replaced', '');
