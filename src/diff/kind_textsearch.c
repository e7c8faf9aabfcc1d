/*-------------------------------------------------------------------------
 *
 * kind_textsearch.c
 *	  Text search parsers, templates, dictionaries, configurations.
 *
 * IDENTIFICATION
 *	  src/diff/kind_textsearch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static void
create_from_options(const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "CREATE %s %s (%s)", object->kind->sql, object->id,
				  smig_attr(object, "options"));
}

static void
create_parser(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	create_from_options(object, cell);
}

static void
create_dictionary(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	const char *options = smig_attr(object, "options");

	smig_cell_add(cell, "CREATE TEXT SEARCH DICTIONARY %s (TEMPLATE = %s%s%s)",
				  object->id, smig_attr(object, "template"),
				  options ? ", " : "", options ? options : "");
}

/*
 * A mapping is written "token: dictionary, dictionary".
 */
static void
write_mapping(const SmigObject *object, const char *verb, const char *mapping,
			  SmigCell *cell)
{
	const char *colon = strstr(mapping, ": ");

	smig_cell_add(cell, "ALTER TEXT SEARCH CONFIGURATION %s %s MAPPING FOR %.*s WITH %s",
				  object->id, verb, (int) (colon - mapping), mapping,
				  colon + 2);
}

static void
create_configuration(SmigDelta *delta, const SmigObject *object,
					 SmigCell *cell)
{
	ListCell   *lc;

	smig_cell_add(cell, "CREATE TEXT SEARCH CONFIGURATION %s (PARSER = %s)",
				  object->id, smig_attr(object, "parser"));
	foreach(lc, smig_attr_list(object, "mappings"))
		write_mapping(object, "ADD", lfirst(lc), cell);
}

/*
 * The mapping of the same token in a list, or NULL.
 */
static const char *
mapping_of(List *mappings, const char *like)
{
	size_t		length = strcspn(like, ":") + 1;
	ListCell   *lc;

	foreach(lc, mappings)
		if (strncmp(lfirst(lc), like, length) == 0)
			return lfirst(lc);
	return NULL;
}

static bool
alter_configuration(SmigDelta *delta, const SmigObject *old,
					const SmigObject *new, SmigCell *cell)
{
	List	   *before = smig_attr_list(old, "mappings");
	List	   *after = smig_attr_list(new, "mappings");
	ListCell   *lc;

	if (!smig_attr_same(old, new, "parser"))
		return false;
	foreach(lc, before)
	{
		const char *mapping = lfirst(lc);

		if (mapping_of(after, mapping) == NULL)
			smig_cell_add(cell, "ALTER TEXT SEARCH CONFIGURATION %s DROP MAPPING FOR %.*s",
						  new->id, (int) strcspn(mapping, ":"), mapping);
	}
	foreach(lc, after)
	{
		const char *present = mapping_of(before, lfirst(lc));

		if (present == NULL)
			write_mapping(new, "ADD", lfirst(lc), cell);
		else if (strcmp(present, lfirst(lc)) != 0)
			write_mapping(new, "ALTER", lfirst(lc), cell);
	}
	return true;
}

const SmigKind smig_kinds_textsearch[] = {
	{
		.name = "text search parser",
		.sql = "TEXT SEARCH PARSER",
		.classid = 3601,
		.order = 80,
		.query = "SELECT p.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I', n.nspname, p.prsname), p.prsname::text,"
		" n.nspname AS _schema, format('START = %s, GETTOKEN = %s, END = %s,"
		" LEXTYPES = %s%s', p.prsstart, p.prstoken, p.prsend, p.prslextype,"
		" CASE WHEN p.prsheadline <> 0 THEN ', HEADLINE = ' || p.prsheadline"
		" ELSE '' END) AS options"
		" FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace"
		" WHERE p.prsnamespace = ANY ($1)",
		.create = create_parser
	},
	{
		.name = "text search template",
		.sql = "TEXT SEARCH TEMPLATE",
		.classid = 3764,
		.order = 81,
		.query = "SELECT t.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I', n.nspname, t.tmplname), t.tmplname::text,"
		" n.nspname AS _schema, format('%sLEXIZE = %s',"
		" CASE WHEN t.tmplinit <> 0 THEN 'INIT = ' || t.tmplinit || ', '"
		" ELSE '' END, t.tmpllexize) AS options"
		" FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace"
		" WHERE t.tmplnamespace = ANY ($1)",
		.create = create_parser
	},
	{
		.name = "text search dictionary",
		.sql = "TEXT SEARCH DICTIONARY",
		.classid = 3600,
		.order = 82,
		.query = "SELECT d.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I', n.nspname, d.dictname), d.dictname::text,"
		" n.nspname AS _schema, pg_get_userbyid(d.dictowner) AS owner,"
		" format('%I.%I', tn.nspname, t.tmplname) AS template,"
		" d.dictinitoption AS options"
		" FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace"
		" JOIN pg_ts_template t ON t.oid = d.dicttemplate"
		" JOIN pg_namespace tn ON tn.oid = t.tmplnamespace"
		" WHERE d.dictnamespace = ANY ($1)",
		.create = create_dictionary
	},
	{
		.name = "text search configuration",
		.sql = "TEXT SEARCH CONFIGURATION",
		.classid = 3602,
		.order = 83,
		.query = "SELECT c.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I', n.nspname, c.cfgname), c.cfgname::text,"
		" n.nspname AS _schema, pg_get_userbyid(c.cfgowner) AS owner,"
		" format('%I.%I', pn.nspname, p.prsname) AS parser,"
		" (SELECT array_agg(m.t ORDER BY m.t) FROM (SELECT format('%I: %s',"
		" tt.alias, string_agg(format('%I.%I', dn.nspname, d.dictname), ', '"
		" ORDER BY x.mapseqno)) FROM pg_ts_config_map x"
		" JOIN ts_token_type(c.cfgparser) tt ON tt.tokid = x.maptokentype"
		" JOIN pg_ts_dict d ON d.oid = x.mapdict"
		" JOIN pg_namespace dn ON dn.oid = d.dictnamespace"
		" WHERE x.mapcfg = c.oid GROUP BY tt.alias) m(t)) AS mappings"
		" FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace"
		" JOIN pg_ts_parser p ON p.oid = c.cfgparser"
		" JOIN pg_namespace pn ON pn.oid = p.prsnamespace"
		" WHERE c.cfgnamespace = ANY ($1)",
		.create = create_configuration,
		.alter = alter_configuration
	},
	{0}
};
