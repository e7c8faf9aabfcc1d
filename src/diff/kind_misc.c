/*-------------------------------------------------------------------------
 *
 * kind_misc.c
 *	  Default privileges, languages, transforms, access methods, labels.
 *
 * IDENTIFICATION
 *	  src/diff/kind_misc.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static void
create_default_privileges(SmigDelta *delta, const SmigObject *object,
						  SmigCell *cell)
{
	smig_emit_default_privileges(NULL, object, cell);
}

static bool
alter_default_privileges(SmigDelta *delta, const SmigObject *old,
						 const SmigObject *new, SmigCell *cell)
{
	smig_emit_default_privileges(old, new, cell);
	return true;
}

static void
drop_default_privileges(SmigDelta *delta, const SmigObject *object,
						SmigCell *cell)
{
	smig_emit_default_privileges(object, NULL, cell);
}

static void
create_language(SmigDelta *delta, const SmigObject *language, SmigCell *cell)
{
	const char *inline_handler = smig_attr(language, "inline");
	const char *validator = smig_attr(language, "validator");

	smig_cell_add(cell, "CREATE %sLANGUAGE %s HANDLER %s%s%s%s%s",
				  smig_attr(language, "trusted") ? "TRUSTED " : "",
				  language->id, smig_attr(language, "handler"),
				  inline_handler ? " INLINE " : "",
				  inline_handler ? inline_handler : "",
				  validator ? " VALIDATOR " : "", validator ? validator : "");
}

static void
create_transform(SmigDelta *delta, const SmigObject *transform, SmigCell *cell)
{
	List	   *parts = NIL;

	if (smig_attr(transform, "from_sql"))
		parts = lappend(parts, psprintf("FROM SQL WITH FUNCTION %s",
										smig_attr(transform, "from_sql")));
	if (smig_attr(transform, "to_sql"))
		parts = lappend(parts, psprintf("TO SQL WITH FUNCTION %s",
										smig_attr(transform, "to_sql")));
	smig_cell_add(cell, "CREATE TRANSFORM %s (%s)", transform->id,
				  smig_join(parts, ", "));
}

static void
create_method(SmigDelta *delta, const SmigObject *method, SmigCell *cell)
{
	smig_cell_add(cell, "CREATE ACCESS METHOD %s TYPE %s HANDLER %s",
				  method->id, smig_attr(method, "type"),
				  smig_attr(method, "handler"));
}

/*
 * Privileges that were changed on what belongs to an extension or to
 * PostgreSQL.  They go and come with the extension.
 */
static void
create_member_privileges(SmigDelta *delta, const SmigObject *object,
						 SmigCell *cell)
{
	smig_emit_member_privileges(NULL, object, cell);
}

static bool
alter_member_privileges(SmigDelta *delta, const SmigObject *old,
						const SmigObject *new, SmigCell *cell)
{
	smig_emit_member_privileges(old, new, cell);
	return true;
}

static void
drop_member_privileges(SmigDelta *delta, const SmigObject *object,
					   SmigCell *cell)
{
	ListCell   *lc;

	foreach(lc, object->deps)
	{
		SmigFate	fate = smig_delta_state(delta, lfirst(lc))->fate;

		if (fate == SMIG_FATE_DROP || fate == SMIG_FATE_REPLACE)
			return;
	}
	smig_emit_member_privileges(object, NULL, cell);
}

/*
 * What a security label is on, as SECURITY LABEL names it.
 */
static char *
labelled(const SmigObject *label)
{
	const SmigObject *object = label->parent;
	const char *column = smig_attr(label, "_column");

	if (object == NULL)
		return pstrdup(smig_attr(label, "_target"));
	if (column && strcmp(object->kind->sql, "COLUMN") != 0)
		return psprintf("COLUMN %s.%s", object->id, column);
	return psprintf("%s %s", object->kind->sql, object->id);
}

static void
create_label(SmigDelta *delta, const SmigObject *label, SmigCell *cell)
{
	smig_cell_add(cell, "SECURITY LABEL FOR %s ON %s IS %s",
				  smig_attr(label, "_provider"), labelled(label),
				  quote_literal_cstr(smig_attr(label, "label")));
}

static bool
alter_label(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			SmigCell *cell)
{
	create_label(delta, new, cell);
	return true;
}

/*
 * A label goes with the extension whose member it is on.
 */
static void
drop_label(SmigDelta *delta, const SmigObject *label, SmigCell *cell)
{
	ListCell   *lc;

	foreach(lc, label->deps)
	{
		SmigFate	fate = smig_delta_state(delta, lfirst(lc))->fate;

		if (fate == SMIG_FATE_DROP || fate == SMIG_FATE_REPLACE)
			return;
	}
	smig_cell_add(cell, "SECURITY LABEL FOR %s ON %s IS NULL",
				  smig_attr(label, "_provider"), labelled(label));
}

/*
 * What is in a catalog, has privileges, and came with an extension or with
 * PostgreSQL: its address, owner, name for GRANT, privileges, the built-in
 * ones.
 */
#define MEMBERS(class, acl, owner, type, name, from) \
	"SELECT '" class "'::regclass::oid, x.oid, pg_get_userbyid(" owner ")," \
	" " name ", " acl ", acldefault('" type "', " owner ") FROM " class " x" from \
	" WHERE " acl " IS NOT NULL"

const SmigKind smig_kinds_misc[] = {
	{
		.name = "member privileges",
		.order = 190,
		.flags = SMIG_KIND_GLOBAL | SMIG_KIND_LINK,
		.query = "SELECT 0::oid, 0, 0::oid, 0::oid, 0, m.name, '', m.name AS _on,"
		" m.owner AS _owner, p.now AS privileges, p.initial AS _initial,"
		" d.refobjid IS NOT NULL AS of_extension,"
		SMIG_ADDRESS("pg_extension", "d.refobjid", "0") " AS dep_extension"
		" FROM ("
		MEMBERS("pg_proc", "x.proacl", "x.proowner", "f",
				"format('%s %I.%I(%s)', CASE x.prokind WHEN 'p' THEN 'PROCEDURE'"
				" ELSE 'FUNCTION' END, n.nspname, x.proname,"
				" oidvectortypes(x.proargtypes))",
				" JOIN pg_namespace n ON n.oid = x.pronamespace")
		" UNION ALL "
		MEMBERS("pg_class", "x.relacl", "x.relowner", "r",
				"format('TABLE %I.%I', n.nspname, x.relname)",
				" JOIN pg_namespace n ON n.oid = x.relnamespace")
		" AND x.relkind IN ('r', 'v', 'm', 'p', 'f') UNION ALL "
		MEMBERS("pg_class", "x.relacl", "x.relowner", "s",
				"format('SEQUENCE %I.%I', n.nspname, x.relname)",
				" JOIN pg_namespace n ON n.oid = x.relnamespace")
		" AND x.relkind = 'S' UNION ALL "
		MEMBERS("pg_type", "x.typacl", "x.typowner", "T",
				"format('TYPE %I.%I', n.nspname, x.typname)",
				" JOIN pg_namespace n ON n.oid = x.typnamespace")
		" UNION ALL "
		MEMBERS("pg_namespace", "x.nspacl", "x.nspowner", "n",
				"format('SCHEMA %I', x.nspname)", "")
		" AND x.nspname <> 'public' UNION ALL "
		MEMBERS("pg_language", "x.lanacl", "x.lanowner", "l",
				"format('LANGUAGE %I', x.lanname)", "")
		" UNION ALL "
		MEMBERS("pg_foreign_data_wrapper", "x.fdwacl", "x.fdwowner", "F",
				"format('FOREIGN DATA WRAPPER %I', x.fdwname)", "")
		") m(class, oid, owner, name, acl, usual)"
		" LEFT JOIN pg_depend d ON d.classid = m.class AND d.objid = m.oid"
		" AND d.deptype = 'e'"
		" LEFT JOIN pg_init_privs i ON i.classoid = m.class AND i.objoid = m.oid"
		" AND i.objsubid = 0"
		" CROSS JOIN LATERAL (SELECT"
		" ARRAY(SELECT a::text FROM unnest(m.acl) a ORDER BY a::text COLLATE \"C\"),"
		" ARRAY(SELECT a::text FROM unnest(coalesce(i.initprivs, m.usual)) a"
		" ORDER BY a::text COLLATE \"C\")) p(now, initial)"
		/* like pg_dump: what initdb made, but not information_schema */
		" WHERE (i.objoid IS NOT NULL AND m.oid < 16384"
		" OR m.oid < 16384 AND m.name ~ '^[A-Z ]+ (pg_catalog\\.|pg_catalog$)'"
		" OR d.refobjid IS NOT NULL) AND p.now <> p.initial"
		" AND d.refobjid IS DISTINCT FROM (SELECT e.oid FROM pg_extension e"
		" WHERE e.extname = 'schemamig')",
		.create = create_member_privileges,
		.alter = alter_member_privileges,
		.drop = drop_member_privileges
	},
	{
		.name = "default privileges",
		.order = 200,
		.flags = SMIG_KIND_GLOBAL,
		.query = "SELECT 0::oid, 0, 0::oid, 0::oid, 0,"
		" format('FOR ROLE %I%s ON %s', pg_get_userbyid(a.defaclrole),"
		" ' IN SCHEMA ' || quote_ident(n.nspname), t.name), '',"
		" pg_get_userbyid(a.defaclrole) AS _role, n.nspname AS _in_schema,"
		" a.defaclobjtype AS _type, t.name AS _objects,"
		" coalesce((SELECT array_agg(i::text ORDER BY i::text COLLATE \"C\")"
		" FROM unnest(a.defaclacl) i), '{}') AS privileges"
		" FROM pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace"
		" JOIN (VALUES ('r'::\"char\", 'TABLES'), ('S', 'SEQUENCES'),"
		" ('f', 'FUNCTIONS'), ('T', 'TYPES'), ('n', 'SCHEMAS')) t(code, name)"
		" ON t.code = a.defaclobjtype",
		.create = create_default_privileges,
		.alter = alter_default_privileges,
		.drop = drop_default_privileges
	},
	{
		.name = "language",
		.sql = "LANGUAGE",
		.classid = 2612,
		.order = 28,
		.flags = SMIG_KIND_GLOBAL,
		.acl_type = OBJECT_LANGUAGE,
		.acl_sql = "LANGUAGE",
		.query = "SELECT l.oid, 0, 0::oid, 0::oid, 0, quote_ident(l.lanname),"
		" l.lanname::text, pg_get_userbyid(l.lanowner) AS owner,"
		SMIG_ACL("l.lanacl", "l", "l.lanowner") ","
		" l.lanpltrusted AS trusted, l.lanplcallfoid::regproc::text AS handler,"
		" nullif(l.laninline, 0)::regproc::text AS inline,"
		" nullif(l.lanvalidator, 0)::regproc::text AS validator"
		" FROM pg_language l WHERE l.oid >= 16384",
		.create = create_language
	},
	{
		.name = "transform",
		.sql = "TRANSFORM",
		.classid = 3576,
		.order = 69,
		.flags = SMIG_KIND_GLOBAL | SMIG_KIND_LINK,
		.query = "SELECT t.oid, 0, 0::oid, 0::oid, 0,"
		" format('FOR %s LANGUAGE %I', format_type(t.trftype, NULL), l.lanname), '',"
		" nullif(t.trffromsql, 0)::regprocedure::text AS from_sql,"
		" nullif(t.trftosql, 0)::regprocedure::text AS to_sql"
		" FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang",
		.create = create_transform
	},
	{
		.name = "access method",
		.sql = "ACCESS METHOD",
		.classid = 2601,
		.order = 29,
		.flags = SMIG_KIND_GLOBAL,
		.query = "SELECT m.oid, 0, 0::oid, 0::oid, 0, quote_ident(m.amname),"
		" m.amname::text, CASE m.amtype WHEN 'i' THEN 'INDEX' ELSE 'TABLE' END AS type,"
		" m.amhandler::text AS handler FROM pg_am m WHERE m.oid >= 16384",
		.create = create_method
	},
	{
		/* on what is no object here, by the name that PostgreSQL gives it */
		.name = "security label",
		.order = 210,
		.flags = SMIG_KIND_ANYWHERE,
		.query = "SELECT 0::oid, 0, l.classoid, l.objoid, l.objsubid,"
		" format('FOR %I ON %s %s', l.provider, k.type, i.identity), '',"
		" quote_ident(l.provider) AS _provider, l.label AS label,"
		" format('%s %s', k.type, i.identity) AS _target,"
		" CASE WHEN l.objsubid <> 0 THEN (SELECT quote_ident(a.attname)"
		" FROM pg_attribute a WHERE a.attrelid = l.objoid"
		" AND a.attnum = l.objsubid) END AS _column"
		" FROM (SELECT classoid, objoid, objsubid, provider, label FROM pg_seclabel"
		" UNION ALL SELECT classoid, objoid, 0, provider, label FROM pg_shseclabel"
		" WHERE classoid = 'pg_subscription'::regclass AND objoid IN"
		" (SELECT s.oid FROM pg_subscription s WHERE s.subdbid ="
		" (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))) l"
		" CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) i"
		" CROSS JOIN LATERAL (SELECT CASE WHEN l.objsubid <> 0 THEN 'COLUMN'"
		" ELSE upper(i.type) END) k(type)"
		" WHERE l.classoid <> 'pg_largeobject'::regclass",
		.create = create_label,
		.alter = alter_label,
		.drop = drop_label
	},
	{0}
};
