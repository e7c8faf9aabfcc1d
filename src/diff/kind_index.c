/*-------------------------------------------------------------------------
 *
 * kind_index.c
 *	  Indexes, their attachment to partitioned ones, extended statistics.
 *
 * IDENTIFICATION
 *	  src/diff/kind_index.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

/*
 * Whether another index of the table has a property that only one can have.
 */
static bool
another_has(const SmigObject *index, const char *attr)
{
	ListCell   *lc;

	foreach(lc, index->parent->children)
	{
		const SmigObject *sibling = lfirst(lc);

		if (sibling != index && smig_attr(sibling, attr))
			return true;
	}
	return false;
}

/*
 * Writes what the definition of an index or of a constraint with an index
 * leaves out: everything for a new one ("old" is NULL), else what differs.
 * "id" is the index's qualified name.
 */
void
smig_index_properties(const SmigObject *old, const SmigObject *new,
					  const char *id, SmigCell *cell)
{
	const SmigObject *table = new->parent;
	const char *value;

	/* part of CREATE INDEX, but not of ADD CONSTRAINT */
	if (old || smig_attr(new, "_index"))
		smig_emit_options(cell, psprintf("ALTER INDEX %s", id), old, new,
						  "options");
	value = smig_attr(new, "tablespace");
	if (old ? !smig_attr_same(old, new, "tablespace") : value != NULL)
		smig_cell_add(cell, "ALTER INDEX %s SET TABLESPACE %s", id,
					  value ? value : "pg_default");
	if (smig_attr(new, "clustered") && !(old && smig_attr(old, "clustered")))
		smig_cell_add(cell, "ALTER TABLE %s CLUSTER ON %s", table->id,
					  quote_identifier(new->name));
	if (old && smig_attr(old, "clustered") && !smig_attr(new, "clustered") &&
		!another_has(new, "clustered"))
		smig_cell_add(cell, "ALTER TABLE %s SET WITHOUT CLUSTER", table->id);
	if (smig_attr(new, "replica_identity") &&
		!(old && smig_attr(old, "replica_identity")))
		smig_cell_add(cell, "ALTER TABLE %s REPLICA IDENTITY USING INDEX %s",
					  table->id, quote_identifier(new->name));
	if (old && smig_attr(old, "replica_identity") &&
		!smig_attr(new, "replica_identity") &&
		!smig_attr(table, "replica_identity") &&
		!another_has(new, "replica_identity"))
		smig_cell_add(cell, "ALTER TABLE %s REPLICA IDENTITY DEFAULT",
					  table->id);
	value = smig_attr(new, "index_comment");
	if (old ? !smig_attr_same(old, new, "index_comment") : value != NULL)
		smig_cell_add(cell, "COMMENT ON INDEX %s IS %s", id,
					  value ? quote_literal_cstr(value) : "NULL");
}

/*
 * Statistics targets of index expressions, as "column target" pairs.
 */
static void
write_statistics(const SmigObject *old, const SmigObject *new, SmigCell *cell)
{
	List	   *before = old ? smig_attr_list(old, "statistics") : NIL;
	List	   *after = smig_attr_list(new, "statistics");
	ListCell   *lc;

	foreach(lc, after)
	{
		int			column;
		int			target;

		if (sscanf(lfirst(lc), "%d %d", &column, &target) == 2)
			smig_cell_add(cell, "ALTER INDEX %s ALTER COLUMN %d SET STATISTICS %d",
						  new->id, column, target);
	}
	foreach(lc, before)
	{
		int			column;
		int			target;
		bool		stays = false;
		ListCell   *other;

		if (sscanf(lfirst(lc), "%d %d", &column, &target) != 2)
			continue;
		foreach(other, after)
			stays = stays || strtol(lfirst(other), NULL, 10) == column;
		if (!stays)
			smig_cell_add(cell, "ALTER INDEX %s ALTER COLUMN %d SET STATISTICS -1",
						  new->id, column);
	}
}

/*
 * Whether what is made for a partitioned table must be made for its partitions
 * by the same statement, because a filter leaves them out.  Where it leaves
 * out only some, they get none, and a hazard says so.
 *
 * id: of the index
 */
bool
smig_takes_left_out(SmigDelta *delta, const SmigObject *table, const char *id,
					SmigCell *cell)
{
	bool		others;

	if (!smig_left_out_partitions(delta, table, &others))
		return false;
	if (others)
		smig_cell_hazard(cell, "left_out", "warning",
						 psprintf("partitions of %s that a filter leaves out get no part of %s, which is not valid until they have one",
								  table->id, id),
						 "Create it on them, and attach it.");
	return !others;
}

static void
create_index(SmigDelta *delta, const SmigObject *index, SmigCell *cell)
{
	const char *definition = smig_attr(index, "def");
	char	   *options = smig_option_list(index, "_options");
	const char *at = smig_attr(index, "_options_at");
	int			split = at ? smig_attr_number(index, "_options_at") :
		(int) strlen(definition);
	bool		partitioned = smig_attr(index, "_partitioned") != NULL;
	bool		only = partitioned &&
		!smig_takes_left_out(delta, index->parent, index->id, cell);
	bool		online = smig_online(delta, index->parent) && !partitioned;
	char	   *rest = psprintf("%s ON %s%s %.*s%s%s%s%s",
								quote_identifier(index->name),
								only ? "ONLY " : "",
								index->parent->id, split, definition,
								options ? " WITH (" : "", options ? options : "",
								options ? ")" : "", definition + split);
	const char *unique = smig_attr(index, "unique") ? "UNIQUE " : "";

	if (online)
		smig_cell_alone(cell, "CREATE %sINDEX CONCURRENTLY %s", unique, rest);
	else
		smig_cell_add(cell, "CREATE %sINDEX %s", unique, rest);
	smig_index_properties(NULL, index, index->id, cell);
	write_statistics(NULL, index, cell);
	if (!online && !only && !smig_delta_is_new(delta, index->parent))
		smig_cell_hazard(cell, "index_blocks_writes", "warning",
						 psprintf("writes to %s wait while the index is built",
								  index->parent->id),
						 "Create the index CONCURRENTLY.");
}

static bool
alter_index(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			SmigCell *cell)
{
	static const char *const alterable[] = {
		"options", "tablespace", "clustered", "replica_identity",
		"statistics", NULL
	};

	if (!smig_only_differs(old, new, alterable))
		return false;
	smig_index_properties(old, new, new->id, cell);
	if (!smig_attr_same(old, new, "statistics"))
		write_statistics(old, new, cell);
	return true;
}

/*
 * Whether a partition has a constraint whose index is attached to this one.
 * Neither can be dropped without the other, so that CASCADE is the only way.
 */
static bool
has_constraint_attached(const SmigObject *index)
{
	ListCell   *lc;

	foreach(lc, index->rdeps)
	{
		const SmigObject *link = lfirst(lc);

		if (strcmp(link->kind->name, "index partition") == 0 && link->parent &&
			smig_attr(link->parent, "_index"))
			return true;
	}
	return false;
}

/*
 * The index of a partitioned table cannot be dropped concurrently.
 */
static void
drop_index(SmigDelta *delta, const SmigObject *index, SmigCell *cell)
{
	if (has_constraint_attached(index))
		smig_cell_add(cell, "DROP INDEX %s CASCADE", index->id);
	else if (smig_attr(index, "_partitioned") ||
			 !smig_online(delta, index->parent))
		smig_cell_add(cell, "DROP INDEX %s", index->id);
	else
		smig_cell_alone(cell, "DROP INDEX CONCURRENTLY %s", index->id);
}

static void
create_attachment(SmigDelta *delta, const SmigObject *link, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER INDEX %s ATTACH PARTITION %s",
				  smig_attr(link, "index"), link->id);
}

/*
 * There is no statement that detaches an index; it happens when the table is
 * detached or the index goes.
 */
static void
drop_attachment(SmigDelta *delta, const SmigObject *link, SmigCell *cell)
{
}

static void
create_statistics(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "%s", smig_attr(object, "_def"));
	if (smig_attr(object, "target"))
		smig_cell_add(cell, "ALTER STATISTICS %s SET STATISTICS %s",
					  object->id, smig_attr(object, "target"));
}

static bool
alter_statistics(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				 SmigCell *cell)
{
	const char *target = smig_attr(new, "target");
	static const char *const alterable[] = {"target", NULL};

	if (!smig_only_differs(old, new, alterable))
		return false;
	if (!smig_attr_same(old, new, "target"))
		smig_cell_add(cell, "ALTER STATISTICS %s SET STATISTICS %s", new->id,
					  target ? target : "-1");
	return true;
}

/*
 * Classes of operators and the types of which they are the default ones, as
 * GetDefaultOpClass finds it out: a default class of just this type; or, where
 * there is none, text's for varchar, and those of all enums, ranges and
 * multiranges, unless somebody has made a cast or a class that it would have to
 * choose from too.  Not all there are: indexes of arrays and domains are rare.
 */
#define DEFAULT_CLASSES \
	"SELECT d.oid AS class, t.oid AS type" \
	" FROM pg_opclass d JOIN pg_type t ON t.oid = d.opcintype" \
	" WHERE d.opcdefault AND t.typtype <> 'd'" \
	" UNION ALL SELECT d.oid, t.oid FROM pg_type t JOIN pg_opclass d" \
	" ON d.opcintype = CASE t.typtype WHEN 'e' THEN 'anyenum'::regtype" \
	" WHEN 'r' THEN 'anyrange'::regtype WHEN 'm' THEN 'anymultirange'::regtype" \
	" ELSE 'text'::regtype END" \
	" WHERE d.opcdefault" \
	" AND (t.typtype IN ('e', 'r', 'm') OR t.oid = 'varchar'::regtype)" \
	" AND NOT EXISTS (SELECT FROM pg_opclass e WHERE e.opcdefault" \
	" AND e.opcmethod = d.opcmethod AND e.opcintype = t.oid)" \
	" AND NOT EXISTS (SELECT FROM pg_cast e WHERE e.castsource = t.oid" \
	" AND e.castmethod = 'b' AND e.oid >= 16384)" \
	" AND NOT EXISTS (SELECT FROM pg_opclass e JOIN pg_type p ON p.oid = e.opcintype" \
	" WHERE e.opcdefault AND e.oid >= 16384 AND p.typtype = 'p')"

/*
 * What pg_get_indexdef writes of a key column, "n" from 0, of index "x", after
 * its name and collation: its class of operators "o", if it is not the default
 * one.  NULL where only the server can tell, and where the class has
 * parameters; those of btree that come with PostgreSQL have none.
 */
#define INDEX_OPCLASS(n) \
	" CASE WHEN (x.indclass[" n "] >= 16384 OR am.amname <> 'btree') AND EXISTS" \
	" (SELECT FROM pg_attribute p WHERE p.attrelid = x.indexrelid" \
	" AND p.attnum = " n " + 1 AND p.attoptions IS NOT NULL) THEN NULL" \
	" WHEN (x.indclass[" n "], a.atttypid) IN (SELECT d.class, d.type" \
	" FROM default_class d) THEN ''" \
	" WHEN NOT o.opcdefault THEN" \
	" CASE WHEN o.opcnamespace = 'pg_catalog'::regnamespace THEN ' '" \
	" ELSE ' ' || o.opcnamespace::regnamespace || '.' END || quote_ident(o.opcname)" \
	" END"

/* Key column "n" of index "x": column "a" of the table. */
#define INDEX_COLUMN(n) \
	" quote_ident(a.attname)" \
	" || CASE WHEN x.indcollation[" n "] IN (0, a.attcollation) THEN ''" \
	" ELSE ' COLLATE ' || x.indcollation[" n "]::regcollation END" \
	" || " INDEX_OPCLASS(n) \
	" || CASE x.indoption[" n "] WHEN 1 THEN ' DESC NULLS LAST'" \
	" WHEN 2 THEN ' NULLS FIRST' WHEN 3 THEN ' DESC' ELSE '' END"

/* What column "n" adds when there is one; it can be one that is only included. */
#define INDEX_NEXT_COLUMN(n) \
	" CASE WHEN x.indnatts <= " n " THEN '' ELSE (SELECT" \
	" CASE WHEN x.indnkeyatts > " n " THEN ', ' ||" INDEX_COLUMN(n) \
	" WHEN x.indnkeyatts = " n " THEN ') INCLUDE (' || quote_ident(a.attname)" \
	" ELSE ', ' || quote_ident(a.attname) END" \
	" FROM pg_attribute a LEFT JOIN pg_opclass o ON o.oid = x.indclass[" n "]" \
	" WHERE a.attrelid = x.indrelid AND a.attnum = x.indkey[" n "]) END"

/*
 * The columns of index "x", or NULL where they are left to the function.  Most
 * indexes have one column, which is joined.  Every further one makes the query
 * longer to plan, and a subquery that takes any number of them is slower than
 * the function: more than three are not composed.
 */
#define INDEX_COLUMNS \
	" CASE WHEN x.indexprs IS NULL AND x.indpred IS NULL AND x.indnatts <= 3 THEN" \
	INDEX_COLUMN("0") " ||" INDEX_NEXT_COLUMN("1") " ||" INDEX_NEXT_COLUMN("2") \
	" END"

/*
 * pg_get_indexdef writes, after the name and the table, "USING method
 * (columns) INCLUDE (...) NULLS NOT DISTINCT WITH (options) WHERE (...)".  The
 * options are taken out, because they can be altered.  "s" is composed of the
 * catalog's columns; where it is NULL, the function is called, which takes two
 * or three times as long: it opens the table and looks for the default class of
 * every column anew.
 */
const SmigKind smig_kinds_index[] = {
	{
		.name = "index",
		.sql = "INDEX",
		.classid = 1259,
		.order = 110,
		.flags = SMIG_KIND_RELATION | SMIG_KIND_RENAME | SMIG_KIND_UNFOLD,
		.query = "WITH default_class AS MATERIALIZED (" DEFAULT_CLASSES ")"
		" SELECT i.oid, 0, 'pg_class'::regclass::oid, r.oid, 0,"
		" format('%I.%I', n.nspname, i.relname), i.relname::text,"
		" n.nspname AS _schema, x.indisunique AS \"unique\","
		" CASE WHEN i.reloptions IS NULL OR s.def IS NOT NULL THEN f.def"
		" ELSE replace(f.def, w.opts, '') END AS def,"
		" CASE WHEN i.reloptions IS NULL THEN NULL"
		" WHEN s.def IS NOT NULL THEN octet_length(s.def)"
		" ELSE octet_length(left(f.def, strpos(f.def, w.opts) - 1)) END AS _options_at,"
		" i.reloptions AS _options,"
		" CASE WHEN i.reloptions IS NOT NULL THEN (SELECT array_agg(e ORDER BY"
		" e COLLATE \"C\") FROM unnest(i.reloptions) e) END AS options,"
		" quote_ident(ts.spcname) AS tablespace,"
		" x.indisclustered AS clustered, x.indisreplident AS replica_identity,"
		" i.relkind = 'i' AND NOT x.indisvalid AS invalid,"
		" i.relkind = 'I' AS _partitioned,"
		" CASE WHEN x.indexprs IS NOT NULL THEN (SELECT array_agg(a.attnum || ' '"
		" || a.attstattarget ORDER BY a.attnum) FROM pg_attribute a"
		" WHERE a.attrelid = i.oid AND a.attstattarget >= 0) END AS statistics,"
		" CASE WHEN i.relispartition THEN (SELECT "
		SMIG_ADDRESS("pg_class", "h.inhparent", "0")
		" FROM pg_inherits h WHERE h.inhrelid = i.oid) END AS origin"
		" FROM (SELECT * FROM pg_index y WHERE y.indexrelid >= 16384"
		" AND NOT EXISTS (SELECT FROM pg_constraint c"
		" WHERE c.conindid = y.indexrelid AND c.contype IN ('p', 'u', 'x'))"
		" OFFSET 0) x JOIN pg_class i ON i.oid = x.indexrelid"
		" JOIN pg_class r ON r.oid = x.indrelid"
		" JOIN pg_namespace n ON n.oid = i.relnamespace"
		" JOIN pg_namespace rn ON rn.oid = r.relnamespace"
		" JOIN pg_am am ON am.oid = i.relam"
		" LEFT JOIN pg_tablespace ts ON ts.oid = i.reltablespace"
		" LEFT JOIN LATERAL (SELECT * FROM pg_attribute b"
		" WHERE b.attrelid = x.indrelid AND b.attnum = x.indkey[0] OFFSET 0) a ON true"
		" LEFT JOIN pg_opclass o ON o.oid = x.indclass[0]"
		" CROSS JOIN LATERAL (SELECT 'USING ' || quote_ident(am.amname) || ' (' ||"
		INDEX_COLUMNS " || CASE WHEN x.indnullsnotdistinct"
		" THEN ') NULLS NOT DISTINCT' ELSE ')' END OFFSET 0) s(def)"
		" CROSS JOIN LATERAL (SELECT coalesce(s.def, substr(pg_get_indexdef(i.oid),"
		" length(format("
		"'CREATE %sINDEX %I ON %s%I.%I ',"
		" CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END, i.relname,"
		" CASE i.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END,"
		" rn.nspname, r.relname)) + 1)) OFFSET 0) f(def)"
		" CROSS JOIN LATERAL (SELECT CASE WHEN i.reloptions IS NOT NULL"
		" AND s.def IS NULL THEN"
		" (SELECT ' WITH (' || string_agg(quote_ident(option_name) || '=' ||"
		" CASE WHEN quote_ident(option_value) = option_value THEN option_value"
		" ELSE quote_literal(option_value) END, ', ') || ')'"
		" FROM pg_options_to_table(i.reloptions)) END OFFSET 0) w(opts)"
		" WHERE r.relnamespace = ANY ($1) AND r.relkind IN ('r', 'p', 'm')"
		" AND r.relpersistence <> 't'",
		.create = create_index,
		.alter = alter_index,
		.drop = drop_index
	},
	{
		.name = "index partition",
		.order = 120,
		.flags = SMIG_KIND_LINK,
		.query = "SELECT 0::oid, 0, 'pg_class'::regclass::oid, i.oid, 0,"
		" format('%I.%I', n.nspname, i.relname), i.relname::text,"
		" format('%I.%I', pn.nspname, p.relname) AS index,"
		SMIG_ADDRESS("pg_class", "p.oid", "0") " AS dep_index,"
		SMIG_ADDRESS("pg_class", "x.indrelid", "0") " AS dep_table"
		" FROM pg_inherits h JOIN pg_class i ON i.oid = h.inhrelid"
		" JOIN pg_namespace n ON n.oid = i.relnamespace"
		" JOIN pg_index x ON x.indexrelid = i.oid"
		" JOIN pg_class p ON p.oid = h.inhparent"
		" JOIN pg_namespace pn ON pn.oid = p.relnamespace"
		" WHERE i.relnamespace = ANY ($1) AND i.relkind IN ('i', 'I')",
		.create = create_attachment,
		.drop = drop_attachment
	},
	{
		.name = "statistics",
		.sql = "STATISTICS",
		.classid = 3381,
		.order = 115,
		.flags = SMIG_KIND_UNFOLD,
		.query = "SELECT s.oid, 0, 'pg_class'::regclass::oid, s.stxrelid, 0,"
		" format('%I.%I', n.nspname, s.stxname), s.stxname::text,"
		" n.nspname AS _schema, pg_get_userbyid(s.stxowner) AS owner,"
		" pg_get_statisticsobjdef(s.oid) AS _def, s.stxkind AS kinds,"
		" (SELECT array_agg(a.attname ORDER BY a.attname)"
		" FROM pg_attribute a WHERE a.attrelid = s.stxrelid"
		" AND a.attnum = ANY (s.stxkeys::int2[])) AS columns,"
		" pg_get_statisticsobjdef_expressions(s.oid) AS expressions,"
		" CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END AS target"
		" FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace"
		" WHERE s.stxnamespace = ANY ($1)",
		.create = create_statistics,
		.alter = alter_statistics
	},
	{0}
};
