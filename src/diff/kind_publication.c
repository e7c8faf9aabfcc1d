/*-------------------------------------------------------------------------
 *
 * kind_publication.c
 *	  Publications and what they publish.
 *
 * IDENTIFICATION
 *	  src/diff/kind_publication.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static void
create_publication(SmigDelta *delta, const SmigObject *publication,
				   SmigCell *cell)
{
	smig_cell_add(cell, "CREATE PUBLICATION %s%s WITH (%s)", publication->id,
				  smig_attr(publication, "all_tables") ? " FOR ALL TABLES" : "",
				  smig_attr(publication, "options"));
}

static bool
alter_publication(SmigDelta *delta, const SmigObject *old,
				  const SmigObject *new, SmigCell *cell)
{
	if (!smig_attr_same(old, new, "all_tables"))
		return false;
	smig_cell_add(cell, "ALTER PUBLICATION %s SET (%s)", new->id,
				  smig_attr(new, "options"));
	return true;
}

static void
create_member(SmigDelta *delta, const SmigObject *member, SmigCell *cell)
{
	const char *columns = smig_attr(member, "columns");
	const char *filter = smig_attr(member, "filter");

	smig_cell_add(cell, "ALTER PUBLICATION %s ADD %s%s%s%s%s%s",
				  member->parent->id, smig_attr(member, "member"),
				  columns ? " (" : "", columns ? columns : "",
				  columns ? ")" : "", filter ? " WHERE " : "",
				  filter ? filter : "");
}

static void
drop_member(SmigDelta *delta, const SmigObject *member, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER PUBLICATION %s DROP %s", member->parent->id,
				  smig_attr(member, "member"));
}

const SmigKind smig_kinds_publication[] = {
	{
		.name = "publication",
		.sql = "PUBLICATION",
		.classid = 6104,
		.order = 180,
		.flags = SMIG_KIND_GLOBAL,
		.query = "SELECT p.oid, 0, 0::oid, 0::oid, 0, quote_ident(p.pubname),"
		" p.pubname::text, pg_get_userbyid(p.pubowner) AS owner,"
		" p.puballtables AS all_tables,"
		" format('publish = %L, publish_via_partition_root = %s', concat_ws(', ',"
		" CASE WHEN p.pubinsert THEN 'insert' END,"
		" CASE WHEN p.pubupdate THEN 'update' END,"
		" CASE WHEN p.pubdelete THEN 'delete' END,"
		" CASE WHEN p.pubtruncate THEN 'truncate' END), p.pubviaroot::text) AS options"
		" FROM pg_publication p",
		.create = create_publication,
		.alter = alter_publication
	},
	{
		.name = "publication table",
		.classid = 6106,
		.order = 181,
		.flags = SMIG_KIND_GLOBAL | SMIG_KIND_COLUMN_BOUND,
		.query = "SELECT r.oid, 0, 'pg_publication'::regclass::oid, p.oid, 0,"
		" format('%I TABLE %I.%I', p.pubname, n.nspname, c.relname),"
		" c.relname::text, format('TABLE ONLY %I.%I', n.nspname, c.relname) AS member,"
		" (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)"
		" FROM pg_attribute a WHERE a.attrelid = c.oid"
		" AND a.attnum = ANY (r.prattrs::int2[])) AS columns,"
		" pg_get_expr(r.prqual, r.prrelid) AS filter"
		" FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid"
		" JOIN pg_class c ON c.oid = r.prrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace",
		.create = create_member,
		.drop = drop_member
	},
	{
		.name = "publication schema",
		.classid = 6237,
		.order = 182,
		.flags = SMIG_KIND_GLOBAL,
		.query = "SELECT s.oid, 0, 'pg_publication'::regclass::oid, p.oid, 0,"
		" format('%I SCHEMA %I', p.pubname, n.nspname), n.nspname::text,"
		" format('TABLES IN SCHEMA %I', n.nspname) AS member"
		" FROM pg_publication_namespace s JOIN pg_publication p ON p.oid = s.pnpubid"
		" JOIN pg_namespace n ON n.oid = s.pnnspid",
		.create = create_member,
		.drop = drop_member
	},
	{0}
};
