/*-------------------------------------------------------------------------
 *
 * kind_sequence.c
 *	  Sequences and the columns that own them.
 *
 * IDENTIFICATION
 *	  src/diff/kind_sequence.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static const struct
{
	const char *attr;
	const char *option;
}			sequence_options[] =
{
	{"start", "START WITH"}, {"increment", "INCREMENT BY"},
	{"min", "MINVALUE"}, {"max", "MAXVALUE"}, {"cache", "CACHE"}
};

static void
create_sequence(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	StringInfoData buf;
	const char *type = smig_attr(object, "type");

	initStringInfo(&buf);
	if (strcmp(type, "bigint") != 0)
		appendStringInfo(&buf, " AS %s", type);
	for (int i = 0; i < lengthof(sequence_options); i++)
		if (smig_attr(object, sequence_options[i].attr))
			appendStringInfo(&buf, " %s %s", sequence_options[i].option,
							 smig_attr(object, sequence_options[i].attr));
	if (smig_attr(object, "cycle"))
		appendStringInfoString(&buf, " CYCLE");
	smig_cell_add(cell, "CREATE %sSEQUENCE %s%s",
				  smig_attr(object, "unlogged") ? "UNLOGGED " : "",
				  object->id, buf.data);
}

/*
 * Writes the bounds, both, because each alone may contradict the other's old
 * value.  NO MINVALUE and NO MAXVALUE ask for the bounds that follow from type
 * and direction, but not together with another type: where the old bound is an
 * end of the old type, PostgreSQL then takes the end of the new type, whatever
 * the direction (init_params in commands/sequence.c).  So the end on the side of
 * the start is said as a number.
 */
static void
write_bounds(const SmigObject *old, const SmigObject *new, StringInfo buf)
{
	bool		retyped = !smig_attr_same(old, new, "type");
	const char *increment = smig_attr(new, "increment");
	bool		down = increment && increment[0] == '-';
	const char *min = smig_attr(new, "min");
	const char *max = smig_attr(new, "max");

	if (min == NULL && retyped && !down)
		min = "1";
	if (max == NULL && retyped && down)
		max = "-1";
	if (min)
		appendStringInfo(buf, " MINVALUE %s", min);
	else
		appendStringInfoString(buf, " NO MINVALUE");
	if (max)
		appendStringInfo(buf, " MAXVALUE %s", max);
	else
		appendStringInfoString(buf, " NO MAXVALUE");
}

/*
 * Everything can be altered.
 */
static bool
alter_sequence(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			   SmigCell *cell)
{
	StringInfoData buf;
	const char *value;
	bool		bounds = !smig_attr_same(old, new, "min") ||
		!smig_attr_same(old, new, "max") ||
		!smig_attr_same(old, new, "type") ||
		!smig_attr_same(old, new, "increment");

	initStringInfo(&buf);
	if (!smig_attr_same(old, new, "type"))
		appendStringInfo(&buf, " AS %s", smig_attr(new, "type"));
	if (!smig_attr_same(old, new, "increment"))
	{
		value = smig_attr(new, "increment");
		appendStringInfo(&buf, " INCREMENT BY %s", value ? value : "1");
	}
	if (bounds)
		write_bounds(old, new, &buf);
	if (!smig_attr_same(old, new, "_start"))
		appendStringInfo(&buf, " START WITH %s", smig_attr(new, "_start"));
	if (!smig_attr_same(old, new, "cache"))
	{
		value = smig_attr(new, "cache");
		appendStringInfo(&buf, " CACHE %s", value ? value : "1");
	}
	if (!smig_attr_same(old, new, "cycle"))
		appendStringInfoString(&buf, smig_attr(new, "cycle") ?
							   " CYCLE" : " NO CYCLE");
	if (buf.len > 0)
	{
		/* the present value must lie within the new bounds */
		if (bounds)
		{
			smig_cell_hazard(cell, "sequence_bounds", "warning",
							 "the sequence's present value is moved into the new bounds when it lies outside",
							 NULL);
			smig_cell_add(cell, "DO $schemamig$\n"
						  "BEGIN\n"
						  "\tALTER SEQUENCE %s%s;\n"
						  "EXCEPTION WHEN invalid_parameter_value THEN\n"
						  "\tALTER SEQUENCE %s%s RESTART;\n"
						  "END\n"
						  "$schemamig$", new->id, buf.data, new->id, buf.data);
		}
		else
			smig_cell_add(cell, "ALTER SEQUENCE %s%s", new->id, buf.data);
	}
	if (!smig_attr_same(old, new, "unlogged"))
		smig_cell_add(cell, "ALTER SEQUENCE %s SET %s", new->id,
					  smig_attr(new, "unlogged") ? "UNLOGGED" : "LOGGED");
	return true;
}

static void
create_owner(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER SEQUENCE %s OWNED BY %s", object->parent->id,
				  smig_attr(object, "column"));
}

static bool
alter_owner(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			SmigCell *cell)
{
	create_owner(delta, new, cell);
	return true;
}

static void
drop_owner(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER SEQUENCE %s OWNED BY NONE", object->parent->id);
}

/*
 * Bounds and start that follow from type and direction are absent, so that a
 * change of the type alone is a change of one attribute.
 */
#define SEQUENCE_COLUMNS \
	" format_type(s.seqtypid, NULL) AS type," \
	" CASE WHEN s.seqincrement <> 1 THEN s.seqincrement END AS increment," \
	" CASE WHEN s.seqmin <> CASE WHEN s.seqincrement > 0 THEN 1 ELSE" \
	" CASE s.seqtypid WHEN 21 THEN -32768 WHEN 23 THEN -2147483648" \
	" ELSE -9223372036854775808 END END THEN s.seqmin END AS min," \
	" CASE WHEN s.seqmax <> CASE WHEN s.seqincrement < 0 THEN -1 ELSE" \
	" CASE s.seqtypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647" \
	" ELSE 9223372036854775807 END END THEN s.seqmax END AS max," \
	" CASE WHEN s.seqstart <> CASE WHEN s.seqincrement > 0 THEN s.seqmin" \
	" ELSE s.seqmax END THEN s.seqstart END AS start," \
	" s.seqstart AS _start," \
	" CASE WHEN s.seqcache <> 1 THEN s.seqcache END AS cache," \
	" s.seqcycle AS cycle"

const SmigKind smig_kinds_sequence[] = {
	{
		.name = "sequence",
		.sql = "SEQUENCE",
		.classid = 1259,
		.order = 50,
		.flags = SMIG_KIND_DATA | SMIG_KIND_RELATION,
		.acl_type = OBJECT_SEQUENCE,
		.acl_sql = "SEQUENCE",
		.query = "SELECT c.oid, 0, 0::oid, 0::oid, 0,"
		" format('%I.%I', n.nspname, c.relname), c.relname::text,"
		" n.nspname AS _schema, pg_get_userbyid(c.relowner) AS owner,"
		SMIG_ACL("c.relacl", "s", "c.relowner")
		", c.relpersistence = 'u' AS unlogged," SEQUENCE_COLUMNS
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_sequence s ON s.seqrelid = c.oid"
		" WHERE c.relnamespace = ANY ($1) AND c.relkind = 'S'"
		" AND NOT EXISTS (SELECT FROM pg_depend d"
		" WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
		" AND d.deptype = 'i')",
		.create = create_sequence,
		.alter = alter_sequence
	},
	{
		.name = "sequence owner",
		.order = 76,
		.flags = SMIG_KIND_LINK,
		.query = "SELECT 0::oid, 0, 'pg_class'::regclass::oid, s.oid, 0,"
		" format('%I.%I', sn.nspname, s.relname), s.relname::text,"
		" format('%I.%I.%I', n.nspname, c.relname, a.attname) AS \"column\","
		SMIG_ADDRESS("pg_class", "c.oid", "a.attnum") " AS dep_column"
		" FROM pg_class s JOIN pg_namespace sn ON sn.oid = s.relnamespace"
		" JOIN pg_depend d ON d.classid = 'pg_class'::regclass"
		" AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass"
		" AND d.refobjsubid > 0 AND d.deptype = 'a'"
		" JOIN pg_class c ON c.oid = d.refobjid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid"
		" WHERE s.relnamespace = ANY ($1) AND s.relkind = 'S'",
		.create = create_owner,
		.alter = alter_owner,
		.drop = drop_owner
	},
	{0}
};
