/*-------------------------------------------------------------------------
 *
 * kind_column.c
 *	  Columns of tables and views, and their defaults.
 *
 * IDENTIFICATION
 *	  src/diff/kind_column.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

#ifdef SMIG_HAVE_SET_EXPRESSION
static const bool can_set_expression = true;
#else
static const bool can_set_expression = false;
#endif

#ifdef SMIG_HAVE_PARTITION_IDENTITY
static const bool partitions_have_identity = true;
#else
static const bool partitions_have_identity = false;
#endif

/*
 * The child of a kind, or NULL.
 */
const SmigObject *
smig_child_of_kind(const SmigObject *parent, const char *kind)
{
	ListCell   *lc;

	foreach(lc, parent->children)
	{
		const SmigObject *child = lfirst(lc);

		if (strcmp(child->kind->name, kind) == 0)
			return child;
	}
	return NULL;
}

static const struct
{
	const char *attr;
	const char *option;
	const char *none;			/* what undoes it */
}			identity_options[] =
{
	{"identity_increment", "INCREMENT BY", "INCREMENT BY 1"},
	{"identity_min", "MINVALUE", "NO MINVALUE"},
	{"identity_max", "MAXVALUE", "NO MAXVALUE"},
	{"identity_start", "START WITH", "START WITH 1"},
	{"identity_cache", "CACHE", "CACHE 1"},
	{"identity_cycle", "CYCLE", "NO CYCLE"}
};

static char *
identity_clause(const SmigObject *column)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "GENERATED %s AS IDENTITY (SEQUENCE NAME %s",
					 smig_attr(column, "identity"),
					 smig_attr(column, "identity_sequence"));
	for (int i = 0; i < lengthof(identity_options); i++)
	{
		const char *value = smig_attr(column, identity_options[i].attr);

		if (value == NULL)
			continue;
		appendStringInfo(&buf, " %s", identity_options[i].option);
		if (strcmp(identity_options[i].option, "CYCLE") != 0)
			appendStringInfo(&buf, " %s", value);
	}
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

static char *
column_definition(SmigDelta *delta, const SmigObject *column, bool bare,
				  bool identity)
{
	StringInfoData buf;
	bool		typed = smig_attr(column->parent, "of_type") != NULL;
	const SmigObject *value = smig_child_of_kind(column, "default");
	const char *collation = smig_attr(column, "collation");
	const char *compression = smig_attr(column, "compression");
	char	   *options = smig_foreign_option_list(column, "foreign_options");

	initStringInfo(&buf);
	appendStringInfoString(&buf, quote_identifier(column->name));
	if (!typed)
	{
		appendStringInfo(&buf, " %s", smig_attr(column, "type"));
		if (options)
			appendStringInfo(&buf, " OPTIONS (%s)", options);
		if (compression)
			appendStringInfo(&buf, " COMPRESSION %s", compression);
		if (collation)
			appendStringInfo(&buf, " COLLATE %s", collation);
	}
	else if (value || *smig_not_null_clause(column) ||
			 smig_attr(column, "generated") || smig_attr(column, "identity"))
		appendStringInfoString(&buf, " WITH OPTIONS ");
	if (value && !bare && smig_delta_state(delta, value)->folded)
		appendStringInfo(&buf, " DEFAULT %s", smig_attr(value, "def"));
	if (smig_attr(column, "generated"))
		appendStringInfo(&buf, " GENERATED ALWAYS AS (%s) %s",
						 smig_attr(column, "generated"),
						 smig_attr(column, "virtual") ? "VIRTUAL" : "STORED");
	if (identity && smig_attr(column, "identity"))
		appendStringInfo(&buf, " %s", identity_clause(column));
	if (!bare)
		appendStringInfoString(&buf, smig_not_null_clause(column));
	return buf.data;
}

/*
 * A column as it stands in CREATE TABLE or after ADD COLUMN, with the default
 * where that is part of the same statement.
 */
char *
smig_column_definition(SmigDelta *delta, const SmigObject *column)
{
	return column_definition(delta, column, false, true);
}

/*
 * A column as smig_column_definition gives it, without default and NOT NULL.
 */
char *
smig_column_bare_definition(SmigDelta *delta, const SmigObject *column)
{
	return column_definition(delta, column, true, true);
}

/*
 * Properties of a column that have no place in its definition: of a new one
 * when "old" is NULL, else those that differ.
 */
static void
write_properties(const SmigObject *old, const SmigObject *new, bool retyped,
				 SmigCell *cell)
{
	char	   *alter = psprintf("ALTER TABLE ONLY %s ALTER COLUMN %s",
								 new->parent->id, quote_identifier(new->name));
	const char *value;

	/* another type brings its own storage and compression */
	value = smig_attr(new, "storage");
	if (old && !retyped ? !smig_attr_same(old, new, "storage") : value != NULL)
		smig_cell_add(cell, "%s SET STORAGE %s", alter,
					  value ? value : smig_attr(new, "_storage"));
	value = smig_attr(new, "statistics");
	if (old ? !smig_attr_same(old, new, "statistics") : value != NULL)
		smig_cell_add(cell, "%s SET STATISTICS %s", alter,
					  value ? value : "-1");
	smig_emit_options(cell, alter, old, new, "options");
}

/*
 * What a column needs after the statement that made it.
 */
void
smig_column_after(SmigDelta *delta, const SmigObject *column, SmigCell *cell)
{
	write_properties(NULL, column, false, cell);
	smig_not_null_after(column, cell);
	if (smig_attr(column->parent, "of_type") &&
		smig_attr(column, "compression"))
		smig_cell_add(cell, "ALTER TABLE %s ALTER COLUMN %s SET COMPRESSION %s",
					  column->parent->id, quote_identifier(column->name),
					  smig_attr(column, "compression"));
}

/*
 * What a new inherited column has that the one it is inherited from does not
 * bring: it was made by CREATE TABLE, or with "added" by ADD COLUMN of that one.
 */
void
smig_column_inherited(SmigDelta *delta, const SmigObject *column, bool added,
					  SmigCell *cell)
{
	if (!added && smig_attr(column->origin, "storage") &&
		smig_attr(column, "storage") == NULL)
		smig_cell_add(cell, "ALTER TABLE ONLY %s ALTER COLUMN %s SET STORAGE %s",
					  column->parent->id, quote_identifier(column->name),
					  smig_attr(column, "_storage"));
	write_properties(NULL, column, false, cell);
	smig_not_null_inherited(column, added, cell);
	smig_emit_extras(delta, NULL, column, cell);
}

/*
 * The same for all columns that come with a new one.
 */
static void
complete_heirs(SmigDelta *delta, const SmigObject *column, SmigCell *cell)
{
	ListCell   *lc;

	foreach(lc, smig_delta_heirs(column))
	{
		const SmigObject *heir = lfirst(lc);

		if (!smig_delta_state(delta, heir)->implied ||
			!smig_delta_inherits_both(delta, heir))
			continue;
		smig_column_inherited(delta, heir, true, cell);
		complete_heirs(delta, heir, cell);
	}
}

/*
 * Whether a new column becomes an identity column by a statement of its own:
 * children inherit the column but not the identity, so ADD COLUMN refuses both
 * at once where there are children.
 */
static bool
identity_comes_later(SmigDelta *delta, const SmigObject *column)
{
	const SmigObject *table = smig_delta_state(delta, column->parent)->other;
	ListCell   *lc;

	if (smig_attr(column, "identity") == NULL || table == NULL ||
		(partitions_have_identity && smig_attr(table, "partition_by")))
		return false;
	foreach(lc, table->rdeps)
	{
		const SmigObject *link = lfirst(lc);

		if ((link->kind->flags & SMIG_KIND_INHERITS) && link->parent != table)
			return true;
	}
	return false;
}

/*
 * A column with a default that is part of its definition, or that needs none.
 */
static void
create_column(SmigDelta *delta, const SmigObject *column, SmigCell *cell)
{
	const SmigObject *value = smig_child_of_kind(column, "default");
	bool		named = value == NULL &&
		smig_not_null_named_heirs(delta, column);
	bool		later = identity_comes_later(delta, column);

	if (smig_online_add_column(delta, column, cell))
		return;
	smig_cell_add(cell, "ALTER TABLE %s ADD COLUMN %s", column->parent->id,
				  column_definition(delta, column, named, !later));
	if (named)
	{
		smig_not_null_heirs(delta, column, cell);
		smig_not_null_set(column, cell);
	}
	if (smig_attr(column, "not_null") && value == NULL &&
		(later || !smig_attr(column, "identity")) &&
		!smig_attr(column, "generated"))
		smig_cell_hazard(cell, "not_null_without_default", "error",
						 "fails when the table has rows",
						 "Add the column without NOT NULL, fill it, then set NOT NULL.");
	if (later)
		smig_cell_add(cell, "ALTER TABLE %s ALTER COLUMN %s ADD %s",
					  column->parent->id,
					  pstrdup(quote_identifier(column->name)),
					  identity_clause(column));
	smig_column_after(delta, column, cell);
	complete_heirs(delta, column, cell);
}

static void
drop_column(SmigDelta *delta, const SmigObject *column, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE %s%s DROP COLUMN %s",
				  smig_delta_spares(delta, column) ? "ONLY " : "",
				  column->parent->id, quote_identifier(column->name));
	if (smig_attr(column, "generated") == NULL)
		smig_cell_hazard(cell, "drop_column", "error",
						 psprintf("the data of column %s is lost", column->id),
						 NULL);
}

/*
 * Whether the change of one attribute reaches this column from the one it is
 * inherited from.
 */
static bool
comes_from_origin(SmigDelta *delta, const SmigObject *new, const char *attr)
{
	SmigState  *state;

	if (new->origin == NULL || !smig_delta_inherits_both(delta, new))
		return false;
	state = smig_delta_state(delta, new->origin);
	if (state->fate != SMIG_FATE_ALTER)
		return false;
	return !smig_attr_same(new->origin, state->other, attr) || state->retype;
}

static void
alter_type(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
		   SmigCell *cell)
{
	const char *from = smig_attr(old, "type");
	const char *to = smig_attr(new, "type");
	const char *collation = smig_attr(new, "collation");
	bool		retype = smig_delta_state(delta, new)->retype;
	char	   *name = pstrdup(quote_identifier(new->name));
	char	   *cast = smig_cast_expression(delta, old, new);

	smig_cell_add(cell, "ALTER TABLE %s ALTER COLUMN %s TYPE %s%s%s%s%s",
				  new->parent->id, name, to,
				  collation ? " COLLATE " : "", collation ? collation : "",
				  cast ? " USING " : "", cast ? cast : "");
	if (retype || smig_cast_rewrites(from, to))
		smig_cell_hazard(cell, "table_rewrite", "warning",
						 psprintf("%s may be rewritten while it is locked",
								  new->parent->id),
						 "Add a new column, fill it in batches and swap.");
	if (retype || smig_cast_loses(from, to))
		smig_cell_hazard(cell, "lossy_type_change", "warning",
						 "values may not fit the new type: the statement fails, or they are rounded",
						 NULL);
}

static void
alter_identity(const SmigObject *old, const SmigObject *new, SmigCell *cell)
{
	char	   *alter = psprintf("ALTER TABLE %s ALTER COLUMN %s",
								 new->parent->id, quote_identifier(new->name));
	const char *was = smig_attr(old, "identity");
	const char *is = smig_attr(new, "identity");
	bool		moved = !smig_attr_same(old, new, "identity_min") ||
		!smig_attr_same(old, new, "identity_max") ||
		!smig_attr_same(old, new, "identity_increment");
	StringInfoData buf;

	if (is == NULL)
	{
		if (was)
			smig_cell_add(cell, "%s DROP IDENTITY", alter);
		return;
	}
	if (was == NULL)
	{
		const char *sequence = smig_attr(new, "identity_sequence");
		const char *column = quote_identifier(new->name);

		smig_cell_add(cell, "%s ADD %s", alter, identity_clause(new));
		smig_cell_add(cell, "SELECT pg_catalog.setval(%s, max(%s)) FROM %s HAVING max(%s) > 0",
					  quote_literal_cstr(sequence), column, new->parent->id,
					  column);
		return;
	}
	initStringInfo(&buf);
	if (strcmp(was, is) != 0)
		appendStringInfo(&buf, " SET GENERATED %s", is);
	if (moved && !smig_attr_same(old, new, "_identity_start"))
		appendStringInfo(&buf, " SET START WITH %s",
						 smig_attr(new, "_identity_start"));
	for (int i = 0; i < lengthof(identity_options); i++)
	{
		const char *value = smig_attr(new, identity_options[i].attr);

		if (smig_attr_same(old, new, identity_options[i].attr) ||
			(moved && strcmp(identity_options[i].attr, "identity_start") == 0))
			continue;
		if (value == NULL && strcmp(identity_options[i].attr, "identity_start") == 0)
			appendStringInfo(&buf, " SET START WITH %s",
							 smig_attr(new, "_identity_start"));
		else if (value == NULL)
			appendStringInfo(&buf, " SET %s", identity_options[i].none);
		else if (strcmp(identity_options[i].option, "CYCLE") == 0)
			appendStringInfoString(&buf, " SET CYCLE");
		else
			appendStringInfo(&buf, " SET %s %s", identity_options[i].option,
							 value);
	}
	/* the present value must lie within the new bounds */
	if (buf.len > 0 && moved)
		smig_cell_add(cell, "DO $schemamig$\n"
					  "BEGIN\n"
					  "\t%s%s;\n"
					  "EXCEPTION WHEN invalid_parameter_value THEN\n"
					  "\t%s%s RESTART;\n"
					  "END\n"
					  "$schemamig$", alter, buf.data, alter, buf.data);
	else if (buf.len > 0)
		smig_cell_add(cell, "%s%s", alter, buf.data);
	if (!smig_attr_same(old, new, "identity_sequence"))
		smig_cell_add(cell, "ALTER SEQUENCE %s RENAME TO %s",
					  smig_attr(old, "identity_sequence"),
					  quote_identifier(smig_attr(new, "_identity_name")));
}

/*
 * Whether a partition key names a column.
 */
static bool
names_column(const char *key, const char *column)
{
	const char *name = quote_identifier(column);
	size_t		length = strlen(name);

	for (const char *at = strstr(key, name); at; at = strstr(at + 1, name))
	{
		char		before = at > key ? at[-1] : ' ';
		char		after = at[length];

		if (strchr(" (,", before) && (after == '\0' || strchr(" ),", after)))
			return true;
	}
	return false;
}

static bool
alter_column(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			 SmigCell *cell)
{
	SmigState  *state = smig_delta_state(delta, new);
	char	   *alter = psprintf("ALTER TABLE %s ALTER COLUMN %s",
								 new->parent->id, quote_identifier(new->name));
	bool		retype = state->retype ||
		!smig_attr_same(old, new, "type") ||
		!smig_attr_same(old, new, "collation");
	bool		narrows;
	const char *value;

	if (retype && smig_attr(old->parent, "partition_by") &&
		names_column(smig_attr(old->parent, "partition_by"), old->name))
		smig_delta_refuse(delta, NULL,
						  psprintf("the type of column %s cannot be altered, because it is part of the partition key",
								   old->id));
	if (smig_attr(new, "generated") && !smig_attr_same(old, new, "generated"))
	{
		if (!can_set_expression || smig_attr(old, "generated") == NULL)
			return false;
	}
	if (!smig_attr_same(old, new, "virtual"))
		return false;
	if (smig_attr(old, "generated") && smig_attr(new, "generated") == NULL &&
		!comes_from_origin(delta, new, "generated"))
		smig_cell_add(cell, "%s DROP EXPRESSION", alter);
	if (smig_attr(old, "identity") && smig_attr(new, "identity") == NULL)
		alter_identity(old, new, cell);
	if (smig_attr(old, "not_null") && smig_attr(new, "not_null") == NULL &&
		!comes_from_origin(delta, new, "not_null"))
		smig_not_null_drop(delta, old, cell);
	narrows = retype && smig_attr(old, "identity") && smig_attr(new, "identity") &&
		strcmp(smig_attr(old, "type"), "smallint") != 0 &&
		strcmp(smig_attr(new, "type"), "bigint") != 0;

	/*
	 * the bounds of a wider type do not fit, those of a narrower one do not
	 * do
	 */
	if (narrows)
		alter_identity(old, new, cell);
	if (retype && !comes_from_origin(delta, new, "type") &&
		!comes_from_origin(delta, new, "collation"))
		alter_type(delta, old, new, cell);
	if (smig_attr(new, "generated") && !smig_attr_same(old, new, "generated"))
		smig_cell_add(cell, "%s SET EXPRESSION AS (%s)", alter,
					  smig_attr(new, "generated"));
	if (smig_attr(old, "not_null") == NULL && smig_attr(new, "not_null") &&
		!comes_from_origin(delta, new, "not_null"))
	{
		bool		online = smig_online(delta, new->parent) &&
			strcmp(new->parent->kind->name, "table") == 0;

		smig_not_null_heirs(delta, new, cell);
		if (online)
			smig_online_set_not_null(new, cell);
		else
			smig_not_null_set(new, cell);
		smig_cell_hazard(cell, "not_null_scan", online ? "info" : "warning",
						 online ? "fails when there are NULLs" :
						 "the table is scanned while it is locked; fails when there are NULLs",
						 online ? "Fill the column before." :
						 "Add a CHECK (... IS NOT NULL) NOT VALID, validate it, then set NOT NULL.");
	}
	smig_not_null_alter(delta, old, new, cell);
	if (smig_attr(new, "identity") && !narrows)
		alter_identity(old, new, cell);
	value = smig_attr(new, "compression");
	if (retype ? value != NULL : !smig_attr_same(old, new, "compression"))
		smig_cell_add(cell, "%s SET COMPRESSION %s", alter,
					  value ? value : "default");
	write_properties(old, new, retype, cell);
	smig_emit_foreign_options(cell, alter, old, new, "foreign_options");
	return true;
}

static void
create_default(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	const SmigObject *column = object->parent;
	bool		table = strcmp(column->kind->name, "column") == 0;

	smig_cell_add(cell, "ALTER %s %s ALTER COLUMN %s SET DEFAULT %s",
				  table ? "TABLE ONLY" : "VIEW",
				  table ? column->parent->id : column->id,
				  quote_identifier(object->name), smig_attr(object, "def"));
}

static bool
alter_default(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			  SmigCell *cell)
{
	create_default(delta, new, cell);
	return true;
}

static void
drop_default(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	const SmigObject *column = object->parent;
	bool		table = strcmp(column->kind->name, "column") == 0;

	smig_cell_add(cell, "ALTER %s %s ALTER COLUMN %s DROP DEFAULT",
				  table ? "TABLE ONLY" : "VIEW",
				  table ? column->parent->id : column->id,
				  quote_identifier(object->name));
}

/*
 * Columns of views have only comments and privileges.
 */
static void
create_view_column(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
}

/*
 * The sequence may stay, without what made it worth an object of its own.
 */
static void
drop_identity_sequence(SmigDelta *delta, const SmigObject *object,
					   SmigCell *cell)
{
	const SmigObject *column = smig_delta_state(delta, object->parent)->other;

	if (column == NULL || smig_attr(column, "identity") == NULL)
		return;
	if (smig_attr(object, "comment"))
		smig_cell_add(cell, "COMMENT ON SEQUENCE %s IS NULL", object->id);
	smig_emit_default_grants(object, cell);
}

static void
drop_view_column(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	if (smig_attr(object, "comment"))
		smig_cell_add(cell, "COMMENT ON COLUMN %s IS NULL", object->id);
	smig_emit_revoke_all(delta, object, cell);
}

const SmigKind smig_kinds_column[] = {
	{
		.name = "column",
		.sql = "COLUMN",
		.classid = 1259,
		.order = 72,
		.flags = SMIG_KIND_DATA | SMIG_KIND_FOLD,
		.acl_type = OBJECT_COLUMN,
		.acl_sql = "TABLE",
		.query = "SELECT a.attrelid, a.attnum::int, 'pg_class'::regclass::oid, c.oid, 0,"
		" format('%I.%I.%I', n.nspname, c.relname, a.attname), a.attname::text,"
		" format_type(a.atttypid, a.atttypmod) AS type, a.attnum AS _position,"
		" CASE WHEN a.attcollation <> t.typcollation THEN"
		" (SELECT format('%I.%I', cn.nspname, o.collname) FROM pg_collation o"
		" JOIN pg_namespace cn ON cn.oid = o.collnamespace"
		" WHERE o.oid = a.attcollation) END AS collation,"
		" a.attnotnull AS not_null," SMIG_NOT_NULL_COLUMNS
		" CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END"
		" AS identity,"
		" CASE WHEN a.attgenerated <> '' THEN (SELECT pg_get_expr(d.adbin, d.adrelid)"
		" FROM pg_attrdef d WHERE d.adrelid = c.oid AND d.adnum = a.attnum) END"
		" AS generated, a.attgenerated = 'v' AS virtual,"
		" CASE WHEN a.attstorage <> t.typstorage THEN st.name END AS storage,"
		" st.name AS _storage,"
		" CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END"
		" AS compression,"
		" CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END AS statistics,"
		" CASE WHEN a.attoptions IS NOT NULL THEN (SELECT array_agg(o ORDER BY"
		" o COLLATE \"C\") FROM unnest(a.attoptions) o"
		" WHERE o NOT LIKE 'pg\\_attver=%') END AS options,"
		" a.attfdwoptions AS foreign_options,"
		" CASE WHEN a.attacl IS NOT NULL THEN (SELECT array_agg(i::text ORDER BY"
		" i::text COLLATE \"C\") FROM unnest(a.attacl) i) END AS acl,"
		" a.attinhcount > 0 AS _inherited, a.attislocal AS _local,"
		" a.attinhcount > 0 AND NOT a.attislocal AND NOT c.relispartition"
		" AS inherited,"
		" s.*"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_attribute a ON a.attrelid = c.oid"
		SMIG_NOT_NULL_JOIN
		" JOIN pg_type t ON t.oid = a.atttypid"
		" JOIN (VALUES ('p'::\"char\", 'PLAIN'), ('e', 'EXTERNAL'),"
		" ('m', 'MAIN'), ('x', 'EXTENDED')) st(code, name) ON st.code = a.attstorage"
		" LEFT JOIN LATERAL (SELECT"
		" format('%I.%I', sn.nspname, sc.relname) AS identity_sequence,"
		" format('%I.%I', sn.nspname, sc.relname) AS _slot,"
		" sc.relname AS _identity_name, q.seqstart AS _identity_start,"
		" CASE WHEN q.seqincrement <> 1 THEN q.seqincrement END AS identity_increment,"
		" CASE WHEN q.seqmin <> CASE WHEN q.seqincrement > 0 THEN 1 ELSE"
		" CASE q.seqtypid WHEN 21 THEN -32768 WHEN 23 THEN -2147483648"
		" ELSE -9223372036854775808 END END THEN q.seqmin END AS identity_min,"
		" CASE WHEN q.seqmax <> CASE WHEN q.seqincrement < 0 THEN -1 ELSE"
		" CASE q.seqtypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647"
		" ELSE 9223372036854775807 END END THEN q.seqmax END AS identity_max,"
		" CASE WHEN q.seqstart <> CASE WHEN q.seqincrement > 0 THEN q.seqmin"
		" ELSE q.seqmax END THEN q.seqstart END AS identity_start,"
		" CASE WHEN q.seqcache <> 1 THEN q.seqcache END AS identity_cache,"
		" q.seqcycle AS identity_cycle"
		" FROM pg_depend d JOIN pg_class sc ON sc.oid = d.objid"
		" JOIN pg_namespace sn ON sn.oid = sc.relnamespace"
		" JOIN pg_sequence q ON q.seqrelid = sc.oid"
		" WHERE a.attidentity <> '' AND d.refclassid = 'pg_class'::regclass"
		" AND d.refobjid = c.oid AND d.refobjsubid = a.attnum"
		" AND d.classid = 'pg_class'::regclass AND d.deptype = 'i') s ON true"
		" WHERE c.relnamespace = ANY ($1) AND c.relkind IN ('r', 'p', 'f')"
		" AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped"
		" ORDER BY a.attrelid, a.attnum",
		.complete = smig_not_null_complete,
		.create = create_column,
		.alter = alter_column,
		.drop = drop_column
	},
	{
		/* made and dropped with its column; has privileges of its own */
		.name = "identity sequence",
		.sql = "SEQUENCE",
		.classid = 1259,
		.order = 73,
		.acl_type = OBJECT_SEQUENCE,
		.acl_sql = "SEQUENCE",
		.query = "SELECT s.oid, 0, 'pg_class'::regclass::oid, d.refobjid, d.refobjsubid,"
		" format('%I.%I', n.nspname, s.relname), s.relname::text,"
		" n.nspname AS _schema, pg_get_userbyid(s.relowner) AS _owner,"
		SMIG_ACL("s.relacl", "s", "s.relowner")
		" FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace"
		" JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid"
		" AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'"
		" WHERE s.relnamespace = ANY ($1) AND s.relkind = 'S'"
		" AND (s.relacl IS NOT NULL OR EXISTS"
		" (SELECT FROM pg_description c WHERE c.objoid = s.oid"
		" AND c.classoid = 'pg_class'::regclass))",
		.create = create_view_column,
		.drop = drop_identity_sequence
	},
	{
		.name = "view column",
		.sql = "COLUMN",
		.classid = 1259,
		.order = 93,
		.acl_type = OBJECT_COLUMN,
		.acl_sql = "TABLE",
		.query = "SELECT a.attrelid, a.attnum::int, 'pg_class'::regclass::oid, c.oid, 0,"
		" format('%I.%I.%I', n.nspname, c.relname, a.attname), a.attname::text,"
		" CASE WHEN a.attacl IS NOT NULL THEN (SELECT array_agg(i::text ORDER BY"
		" i::text COLLATE \"C\") FROM unnest(a.attacl) i) END AS acl"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_attribute a ON a.attrelid = c.oid"
		" WHERE c.relnamespace = ANY ($1) AND c.relkind IN ('v', 'm')"
		" AND a.attnum > 0 AND (a.attacl IS NOT NULL OR EXISTS"
		" (SELECT FROM pg_description d WHERE d.objoid = c.oid"
		" AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum))",
		.create = create_view_column,
		.drop = drop_view_column
	},
	{
		.name = "default",
		.classid = 2604,
		.order = 74,
		.flags = SMIG_KIND_FOLD | SMIG_KIND_UNFOLD,
		.query = "SELECT d.oid, 0, 'pg_class'::regclass::oid, c.oid,"
		" CASE WHEN c.relkind = 'v' THEN 0 ELSE a.attnum::int END,"
		" format('%I.%I.%I', n.nspname, c.relname, a.attname), a.attname::text,"
		" pg_get_expr(d.adbin, d.adrelid) AS def"
		" FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum"
		" WHERE c.relnamespace = ANY ($1) AND c.relpersistence <> 't'"
		" AND a.attgenerated = ''",
		.create = create_default,
		.alter = alter_default,
		.drop = drop_default
	},
	{0}
};
