/*-------------------------------------------------------------------------
 *
 * edges.c
 *	  Which action has to come before which.
 *
 * From the dependencies of both states, from names that must be free, from
 * inheritance, and, as a guess that may be dropped, from the words in bodies of
 * functions.
 *
 * IDENTIFICATION
 *	  src/diff/edges.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "diff/delta.h"

static void
add_edge(SmigDelta *delta, int before, int after, bool soft)
{
	SmigEdge   *edge;

	if (before < 0 || after < 0 || before == after)
		return;
	/* the same edge again, as happens with many columns of one table */
	edge = delta->actions[before].edges;
	if (edge && edge->to == after && edge->soft == soft)
		return;
	edge = palloc(sizeof(SmigEdge));
	edge->to = after;
	edge->soft = soft;
	edge->next = delta->actions[before].edges;
	delta->actions[before].edges = edge;
}

/*
 * Says that one action comes before another; either may be -1: none.
 */
void
smig_delta_add_edge(SmigDelta *delta, int before, int after)
{
	add_edge(delta, before, after, false);
}

/*
 * Whether an object is dropped with a type that waits aside until then.
 */
static bool
goes_late(SmigDelta *delta, const SmigState *state)
{
	return state->drop >= 0 &&
		smig_delta_state(delta, delta->actions[state->drop].object)->swap;
}

/*
 * The action that alters an object in a way that others can notice: not one
 * that changes only owner, privileges or comment.
 */
static int
heavy_alter(SmigDelta *delta, const SmigObject *object)
{
	SmigState  *state = smig_delta_state(delta, object);

	if (state->alter < 0 || state->retype || state->renamed ||
		!smig_only_differs(object, state->other, NULL))
		return state->alter;
	return -1;
}

/*
 * "old" goes (or changes) while it needs "on".
 */
static void
edges_for_old(SmigDelta *delta, SmigObject *old, SmigObject *on)
{
	SmigState  *state = smig_delta_state(delta, old);
	SmigState  *need = smig_delta_state(delta, on);
	bool		late = goes_late(delta, state);

	/* a type that waits aside may go on using what it used */
	if (!late)
	{
		add_edge(delta, state->drop, need->aside, false);
		add_edge(delta, state->drop, heavy_alter(delta, on), false);
	}
	if (need->swap)
	{
		/* the old type goes last, when nothing uses it any more */
		add_edge(delta, state->alter, need->drop, false);
		add_edge(delta, state->drop, need->drop, false);
		return;
	}
	add_edge(delta, state->drop, need->drop, false);
	add_edge(delta, state->alter, need->drop, false);
}

static void
edges_for_new(SmigDelta *delta, SmigObject *new, SmigObject *on)
{
	SmigState  *state = smig_delta_state(delta, new);
	SmigState  *need = smig_delta_state(delta, on);

	/* a table's owner changes before the privileges on its columns */
	int			alter = on == new->parent ? need->alter :
		heavy_alter(delta, on);

	add_edge(delta, need->create, state->create, false);
	add_edge(delta, need->create, state->alter, false);
	add_edge(delta, alter, state->create, false);
	if (state->other && smig_delta_state(delta, state->other)->lets_go &&
		strcmp(on->kind->name, "domain") == 0)
		return;
	add_edge(delta, alter, state->alter, false);
}

typedef struct SlotEntry
{
	char		name[NAMEDATALEN * 4 + 16];
	int			action;
} SlotEntry;

/*
 * The name an object takes from others of any kind, or NULL.
 */
static const char *
slot_of(const SmigObject *object)
{
	const char *slot = smig_attr(object, "_slot");

	if (slot == NULL && (object->kind->flags & SMIG_KIND_RELATION))
		slot = object->id;
	return slot;
}

/*
 * A name must be free before something else takes it.
 */
static void
edges_for_names(SmigDelta *delta)
{
	HASHCTL		control = {
		.keysize = sizeof(((SlotEntry *) 0)->name),
		.entrysize = sizeof(SlotEntry),
		.hcxt = CurrentMemoryContext
	};
	HTAB	   *slots = hash_create("schemamig names", 256, &control,
									HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);

	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigState  *state = &delta->from_states[i];
		const char *slot = slot_of(delta->from->objects[i]);
		int			frees = state->aside >= 0 ? state->aside :
			state->drop >= 0 ? state->drop : state->alter;
		SlotEntry  *entry;

		if (slot == NULL || frees < 0 ||
			(frees == state->alter &&
			 (state->other == NULL || slot_of(state->other) == NULL ||
			  strcmp(slot_of(state->other), slot) == 0) &&
			 slot_of(state->other) != NULL))
			continue;
		if (strlen(slot) >= sizeof(entry->name))
			continue;
		entry = hash_search(slots, slot, HASH_ENTER, NULL);
		entry->action = frees;
	}
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigState  *state = &delta->to_states[i];
		const char *slot = slot_of(delta->to->objects[i]);
		SlotEntry  *entry;

		if (slot == NULL || strlen(slot) >= sizeof(entry->name))
			continue;
		entry = hash_search(slots, slot, HASH_FIND, NULL);
		if (entry)
		{
			add_edge(delta, entry->action, state->create, false);
			add_edge(delta, entry->action, state->alter, false);
		}
	}
	hash_destroy(slots);
}

/*
 * A link between tables (partition, inheritance) needs the columns and
 * constraints of both to fit; what stays behind when it is cut can be changed
 * only afterwards.
 */
static void
edges_for_links(SmigDelta *delta)
{
	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *link = delta->from->objects[i];
		ListCell   *lc;

		if (!(link->kind->flags & SMIG_KIND_INHERITS) ||
			delta->from_states[i].drop < 0)
			continue;
		foreach(lc, link->parent->children)
		{
			SmigObject *part = lfirst(lc);
			SmigState  *state = smig_delta_state(delta, part);

			if (part == link || part->origin == NULL)
				continue;
			add_edge(delta, delta->from_states[i].drop, state->drop, false);
			add_edge(delta, delta->from_states[i].drop, state->alter, false);
			/* what is dropped of the origin would take the part along */
			if (!state->implied && state->drop >= 0 && !state->folded)
				add_edge(delta, delta->from_states[i].drop,
						 smig_delta_state(delta, part->origin)->drop, false);
		}
	}
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigObject *link = delta->to->objects[i];
		int			makes = delta->to_states[i].create;
		ListCell   *lc;

		if (!(link->kind->flags & SMIG_KIND_INHERITS) || makes < 0)
			continue;
		foreach(lc, link->parent->children)
		{
			SmigObject *part = lfirst(lc);
			SmigState  *state = smig_delta_state(delta, part);
			SmigState  *origin;

			if (smig_delta_has_attached_twin(part))
			{
				SmigObject *old = state->other;

				add_edge(delta, makes, state->create, false);
				if (old)
					add_edge(delta, smig_delta_state(delta, old)->drop, makes,
							 false);
			}
			if (part == link || part->origin == NULL)
				continue;
			origin = smig_delta_state(delta, part->origin);
			if (!state->implied)
			{
				add_edge(delta, state->create, makes, false);
				add_edge(delta, state->alter, makes, false);
			}
			if (strcmp(part->kind->name, "foreign key") == 0)
				continue;
			if (strcmp(part->kind->name, "column") == 0 ||
				strcmp(part->kind->name, "check") == 0)
			{
				add_edge(delta, origin->create, makes, false);
				add_edge(delta, origin->alter, makes, false);
			}
		}
	}
}

/*
 * The copy of a trigger comes with the partition.
 */
static void
edges_for_copy(SmigDelta *delta, SmigObject *copy)
{
	SmigState  *state = smig_delta_state(delta, copy);
	ListCell   *lc;

	foreach(lc, copy->parent->children)
	{
		SmigObject *link = lfirst(lc);

		if (link->kind->flags & SMIG_KIND_INHERITS)
			add_edge(delta, smig_delta_state(delta, link)->create,
					 state->create, false);
	}
}

/* ---------------- bodies of functions ---------------- */

typedef struct NameEntry
{
	char		name[NAMEDATALEN];
	List	   *objects;		/* of SmigObject * that come into being */
} NameEntry;

/* What names of operators are made of. */
#define OPERATOR_CHARACTERS "+-*/<>=~!@#%^&|`?"

/*
 * Names in the text of a function, of operators too.  This only has to guess
 * which objects a body may need, so a plain cut into words is enough: a wrong
 * guess orders two statements that need no order.
 */
static List *
words_of(const char *body)
{
	List	   *words = NIL;

	while (*body)
	{
		char		word[NAMEDATALEN * 2];
		int			length = strspn(body, OPERATOR_CHARACTERS);
		bool		quoted = *body == '"';

		if (length > 0)
		{
			if (length < NAMEDATALEN)
				words = lappend(words, pnstrdup(body, length));
			body += length;
			continue;
		}
		if (!quoted && !isalpha((unsigned char) *body) && *body != '_' &&
			!IS_HIGHBIT_SET(*body))
		{
			body++;
			continue;
		}
		if (quoted)
			body++;
		while (*body && (quoted ? *body != '"' :
						 (isalnum((unsigned char) *body) || *body == '_' ||
						  *body == '$' || IS_HIGHBIT_SET(*body))))
		{
			if (length < (int) sizeof(word) - 1)
				word[length++] = quoted ? *body :
					pg_tolower((unsigned char) *body);
			body++;
		}
		if (quoted && *body)
			body++;
		word[length] = '\0';
		if (length > 0 && length < NAMEDATALEN)
			words = lappend(words, pstrdup(word));
	}
	return words;
}

static HTAB *
create_names(void)
{
	HASHCTL		control = {
		.keysize = NAMEDATALEN,
		.entrysize = sizeof(NameEntry),
		.hcxt = CurrentMemoryContext
	};

	return hash_create("schemamig names of objects", 256, &control,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
add_name(HTAB *names, SmigObject *object)
{
	NameEntry  *entry;
	bool		found;

	if (strlen(object->name) >= NAMEDATALEN)
		return;
	entry = hash_search(names, object->name, HASH_ENTER, &found);
	if (!found)
		entry->objects = NIL;
	entry->objects = lappend(entry->objects, object);
}

/* Whether a function may have an object of the kind in its text. */
static bool
is_named_in_bodies(const SmigKind *kind)
{
	static const char *const names[] = {
		"column", "operator", "collation", "text search configuration",
		"text search dictionary"
	};

	if (kind->flags & (SMIG_KIND_RELATION | SMIG_KIND_TYPE) ||
		kind->acl_type == OBJECT_FUNCTION)
		return true;
	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(kind->name, names[i]) == 0)
			return true;
	return false;
}

static HTAB *
names_that_come(SmigDelta *delta)
{
	HTAB	   *names = create_names();

	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigObject *object = delta->to->objects[i];
		SmigState  *state = &delta->to_states[i];

		if ((state->create < 0 && state->alter < 0) || state->folded ||
			!is_named_in_bodies(object->kind))
			continue;
		add_name(names, object);
	}
	return names;
}

/*
 * Functions that go, by name; NULL when there are none.
 */
static HTAB *
functions_that_go(SmigDelta *delta)
{
	HTAB	   *names = NULL;

	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *old = delta->from->objects[i];

		if (old->kind->acl_type != OBJECT_FUNCTION ||
			delta->from_states[i].fate != SMIG_FATE_DROP ||
			delta->from_states[i].drop < 0)
			continue;
		if (names == NULL)
			names = create_names();
		add_name(names, old);
	}
	return names;
}

/*
 * A call that is meant for one function is ambiguous, or goes to the wrong one,
 * as long as there is another of that name: what needs the one is created after
 * the other has gone.
 */
static void
edges_for_overloads(SmigDelta *delta, HTAB *gone)
{
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		const SmigObject *function = delta->to->objects[i];
		const NameEntry *entry;
		ListCell   *lc;
		ListCell   *user;

		if (function->kind->acl_type != OBJECT_FUNCTION)
			continue;
		entry = hash_search(gone, function->name, HASH_FIND, NULL);
		if (entry == NULL)
			continue;
		foreach(lc, entry->objects)
			foreach(user, function->rdeps)
				add_edge(delta, smig_delta_state(delta, lfirst(lc))->drop,
						 smig_delta_state(delta, lfirst(user))->create, false);
	}
}

/*
 * Soft edges: a function whose body is text comes after what it may use.
 */
static void
edges_for_bodies(SmigDelta *delta, HTAB *gone)
{
	HTAB	   *names = NULL;

	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigObject *function = delta->to->objects[i];
		SmigState  *state = &delta->to_states[i];
		int			makes = state->create >= 0 ? state->create : state->alter;
		const char *body = smig_attr(function, "_body");
		List	   *words;
		ListCell   *lc;

		if (body == NULL || makes < 0 || state->unchecked)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (names == NULL)
			names = names_that_come(delta);
		words = words_of(body);
		foreach(lc, words)
		{
			NameEntry  *entry = hash_search(names, lfirst(lc), HASH_FIND,
											NULL);
			NameEntry  *going = gone == NULL ? NULL :
				hash_search(gone, lfirst(lc), HASH_FIND, NULL);
			ListCell   *found;

			/* a function of the name that goes could make a call ambiguous */
			foreach(found, going ? going->objects : NIL)
				add_edge(delta, smig_delta_state(delta, lfirst(found))->drop,
						 makes, true);
			foreach(found, entry ? entry->objects : NIL)
			{
				SmigObject *object = lfirst(found);
				SmigState  *theirs = smig_delta_state(delta, object);
				bool		named = object->parent == NULL ||
					list_member_ptr(function->deps, object->parent);
				ListCell   *word;

				if (object == function)
					continue;
				/* a column counts only together with its table */
				foreach(word, words)
				{
					if (named)
						break;
					named = strcmp(lfirst(word), object->parent->name) == 0;
				}
				if (!named)
					continue;
				add_edge(delta, theirs->create, makes, true);
				add_edge(delta, theirs->alter, makes, true);
			}
		}
	}
}

/*
 * Makes the edges between the actions of a delta.
 */
void
smig_delta_make_edges(SmigDelta *delta)
{
	HTAB	   *gone = functions_that_go(delta);

	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *old = delta->from->objects[i];
		SmigState  *state = &delta->from_states[i];
		ListCell   *lc;

		if (state->fate == SMIG_FATE_KEEP || state->implied)
			continue;
		foreach(lc, old->deps)
			edges_for_old(delta, old, lfirst(lc));
		if (old->parent)
			edges_for_old(delta, old, old->parent);
		if (old->origin && smig_delta_spares(delta, old->origin))
			add_edge(delta, smig_delta_state(delta, old->origin)->drop,
					 state->drop, false);
		if (state->aside >= 0)
		{
			int			create = smig_delta_state(delta, state->other)->create;

			add_edge(delta, state->aside, create, false);
			add_edge(delta, state->aside, state->alter, false);
			add_edge(delta, create, state->drop, false);
		}
		else if (state->fate == SMIG_FATE_REPLACE && !goes_late(delta, state))
			add_edge(delta, state->drop,
					 smig_delta_state(delta, state->other)->create, false);
	}
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigObject *new = delta->to->objects[i];
		SmigState  *state = &delta->to_states[i];
		ListCell   *lc;

		if (state->fate == SMIG_FATE_KEEP || state->implied)
			continue;
		foreach(lc, new->deps)
			edges_for_new(delta, new, lfirst(lc));
		if (new->parent)
			edges_for_new(delta, new, new->parent);
		if (strcmp(new->kind->name, "trigger copy") == 0)
			edges_for_copy(delta, new);
		/* a type that is changed with the origin's brings its own storage */
		if (strcmp(new->kind->name, "column") == 0 && state->alter >= 0 &&
			smig_delta_inherits_both(delta, new))
			add_edge(delta, smig_delta_state(delta, new->origin)->alter,
					 state->alter, false);
	}
	edges_for_names(delta);
	edges_for_links(delta);
	smig_contained_edges(delta);
	if (gone)
		edges_for_overloads(delta, gone);
	edges_for_bodies(delta, gone);
}
