/*-------------------------------------------------------------------------
 *
 * kind_function.c
 *	  Functions, procedures, aggregates.
 *
 * IDENTIFICATION
 *	  src/diff/kind_function.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static void
create_function(SmigDelta *delta, const SmigObject *function, SmigCell *cell)
{
	const char *definition = smig_attr(function, "def");
	size_t		length = strlen(definition);

	while (length > 0 && definition[length - 1] == '\n')
		length--;
	smig_cell_add(cell, "%.*s", (int) length, definition);
}

/*
 * CREATE OR REPLACE keeps the object, but cannot change what a caller sees:
 * the result, the names of arguments, or take a default away.
 */
static bool
alter_function(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			   SmigCell *cell)
{

	if (!smig_attr_same(old, new, "_result") ||
		!smig_attr_same(old, new, "_arguments") ||
		!smig_attr_same(old, new, "_prokind"))
		return false;
	if (smig_attr_number(new, "_defaults") < smig_attr_number(old, "_defaults"))
		return false;
	create_function(delta, new, cell);
	return true;
}

typedef struct AggregatePart
{
	const char *attr;
	const char *option;
} AggregatePart;

static void
create_aggregate(SmigDelta *delta, const SmigObject *aggregate, SmigCell *cell)
{
	static const AggregatePart parts[] = {
		{"sfunc", "SFUNC"}, {"stype", "STYPE"}, {"sspace", "SSPACE"},
		{"finalfunc", "FINALFUNC"}, {"finalfunc_modify", "FINALFUNC_MODIFY"},
		{"combinefunc", "COMBINEFUNC"}, {"serialfunc", "SERIALFUNC"},
		{"deserialfunc", "DESERIALFUNC"}, {"initcond", "INITCOND"},
		{"msfunc", "MSFUNC"}, {"minvfunc", "MINVFUNC"}, {"mstype", "MSTYPE"},
		{"msspace", "MSSPACE"}, {"mfinalfunc", "MFINALFUNC"},
		{"mfinalfunc_modify", "MFINALFUNC_MODIFY"}, {"minitcond", "MINITCOND"},
		{"sortop", "SORTOP"}, {"parallel", "PARALLEL"}
	};
	List	   *options = NIL;

	for (int i = 0; i < lengthof(parts); i++)
	{
		const char *value = smig_attr(aggregate, parts[i].attr);

		if (value)
			options = lappend(options, psprintf("%s = %s", parts[i].option,
												value));
	}
	if (smig_attr(aggregate, "finalfunc_extra"))
		options = lappend(options, "FINALFUNC_EXTRA");
	if (smig_attr(aggregate, "mfinalfunc_extra"))
		options = lappend(options, "MFINALFUNC_EXTRA");
	if (smig_attr(aggregate, "hypothetical"))
		options = lappend(options, "HYPOTHETICAL");
	smig_cell_add(cell, "CREATE AGGREGATE %s (\n\t%s\n)", aggregate->id,
				  smig_join(options, ",\n\t"));
}

#define FUNCTION_COLUMNS(id) \
	"SELECT p.oid, 0, 0::oid, 0::oid, 0, " id ", p.proname::text," \
	" n.nspname AS _schema, pg_get_userbyid(p.proowner) AS owner," \
	SMIG_ACL("p.proacl", "f", "p.proowner")

#define FUNCTION_ID "format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes))"

#define FUNCTION_DEFINITION \
	", pg_get_functiondef(p.oid) AS def, pg_get_function_result(p.oid) AS _result," \
	" p.prokind AS _prokind, p.pronargdefaults AS _defaults," \
	" concat(p.proargnames::text, ' ', p.proargmodes::text, ' '," \
	" (SELECT string_agg(format_type(t, NULL), ',' ORDER BY o)" \
	" FROM unnest(p.proallargtypes) WITH ORDINALITY a(t, o))) AS _arguments," \
	" CASE WHEN p.prosqlbody IS NULL AND l.lanname NOT IN ('c', 'internal')" \
	" THEN p.prosrc END AS _body"

/* Constructors of range types are part of the type. */
#define FUNCTION_FROM \
	" FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace" \
	" JOIN pg_language l ON l.oid = p.prolang" \
	" WHERE p.pronamespace = ANY ($1) AND NOT EXISTS (SELECT FROM pg_depend d" \
	" WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid" \
	" AND d.deptype = 'i')"

#define FUNCTION_OR_NULL(column) "nullif(a." column "::oid, 0)::regproc::text"

const SmigKind smig_kinds_function[] = {
	{
		.name = "function",
		.sql = "FUNCTION",
		.classid = 1255,
		.order = 60,
		.flags = SMIG_KIND_COLUMN_BOUND,
		.acl_type = OBJECT_FUNCTION,
		.acl_sql = "FUNCTION",
		.query = FUNCTION_COLUMNS(FUNCTION_ID) FUNCTION_DEFINITION FUNCTION_FROM
		" AND p.prokind IN ('f', 'w')",
		.create = create_function,
		.alter = alter_function
	},
	{
		.name = "procedure",
		.sql = "PROCEDURE",
		.classid = 1255,
		.order = 61,
		.flags = SMIG_KIND_COLUMN_BOUND,
		.acl_type = OBJECT_FUNCTION,
		.acl_sql = "PROCEDURE",
		.query = FUNCTION_COLUMNS(FUNCTION_ID) FUNCTION_DEFINITION FUNCTION_FROM
		" AND p.prokind = 'p'",
		.create = create_function,
		.alter = alter_function
	},
	{
		.name = "aggregate",
		.sql = "AGGREGATE",
		.classid = 1255,
		.order = 62,
		.acl_type = OBJECT_FUNCTION,
		.acl_sql = "FUNCTION",
		.query = FUNCTION_COLUMNS("format('%I.%I(%s)', n.nspname, p.proname,"
								  " CASE WHEN p.pronargs = 0 THEN '*' ELSE"
								  " pg_get_function_identity_arguments(p.oid) END)")
		", format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes))"
		" AS _acl_id,"
		" a.aggtransfn::text AS sfunc, format_type(a.aggtranstype, NULL) AS stype,"
		" nullif(a.aggtransspace, 0) AS sspace,"
		FUNCTION_OR_NULL("aggfinalfn") " AS finalfunc, a.aggfinalextra AS finalfunc_extra,"
		" CASE a.aggfinalmodify WHEN 's' THEN 'SHAREABLE' WHEN 'w' THEN 'READ_WRITE'"
		" ELSE 'READ_ONLY' END AS finalfunc_modify,"
		FUNCTION_OR_NULL("aggcombinefn") " AS combinefunc,"
		FUNCTION_OR_NULL("aggserialfn") " AS serialfunc,"
		FUNCTION_OR_NULL("aggdeserialfn") " AS deserialfunc,"
		" quote_literal(a.agginitval) AS initcond,"
		FUNCTION_OR_NULL("aggmtransfn") " AS msfunc,"
		FUNCTION_OR_NULL("aggminvtransfn") " AS minvfunc,"
		" CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END"
		" AS mstype, nullif(a.aggmtransspace, 0) AS msspace,"
		FUNCTION_OR_NULL("aggmfinalfn") " AS mfinalfunc,"
		" a.aggmfinalextra AS mfinalfunc_extra,"
		" CASE WHEN a.aggmfinalfn <> 0 THEN CASE a.aggmfinalmodify WHEN 's' THEN"
		" 'SHAREABLE' WHEN 'w' THEN 'READ_WRITE' ELSE 'READ_ONLY' END END"
		" AS mfinalfunc_modify, quote_literal(a.aggminitval) AS minitcond,"
		" (SELECT format('OPERATOR(%I.%s)', sn.nspname, o.oprname)"
		" FROM pg_operator o JOIN pg_namespace sn ON sn.oid = o.oprnamespace"
		" WHERE o.oid = a.aggsortop) AS sortop,"
		" CASE p.proparallel WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' END"
		" AS parallel, a.aggkind = 'h' AS hypothetical"
		" FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
		" JOIN pg_aggregate a ON a.aggfnoid = p.oid"
		" WHERE p.pronamespace = ANY ($1)",
		.create = create_aggregate
	},
	{0}
};
