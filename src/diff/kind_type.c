/*-------------------------------------------------------------------------
 *
 * kind_type.c
 *	  Types: enums, domains, composite types, ranges.
 *
 * IDENTIFICATION
 *	  src/diff/kind_type.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

#define TYPE_COLUMNS \
	"SELECT t.oid, 0, 0::oid, 0::oid, 0, format('%I.%I', n.nspname, t.typname)," \
	" t.typname::text, n.nspname AS _schema, pg_get_userbyid(t.typowner) AS owner," \
	SMIG_ACL("t.typacl", "T", "t.typowner")
#define TYPE_FROM \
	" FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace" \

static int
find_label(List *labels, const char *label)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, labels)
	{
		if (strcmp(lfirst(lc), label) == 0)
			return n;
		n++;
	}
	return -1;
}

static void
create_enum(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	List	   *quoted = NIL;
	ListCell   *lc;

	foreach(lc, smig_attr_list(object, "labels"))
		quoted = lappend(quoted, quote_literal_cstr(lfirst(lc)));
	smig_cell_add(cell, "CREATE TYPE %s AS ENUM (%s)", object->id,
				  smig_join(quoted, ", "));
}

/*
 * Values can be added anywhere, but neither removed nor moved.
 */
static bool
alter_enum(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
		   SmigCell *cell)
{
	List	   *have = smig_attr_list(old, "labels");
	List	   *want = smig_attr_list(new, "labels");
	const char *previous = NULL;
	int			last = -1;
	int			kept = 0;
	ListCell   *lc;

	foreach(lc, want)
	{
		int			at = find_label(have, lfirst(lc));

		if (at < 0)
			continue;
		if (at < last)
			return false;
		last = at;
		kept++;
	}
	if (kept < list_length(have))
		return false;
	foreach(lc, want)
	{
		const char *label = lfirst(lc);

		if (find_label(have, label) < 0)
		{
			/* a new value cannot be used before it is committed */
			if (previous)
				smig_cell_alone(cell, "ALTER TYPE %s ADD VALUE %s AFTER %s",
								new->id, quote_literal_cstr(label),
								quote_literal_cstr(previous));
			else if (have != NIL)
				smig_cell_alone(cell, "ALTER TYPE %s ADD VALUE %s BEFORE %s",
								new->id, quote_literal_cstr(label),
								quote_literal_cstr(linitial(have)));
			else
				smig_cell_alone(cell, "ALTER TYPE %s ADD VALUE %s", new->id,
								quote_literal_cstr(label));
		}
		previous = label;
	}
	return true;
}

static void
create_domain(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	StringInfoData buf;
	const char *collation = smig_attr(object, "collation");
	const char *value = smig_attr(object, "default");
	ListCell   *lc;

	initStringInfo(&buf);
	if (collation)
		appendStringInfo(&buf, " COLLATE %s", collation);
	if (value)
		appendStringInfo(&buf, " DEFAULT %s", value);
	appendStringInfoString(&buf, smig_not_null_clause(object));
	foreach(lc, object->children)
	{
		const SmigObject *child = lfirst(lc);

		if (smig_delta_state(delta, child)->folded)
			appendStringInfo(&buf, " CONSTRAINT %s %s",
							 quote_identifier(child->name),
							 smig_attr(child, "def"));
	}
	smig_cell_add(cell, "CREATE DOMAIN %s AS %s%s", object->id,
				  smig_attr(object, "type"), buf.data);
	smig_not_null_after(object, cell);
	foreach(lc, object->children)
	{
		const SmigObject *child = lfirst(lc);

		if (smig_delta_state(delta, child)->folded)
			smig_emit_extras(delta, NULL, child, cell);
	}
}

static bool
alter_domain(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			 SmigCell *cell)
{
	const char *value = smig_attr(new, "default");

	if (!smig_attr_same(old, new, "type") ||
		!smig_attr_same(old, new, "collation"))
		return false;
	if (!smig_attr_same(old, new, "default"))
	{
		if (value)
			smig_cell_add(cell, "ALTER DOMAIN %s SET DEFAULT %s", new->id,
						  value);
		else
			smig_cell_add(cell, "ALTER DOMAIN %s DROP DEFAULT", new->id);
	}
	if (smig_attr(old, "not_null") && smig_attr(new, "not_null") == NULL)
		smig_cell_add(cell, "ALTER DOMAIN %s DROP NOT NULL", new->id);
	if (smig_attr(new, "not_null") && smig_attr(old, "not_null") == NULL &&
		smig_delta_state(delta, new)->unsupported == NULL)
		smig_not_null_set(new, cell);
	smig_not_null_alter(delta, old, new, cell);
	return true;
}

static void
create_domain_constraint(SmigDelta *delta, const SmigObject *object,
						 SmigCell *cell)
{
	if (smig_delta_state(delta, object)->unsupported)
		return;
	smig_cell_add(cell, "ALTER DOMAIN %s ADD CONSTRAINT %s %s%s",
				  object->parent->id, quote_identifier(object->name),
				  smig_attr(object, "def"),
				  smig_attr(object, "not_valid") ? " NOT VALID" : "");
}

static bool
alter_domain_constraint(SmigDelta *delta, const SmigObject *old,
						const SmigObject *new, SmigCell *cell)
{
	if (!smig_attr_same(old, new, "def") || smig_attr(new, "not_valid"))
		return false;
	if (smig_delta_state(delta, new)->unsupported)
		return true;
	smig_cell_add(cell, "ALTER DOMAIN %s VALIDATE CONSTRAINT %s",
				  new->parent->id, quote_identifier(new->name));
	return true;
}

static void
drop_domain_constraint(SmigDelta *delta, const SmigObject *object,
					   SmigCell *cell)
{
	smig_cell_add(cell, "ALTER DOMAIN %s DROP CONSTRAINT %s",
				  object->parent->id, quote_identifier(object->name));
}

static void
rename_domain_constraint(SmigDelta *delta, const SmigObject *old,
						 const SmigObject *new, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER DOMAIN %s RENAME CONSTRAINT %s TO %s",
				  old->parent->id, quote_identifier(old->name),
				  quote_identifier(new->name));
}

static char *
attribute_definition(const SmigObject *attribute)
{
	const char *collation = smig_attr(attribute, "collation");

	return psprintf("%s %s%s%s", quote_identifier(attribute->name),
					smig_attr(attribute, "type"),
					collation ? " COLLATE " : "", collation ? collation : "");
}

static bool
is_attribute(const SmigObject *child)
{
	return strcmp(child->kind->name, "attribute") == 0;
}

static void
create_composite(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, object->children)
		if (is_attribute(lfirst(lc)))
			parts = lappend(parts, attribute_definition(lfirst(lc)));
	smig_cell_add(cell, "CREATE TYPE %s AS (%s)", object->id,
				  smig_join(parts, ", "));
	foreach(lc, object->children)
		if (is_attribute(lfirst(lc)))
			smig_emit_extras(delta, NULL, lfirst(lc), cell);
}

/*
 * The order of attributes is part of a composite type: what ALTER TYPE would
 * leave in another order is replaced.
 */
static bool
alter_composite(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				SmigCell *cell)
{
	List	   *have = smig_attr_list(old, "attributes");
	List	   *want = smig_attr_list(new, "attributes");
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *other;

	foreach(lc, have)
		if (find_label(want, lfirst(lc)) >= 0)
			result = lappend(result, lfirst(lc));
	foreach(lc, want)
		if (find_label(have, lfirst(lc)) < 0)
			result = lappend(result, lfirst(lc));
	forboth(lc, result, other, want)
		if (strcmp(lfirst(lc), lfirst(other)) != 0)
			return false;
	return true;				/* the attributes have actions of their own */
}

static void
create_attribute(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TYPE %s ADD ATTRIBUTE %s", object->parent->id,
				  attribute_definition(object));
}

/*
 * ALTER ATTRIBUTE is refused by PostgreSQL while a column has the type; then
 * the type is replaced, as it is when something may have compiled it.
 */
static bool
alter_attribute(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				SmigCell *cell)
{
	const char *collation = smig_attr(new, "collation");

	if (old->parent->rdeps != NIL || new->parent->rdeps != NIL)
		return false;
	smig_cell_add(cell, "ALTER TYPE %s ALTER ATTRIBUTE %s TYPE %s%s%s",
				  new->parent->id, quote_identifier(new->name),
				  smig_attr(new, "type"),
				  collation ? " COLLATE " : "", collation ? collation : "");
	return true;
}

static void
drop_attribute(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TYPE %s DROP ATTRIBUTE %s", object->parent->id,
				  quote_identifier(object->name));
	cell->destructive = true;
}

static void
create_range(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	static const struct
	{
		const char *attr;
		const char *option;
	}			parts[] =
	{
		{"subtype", "SUBTYPE"}, {"opclass", "SUBTYPE_OPCLASS"},
		{"collation", "COLLATION"}, {"canonical", "CANONICAL"},
		{"subtype_diff", "SUBTYPE_DIFF"}
	};
	List	   *options = NIL;
	const char *multirange = smig_attr(object, "multirange");

	for (int i = 0; i < lengthof(parts); i++)
		if (smig_attr(object, parts[i].attr))
			options = lappend(options, psprintf("%s = %s", parts[i].option,
												smig_attr(object, parts[i].attr)));
	if (multirange)
		options = lappend(options,
						  psprintf("MULTIRANGE_TYPE_NAME = %s",
								   quote_qualified_identifier(smig_attr(object, "_schema"),
															  multirange)));
	if (smig_attr(object, "canonical"))
		smig_cell_add(cell, "CREATE TYPE %s", object->id);
	smig_cell_add(cell, "CREATE TYPE %s AS RANGE (%s)", object->id,
				  smig_join(options, ", "));
}

const SmigKind smig_kinds_type[] = {
	{
		.name = "enum",
		.sql = "TYPE",
		.classid = 1247,
		.order = 30,
		.flags = SMIG_KIND_TYPE | SMIG_KIND_RELATION,
		.acl_type = OBJECT_TYPE,
		.acl_sql = "TYPE",
		.query = TYPE_COLUMNS
		", coalesce((SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder)"
		" FROM pg_enum e WHERE e.enumtypid = t.oid), '{}') AS labels"
		TYPE_FROM " WHERE t.typnamespace = ANY ($1) AND t.typtype = 'e'",
		.create = create_enum,
		.alter = alter_enum
	},
	{
		.name = "domain",
		.sql = "DOMAIN",
		.classid = 1247,
		.order = 32,
		.flags = SMIG_KIND_TYPE | SMIG_KIND_RELATION,
		.acl_type = OBJECT_TYPE,
		.acl_sql = "DOMAIN",
		.query = TYPE_COLUMNS
		", format_type(t.typbasetype, t.typtypmod) AS type,"
		" CASE WHEN t.typcollation <> b.typcollation THEN"
		" (SELECT format('%I.%I', cn.nspname, c.collname) FROM pg_collation c"
		" JOIN pg_namespace cn ON cn.oid = c.collnamespace"
		" WHERE c.oid = t.typcollation) END AS collation,"
		" coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) AS \"default\","
		" t.typnotnull AS not_null" SMIG_DOMAIN_NOT_NULL_COLUMNS
		TYPE_FROM " JOIN pg_type b ON b.oid = t.typbasetype"
		SMIG_DOMAIN_NOT_NULL_JOIN
		" WHERE t.typnamespace = ANY ($1) AND t.typtype = 'd'",
		.complete = smig_not_null_complete,
		.create = create_domain,
		.alter = alter_domain
	},
	{
		.name = "domain constraint",
		.sql = "CONSTRAINT",
		.classid = 2606,
		.order = 34,
		.flags = SMIG_KIND_FOLD | SMIG_KIND_UNFOLD | SMIG_KIND_RENAME,
		.query = "SELECT c.oid, 0, 'pg_type'::regclass::oid, c.contypid, 0,"
		" format('%I ON DOMAIN %I.%I', c.conname, n.nspname, t.typname),"
		" c.conname::text,"
		" CASE WHEN c.convalidated THEN pg_get_constraintdef(c.oid)"
		" ELSE left(pg_get_constraintdef(c.oid), -10) END AS def,"
		" NOT c.convalidated AS not_valid"
		" FROM pg_constraint c JOIN pg_type t ON t.oid = c.contypid"
		" JOIN pg_namespace n ON n.oid = t.typnamespace"
		" WHERE t.typnamespace = ANY ($1) AND c.contype = 'c'",
		.create = create_domain_constraint,
		.alter = alter_domain_constraint,
		.drop = drop_domain_constraint,
		.rename = rename_domain_constraint
	},
	{
		.name = "composite type",
		.sql = "TYPE",
		.classid = 1247,
		.order = 31,
		.flags = SMIG_KIND_TYPE | SMIG_KIND_RELATION,
		.acl_type = OBJECT_TYPE,
		.acl_sql = "TYPE",
		.query = TYPE_COLUMNS
		", coalesce((SELECT array_agg(a.attname ORDER BY a.attnum)"
		" FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0"
		" AND NOT a.attisdropped), '{}') AS attributes"
		TYPE_FROM " JOIN pg_class c ON c.oid = t.typrelid"
		" WHERE t.typnamespace = ANY ($1) AND t.typtype = 'c' AND c.relkind = 'c'",
		.create = create_composite,
		.alter = alter_composite
	},
	{
		.name = "attribute",
		.sql = "COLUMN",
		.classid = 1259,
		.order = 33,
		.flags = SMIG_KIND_FOLD | SMIG_KIND_PART,
		.query = "SELECT a.attrelid, a.attnum::int, 'pg_type'::regclass::oid, t.oid, 0,"
		" format('%I.%I.%I', n.nspname, t.typname, a.attname), a.attname::text,"
		" format_type(a.atttypid, a.atttypmod) AS type, a.attnum AS _position,"
		" CASE WHEN a.attcollation <> b.typcollation THEN"
		" (SELECT format('%I.%I', cn.nspname, c.collname) FROM pg_collation c"
		" JOIN pg_namespace cn ON cn.oid = c.collnamespace"
		" WHERE c.oid = a.attcollation) END AS collation"
		" FROM pg_class r JOIN pg_type t ON t.oid = r.reltype"
		" JOIN pg_namespace n ON n.oid = r.relnamespace"
		" JOIN pg_attribute a ON a.attrelid = r.oid"
		" JOIN pg_type b ON b.oid = a.atttypid"
		" WHERE r.relnamespace = ANY ($1) AND r.relkind = 'c'"
		" AND a.attnum > 0 AND NOT a.attisdropped"
		" ORDER BY a.attrelid, a.attnum",
		.create = create_attribute,
		.alter = alter_attribute,
		.drop = drop_attribute
	},
	{
		.name = "range type",
		.sql = "TYPE",
		.classid = 1247,
		.order = 35,
		.flags = SMIG_KIND_TYPE | SMIG_KIND_RELATION,
		.acl_type = OBJECT_TYPE,
		.acl_sql = "TYPE",
		.query = TYPE_COLUMNS
		", format_type(r.rngsubtype, NULL) AS subtype,"
		" (SELECT format('%I.%I', on_.nspname, o.opcname) FROM pg_opclass o"
		" JOIN pg_namespace on_ ON on_.oid = o.opcnamespace"
		" WHERE o.oid = r.rngsubopc AND NOT o.opcdefault) AS opclass,"
		" CASE WHEN r.rngcollation <> b.typcollation THEN"
		" (SELECT format('%I.%I', cn.nspname, c.collname) FROM pg_collation c"
		" JOIN pg_namespace cn ON cn.oid = c.collnamespace"
		" WHERE c.oid = r.rngcollation) END AS collation,"
		" nullif(r.rngcanonical::text, '-') AS canonical,"
		" nullif(r.rngsubdiff::text, '-') AS subtype_diff,"
		" m.typname AS multirange"
		TYPE_FROM " JOIN pg_range r ON r.rngtypid = t.oid"
		" JOIN pg_type b ON b.oid = r.rngsubtype"
		" JOIN pg_type m ON m.oid = r.rngmultitypid"
		" WHERE t.typnamespace = ANY ($1) AND t.typtype = 'r'",
		.create = create_range
	},
	{0}
};
