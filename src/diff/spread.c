/*-------------------------------------------------------------------------
 *
 * spread.c
 *	  What has to be replaced because something else is.
 *
 * IDENTIFICATION
 *	  src/diff/spread.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "diff/delta.h"

static bool
depends_on(const SmigObject *object, const SmigObject *on)
{
	ListCell   *lc;

	if (object == NULL || on == NULL)
		return false;
	foreach(lc, object->deps)
		if (lfirst(lc) == on)
			return true;
	return false;
}

static void
refuse(SmigDelta *delta, const SmigObject *object, const SmigObject *because)
{
	smig_delta_refuse(delta, NULL,
					  psprintf("%s %s would have to be recreated, and with it %s %s, which holds data",
							   because->kind->name, because->id,
							   object->kind->name, object->id));
}

/*
 * Notes that "old", which is in both snapshots, has to be dropped and created
 * because of "because"; adds it to the work list.
 */
static List *
replace(SmigDelta *delta, List *work, SmigObject *old, const SmigObject *because)
{
	SmigState  *state = smig_delta_state(delta, old);

	if (state->fate != SMIG_FATE_KEEP && state->fate != SMIG_FATE_ALTER)
		return work;
	if ((old->kind->flags & SMIG_KIND_PART) && old->parent &&
		smig_delta_state(delta, old->parent)->fate != SMIG_FATE_REPLACE &&
		because != old->parent)
		return replace(delta, work, old->parent, because);
	if (old->origin && smig_delta_is_attached(old) && because != old->origin &&
		smig_delta_inherits_both(delta, old))
		work = replace(delta, work, old->origin, because);
	if ((old->kind->flags & SMIG_KIND_DATA) && because != old->parent &&
		smig_attr(old, "generated") == NULL)
	{
		refuse(delta, old, because);
		return work;
	}
	smig_delta_set_fate(delta, old, SMIG_FATE_REPLACE);
	return lappend(work, old);
}

static bool
is_column(const SmigObject *object)
{
	return strcmp(object->kind->name, "column") == 0;
}

/*
 * Whether the type of a column changes.
 */
bool
smig_delta_type_changes(SmigDelta *delta, const SmigObject *column)
{
	SmigState  *state = smig_delta_state(delta, column);

	return state->fate == SMIG_FATE_ALTER && is_column(column) &&
		(state->retype || !smig_attr_same(column, state->other, "type") ||
		 !smig_attr_same(column, state->other, "collation"));
}

/*
 * A column uses a type that is replaced: the type is renamed aside, and the
 * column is altered to the new one.
 */
static List *
retype(SmigDelta *delta, List *work, SmigObject *column, SmigObject *type)
{
	SmigState  *state = smig_delta_state(delta, column);

	smig_delta_state(delta, type)->swap = true;
	smig_delta_state(delta, smig_delta_state(delta, type)->other)->swap = true;
	if (state->retype)
		return work;
	state->retype = true;
	smig_delta_state(delta, state->other)->retype = true;
	smig_delta_set_fate(delta, column, SMIG_FATE_ALTER);
	return lappend(work, column);
}

/*
 * A foreign key cannot be rebuilt by ALTER TYPE when both its sides change.
 */
static bool
both_sides_change(SmigDelta *delta, const SmigObject *key)
{
	const SmigObject *first = NULL;
	ListCell   *lc;

	foreach(lc, key->deps)
	{
		SmigObject *on = lfirst(lc);

		if (!is_column(on) || !smig_delta_type_changes(delta, on))
			continue;
		if (first && first != on)
			return true;
		first = on;
	}
	return false;
}

/*
 * A foreign key rests on an index of the table that it refers to.  ALTER TYPE
 * builds the index anew, and with it the foreign keys on the column; where the
 * column is in the index but not in the key (INCLUDE), the foreign key is in the
 * way and has to go first.
 */
static List *
keys_on_index(SmigDelta *delta, List *work, SmigObject *index,
			  SmigObject *column)
{
	ListCell   *lc;

	foreach(lc, index->rdeps)
	{
		SmigObject *key = lfirst(lc);

		if (strcmp(key->kind->name, "foreign key") == 0 &&
			!depends_on(key, column))
			work = replace(delta, work, key, column);
	}
	return work;
}

static bool
has_valid_heir(const SmigObject *check)
{
	ListCell   *lc;

	foreach(lc, smig_delta_heirs(check))
	{
		const SmigObject *heir = lfirst(lc);

		if (smig_attr(heir, "not_valid") == NULL || has_valid_heir(heir))
			return true;
	}
	return false;
}

/*
 * Whether ALTER TYPE would leave a check in another state: it adds the check of
 * the topmost table anew, and where that is NOT VALID, those inherited from it
 * come out NOT VALID as well.
 */
static bool
loses_validity(const SmigObject *check)
{
	if (strcmp(check->kind->name, "check") != 0 || check->parent == NULL)
		return false;
	if (smig_attr(check, "not_valid"))
		return has_valid_heir(check);
	for (const SmigObject *from = check->origin; from; from = from->origin)
		if (smig_attr(from, "not_valid"))
			return true;
	return false;
}

static List *
column_type_dependants(SmigDelta *delta, List *work, SmigObject *column)
{
	ListCell   *lc;

	foreach(lc, column->children)
		work = replace(delta, work, lfirst(lc), column);
	foreach(lc, column->rdeps)
	{
		SmigObject *user = lfirst(lc);

		if ((user->kind->flags & SMIG_KIND_COLUMN_BOUND) ||
			(is_column(user) && smig_attr(user, "generated")) ||
			(strcmp(user->kind->name, "foreign key") == 0 &&
			 both_sides_change(delta, user)) ||
			loses_validity(user))
			work = replace(delta, work, user, column);
		else if (user->parent == column->parent)
			work = keys_on_index(delta, work, user, column);
	}
	return work;
}

/*
 * Whether what needed a function will need another of that name: as long as
 * both are there, its text could be ambiguous.
 */
static bool
takes_overload(const SmigObject *function, const SmigObject *new)
{
	ListCell   *lc;

	if (function->kind->acl_type != OBJECT_FUNCTION)
		return false;
	foreach(lc, new->deps)
	{
		const SmigObject *on = lfirst(lc);

		if (on->kind->acl_type == OBJECT_FUNCTION &&
			strcmp(on->name, function->name) == 0)
			return true;
	}
	return false;
}

static List *
dependants(SmigDelta *delta, List *work, SmigObject *old)
{
	SmigState  *state = smig_delta_state(delta, old);
	bool		dropped = state->fate == SMIG_FATE_DROP;
	ListCell   *lc;

	foreach(lc, old->children)
		work = replace(delta, work, lfirst(lc), old);
	foreach(lc, old->rdeps)
	{
		SmigObject *user = lfirst(lc);
		SmigState  *mine = smig_delta_state(delta, user);

		/* an index goes with the one that it is attached to */
		if (strcmp(user->kind->name, "index partition") == 0 &&
			user->parent && user->parent->origin == old)
			work = replace(delta, work, user->parent, old);
		if (mine->fate != SMIG_FATE_KEEP && mine->fate != SMIG_FATE_ALTER)
			continue;
		if (user == old->parent)
			continue;
		if (dropped)
		{
			if ((mine->fate == SMIG_FATE_KEEP ||
				 takes_overload(old, mine->other)) &&
				!(user->kind->flags & (SMIG_KIND_DATA | SMIG_KIND_TYPE)))
				work = replace(delta, work, user, old);
			continue;
		}
		if (mine->fate == SMIG_FATE_ALTER &&
			!depends_on(mine->other, state->other))
			continue;
		if (is_column(user) && (old->kind->flags & SMIG_KIND_TYPE))
			work = retype(delta, work, user, old);
		else
			work = replace(delta, work, user, old);
	}
	return work;
}

/*
 * Replaces what depends on something replaced, until nothing more does.
 */
void
smig_delta_spread(SmigDelta *delta)
{
	List	   *work = NIL;

	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigFate	fate = delta->from_states[i].fate;
		SmigObject *old = delta->from->objects[i];

		if (fate == SMIG_FATE_REPLACE || fate == SMIG_FATE_DROP ||
			smig_delta_type_changes(delta, old))
			work = lappend(work, old);
	}
	for (int i = 0; i < list_length(work); i++)
	{
		SmigObject *old = list_nth(work, i);

		CHECK_FOR_INTERRUPTS();
		if (smig_delta_type_changes(delta, old))
			work = column_type_dependants(delta, work, old);
		else
			work = dependants(delta, work, old);
	}
}
