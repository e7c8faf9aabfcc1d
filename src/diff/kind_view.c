/*-------------------------------------------------------------------------
 *
 * kind_view.c
 *	  Views and materialized views.
 *
 * IDENTIFICATION
 *	  src/diff/kind_view.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

/*
 * The query without the semicolon that ends it.
 */
static char *
view_query(const SmigObject *view)
{
	char	   *query = pstrdup(smig_attr(view, "def"));
	size_t		length = strlen(query);

	if (length > 0 && query[length - 1] == ';')
		query[length - 1] = '\0';
	return query;
}

static void
write_view(const SmigObject *view, bool replace, SmigCell *cell)
{
	char	   *options = smig_option_list(view, "options");

	smig_cell_add(cell, "CREATE %sVIEW %s%s%s%s AS\n%s",
				  replace ? "OR REPLACE " : "", view->id,
				  options ? " WITH (" : "", options ? options : "",
				  options ? ")" : "", view_query(view));
}

static void
create_view(SmigDelta *delta, const SmigObject *view, SmigCell *cell)
{
	write_view(view, false, cell);
}

/*
 * CREATE OR REPLACE VIEW can only add columns at the end.
 */
static bool
columns_extend(const SmigObject *old, const SmigObject *new)
{
	List	   *have = smig_attr_list(old, "columns");
	List	   *want = smig_attr_list(new, "columns");
	ListCell   *lc;
	ListCell   *other;

	if (list_length(have) > list_length(want))
		return false;
	forboth(lc, have, other, want)
		if (strcmp(lfirst(lc), lfirst(other)) != 0)
			return false;
	return true;
}

static bool
alter_view(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
		   SmigCell *cell)
{
	if (!columns_extend(old, new))
		return false;
	if (!smig_attr_same(old, new, "def") || !smig_attr_same(old, new, "columns"))
		write_view(new, true, cell);
	else
		smig_emit_options(cell, psprintf("ALTER VIEW %s", new->id), old, new,
						  "options");
	return true;
}

static void
create_matview(SmigDelta *delta, const SmigObject *view, SmigCell *cell)
{
	char	   *options = smig_option_list(view, "options");
	const char *method = smig_attr(view, "access_method");
	const char *space = smig_attr(view, "tablespace");

	smig_cell_add(cell, "CREATE MATERIALIZED VIEW %s%s%s%s%s%s%s%s AS\n%s%s",
				  view->id,
				  method ? " USING " : "", method ? method : "",
				  options ? " WITH (" : "", options ? options : "",
				  options ? ")" : "",
				  space ? " TABLESPACE " : "", space ? space : "",
				  view_query(view),
				  smig_attr(view, "unpopulated") ? "\n  WITH NO DATA" : "");
}

static bool
alter_matview(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			  SmigCell *cell)
{
	char	   *alter = psprintf("ALTER MATERIALIZED VIEW %s", new->id);
	const char *value;

	if (!smig_attr_same(old, new, "def"))
		return false;
	smig_emit_options(cell, alter, old, new, "options");
	if (!smig_attr_same(old, new, "access_method"))
	{
		value = smig_attr(new, "access_method");
		smig_cell_add(cell, "%s SET ACCESS METHOD %s", alter,
					  value ? value : "heap");
	}
	if (!smig_attr_same(old, new, "tablespace"))
	{
		value = smig_attr(new, "tablespace");
		smig_cell_add(cell, "%s SET TABLESPACE %s", alter,
					  value ? value : "pg_default");
	}
	if (!smig_attr_same(old, new, "unpopulated"))
		smig_cell_add(cell, "REFRESH MATERIALIZED VIEW %s%s", new->id,
					  smig_attr(new, "unpopulated") ? " WITH NO DATA" : "");
	return true;
}

#define VIEW_COLUMNS \
	"SELECT c.oid, 0, 0::oid, 0::oid, 0, format('%I.%I', n.nspname, c.relname)," \
	" c.relname::text, n.nspname AS _schema," \
	" pg_get_userbyid(c.relowner) AS owner," \
	SMIG_ACL("c.relacl", "r", "c.relowner") \
	", pg_get_viewdef(c.oid) AS def," \
	" CASE WHEN c.reloptions IS NOT NULL THEN (SELECT array_agg(o ORDER BY" \
	" o COLLATE \"C\") FROM unnest(c.reloptions) o) END AS options"

const SmigKind smig_kinds_view[] = {
	{
		.name = "view",
		.sql = "VIEW",
		.classid = 1259,
		.order = 90,
		.flags = SMIG_KIND_RELATION | SMIG_KIND_COLUMN_BOUND,
		.acl_type = OBJECT_TABLE,
		.acl_sql = "TABLE",
		.query = VIEW_COLUMNS
		", (SELECT array_agg(format('%I %s %s', a.attname,"
		" format_type(a.atttypid, a.atttypmod), (SELECT o.collname FROM pg_collation o WHERE o.oid = a.attcollation)) ORDER BY a.attnum)"
		" FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
		" AND NOT a.attisdropped) AS columns"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" WHERE c.relnamespace = ANY ($1) AND c.relkind = 'v'"
		" AND c.relpersistence <> 't'",
		.create = create_view,
		.alter = alter_view
	},
	{
		.name = "materialized view",
		.sql = "MATERIALIZED VIEW",
		.classid = 1259,
		.order = 91,
		.flags = SMIG_KIND_RELATION | SMIG_KIND_COLUMN_BOUND,
		.acl_type = OBJECT_TABLE,
		.acl_sql = "TABLE",
		.query = VIEW_COLUMNS
		", NOT c.relispopulated AS unpopulated,"
		" nullif(quote_ident(am.amname), 'heap') AS access_method,"
		" quote_ident(ts.spcname) AS tablespace"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" LEFT JOIN pg_am am ON am.oid = c.relam"
		" LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace"
		" WHERE c.relnamespace = ANY ($1) AND c.relkind = 'm'",
		.create = create_matview,
		.alter = alter_matview
	},
	{0}
};
