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

static bool
is_array_name(const char *type)
{
	size_t		length = strlen(type);

	return length > 2 && strcmp(type + length - 2, "[]") == 0;
}

/*
 * The cast through text: what works when there is no direct one.
 */
static char *
through_text(const char *column, const char *from, const char *to)
{
	return psprintf("%s::%s::%s", column,
					is_array_name(from) && is_array_name(to) ? "text[]" : "text",
					to);
}

/*
 * The USING expression for ALTER COLUMN TYPE, or NULL when PostgreSQL's own
 * assignment cast does it.  An assignment cast is preferred: an explicit one
 * would cut long strings silently.  "retype" says that the old type has been
 * renamed aside, so that the two share nothing but their text form.
 */
char *
smig_cast_expression(const char *column, const char *from, const char *to,
					 bool retype)
{
	Oid			old;
	Oid			new;
	int32		typmod;
	Oid			function;

	if (retype)
		return through_text(column, from, to);
	if (!find_type(from, &old, &typmod) || !find_type(to, &new, &typmod))
		return through_text(column, from, to);
	if (old == new ||
		find_coercion_pathway(new, old, COERCION_ASSIGNMENT,
							  &function) != COERCION_PATH_NONE)
		return NULL;
	if (find_coercion_pathway(new, old, COERCION_EXPLICIT,
							  &function) != COERCION_PATH_NONE)
		return psprintf("%s::%s", column, to);
	return through_text(column, from, to);
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
