/*-------------------------------------------------------------------------
 *
 * rename_value.c
 *	  Hints that say which value of an enum is renamed.
 *
 * A value is no object of a snapshot but a part of its type, so what a hint
 * about one means is looked up here; the rules are those of rename_hint.c.
 *
 * IDENTIFICATION
 *	  src/model/rename_value.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "diff/kind.h"
#include "model/rename_private.h"

static bool
has_value(const SmigObject *type, const char *value)
{
	ListCell   *lc;

	foreach(lc, smig_attr_list(type, "labels"))
		if (strcmp(lfirst(lc), value) == 0)
			return true;
	return false;
}

/*
 * Whether a hint renames the type.
 */
static bool
is_about(const SmigHint *hint, const SmigObject *type)
{
	return hint->nparts <= 2 &&
		strcmp(hint->parts[hint->nparts - 1], type->name) == 0 &&
		(hint->nparts == 1 ||
		 strcmp(hint->parts[0], smig_attr(type, "_schema")) == 0);
}

/*
 * Whether the type is called as the hint says, or will have been.
 */
static bool
has_name(const SmigRenaming *work, const SmigHint *hint,
		 const SmigObject *type)
{
	const char *name = hint->parts[hint->nparts - 2];
	ListCell   *lc;

	if (hint->nparts == 3 &&
		strcmp(hint->parts[0], smig_attr(type, "_schema")) != 0)
		return false;
	if (strcmp(type->name, name) == 0)
		return true;
	foreach(lc, work->hints)
	{
		const SmigHint *other = lfirst(lc);

		if (other != hint && strcmp(other->name, type->name) == 0 &&
			strcmp(other->parts[other->nparts - 1], name) == 0)
			return true;
	}
	return false;
}

/*
 * The enum that a hint names and one of whose values it is about; NULL when
 * there is none.  Errors: 42P09 when there are several.
 */
SmigObject *
smig_rename_find_enum(const SmigRenaming *work, const SmigHint *hint)
{
	SmigObject *found = NULL;

	if (hint->nparts < 2)
		return NULL;
	for (int i = 0; i < work->from->nobjects; i++)
	{
		SmigObject *type = work->from->objects[i];

		CHECK_FOR_INTERRUPTS();
		if (strcmp(type->kind->name, "enum") != 0 ||
			!has_name(work, hint, type) ||
			(!has_value(type, hint->parts[hint->nparts - 1]) &&
			 !has_value(type, hint->name)))
			continue;
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_ALIAS),
					 errmsg("rename \"%s\" is ambiguous", hint->text),
					 errdetail("It can mean a value of enum %s and of enum %s.",
							   found->id, type->id),
					 errhint("Write the schema before the name.")));
		found = type;
	}
	return found;
}

/*
 * Another hint about the same enum, whose old or new value this one is; NULL
 * when there is none.
 *
 * pending: only of hints that are still to be followed, by their old value
 */
static const SmigHint *
other_hint(const SmigRenaming *work, const SmigHint *hint,
		   const SmigObject *type, const char *value, bool pending)
{
	ListCell   *lc;

	foreach(lc, work->hints)
	{
		const SmigHint *other = lfirst(lc);

		if (other != hint && other->nparts >= 2 &&
			has_name(work, other, type) &&
			(!pending || other->state == SMIG_HINT_PENDING) &&
			strcmp(pending ? other->parts[other->nparts - 1] : other->name,
				   value) == 0)
			return other;
	}
	return NULL;
}

static bool
type_will_be_renamed(const SmigRenaming *work, const SmigObject *type)
{
	ListCell   *lc;

	foreach(lc, work->hints)
	{
		const SmigHint *other = lfirst(lc);

		if (other->state == SMIG_HINT_PENDING && is_about(other, type))
			return true;
	}
	return false;
}

static char *
statement(const SmigObject *type, const char *old, const char *new)
{
	return psprintf("ALTER TYPE %s RENAME VALUE %s TO %s;", type->id,
					quote_literal_cstr(old), quote_literal_cstr(new));
}

/*
 * Follows a hint about a value of an enum.
 *
 * Result: false when another hint must be followed first.  Errors: 42704 when
 * the target does not have it so, 42710 for values in use.
 */
bool
smig_rename_follow_value(SmigRenaming *work, SmigHint *hint, SmigObject *type)
{
	const char *old = hint->parts[hint->nparts - 1];
	SmigObject *target = smig_snapshot_find(work->to, type->key);
	SmigRename *rename;
	bool		left;

	if (!has_value(type, old))
		return true;			/* long done */
	if (type_will_be_renamed(work, type))
		return false;
	left = target && has_value(target, old);
	if (has_value(type, hint->name))
	{
		if (other_hint(work, hint, type, hint->name, true))
			return false;
		if (left)
			return true;		/* long done, and the old value added again */
		smig_rename_refuse(hint, ERRCODE_DUPLICATE_OBJECT,
						   "both values are in use", "Take the hint away.");
	}
	if (target == NULL || !has_value(target, hint->name))
	{
		if (hint->inverse)
			return true;		/* the target has been renamed already */
		smig_rename_refuse(hint, ERRCODE_UNDEFINED_OBJECT,
						   psprintf("the target has no enum %s with the value %s",
									type->id, quote_literal_cstr(hint->name)),
						   "Correct the new name: it is the value alone, in double quotes where it is no plain word.");
	}
	if (left && !other_hint(work, hint, type, old, false))
		smig_rename_refuse(hint, ERRCODE_DUPLICATE_OBJECT,
						   psprintf("the target still has the value %s",
									quote_literal_cstr(old)),
						   "Take the hint away if both are wanted.");
	rename = palloc0(sizeof(SmigRename));
	rename->kind = type->kind;
	rename->old_id = type->id;
	rename->new_id = type->id;
	rename->part = psprintf("the value %s", quote_literal_cstr(old));
	rename->up = statement(type, old, hint->name);
	rename->down = statement(type, hint->name, old);
	work->from = smig_rename_value(work, hint, type);
	work->renames = lappend(work->renames, rename);
	return true;
}
