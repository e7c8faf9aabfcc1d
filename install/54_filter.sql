/* schemamig: what comparisons leave out */

CREATE TABLE schemamig.filter
(
	action text COLLATE "C" NOT NULL CHECK (action IN ('include', 'exclude')),
	pattern text COLLATE "C" NOT NULL,
	kind text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	created_by text NOT NULL,
	PRIMARY KEY (pattern, kind)
);
COMMENT ON TABLE schemamig.filter IS
'What snapshots, fingerprints and differences leave out. Written only by schemamig_filter.';
COMMENT ON COLUMN schemamig.filter.action IS
'exclude: what matches is left out. include: of what the rule is about, only what matches an include rule is looked at.';
COMMENT ON COLUMN schemamig.filter.pattern IS
'name, schema.name, or schema.parent.name; * stands for any characters, ? for one, both only outside of double quotes. As in psql, what is not quoted is folded to lower case.';
COMMENT ON COLUMN schemamig.filter.kind IS
'The kind of objects that the rule is about, as schemamig_diff calls it; empty: all that stands alone in a schema.';
COMMENT ON COLUMN schemamig.filter.created_at IS 'When the rule was made or changed.';
COMMENT ON COLUMN schemamig.filter.created_by IS 'Role that did it.';

SELECT pg_catalog.pg_extension_config_dump('schemamig.filter', '');

CREATE FUNCTION schemamig_filter(action text, pattern text DEFAULT NULL, kind text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'schemamig_filter'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_filter(text, text, text) IS
'Sets what snapshots, fingerprints, diff, check, drift, repair, autogenerate, verify and baseline leave out. action: exclude leaves out what matches, include all of this kind that no include rule matches, remove takes the rule away. pattern: name, schema.name or schema.parent.name with * and ?, as in psql; NULL: all. kind: as schemamig_diff calls it; NULL: what stands alone in a schema. What belongs to something left out is left out with it: schemas with all that is in them, tables with their columns, indexes, partitions and sequences.';

CREATE FUNCTION schemamig_filters()
RETURNS TABLE
(
	action text,
	pattern text,
	kind text,
	objects bigint,
	created_at timestamptz,
	created_by text
)
AS 'MODULE_PATHNAME', 'schemamig_filters'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION schemamig_filters() IS
'The rules of schemamig_filter, and how many objects of the live schema each matches by itself.';
