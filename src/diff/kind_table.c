/*-------------------------------------------------------------------------
 *
 * kind_table.c
 *	  Tables, foreign tables, partitions and inheritance.
 *
 * IDENTIFICATION
 *	  src/diff/kind_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

/*
 * Parents of a table that is created with INHERITS, in order, or NULL.
 */
static char *
inherits_clause(SmigDelta *delta, const SmigObject *table)
{
	List	   *parents = NIL;
	ListCell   *lc;

	foreach(lc, table->children)
	{
		const SmigObject *child = lfirst(lc);

		if (strcmp(child->kind->name, "inheritance") == 0 &&
			smig_delta_state(delta, child)->folded)
			parents = lappend(parents, (void *) smig_attr(child, "inherits"));
	}
	return parents ? smig_join(parents, ", ") : NULL;
}

/*
 * Columns and constraints as they stand between the parentheses.
 */
static List *
table_elements(SmigDelta *delta, const SmigObject *table)
{
	bool		typed = smig_attr(table, "of_type") != NULL;
	List	   *elements = NIL;
	ListCell   *lc;

	foreach(lc, table->children)
	{
		const SmigObject *child = lfirst(lc);
		char	   *own;

		if (smig_delta_state(delta, child)->implied &&
			strcmp(child->kind->name, "column") == 0 &&
			(own = smig_not_null_element(child)) != NULL)
			elements = lappend(elements, own);
		if (!smig_delta_state(delta, child)->folded)
			continue;
		if (strcmp(child->kind->name, "column") == 0)
		{
			char	   *definition = smig_column_definition(delta, child);

			if (!typed || strstr(definition, " WITH OPTIONS ") != NULL)
				elements = lappend(elements, definition);
		}
		else if (smig_attr(child, "def") != NULL)
			elements = lappend(elements,
							   psprintf("CONSTRAINT %s %s",
										quote_identifier(child->name),
										smig_constraint_definition(child)));
	}
	return elements;
}

static void
write_row_security(const SmigObject *old, const SmigObject *new,
				   SmigCell *cell)
{
	bool		was = old && smig_attr(old, "row_security");
	bool		is = smig_attr(new, "row_security") != NULL;
	bool		was_forced = old && smig_attr(old, "force_row_security");
	bool		forced = smig_attr(new, "force_row_security") != NULL;

	if (was != is)
		smig_cell_add(cell, "ALTER TABLE %s %s ROW LEVEL SECURITY", new->id,
					  is ? "ENABLE" : "DISABLE");
	if (was_forced != forced)
		smig_cell_add(cell, "ALTER TABLE %s %s ROW LEVEL SECURITY", new->id,
					  forced ? "FORCE" : "NO FORCE");
}

static void
write_replica_identity(const SmigObject *new, SmigCell *cell)
{
	const char *identity = smig_attr(new, "replica_identity");

	smig_cell_add(cell, "ALTER TABLE %s REPLICA IDENTITY %s", new->id,
				  identity ? identity : "DEFAULT");
}

/*
 * What the folded parts of a new table need after CREATE TABLE.
 */
static void
after_create(SmigDelta *delta, const SmigObject *table, SmigCell *cell)
{
	ListCell   *lc;

	write_row_security(NULL, table, cell);
	if (smig_attr(table, "replica_identity"))
		write_replica_identity(table, cell);
	foreach(lc, table->children)
	{
		const SmigObject *child = lfirst(lc);
		SmigState  *state = smig_delta_state(delta, child);

		if (state->implied && strcmp(child->kind->name, "column") == 0)
			smig_column_inherited(delta, child, false, cell);
		if (!state->folded)
			continue;
		if (strcmp(child->kind->name, "column") == 0)
			smig_column_after(delta, child, cell);
		else if (smig_attr(child, "def"))
			smig_constraint_after(delta, child, cell);
		smig_emit_extras(delta, NULL, child, cell);
	}
}

static void
create_table(SmigDelta *delta, const SmigObject *table, SmigCell *cell)
{
	StringInfoData buf;
	List	   *elements = table_elements(delta, table);
	char	   *inherits = inherits_clause(delta, table);
	char	   *options = smig_option_list(table, "options");
	const char *type = smig_attr(table, "of_type");
	const char *key = smig_attr(table, "partition_by");
	const char *method = smig_attr(table, "access_method");
	const char *space = smig_attr(table, "tablespace");
	const char *server = smig_attr(table, "server");

	initStringInfo(&buf);
	if (type)
		appendStringInfo(&buf, " OF %s", type);
	if (elements || !type)
		appendStringInfo(&buf, " (%s%s%s)", elements ? "\n\t" : "",
						 smig_join(elements, ",\n\t"), elements ? "\n" : "");
	if (inherits)
		appendStringInfo(&buf, " INHERITS (%s)", inherits);
	if (key)
		appendStringInfo(&buf, " PARTITION BY %s", key);
	if (server)
	{
		char	   *list = smig_foreign_option_list(table, "foreign_options");

		appendStringInfo(&buf, " SERVER %s", server);
		if (list)
			appendStringInfo(&buf, " OPTIONS (%s)", list);
	}
	if (method)
		appendStringInfo(&buf, " USING %s", method);
	if (options)
		appendStringInfo(&buf, " WITH (%s)", options);
	if (space)
		appendStringInfo(&buf, " TABLESPACE %s", space);
	smig_cell_add(cell, "CREATE %s%s %s%s",
				  smig_attr(table, "unlogged") ? "UNLOGGED " : "",
				  table->kind->sql, table->id, buf.data);
	after_create(delta, table, cell);
}

/*
 * What cannot be altered: the partition key.  Turning a table into a
 * partitioned one, or back, is a new table.
 */
static bool
alter_table(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			SmigCell *cell)
{
	const char *value;

	if (!smig_attr_same(old, new, "partition_by"))
		return false;
	if (!smig_attr_same(old, new, "unlogged"))
	{
		smig_cell_add(cell, "ALTER TABLE %s SET %s", new->id,
					  smig_attr(new, "unlogged") ? "UNLOGGED" : "LOGGED");
		smig_cell_hazard(cell, "table_rewrite", "warning",
						 "the whole table is rewritten while it is locked",
						 NULL);
	}
	if (!smig_attr_same(old, new, "access_method"))
	{
		value = smig_attr(new, "access_method");
		smig_cell_add(cell, "ALTER TABLE %s SET ACCESS METHOD %s", new->id,
					  value ? value : "heap");
		smig_cell_hazard(cell, "table_rewrite", "warning",
						 "the whole table is rewritten while it is locked",
						 NULL);
	}
	if (!smig_attr_same(old, new, "tablespace"))
	{
		value = smig_attr(new, "tablespace");
		smig_cell_add(cell, "ALTER TABLE %s SET TABLESPACE %s", new->id,
					  value ? value : "pg_default");
	}
	if (!smig_attr_same(old, new, "of_type"))
	{
		value = smig_attr(new, "of_type");
		if (smig_attr(old, "of_type"))
			smig_cell_add(cell, "ALTER TABLE %s NOT OF", new->id);
		if (value)
			smig_cell_add(cell, "ALTER TABLE %s OF %s", new->id, value);
	}
	smig_emit_options(cell, psprintf("ALTER TABLE %s", new->id), old, new,
					  "options");
	write_row_security(old, new, cell);
	if (!smig_attr_same(old, new, "replica_identity"))
		write_replica_identity(new, cell);
	return true;
}

static bool
alter_foreign_table(SmigDelta *delta, const SmigObject *old,
					const SmigObject *new, SmigCell *cell)
{
	if (!smig_attr_same(old, new, "server"))
		return false;
	smig_emit_foreign_options(cell, psprintf("ALTER FOREIGN TABLE %s", new->id),
							  old, new, "foreign_options");
	return true;
}

static void
drop_foreign_table(SmigDelta *delta, const SmigObject *table, SmigCell *cell)
{
	smig_cell_add(cell, "DROP FOREIGN TABLE %s", table->id);
}

/*
 * Whether a foreign key of another table needs the column or key.
 */
static bool
is_referenced(const SmigObject *part)
{
	ListCell   *lc;

	foreach(lc, part->rdeps)
	{
		const SmigObject *user = lfirst(lc);

		if (strcmp(user->kind->name, "foreign key") == 0 &&
			user->parent != part->parent)
			return true;
	}
	return false;
}

/*
 * Whether foreign keys refer to the table that a partition belongs to: then
 * the partition has to be detached before it can be dropped.
 */
static bool
is_referenced_root(const SmigObject *link)
{
	ListCell   *lc;

	foreach(lc, link->deps)
	{
		const SmigObject *root = lfirst(lc);
		ListCell   *child;

		if (root == link->parent || root->parent != NULL)
			continue;
		foreach(child, root->children)
			if (is_referenced(lfirst(child)))
				return true;
	}
	return false;
}

static void
drop_table(SmigDelta *delta, const SmigObject *table, SmigCell *cell)
{
	const SmigObject *link = smig_child_of_kind(table, "partition");

	if (link && is_referenced_root(link))
		smig_cell_add(cell, "ALTER TABLE %s DETACH PARTITION %s",
					  smig_attr(link, "of"), table->id);
	smig_cell_add(cell, "DROP TABLE %s", table->id);
	smig_cell_hazard(cell, "drop_table", "error",
					 psprintf("the rows of %s are lost", table->id), NULL);
}

static void
create_inheritance(SmigDelta *delta, const SmigObject *link, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE %s INHERIT %s", link->parent->id,
				  smig_attr(link, "inherits"));
}

static void
drop_inheritance(SmigDelta *delta, const SmigObject *link, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE %s NO INHERIT %s", link->parent->id,
				  smig_attr(link, "inherits"));
}

static void
create_partition(SmigDelta *delta, const SmigObject *link, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE %s ATTACH PARTITION %s %s",
				  smig_attr(link, "of"), link->parent->id,
				  smig_attr(link, "bound"));
	if (!smig_delta_is_new(delta, link->parent))
		smig_cell_hazard(cell, "attach_scan", "warning",
						 "the table is scanned to check the partition bound",
						 "A validated CHECK constraint that implies the bound avoids the scan.");
}

static void
drop_partition(SmigDelta *delta, const SmigObject *link, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE %s DETACH PARTITION %s",
				  smig_attr(link, "of"), link->parent->id);
}

#define TABLE_COLUMNS \
	"SELECT c.oid, 0, 0::oid, 0::oid, 0, format('%I.%I', n.nspname, c.relname)," \
	" c.relname::text, n.nspname AS _schema," \
	" pg_get_userbyid(c.relowner) AS owner," \
	SMIG_ACL("c.relacl", "r", "c.relowner")

const SmigKind smig_kinds_table[] = {
	{
		.name = "table",
		.sql = "TABLE",
		.classid = 1259,
		.order = 70,
		.flags = SMIG_KIND_DATA | SMIG_KIND_RELATION,
		.acl_type = OBJECT_TABLE,
		.acl_sql = "TABLE",
		.query = TABLE_COLUMNS
		", c.relpersistence = 'u' AS unlogged,"
		" CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END AS partition_by,"
		" CASE WHEN c.reloptions IS NOT NULL OR tc.reloptions IS NOT NULL THEN"
		" (SELECT array_agg(o ORDER BY o COLLATE \"C\") FROM"
		" (SELECT unnest(c.reloptions) UNION ALL"
		" SELECT 'toast.' || unnest(tc.reloptions)) x(o)) END AS options,"
		" nullif(quote_ident(am.amname), 'heap') AS access_method,"
		" quote_ident(ts.spcname) AS tablespace,"
		" CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' END"
		" AS replica_identity,"
		" c.relrowsecurity AS row_security,"
		" c.relforcerowsecurity AS force_row_security,"
		" CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END"
		" AS of_type, c.relispartition AS _partition"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" LEFT JOIN pg_class tc ON tc.oid = c.reltoastrelid"
		" LEFT JOIN pg_am am ON am.oid = c.relam"
		" LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace"
		" WHERE c.relnamespace = ANY ($1) AND c.relkind IN ('r', 'p')"
		" AND c.relpersistence <> 't'",
		.create = create_table,
		.alter = alter_table,
		.drop = drop_table
	},
	{
		.name = "foreign table",
		.sql = "FOREIGN TABLE",
		.classid = 1259,
		.order = 71,
		.flags = SMIG_KIND_RELATION,
		.acl_type = OBJECT_TABLE,
		.acl_sql = "TABLE",
		.query = TABLE_COLUMNS
		", quote_ident(s.srvname) AS server, f.ftoptions AS foreign_options,"
		" c.relispartition AS _partition"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_foreign_table f ON f.ftrelid = c.oid"
		" JOIN pg_foreign_server s ON s.oid = f.ftserver"
		" WHERE c.relnamespace = ANY ($1) AND c.relkind = 'f'",
		.create = create_table,
		.alter = alter_foreign_table,
		.drop = drop_foreign_table
	},
	{
		.name = "inheritance",
		.order = 78,
		.flags = SMIG_KIND_INHERITS | SMIG_KIND_FOLD,
		.query = "SELECT 0::oid, 0, 'pg_class'::regclass::oid, c.oid, 0,"
		" format('%I.%I FROM %I.%I', n.nspname, c.relname, pn.nspname, p.relname),"
		" c.relname::text, format('%I.%I', pn.nspname, p.relname) AS inherits,"
		" i.inhseqno AS _position,"
		SMIG_ADDRESS("pg_class", "p.oid", "0") " AS dep_parent"
		" FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_class p ON p.oid = i.inhparent"
		" JOIN pg_namespace pn ON pn.oid = p.relnamespace"
		" WHERE c.relnamespace = ANY ($1) AND c.relkind IN ('r', 'f')"
		" AND NOT c.relispartition ORDER BY i.inhrelid, i.inhseqno",
		.create = create_inheritance,
		.drop = drop_inheritance
	},
	{
		.name = "partition",
		.order = 79,
		.flags = SMIG_KIND_INHERITS,
		.query = "SELECT 0::oid, 0, 'pg_class'::regclass::oid, c.oid, 0,"
		" format('%I.%I', n.nspname, c.relname), c.relname::text,"
		" format('%I.%I', pn.nspname, p.relname) AS of,"
		" pg_get_expr(c.relpartbound, c.oid) AS bound,"
		SMIG_ADDRESS("pg_class", "p.oid", "0") " AS dep_parent"
		" FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_class p ON p.oid = i.inhparent"
		" JOIN pg_namespace pn ON pn.oid = p.relnamespace"
		" WHERE c.relnamespace = ANY ($1) AND c.relispartition",
		.create = create_partition,
		.drop = drop_partition
	},
	{0}
};
