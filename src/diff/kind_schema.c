/*-------------------------------------------------------------------------
 *
 * kind_schema.c
 *	  Schemas and extensions.
 *
 * IDENTIFICATION
 *	  src/diff/kind_schema.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static void
create_schema(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "CREATE SCHEMA %s", object->id);
}

static void
create_extension(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	const char *schema = smig_attr(object, "schema");

	smig_cell_add(cell, "CREATE EXTENSION IF NOT EXISTS %s WITH SCHEMA %s",
				  object->id, quote_identifier(schema));
}

static bool
alter_extension(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				SmigCell *cell)
{
	if (!smig_attr_same(old, new, "schema"))
		smig_cell_add(cell, "ALTER EXTENSION %s SET SCHEMA %s", new->id,
					  quote_identifier(smig_attr(new, "schema")));
	if (!smig_attr_same(old, new, "version"))
		smig_cell_add(cell, "ALTER EXTENSION %s UPDATE TO %s", new->id,
					  quote_literal_cstr(smig_attr(new, "version")));
	return true;
}

static void
drop_extension(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "DROP EXTENSION %s", object->id);
	smig_cell_hazard(cell, "drop_extension", "warning",
					 "columns of the extension's types and all its objects go with it",
					 NULL);
}

const SmigKind smig_kinds_schema[] = {
	{
		.name = "schema",
		.sql = "SCHEMA",
		.classid = 2615,
		.order = 10,
		.acl_type = OBJECT_SCHEMA,
		.acl_sql = "SCHEMA",
		.query = "SELECT n.oid, 0, 0::oid, 0::oid, 0, quote_ident(n.nspname),"
		" n.nspname::text, pg_get_userbyid(n.nspowner) AS owner,"
		SMIG_ACL("n.nspacl", "n", "n.nspowner")
		" FROM pg_namespace n WHERE n.oid = ANY ($1)",
		.create = create_schema
	},
	{
		.name = "extension",
		.sql = "EXTENSION",
		.classid = 3079,
		.order = 20,
		.flags = SMIG_KIND_GLOBAL,
		.query = "SELECT e.oid, 0, 0::oid, 0::oid, 0, quote_ident(e.extname),"
		" e.extname::text, n.nspname AS schema, e.extversion AS version"
		" FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
		" WHERE e.oid >= 16384 AND e.extname <> 'schemamig'",
		.create = create_extension,
		.alter = alter_extension,
		.drop = drop_extension
	},
	{0}
};
