/*-------------------------------------------------------------------------
 *
 * consent_type.c
 *	  Whether ALTER COLUMN ... TYPE can lose data.
 *
 * The only question about losses that the text cannot answer: it depends on
 * the type the column has now.  What is not known to be safe counts as a loss.
 *
 * IDENTIFICATION
 *	  src/consent_type.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "nodes/value.h"
#include "parser/parse_coerce.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "consent_private.h"

/* Conversions between different types that keep every value. */
static const struct
{
	Oid			from;
	Oid			to;
}			widenings[] =
{
	{INT2OID, INT4OID},
	{INT2OID, INT8OID},
	{INT2OID, NUMERICOID},
	{INT2OID, FLOAT4OID},
	{INT2OID, FLOAT8OID},
	{INT4OID, INT8OID},
	{INT4OID, NUMERICOID},
	{INT4OID, FLOAT8OID},
	{INT8OID, NUMERICOID},
	{FLOAT4OID, FLOAT8OID},
	{DATEOID, TIMESTAMPOID},
};

/*
 * Whether a value of type modifier "old" always fits one of "new", same type.
 */
static bool
typmod_keeps(Oid type, int32 old, int32 new)
{
	int32		old_scale;
	int32		new_scale;

	if (new < 0 || new == old)
		return true;
	if (old < 0)
		return false;
	switch (type)
	{
		case VARCHAROID:
		case BPCHAROID:
		case VARBITOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return new >= old;
		case NUMERICOID:
			/* see numeric_typmod_precision and numeric_typmod_scale */
			old -= VARHDRSZ;
			new -= VARHDRSZ;
			old_scale = ((old & 0x7ff) ^ 1024) - 1024;
			new_scale = ((new & 0x7ff) ^ 1024) - 1024;
			return new_scale >= old_scale &&
				((new >> 16) & 0xffff) - new_scale >=
				((old >> 16) & 0xffff) - old_scale;
		default:
			return false;
	}
}

/*
 * Whether every value of the old type has one of the new type from which it
 * can be had back.
 */
static bool
type_keeps(Oid old, int32 old_typmod, Oid new, int32 new_typmod)
{
	Oid			old_element;
	Oid			new_element;

	old = getBaseTypeAndTypmod(old, &old_typmod);
	new = getBaseTypeAndTypmod(new, &new_typmod);
	old_element = get_element_type(old);
	new_element = get_element_type(new);
	if (OidIsValid(old_element) && OidIsValid(new_element))
		return type_keeps(old_element, old_typmod, new_element, new_typmod);
	if (old == new)
		return typmod_keeps(old, old_typmod, new_typmod);

	/* varchar(n) and text share their format, and so the limit is the rest */
	if (new == VARCHAROID && old == TEXTOID)
		return new_typmod < 0;
	if (new_typmod >= 0)
		return false;
	if (new == TEXTOID || new == VARCHAROID)
		return true;			/* anything has a text form */
	if (new != BPCHAROID && IsBinaryCoercible(old, new))
		return true;
	for (int i = 0; i < lengthof(widenings); i++)
	{
		if (widenings[i].from == old && widenings[i].to == new)
			return true;
	}
	return false;
}

/*
 * Whether an USING expression is no more than the column, or the column cast
 * to its new type.
 */
static bool
using_is_plain(const Node *using, const char *column, const TypeName *type)
{
	const ColumnRef *reference;

	if (using == NULL)
		return true;
	if (IsA(using, TypeCast))
	{
		const TypeCast *cast = (const TypeCast *) using;

		if (!equal(cast->typeName, type))
			return false;
		using = cast->arg;
	}
	if (!IsA(using, ColumnRef))
		return false;
	reference = (const ColumnRef *) using;
	return list_length(reference->fields) == 1 &&
		IsA(linitial(reference->fields), String) &&
		strcmp(strVal(linitial(reference->fields)), column) == 0;
}

/*
 * Looks a relation up without asking for rights and without a lock: the
 * statement itself will do both when it runs.
 */
static Oid
find_relation(const RangeVar *relation)
{
	Oid			namespace;

	if (relation->schemaname == NULL)
		return RelnameGetRelid(relation->relname);
	namespace = get_namespace_oid(relation->schemaname, true);
	return OidIsValid(namespace) ?
		get_relname_relid(relation->relname, namespace) : InvalidOid;
}

/*
 * Whether AT_AlterColumnType on an existing relation can lose data.  A column
 * that does not exist yet has none to lose.  Needs a transaction.
 */
bool
smig_consent_type_change_loses(const RangeVar *relation,
							   const AlterTableCmd *command)
{
	const ColumnDef *definition = castNode(ColumnDef, command->def);
	Oid			relid = find_relation(relation);
	Form_pg_attribute attribute;
	HeapTuple	tuple;
	Type		type;
	Oid			old;
	Oid			new;
	int32		old_typmod;
	int32		new_typmod;

	if (!OidIsValid(relid))
		return false;
	tuple = SearchSysCacheAttName(relid, command->name);
	if (!HeapTupleIsValid(tuple))
		return false;
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	old = attribute->atttypid;
	old_typmod = attribute->atttypmod;
	ReleaseSysCache(tuple);

	if (!using_is_plain(definition->raw_default, command->name,
						definition->typeName))
		return true;
	type = LookupTypeName(NULL, definition->typeName, &new_typmod, true);
	if (type == NULL)
		return true;
	new = typeTypeId(type);
	ReleaseSysCache(type);
	return !type_keeps(old, old_typmod, new, new_typmod);
}
