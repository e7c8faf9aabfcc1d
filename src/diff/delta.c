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
bool
smig_delta_is_attached(const SmigObject *object)
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

		if ((smig_delta_is_attached(old) != attached && !whatever) ||
			delta->from_states[i].other ||
			strcmp(old->kind->name, "index partition") == 0)
			continue;
		new = smig_snapshot_find(delta->to, old->key);
		if (new && smig_delta_state(delta, new)->other == NULL &&
			(whatever || smig_delta_is_attached(new) == attached))
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
	if (smig_delta_is_attached(old->origin))
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

		if (new->origin == NULL || !smig_delta_is_attached(new) || new->parent == NULL)
			continue;
		hash = attached_hash(new->origin, new->parent);
		entry = hash_search(table, &hash, HASH_ENTER, NULL);
		entry->object = new;
	}
	for (int i = 0; i < delta->from->nobjects; i++)
		if (delta->from->objects[i]->origin &&
			smig_delta_is_attached(delta->from->objects[i]))
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

		if (!(object->kind->flags & SMIG_KIND_RENAME) || smig_delta_is_attached(object) ||
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

/*
 * Sets the fate of an object of the source and of its counterpart.
 */
void
smig_delta_set_fate(SmigDelta *delta, SmigObject *old, SmigFate fate)
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
	if (index == NULL || index->origin == NULL || !smig_delta_is_attached(index) ||
		!smig_delta_inherits_both(delta, index))
		return;
	for (; index; index = index->origin)
	{
		SmigState  *state = smig_delta_state(delta, index);

		if (state->other && state->fate != SMIG_FATE_DROP)
			smig_delta_set_fate(delta, index, SMIG_FATE_REPLACE);
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
			smig_delta_set_fate(delta, old, SMIG_FATE_REPLACE);
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
		smig_delta_set_fate(delta, old, fate);
	}
	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *part = delta->from->objects[i];

		if (delta->from_states[i].fate == SMIG_FATE_REPLACE &&
			(part->kind->flags & SMIG_KIND_PART) && part->parent &&
			smig_delta_state(delta, part->parent)->other)
			smig_delta_set_fate(delta, part->parent, SMIG_FATE_REPLACE);
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
 * Columns or constraints of other tables that are inherited from this one, in
 * its own snapshot.
 *
 * Result: list of SmigObject *, in the current memory context.
 */
List *
smig_delta_heirs(const SmigObject *object)
{
	List	   *heirs = NIL;
	ListCell   *lc;

	foreach(lc, object->parent->rdeps)
	{
		const SmigObject *link = lfirst(lc);
		ListCell   *child;

		if (!(link->kind->flags & SMIG_KIND_INHERITS) ||
			link->parent == object->parent)
			continue;
		foreach(child, link->parent->children)
		{
			SmigObject *heir = lfirst(child);

			if (heir->origin == object)
				heirs = lappend(heirs, heir);
		}
	}
	return heirs;
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
		else if (state->fate == SMIG_FATE_ALTER &&
				 strcmp(new->kind->name, "column") == 0)
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
	smig_delta_spread(delta);
	check_inherited(delta);
	smig_contained_mark(delta);
	if (delta->refusal == NULL)
		smig_delta_order(delta);
	return delta;
}
