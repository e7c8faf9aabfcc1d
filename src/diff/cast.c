/*-------------------------------------------------------------------------
 *
 * cast.c
 *	  How values get from one column type to another.
 *
 * IDENTIFICATION
 *	  src/diff/cast.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "diff/delta.h"

/*
 * Looks a type up by what format_type printed; false when this database does
 * not have it.
 */
static bool
find_type(const char *name, Oid *type, int32 *typmod)
{
	return smig_parse_type(name, type, typmod) && OidIsValid(*type);
}

/*
 * Whether a type, by what format_type printed, is an array.
 */
bool
smig_cast_is_array(const char *type)
{
	size_t		length = strlen(type);

	return length > 2 && strcmp(type + length - 2, "[]") == 0;
}

/*
 * The cast through text: what works when there is no direct one.  "from" and
 * "base" say whether there are arrays on both sides.
 */
static char *
through_text(const char *column, const char *from, const char *base,
			 const char *to)
{
	return psprintf("%s::%s::%s", column,
					smig_cast_is_array(from) && smig_cast_is_array(base) ?
					"text[]" : "text",
					to);
}

/*
 * What the values of a column are underneath: for a domain of its snapshot the
 * base type, and for an array of the domain an array of that.  False when this
 * database's idea of the type tells nothing, because the type comes, goes or is
 * replaced.
 */
static bool
underlying_type(SmigDelta *delta, const SmigObject *column, const char **type)
{
	const SmigObject *user = column;

	*type = smig_attr(column, "type");
	for (;;)
	{
		bool		array = smig_cast_is_array(*type);
		size_t		length = strlen(*type) - (array ? 2 : 0);
		const SmigObject *named = NULL;
		bool		stays = true;
		ListCell   *lc;

		foreach(lc, user->deps)
		{
			const SmigObject *on = lfirst(lc);
			SmigFate	fate = smig_delta_state(delta, on)->fate;

			if (!(on->kind->flags & SMIG_KIND_TYPE))
				continue;
			if (strlen(on->id) == length &&
				strncmp(on->id, *type, length) == 0)
				named = on;
			if (fate != SMIG_FATE_KEEP && fate != SMIG_FATE_ALTER)
				stays = false;
		}
		if (named == NULL || strcmp(named->kind->name, "domain") != 0)
			return stays;
		*type = psprintf("%s%s", smig_attr(named, "type"), array ? "[]" : "");
		user = named;
	}
}

/*
 * The USING expression for ALTER COLUMN TYPE, or NULL when PostgreSQL's own
 * assignment cast does it.  An assignment cast is preferred: an explicit one
 * would cut long strings silently.  A type that this database does not know as
 * it will be then shares nothing but its text form with another.
 */
char *
smig_cast_expression(SmigDelta *delta, const SmigObject *old,
					 const SmigObject *new)
{
	char	   *column = pstrdup(quote_identifier(new->name));
	const char *to = smig_attr(new, "type");
	const char *from_base;
	const char *to_base;
	Oid			from_type;
	Oid			to_type;
	int32		typmod;
	Oid			function;
	bool		from_known = underlying_type(delta, old, &from_base) &&
		find_type(from_base, &from_type, &typmod);
	bool		to_known = underlying_type(delta, new, &to_base) &&
		find_type(to_base, &to_type, &typmod);

	/* strings take anything */
	if (!from_known && to_known &&
		TypeCategory(to_type) == TYPCATEGORY_STRING)
		return NULL;
	if (!from_known || !to_known)
		return through_text(column, from_base, to_base, to);
	if (from_type == to_type ||
		find_coercion_pathway(to_type, from_type, COERCION_ASSIGNMENT,
							  &function) != COERCION_PATH_NONE)
		return NULL;
	if (find_coercion_pathway(to_type, from_type, COERCION_EXPLICIT,
							  &function) != COERCION_PATH_NONE)
		return psprintf("%s::%s", column, to);
	return through_text(column, from_base, to_base, to);
}

/*
 * Whether values of the old typmod all fit the new one unchanged.
 */
static bool
typmod_widens(Oid type, int32 from, int32 to)
{
	if (to == from || to < 0)
		return true;
	if (from < 0)
		return false;
	if (type == NUMERICOID)
		return ((to - VARHDRSZ) & 0xffff) == ((from - VARHDRSZ) & 0xffff) &&
			to > from;
	return to > from;
}

/*
 * Whether ALTER COLUMN TYPE has to write the table anew.
 */
bool
smig_cast_rewrites(const char *from, const char *to)
{
	Oid			old;
	Oid			new;
	int32		old_typmod;
	int32		new_typmod;
	Oid			function;

	if (strcmp(from, to) == 0)
		return false;
	if (!find_type(from, &old, &old_typmod) || !find_type(to, &new, &new_typmod))
		return true;
	if (old != new &&
		find_coercion_pathway(new, old, COERCION_ASSIGNMENT,
							  &function) != COERCION_PATH_RELABELTYPE)
		return true;
	return !typmod_widens(new, old == new ? old_typmod : -1, new_typmod) ||
		(new == BPCHAROID && old_typmod != new_typmod);
}

/*
 * Whether there are values of the old type that the new one cannot hold.
 */
bool
smig_cast_loses(const char *from, const char *to)
{
	Oid			old;
	Oid			new;
	int32		old_typmod;
	int32		new_typmod;
	Oid			function;

	if (strcmp(from, to) == 0)
		return false;
	if (!find_type(from, &old, &old_typmod) || !find_type(to, &new, &new_typmod))
		return true;
	if (old == new)
		return !typmod_widens(new, old_typmod, new_typmod);
	return new_typmod >= 0 ||
		find_coercion_pathway(new, old, COERCION_IMPLICIT,
							  &function) == COERCION_PATH_NONE;
}
