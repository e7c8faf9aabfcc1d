/*-------------------------------------------------------------------------
 *
 * kind_base_type.c
 *	  Base types: the shell that their functions need, and the definition.
 *
 * A base type needs its input and output functions, which need the type.  So it
 * is two objects: the shell, which only those functions depend on, and the
 * definition, its child, which depends on them and on which all others depend
 * (smig_snapshot_read sees to that).  Dropping the shell drops all three.
 *
 * IDENTIFICATION
 *	  src/diff/kind_base_type.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

/* Options of CREATE TYPE, and which ALTER TYPE can set. */
static const struct
{
	const char *attr;
	const char *option;
	bool		alterable;
}			options[] =
{
	{"input", "INPUT", false}, {"output", "OUTPUT", false},
	{"receive", "RECEIVE", true}, {"send", "SEND", true},
	{"typmod_in", "TYPMOD_IN", true}, {"typmod_out", "TYPMOD_OUT", true},
	{"analyze", "ANALYZE", true}, {"subscript", "SUBSCRIPT", true},
	{"length", "INTERNALLENGTH", false}, {"by_value", "PASSEDBYVALUE", false},
	{"alignment", "ALIGNMENT", false}, {"storage", "STORAGE", true},
	{"category", "CATEGORY", false}, {"preferred", "PREFERRED", false},
	{"default", "DEFAULT", false}, {"element", "ELEMENT", false},
	{"delimiter", "DELIMITER", false}, {"collatable", "COLLATABLE", false}
};

static void
create_shell(SmigDelta *delta, const SmigObject *shell, SmigCell *cell)
{
	smig_cell_add(cell, "CREATE TYPE %s", shell->id);
}

/*
 * The functions of a type go with it, and it cannot go without them.
 */
static void
drop_shell(SmigDelta *delta, const SmigObject *shell, SmigCell *cell)
{
	smig_cell_add(cell, "DROP TYPE %s%s", shell->id,
				  shell->children != NIL ? " CASCADE" : "");
}

static void
create_base_type(SmigDelta *delta, const SmigObject *type, SmigCell *cell)
{
	List	   *parts = NIL;

	for (int i = 0; i < lengthof(options); i++)
	{
		const char *value = smig_attr(type, options[i].attr);

		if (value)
			parts = lappend(parts, psprintf("%s = %s", options[i].option,
											strcmp(value, "t") == 0 ? "true" :
											value));
	}
	smig_cell_add(cell, "CREATE TYPE %s (\n\t%s\n)", type->id,
				  smig_join(parts, ",\n\t"));
}

/*
 * PostgreSQL takes storage away from PLAIN only, and gives it to no type of
 * fixed length.
 */
static bool
alter_base_type(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				SmigCell *cell)
{
	List	   *parts = NIL;

	for (int i = 0; i < lengthof(options); i++)
	{
		const char *value = smig_attr(new, options[i].attr);

		if (smig_attr_same(old, new, options[i].attr))
			continue;
		if (!options[i].alterable ||
			(strcmp(options[i].attr, "storage") == 0 &&
			 strcmp(value, "plain") == 0))
			return false;
		parts = lappend(parts, psprintf("%s = %s", options[i].option,
										value ? value : "NONE"));
	}
	if (parts)
		smig_cell_add(cell, "ALTER TYPE %s SET (%s)", new->id,
					  smig_join(parts, ", "));
	return true;
}

/* What the shell is dropped for. */
static void
drop_base_type(SmigDelta *delta, const SmigObject *type, SmigCell *cell)
{
}

#define OR_NULL(column) "nullif(t." column "::oid, 0)::regproc::text"

const SmigKind smig_kinds_base_type[] = {
	{
		.name = "shell type",
		.sql = "TYPE",
		.classid = 1247,
		.order = 36,
		.flags = SMIG_KIND_RELATION,
		.query = "SELECT t.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I', n.nspname, t.typname), t.typname::text,"
		" n.nspname AS _schema FROM pg_type t"
		" JOIN pg_namespace n ON n.oid = t.typnamespace"
		" WHERE t.typnamespace = ANY ($1) AND (t.typtype = 'p'"
		" OR t.typtype = 'b' AND NOT EXISTS"
		" (SELECT FROM pg_type e WHERE e.typarray = t.oid))",
		.create = create_shell,
		.drop = drop_shell
	},
	{
		.name = "base type",
		.sql = "TYPE",
		.classid = 1247,
		.order = 63,
		.flags = SMIG_KIND_PART,
		.acl_type = OBJECT_TYPE,
		.acl_sql = "TYPE",
		.query = "SELECT t.oid, 0, 'pg_type'::regclass::oid, t.oid, 0,"
		" format('%I.%I', n.nspname, t.typname), t.typname::text,"
		" n.nspname AS _schema, pg_get_userbyid(t.typowner) AS owner,"
		SMIG_ACL("t.typacl", "T", "t.typowner") ","
		" t.typinput::text AS input, t.typoutput::text AS output,"
		OR_NULL("typreceive") " AS receive," OR_NULL("typsend") " AS send,"
		OR_NULL("typmodin") " AS typmod_in,"
		OR_NULL("typmodout") " AS typmod_out,"
		OR_NULL("typanalyze") " AS analyze,"
		OR_NULL("typsubscript") " AS subscript,"
		" CASE t.typlen WHEN -1 THEN 'VARIABLE' ELSE t.typlen::text END AS length,"
		" t.typbyval AS by_value,"
		" CASE t.typalign WHEN 'c' THEN 'char' WHEN 's' THEN 'int2'"
		" WHEN 'i' THEN 'int4' ELSE 'double' END AS alignment,"
		" CASE t.typstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'"
		" WHEN 'm' THEN 'main' ELSE 'extended' END AS storage,"
		" CASE WHEN t.typcategory <> 'U' THEN quote_literal(t.typcategory::text) END"
		" AS category, t.typispreferred AS preferred,"
		" quote_literal(t.typdefault) AS \"default\","
		" CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END AS element,"
		" CASE WHEN t.typdelim <> ',' THEN quote_literal(t.typdelim::text) END AS delimiter,"
		" t.typcollation <> 0 AS collatable"
		" FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
		" WHERE t.typnamespace = ANY ($1) AND t.typtype = 'b' AND NOT EXISTS"
		" (SELECT FROM pg_type e WHERE e.typarray = t.oid)",
		.create = create_base_type,
		.alter = alter_base_type,
		.drop = drop_base_type
	},
	{0}
};
