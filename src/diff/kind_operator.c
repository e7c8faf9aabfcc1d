/*-------------------------------------------------------------------------
 *
 * kind_operator.c
 *	  Operators, their classes and families, casts, collations, conversions.
 *
 * IDENTIFICATION
 *	  src/diff/kind_operator.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static void
create_operator(SmigDelta *delta, const SmigObject *operator, SmigCell *cell)
{
	static const struct
	{
		const char *attr;
		const char *option;
	}			parts[] =
	{
		{"function", "FUNCTION"}, {"left", "LEFTARG"}, {"right", "RIGHTARG"},
		{"commutator", "COMMUTATOR"}, {"negator", "NEGATOR"},
		{"restrict", "RESTRICT"}, {"join", "JOIN"}
	};
	List	   *options = NIL;

	for (int i = 0; i < lengthof(parts); i++)
		if (smig_attr(operator, parts[i].attr))
			options = lappend(options, psprintf("%s = %s", parts[i].option,
												smig_attr(operator, parts[i].attr)));
	if (smig_attr(operator, "hashes"))
		options = lappend(options, "HASHES");
	if (smig_attr(operator, "merges"))
		options = lappend(options, "MERGES");
	smig_cell_add(cell, "CREATE OPERATOR %s (\n\t%s\n)",
				  smig_attr(operator, "_qualified"), smig_join(options, ",\n\t"));
}

static bool
alter_operator(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			   SmigCell *cell)
{
	static const char *const alterable[] = {"restrict", "join", NULL};
	const char *restriction = smig_attr(new, "restrict");
	const char *join = smig_attr(new, "join");

	if (!smig_only_differs(old, new, alterable))
		return false;
	smig_cell_add(cell, "ALTER OPERATOR %s SET (RESTRICT = %s, JOIN = %s)",
				  new->id, restriction ? restriction : "NONE",
				  join ? join : "NONE");
	return true;
}

static void
write_family_items(const SmigObject *family, const char *verb, List *items,
				   SmigCell *cell)
{
	if (items)
		smig_cell_add(cell, "ALTER OPERATOR FAMILY %s %s\n\t%s", family->id,
					  verb, smig_join(items, ",\n\t"));
}

static void
create_family(SmigDelta *delta, const SmigObject *family, SmigCell *cell)
{
	smig_cell_add(cell, "CREATE OPERATOR FAMILY %s", family->id);
	write_family_items(family, "ADD", smig_attr_list(family, "items"), cell);
}

static List *
items_missing(List *from, List *in)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, from)
	{
		bool		found = false;
		ListCell   *other;

		foreach(other, in)
			found = found || strcmp(lfirst(lc), lfirst(other)) == 0;
		if (!found)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/*
 * What DROP takes of an item: "OPERATOR 1 (l, r)", without the operator.
 */
static char *
item_address(const char *item)
{
	const char *types = strstr(item, " (");
	const char *end = types ? strchr(types, ')') : NULL;
	const char *word = strchr(item, ' ');
	const char *number_end = word ? strchr(word + 1, ' ') : NULL;

	if (end == NULL || number_end == NULL)
		return pstrdup(item);
	return psprintf("%.*s%.*s", (int) (number_end - item), item,
					(int) (end + 1 - types), types);
}

static bool
alter_family(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			 SmigCell *cell)
{
	List	   *gone = items_missing(smig_attr_list(old, "items"),
									 smig_attr_list(new, "items"));
	List	   *come = items_missing(smig_attr_list(new, "items"),
									 smig_attr_list(old, "items"));
	ListCell   *lc;

	foreach(lc, gone)
		lfirst(lc) = item_address(lfirst(lc));
	write_family_items(new, "DROP", gone, cell);
	write_family_items(new, "ADD", come, cell);
	return true;
}

static void
create_class(SmigDelta *delta, const SmigObject *class, SmigCell *cell)
{
	const char *storage = smig_attr(class, "storage");
	List	   *items = smig_attr_list(class, "items");

	if (storage || items == NIL)
		items = lappend(items, psprintf("STORAGE %s", storage ? storage :
										smig_attr(class, "type")));
	smig_cell_add(cell, "CREATE OPERATOR CLASS %s%s FOR TYPE %s USING %s FAMILY %s AS\n\t%s",
				  smig_attr(class, "_qualified"),
				  smig_attr(class, "default") ? " DEFAULT" : "",
				  smig_attr(class, "type"), smig_attr(class, "_method"),
				  smig_attr(class, "family"), smig_join(items, ",\n\t"));
}

static void
create_cast(SmigDelta *delta, const SmigObject *cast, SmigCell *cell)
{
	const char *context = smig_attr(cast, "context");

	smig_cell_add(cell, "CREATE CAST %s %s%s%s", cast->id,
				  smig_attr(cast, "method"), context ? " AS " : "",
				  context ? context : "");
}

static void
create_collation(SmigDelta *delta, const SmigObject *collation, SmigCell *cell)
{
	List	   *options = NIL;
	const char *provider = smig_attr(collation, "provider");
	const char *locale = smig_attr(collation, "locale");
	const char *collate = smig_attr(collation, "lc_collate");
	const char *ctype = smig_attr(collation, "lc_ctype");
	const char *rules = smig_attr(collation, "rules");

	options = lappend(options, psprintf("provider = %s", provider));
	if (smig_attr(collation, "nondeterministic"))
		options = lappend(options, "deterministic = false");
	if (locale)
		options = lappend(options, psprintf("locale = %s",
											quote_literal_cstr(locale)));
	if (collate)
		options = lappend(options, psprintf("lc_collate = %s",
											quote_literal_cstr(collate)));
	if (ctype)
		options = lappend(options, psprintf("lc_ctype = %s",
											quote_literal_cstr(ctype)));
	if (rules)
		options = lappend(options, psprintf("rules = %s",
											quote_literal_cstr(rules)));
	smig_cell_add(cell, "CREATE COLLATION %s (%s)", collation->id,
				  smig_join(options, ", "));
}

static void
create_conversion(SmigDelta *delta, const SmigObject *conversion,
				  SmigCell *cell)
{
	smig_cell_add(cell, "CREATE %sCONVERSION %s FOR %s TO %s FROM %s",
				  smig_attr(conversion, "default") ? "DEFAULT " : "",
				  conversion->id,
				  quote_literal_cstr(smig_attr(conversion, "source")),
				  quote_literal_cstr(smig_attr(conversion, "target")),
				  smig_attr(conversion, "function"));
}

/* One operator or function of a family, as CREATE OPERATOR CLASS writes it. */
#define FAMILY_OPERATOR \
	"format('OPERATOR %s %s (%s, %s)%s', o.amopstrategy," \
	" (SELECT format('%I.%s', pn.nspname, p.oprname) FROM pg_operator p" \
	" JOIN pg_namespace pn ON pn.oid = p.oprnamespace WHERE p.oid = o.amopopr)," \
	" format_type(o.amoplefttype, NULL), format_type(o.amoprighttype, NULL)," \
	" CASE o.amoppurpose WHEN 'o' THEN (SELECT format(' FOR ORDER BY %I.%I'," \
	" sn.nspname, sf.opfname) FROM pg_opfamily sf JOIN pg_namespace sn" \
	" ON sn.oid = sf.opfnamespace WHERE sf.oid = o.amopsortfamily) ELSE '' END)"
#define FAMILY_FUNCTION \
	"format('FUNCTION %s (%s, %s) %s', a.amprocnum," \
	" format_type(a.amproclefttype, NULL), format_type(a.amprocrighttype, NULL)," \
	" a.amproc::regprocedure)"

/* Items that hang on an operator class (or, without one, on the family). */
#define FAMILY_ITEMS(class, refclass, refobject, deptype) \
	"(SELECT array_agg(x ORDER BY x COLLATE \"C\") FROM (" \
	"SELECT " FAMILY_OPERATOR " FROM pg_amop o JOIN pg_depend d" \
	" ON d.classid = 'pg_amop'::regclass AND d.objid = o.oid" \
	" AND d.refclassid = '" refclass "'::regclass AND d.refobjid = " refobject \
	" AND d.deptype = '" deptype "'" \
	" UNION ALL SELECT " FAMILY_FUNCTION " FROM pg_amproc a JOIN pg_depend d" \
	" ON d.classid = 'pg_amproc'::regclass AND d.objid = a.oid" \
	" AND d.refclassid = '" refclass "'::regclass AND d.refobjid = " refobject \
	" AND d.deptype = '" deptype "') i(x)) AS items"

#define OPERATOR_REFERENCE(column) \
	"(SELECT format('OPERATOR(%I.%s)', xn.nspname, x.oprname) FROM pg_operator x" \
	" JOIN pg_namespace xn ON xn.oid = x.oprnamespace WHERE x.oid = " column ")"

const SmigKind smig_kinds_operator[] = {
	{
		.name = "operator",
		.sql = "OPERATOR",
		.classid = 2617,
		.order = 64,
		.query = "SELECT o.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%s (%s, %s)', n.nspname, o.oprname,"
		" CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END,"
		" CASE WHEN o.oprright = 0 THEN 'NONE' ELSE format_type(o.oprright, NULL) END),"
		" o.oprname::text, n.nspname AS _schema,"
		" format('%I.%s', n.nspname, o.oprname) AS _qualified,"
		" pg_get_userbyid(o.oprowner) AS owner, o.oprcode::text AS function,"
		" CASE WHEN o.oprleft <> 0 THEN format_type(o.oprleft, NULL) END AS left,"
		" CASE WHEN o.oprright <> 0 THEN format_type(o.oprright, NULL) END AS right,"
		OPERATOR_REFERENCE("o.oprcom") " AS commutator,"
		OPERATOR_REFERENCE("o.oprnegate") " AS negator,"
		" nullif(o.oprrest::oid, 0)::regproc::text AS restrict,"
		" nullif(o.oprjoin::oid, 0)::regproc::text AS join,"
		" o.oprcanhash AS hashes, o.oprcanmerge AS merges"
		" FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace"
		" WHERE o.oprnamespace = ANY ($1) AND o.oprcode <> 0",
		.create = create_operator,
		.alter = alter_operator
	},
	{
		.name = "operator family",
		.sql = "OPERATOR FAMILY",
		.classid = 2753,
		.order = 65,
		.query = "SELECT f.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I USING %I', n.nspname, f.opfname, m.amname),"
		" f.opfname::text, n.nspname AS _schema,"
		" pg_get_userbyid(f.opfowner) AS owner,"
		FAMILY_ITEMS("family", "pg_opfamily", "f.oid", "a")
		" FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace"
		" JOIN pg_am m ON m.oid = f.opfmethod WHERE f.opfnamespace = ANY ($1)",
		.create = create_family,
		.alter = alter_family
	},
	{
		.name = "operator class",
		.sql = "OPERATOR CLASS",
		.classid = 2616,
		.order = 66,
		.query = "SELECT c.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I USING %I', n.nspname, c.opcname, m.amname),"
		" c.opcname::text, n.nspname AS _schema,"
		" format('%I.%I', n.nspname, c.opcname) AS _qualified,"
		" quote_ident(m.amname) AS _method,"
		" pg_get_userbyid(c.opcowner) AS owner, c.opcdefault AS default,"
		" format_type(c.opcintype, NULL) AS type,"
		" CASE WHEN c.opckeytype <> 0 THEN format_type(c.opckeytype, NULL) END"
		" AS storage, format('%I.%I', fn.nspname, f.opfname) AS family,"
		FAMILY_ITEMS("class", "pg_opclass", "c.oid", "i")
		" FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace"
		" JOIN pg_am m ON m.oid = c.opcmethod"
		" JOIN pg_opfamily f ON f.oid = c.opcfamily"
		" JOIN pg_namespace fn ON fn.oid = f.opfnamespace"
		" WHERE c.opcnamespace = ANY ($1)",
		.create = create_class
	},
	{
		.name = "cast",
		.sql = "CAST",
		.classid = 2605,
		.order = 67,
		.flags = SMIG_KIND_GLOBAL | SMIG_KIND_LINK,
		.query = "SELECT c.oid, 0, 0::oid, 0::oid, 0, format('(%s AS %s)',"
		" format_type(c.castsource, NULL), format_type(c.casttarget, NULL)), '',"
		" CASE c.castmethod WHEN 'f' THEN 'WITH FUNCTION ' ||"
		" c.castfunc::regprocedure WHEN 'i' THEN 'WITH INOUT'"
		" ELSE 'WITHOUT FUNCTION' END AS method,"
		" CASE c.castcontext WHEN 'a' THEN 'ASSIGNMENT' WHEN 'i' THEN 'IMPLICIT'"
		" END AS context FROM pg_cast c WHERE c.oid >= 16384"
		" AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid"
		" AND d.classid = 'pg_cast'::regclass AND d.deptype = 'i')",
		.create = create_cast
	},
	{
		.name = "collation",
		.sql = "COLLATION",
		.classid = 3456,
		.order = 25,
		.query = "SELECT c.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I', n.nspname, c.collname), c.collname::text,"
		" n.nspname AS _schema, pg_get_userbyid(c.collowner) AS owner,"
		" CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'c' THEN 'libc'"
		" WHEN 'b' THEN 'builtin' END AS provider,"
		" NOT c.collisdeterministic AS nondeterministic,"
		" coalesce(j.j ->> 'colllocale', j.j ->> 'colliculocale') AS locale,"
		" c.collcollate AS lc_collate, c.collctype AS lc_ctype,"
		" j.j ->> 'collicurules' AS rules"
		" FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace"
		" CROSS JOIN LATERAL (SELECT to_jsonb(c)) j(j)"
		" WHERE c.collnamespace = ANY ($1)",
		.create = create_collation
	},
	{
		.name = "conversion",
		.sql = "CONVERSION",
		.classid = 2607,
		.order = 68,
		.query = "SELECT c.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I', n.nspname, c.conname), c.conname::text,"
		" n.nspname AS _schema, pg_get_userbyid(c.conowner) AS owner,"
		" c.condefault AS default, pg_encoding_to_char(c.conforencoding) AS source,"
		" pg_encoding_to_char(c.contoencoding) AS target,"
		" c.conproc::text AS function"
		" FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace"
		" WHERE c.connamespace = ANY ($1)",
		.create = create_conversion
	},
	{0}
};
