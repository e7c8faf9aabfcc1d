/*-------------------------------------------------------------------------
 *
 * write.c
 *	  The statements of one action.
 *
 * IDENTIFICATION
 *	  src/diff/write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "diff/delta.h"

/*
 * Name under which a replaced type waits until nothing uses it.
 */
static char *
aside_name(const char *name)
{
	static const char suffix[] = "__schemamig_old";
	int			length = pg_mbcliplen(name, (int) strlen(name),
									  NAMEDATALEN - (int) sizeof(suffix));

	return psprintf("%.*s%s", length, name, suffix);
}

static char *
aside_id(const SmigObject *type)
{
	return quote_qualified_identifier(smig_attr(type, "_schema"),
									  aside_name(type->name));
}

/*
 * A range type brings a multirange type and constructors of both, which keep
 * their names when the types are renamed.
 */
static void
write_range_aside(const SmigObject *old, const char *multirange,
				  SmigCell *cell)
{
	const char *subtype = smig_attr(old, "subtype");
	const char *schema = smig_attr(old, "_schema");
	const char *many = quote_qualified_identifier(schema, multirange);
	const char *range = aside_id(old);
	const char *aside = pstrdup(quote_identifier(aside_name(old->name)));

	smig_cell_add(cell, "ALTER FUNCTION %s(%s, %s) RENAME TO %s", old->id,
				  subtype, subtype, aside);
	smig_cell_add(cell, "ALTER FUNCTION %s(%s, %s, text) RENAME TO %s",
				  old->id, subtype, subtype, aside);
	aside = pstrdup(quote_identifier(aside_name(multirange)));
	smig_cell_add(cell, "ALTER TYPE %s RENAME TO %s", many, aside);
	smig_cell_add(cell, "ALTER FUNCTION %s() RENAME TO %s", many, aside);
	smig_cell_add(cell, "ALTER FUNCTION %s(%s) RENAME TO %s", many, range,
				  aside);
	smig_cell_add(cell, "ALTER FUNCTION %s(%s[]) RENAME TO %s", many, range,
				  aside);
}

static void
write_aside(const SmigObject *old, SmigCell *cell)
{
	const char *multirange = smig_attr(old, "multirange");

	smig_cell_add(cell, "ALTER %s %s RENAME TO %s", old->kind->sql, old->id,
				  quote_identifier(aside_name(old->name)));
	if (multirange)
		write_range_aside(old, multirange, cell);
}

/*
 * Writes the statements of one action.
 */
void
smig_delta_write(SmigDelta *delta, const SmigAction *action, SmigCell *cell)
{
	SmigObject *object = action->object;
	SmigState  *state = smig_delta_state(delta, object);

	if (state->unchecked)
		smig_cell_add(cell, "SELECT pg_catalog.set_config('check_function_bodies', 'off', false)");
	switch (action->type)
	{
		case SMIG_ACTION_DROP:
			if (state->swap)
				smig_cell_add(cell, "DROP %s %s", object->kind->sql,
							  aside_id(object));
			else
				smig_emit_drop(delta, object, cell);
			break;
		case SMIG_ACTION_ASIDE:
			write_aside(action->old, cell);
			break;
		case SMIG_ACTION_ALTER:
			if (smig_delta_state(delta, action->old)->aside >= 0)
				smig_cell_add(cell, "ALTER %s %s RENAME TO %s",
							  object->kind->sql, aside_id(action->old),
							  quote_identifier(object->name));
			else if (state->renamed)
				smig_emit_rename(delta, action->old, object, cell);
			if (!smig_object_same(action->old, object) || state->retype)
				(void) smig_emit_alter(delta, action->old, object, cell);
			break;
		case SMIG_ACTION_CREATE:
			smig_emit_create(delta, object, cell);
			break;
	}
	if (state->unchecked)
		smig_cell_add(cell, "SELECT pg_catalog.set_config('check_function_bodies', 'on', false)");
}
