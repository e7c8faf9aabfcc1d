/*-------------------------------------------------------------------------
 *
 * left_out.c
 *	  Hazards of changes that touch what filters leave out.
 *
 * IDENTIFICATION
 *	  src/diff/left_out.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "diff/delta.h"

static const char rule[] = "left_out";

/*
 * What is created needs something that is neither there nor created.
 */
static void
flag_needs(SmigDelta *delta, const SmigObject *new, SmigCell *cell)
{
	ListCell   *lc;

	foreach(lc, new->left_deps)
	{
		const SmigObject *need = lfirst(lc);

		if (!smig_snapshot_left_out(delta->from, need->key))
			smig_cell_hazard(cell, rule, "error",
							 psprintf("%s %s needs %s %s, which a filter leaves out and which is not there",
									  new->kind->name, new->id,
									  need->kind->name, need->id),
							 "Create it before.");
	}
	foreach(lc, new->children)
		if (smig_delta_state(delta, lfirst(lc))->folded)
			flag_needs(delta, lfirst(lc), cell);
}

static bool
belongs_to(const SmigObject *object, const SmigObject *owner)
{
	for (; object; object = object->parent)
		if (object == owner)
			return true;
	return false;
}

/*
 * What goes, or gets another type, is needed by something.
 *
 * whole: with all that belongs to the object
 */
static void
flag_needed(const SmigObject *top, const SmigObject *old, bool whole,
			SmigCell *cell)
{
	ListCell   *lc;

	foreach(lc, old->left_rdeps)
	{
		const SmigObject *user = lfirst(lc);
		bool		heir = user->kind->flags & SMIG_KIND_INHERITS;

		/* with a table go its partitions, which are named, and their indexes */
		if (belongs_to(user, top) ||
			(old != top && strcmp(user->kind->name, "index partition") == 0))
			continue;
		smig_cell_hazard(cell, rule, "error",
						 psprintf("%s %s, which a filter leaves out, needs %s %s",
								  heir ? user->parent->kind->name : user->kind->name,
								  heir ? user->parent->id : user->id,
								  old->kind->name, old->id),
						 "Change it before, by hand; else the statement fails or takes it along.");
	}
	if (whole)
		foreach(lc, old->children)
			flag_needed(top, lfirst(lc), true, cell);
}

static bool
changes_type(const SmigObject *old, const SmigObject *new)
{
	return strcmp(new->kind->name, "column") == 0 &&
		(!smig_attr_same(old, new, "type") ||
		 !smig_attr_same(old, new, "collation"));
}

/*
 * Adds the hazards of one action.
 */
void
smig_left_out_flag(SmigDelta *delta, const SmigAction *action, SmigCell *cell)
{
	switch (action->type)
	{
		case SMIG_ACTION_CREATE:
			flag_needs(delta, action->object, cell);
			break;
		case SMIG_ACTION_DROP:
			flag_needed(action->object, action->object, true, cell);
			break;
		case SMIG_ACTION_ALTER:
			flag_needs(delta, action->object, cell);
			if (changes_type(action->old, action->object))
				flag_needed(action->old, action->old, false, cell);
			break;
		case SMIG_ACTION_ASIDE:
			break;
	}
}

/*
 * Whether a table has partitions that are left out, before or after.
 *
 * others: set to whether it also has partitions that are not
 */
bool
smig_left_out_partitions(SmigDelta *delta, const SmigObject *table,
						 bool *others)
{
	const SmigObject *sides[2] = {table,
	smig_delta_state(delta, table)->other};
	bool		found = false;

	*others = false;
	for (int side = 0; side < 2; side++)
	{
		ListCell   *lc;

		if (sides[side] == NULL)
			continue;
		foreach(lc, sides[side]->left_rdeps)
			found = found || ((SmigObject *) lfirst(lc))->kind->flags &
				SMIG_KIND_INHERITS;
		foreach(lc, sides[side]->rdeps)
			*others = *others || ((SmigObject *) lfirst(lc))->kind->flags &
				SMIG_KIND_INHERITS;
	}
	return found;
}
