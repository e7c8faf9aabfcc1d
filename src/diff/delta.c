/*-------------------------------------------------------------------------
 *
 * delta.c
 *	  The fate of each object: kept, altered, replaced, created, dropped.
 *
 * Objects are matched by kind and identity.  What differs is altered where its
 * kind can do that in place, else replaced; whatever depends on something
 * that is replaced is replaced as well, as far as that loses nothing.  Where
 * rows would be lost the change is refused by name.
 *
 * IDENTIFICATION
 *	  src/diff/delta.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "diff/delta.h"
#include "settings.h"

/*
 * The plan's notes about an object of either snapshot.
 */
SmigState *
smig_delta_state(SmigDelta *delta, const SmigObject *object)
{
	return object->snapshot == delta->from ?
		&delta->from_states[object->index] : &delta->to_states[object->index];
}

static void
match(SmigDelta *delta, SmigObject *old, SmigObject *new)
{
	smig_delta_state(delta, old)->other = new;
	smig_delta_state(delta, new)->other = old;
}

/*
 * An index (or a constraint with one) that is a partition of another, or what
 * says so.  Its name was often made up by PostgreSQL and means little.
 */
static bool
is_attached(const SmigObject *object)
{
	return strcmp(object->kind->name, "index partition") == 0 ||
		(object->origin &&
		 (strcmp(object->kind->name, "index") == 0 ||
		  smig_attr(object, "_index")));
}

/*
 * Matches objects of the same kind and identity that have no counterpart yet.
 */
static void
match_by_key(SmigDelta *delta, bool attached, bool whatever)
{
	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *old = delta->from->objects[i];
		SmigObject *new;

		if ((is_attached(old) != attached && !whatever) ||
			delta->from_states[i].other ||
			strcmp(old->kind->name, "index partition") == 0)
			continue;
		new = smig_snapshot_find(delta->to, old->key);
		if (new && smig_delta_state(delta, new)->other == NULL &&
			(whatever || is_attached(new) == attached))
			match(delta, old, new);
	}
}

typedef struct AttachedEntry
{
	uint64		hash;			/* of what it is part of, and its table */
	SmigObject *object;
} AttachedEntry;

static uint64
text_hash(uint64 seed, const char *text)
{
	return hash_bytes_extended((const unsigned char *) text,
							   (int) strlen(text), seed);
}

static uint64
attached_hash(const SmigObject *root, const SmigObject *table)
{
	return text_hash(text_hash(0, root->key), table->key);
}

/*
 * Matches an attached index by the index that it is part of.
 */
static void
match_attached_index(SmigDelta *delta, HTAB *table, SmigObject *old)
{
	SmigState  *state = smig_delta_state(delta, old);
	SmigObject *root;
	AttachedEntry *entry;
	uint64		hash;

	if (state->other || old->parent == NULL)
		return;
	if (is_attached(old->origin))
		match_attached_index(delta, table, old->origin);
	root = smig_delta_state(delta, old->origin)->other;
	if (root == NULL)
		return;
	hash = attached_hash(root, old->parent);
	entry = hash_search(table, &hash, HASH_FIND, NULL);
	if (entry == NULL || entry->object->origin != root ||
		strcmp(entry->object->parent->key, old->parent->key) != 0 ||
		entry->object->kind != old->kind ||
		smig_delta_state(delta, entry->object)->other)
		return;
	match(delta, old, entry->object);
	if (strcmp(old->name, entry->object->name) != 0)
	{
		state->renamed = true;
		smig_delta_state(delta, entry->object)->renamed = true;
	}
}

static void
match_attached(SmigDelta *delta)
{
	HASHCTL		control = {
		.keysize = sizeof(uint64),
		.entrysize = sizeof(AttachedEntry),
		.hcxt = CurrentMemoryContext
	};
	HTAB	   *table = hash_create("schemamig attached indexes", 128, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigObject *new = delta->to->objects[i];
		AttachedEntry *entry;
		uint64		hash;

		if (new->origin == NULL || !is_attached(new) || new->parent == NULL)
			continue;
		hash = attached_hash(new->origin, new->parent);
		entry = hash_search(table, &hash, HASH_ENTER, NULL);
		entry->object = new;
	}
	for (int i = 0; i < delta->from->nobjects; i++)
		if (delta->from->objects[i]->origin &&
			is_attached(delta->from->objects[i]))
			match_attached_index(delta, table, delta->from->objects[i]);
	match_by_key(delta, true, false);
	match_by_key(delta, true, true);
	hash_destroy(table);
	/* what attaches them goes with them */
	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *link = delta->from->objects[i];
		SmigObject *index;
		const SmigObject *other;

		if (strcmp(link->kind->name, "index partition") != 0)
			continue;
		index = smig_delta_state(delta, link->parent)->other;
		other = index ? smig_child_of_kind(index, "index partition") : NULL;
		if (other)
			match(delta, link, unconstify(SmigObject *, other));
	}
}

/* ---------------- renames ---------------- */

typedef struct SignatureEntry
{
	uint64		hash;
	SmigObject *object;
	int			count;			/* how many objects look like this */
} SignatureEntry;

/*
 * Hash of everything but the name.
 */
static uint64
signature(const SmigObject *object)
{
	uint64		hash = text_hash(0, object->kind->name);

	if (object->parent)
		hash = text_hash(hash, object->parent->key);
	for (int i = 0; i < object->nattrs; i++)
		if (object->attrs[i].name[0] != '_')
		{
			hash = text_hash(hash, object->attrs[i].name);
			hash = text_hash(hash, object->attrs[i].value);
		}
	return hash;
}

/*
 * Objects of one side, by signature, that have no counterpart and could have
 * been renamed.
 */
static HTAB *
unmatched_by_signature(SmigDelta *delta, SmigSnapshot *snapshot)
{
	HASHCTL		control = {
		.keysize = sizeof(uint64),
		.entrysize = sizeof(SignatureEntry),
		.hcxt = CurrentMemoryContext
	};
	HTAB	   *table = hash_create("schemamig signatures", 128, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];
		SignatureEntry *entry;
		uint64		hash;
		bool		found;

		if (!(object->kind->flags & SMIG_KIND_RENAME) || is_attached(object) ||
			smig_delta_state(delta, object)->other)
			continue;
		hash = signature(object);
		entry = hash_search(table, &hash, HASH_ENTER, &found);
		entry->count = found ? entry->count + 1 : 1;
		entry->object = object;
	}
	return table;
}

/*
 * Recognises renamed indexes and constraints: exactly one on either side with
 * this definition, parent and everything else.
 */
static void
match_renamed(SmigDelta *delta)
{
	HTAB	   *old = unmatched_by_signature(delta, delta->from);
	HTAB	   *new = unmatched_by_signature(delta, delta->to);
	HASH_SEQ_STATUS scan;
	SignatureEntry *entry;

	hash_seq_init(&scan, old);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		SignatureEntry *pair = hash_search(new, &entry->hash, HASH_FIND, NULL);

		if (pair == NULL || pair->count != 1 || entry->count != 1 ||
			!smig_object_same(entry->object, pair->object) ||
			entry->object->kind != pair->object->kind ||
			(entry->object->parent &&
			 strcmp(entry->object->parent->key, pair->object->parent->key) != 0))
			continue;
		match(delta, entry->object, pair->object);
		smig_delta_state(delta, entry->object)->renamed = true;
		smig_delta_state(delta, pair->object)->renamed = true;
	}
	hash_destroy(old);
	hash_destroy(new);
}

/* ---------------- fates ---------------- */

static bool
same_parent(SmigDelta *delta, const SmigObject *old,
			const SmigObject *new)
{
	if (old->parent == NULL || new->parent == NULL)
		return old->parent == new->parent;
	if (smig_delta_state(delta, old->parent)->other == new->parent)
		return true;
	return strcmp(old->parent->key, new->parent->key) == 0;
}

static void
set_fate(SmigDelta *delta, SmigObject *old, SmigFate fate)
{
	SmigState  *state = smig_delta_state(delta, old);

	state->fate = fate;
	if (state->other)
		smig_delta_state(delta, state->other)->fate = fate;
}

/*
 * An index that is attached to another cannot be dropped while that one stays,
 * nor detached, so the whole is replaced, unless the table is detached.
 */
static void
replace_roots(SmigDelta *delta, SmigObject *attached)
{
	SmigObject *index = attached;

	if (strcmp(attached->kind->name, "index partition") == 0)
		index = attached->parent;
	if (index == NULL || index->origin == NULL || !is_attached(index) ||
		!smig_delta_inherits_both(delta, index))
		return;
	for (; index; index = index->origin)
	{
		SmigState  *state = smig_delta_state(delta, index);

		if (state->other && state->fate != SMIG_FATE_DROP)
			set_fate(delta, index, SMIG_FATE_REPLACE);
	}
}

/*
 * Whether an index of a table is like another one there that is, or is to be,
 * part of an index of the partitioned table: PostgreSQL would attach either.
 */
bool
smig_delta_has_attached_twin(const SmigObject *index)
{
	ListCell   *lc;

	if (index->parent == NULL || index->origin ||
		strcmp(index->kind->name, "index") != 0)
		return false;
	foreach(lc, index->parent->children)
	{
		const SmigObject *other = lfirst(lc);

		if (other->kind == index->kind && other->origin &&
			smig_attr_same(index, other, "def") &&
			smig_attr_same(index, other, "unique"))
			return true;
	}
	return false;
}

/*
 * Replaces the indexes of a table that becomes a partition which would be
 * attached in place of those that are to be.
 */
static void
replace_twins(SmigDelta *delta, const SmigObject *link)
{
	ListCell   *lc;

	foreach(lc, link->parent->children)
	{
		SmigObject *index = lfirst(lc);
		SmigObject *old = smig_delta_state(delta, index)->other;

		if (old && smig_delta_has_attached_twin(index) &&
			smig_delta_state(delta, old)->fate != SMIG_FATE_DROP)
			set_fate(delta, old, SMIG_FATE_REPLACE);
	}
}

/*
 * Fates from each object's own attributes.
 */
static void
first_fates(SmigDelta *delta)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig trial cells",
												  ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *old = delta->from->objects[i];
		SmigObject *new = delta->from_states[i].other;
		SmigFate	fate = SMIG_FATE_KEEP;

		CHECK_FOR_INTERRUPTS();
		if (new == NULL)
			fate = SMIG_FATE_DROP;
		else if (!same_parent(delta, old, new))
			fate = SMIG_FATE_REPLACE;
		else if (!smig_object_same(old, new))
		{
			MemoryContext caller = MemoryContextSwitchTo(scratch);
			SmigCell	cell;

			smig_cell_init(&cell);
			fate = smig_emit_alter(delta, old, new, &cell) ?
				SMIG_FATE_ALTER : SMIG_FATE_REPLACE;
			MemoryContextSwitchTo(caller);
			MemoryContextReset(scratch);
		}
		else if (delta->from_states[i].renamed)
			fate = SMIG_FATE_ALTER;
		set_fate(delta, old, fate);
	}
	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *part = delta->from->objects[i];

		if (delta->from_states[i].fate == SMIG_FATE_REPLACE &&
			(part->kind->flags & SMIG_KIND_PART) && part->parent &&
			smig_delta_state(delta, part->parent)->other)
			set_fate(delta, part->parent, SMIG_FATE_REPLACE);
		if (delta->from_states[i].fate == SMIG_FATE_REPLACE ||
			delta->from_states[i].fate == SMIG_FATE_DROP)
			replace_roots(delta, part);
	}
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		if (delta->to_states[i].other == NULL)
			delta->to_states[i].fate = SMIG_FATE_CREATE;
		if (smig_delta_is_new(delta, delta->to->objects[i]) &&
			strcmp(delta->to->objects[i]->kind->name, "partition") == 0)
			replace_twins(delta, delta->to->objects[i]);
	}
	MemoryContextDelete(scratch);
}

/* ---------------- dependants ---------------- */

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

/*
 * Gives the plan up, for a reason in words; the first one counts.  Planning
 * goes on, so that the caller need not look after each step.
 */
void
smig_delta_refuse(SmigDelta *delta, const char *detail, const char *reason)
{
	if (delta->refusal)
		return;
	delta->refusal = pstrdup(reason);
	delta->refusal_detail = detail ? pstrdup(detail) : NULL;
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
	if (old->origin && is_attached(old) && because != old->origin &&
		smig_delta_inherits_both(delta, old))
		work = replace(delta, work, old->origin, because);
	if ((old->kind->flags & SMIG_KIND_DATA) && because != old->parent &&
		smig_attr(old, "generated") == NULL)
	{
		refuse(delta, old, because);
		return work;
	}
	set_fate(delta, old, SMIG_FATE_REPLACE);
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
static bool
type_changes(SmigDelta *delta, const SmigObject *column)
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
	set_fate(delta, column, SMIG_FATE_ALTER);
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

		if (!is_column(on) || !type_changes(delta, on))
			continue;
		if (first && first != on)
			return true;
		first = on;
	}
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
			 both_sides_change(delta, user)))
			work = replace(delta, work, user, column);
	}
	return work;
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
			if (mine->fate == SMIG_FATE_KEEP &&
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
static void
spread(SmigDelta *delta)
{
	List	   *work = NIL;

	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigFate	fate = delta->from_states[i].fate;
		SmigObject *old = delta->from->objects[i];

		if (fate == SMIG_FATE_REPLACE || fate == SMIG_FATE_DROP ||
			type_changes(delta, old))
			work = lappend(work, old);
	}
	for (int i = 0; i < list_length(work); i++)
	{
		SmigObject *old = list_nth(work, i);

		CHECK_FOR_INTERRUPTS();
		if (type_changes(delta, old))
			work = column_type_dependants(delta, work, old);
		else
			work = dependants(delta, work, old);
	}
}

/*
 * Whether the inheritance that ties an inherited column, constraint or index
 * to its origin exists before and after, unchanged.
 */
bool
smig_delta_inherits_both(SmigDelta *delta, const SmigObject *object)
{
	ListCell   *lc;

	if (object->origin == NULL || object->parent == NULL)
		return false;
	foreach(lc, object->parent->children)
	{
		SmigObject *link = lfirst(lc);

		if ((link->kind->flags & SMIG_KIND_INHERITS) &&
			list_member_ptr(link->deps, object->origin->parent))
			return smig_delta_state(delta, link)->fate == SMIG_FATE_KEEP ||
				smig_delta_state(delta, link)->fate == SMIG_FATE_ALTER;
	}
	return false;
}

/*
 * The object that an inherited column or check constraint of a child table has
 * from "object", when it stays although "object" goes; else NULL.
 */
static const SmigObject *
spared_heir(SmigDelta *delta, const SmigObject *object, const SmigObject *child)
{
	ListCell   *lc;

	foreach(lc, child->children)
	{
		const SmigObject *heir = lfirst(lc);
		SmigState  *state = smig_delta_state(delta, heir);

		if (heir->origin == object && smig_attr(heir, "inherited") &&
			(state->fate == SMIG_FATE_KEEP || state->fate == SMIG_FATE_ALTER))
			return heir;
	}
	return NULL;
}

/*
 * Whether the drop of a column or check constraint must leave those inherited
 * from it alone, because one of them stays.
 */
bool
smig_delta_spares(SmigDelta *delta, const SmigObject *object)
{
	ListCell   *lc;

	if (object->parent == NULL)
		return false;
	foreach(lc, object->parent->rdeps)
	{
		const SmigObject *link = lfirst(lc);

		if ((link->kind->flags & SMIG_KIND_INHERITS) &&
			smig_delta_state(delta, link)->fate == SMIG_FATE_KEEP &&
			spared_heir(delta, object, link->parent))
			return true;
	}
	return false;
}

/*
 * Whether "new", which its table is to have by inheritance only, will be so.
 */
static bool
will_be_inherited(SmigDelta *delta, const SmigObject *new)
{
	SmigState  *state = smig_delta_state(delta, new);
	SmigState  *origin;

	if (new->parent == NULL || smig_delta_is_new(delta, new->parent))
		return true;
	if (new->origin == NULL || !smig_delta_inherits_both(delta, new))
		return false;
	origin = smig_delta_state(delta, new->origin);
	if (state->fate == SMIG_FATE_CREATE || state->fate == SMIG_FATE_REPLACE)
		return smig_delta_is_new(delta, new->origin);
	return smig_attr(state->other, "inherited") &&
		!smig_delta_is_new(delta, new->origin) &&
		origin->fate != SMIG_FATE_DROP;
}

/*
 * Whether "old", which its table has by inheritance only, will be its own: cut
 * from its parent, or left by it.
 */
static bool
will_be_own(SmigDelta *delta, const SmigObject *old)
{
	SmigFate	fate;

	if (old->origin == NULL || !smig_delta_inherits_both(delta, old))
		return true;
	fate = smig_delta_state(delta, old->origin)->fate;
	return fate == SMIG_FATE_DROP || fate == SMIG_FATE_REPLACE;
}

/*
 * Notes where a column or check constraint is to be inherited only, or no
 * longer: there is no DDL for that while the table exists.
 */
static void
check_inherited(SmigDelta *delta)
{
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigObject *new = delta->to->objects[i];
		SmigState  *state = &delta->to_states[i];

		if (smig_attr(new, "inherited") ? !will_be_inherited(delta, new) :
			state->other && smig_attr(state->other, "inherited") &&
			(state->fate == SMIG_FATE_KEEP || state->fate == SMIG_FATE_ALTER) &&
			!will_be_own(delta, state->other))
			state->unsupported =
				"What a table defines itself cannot be turned into what it has by inheritance only, or back";
		else if (state->fate == SMIG_FATE_ALTER && is_column(new))
			state->unsupported = smig_not_null_unsupported(delta, state->other,
														   new);
	}
}

/*
 * Plans how to turn "from" into "to".  "backward" breaks ties the other way
 * round, so that the plan back mirrors the plan forth.  When a change would need
 * to recreate something that holds data, or cannot be ordered, the result has
 * a refusal and no order.
 */
SmigDelta *
smig_delta_make(SmigSnapshot *from, SmigSnapshot *to, bool backward)
{
	SmigDelta  *delta = palloc0(sizeof(SmigDelta));

	delta->from = from;
	delta->to = to;
	delta->backward = backward;
	delta->online = smig_diff_online;
	delta->user = GetUserNameFromId(GetUserId(), false);
	delta->from_states = palloc_extended(sizeof(SmigState) *
										 Max(from->nobjects, 1),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	delta->to_states = palloc_extended(sizeof(SmigState) *
									   Max(to->nobjects, 1),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < from->nobjects; i++)
		if (strcmp(from->objects[i]->kind->name, "default privileges") == 0)
			delta->default_privileges = lappend(delta->default_privileges,
												from->objects[i]);
	match_by_key(delta, false, false);
	match_renamed(delta);
	match_attached(delta);
	first_fates(delta);
	spread(delta);
	check_inherited(delta);
	if (delta->refusal == NULL)
		smig_delta_order(delta);
	return delta;
}
