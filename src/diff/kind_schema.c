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

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "diff/delta.h"

static void
create_schema(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "CREATE SCHEMA %s", object->id);
}

/*
 * Whether CREATE EXTENSION makes this version when it is not told which, or
 * the server does not have it, in which case another may.
 */
static bool
is_default_version(const char *extension, const char *version)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	bool		other;

	SPI_connect();
	values[0] = CStringGetTextDatum(extension);
	values[1] = CStringGetTextDatum(version);
	SPI_execute_with_args("SELECT FROM pg_available_extension_versions v"
						  " JOIN pg_available_extensions a USING (name)"
						  " WHERE name = $1::name AND v.version = $2"
						  " AND v.version <> a.default_version",
						  2, types, values, NULL, true, 1);
	other = SPI_processed > 0;
	SPI_finish();
	return !other;
}

static void
create_extension(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	const char *schema = smig_attr(object, "schema");
	const char *version = smig_attr(object, "version");
	bool		usual = is_default_version(object->name, version);

	smig_cell_add(cell, "CREATE EXTENSION IF NOT EXISTS %s WITH SCHEMA %s%s%s",
				  object->id, quote_identifier(schema),
				  usual ? "" : " VERSION ",
				  usual ? "" : quote_literal_cstr(version));
}

/*
 * Whether the server has scripts that lead from one version to another; says
 * so when it has not.
 */
static bool
can_update(const char *extension, const char *from, const char *to)
{
	Oid			types[3] = {NAMEOID, TEXTOID, TEXTOID};
	Datum		values[3];
	bool		found;

	SPI_connect();
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(extension));
	values[1] = CStringGetTextDatum(from);
	values[2] = CStringGetTextDatum(to);
	SPI_execute_with_args("SELECT FROM pg_extension_update_paths($1)"
						  " WHERE source = $2 AND target = $3"
						  " AND path IS NOT NULL",
						  3, types, values, NULL, true, 1);
	found = SPI_processed > 0;
	SPI_finish();
	if (!found)
		ereport(NOTICE,
				(errmsg("extension \"%s\" cannot be updated from version \"%s\" to \"%s\"",
						extension, from, to),
				 errdetail("The server has no scripts for that.")));
	return found;
}

static bool
alter_extension(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				SmigCell *cell)
{
	if (!smig_attr_same(old, new, "schema") && smig_attr(old, "_fixed"))
		return false;
	if (!smig_attr_same(old, new, "schema"))
		smig_cell_add(cell, "ALTER EXTENSION %s SET SCHEMA %s", new->id,
					  quote_identifier(smig_attr(new, "schema")));
	if (!smig_attr_same(old, new, "version") &&
		can_update(new->name, smig_attr(old, "version"),
				   smig_attr(new, "version")))
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
		" e.extname::text, n.nspname AS schema, e.extversion AS version,"
		" NOT e.extrelocatable AS _fixed"
		" FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
		" WHERE e.oid >= 16384 AND e.extname <> 'schemamig'",
		.create = create_extension,
		.alter = alter_extension,
		.drop = drop_extension
	},
	{0}
};
