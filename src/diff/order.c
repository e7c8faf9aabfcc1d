/*-------------------------------------------------------------------------
 *
 * order.c
 *	  Actions and their order.
 *
 * One node for each statement group; edges from the dependencies of both
 * states.  What belongs to a table that is created or dropped is part of the
 * table's node; a cycle takes it out again, as pg_dump does with mutual
 * foreign keys or a default that calls a function on its own table.
 *
 * IDENTIFICATION
 *	  src/diff/order.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "lib/binaryheap.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "diff/delta.h"

#define NO_ACTION	(-1)
#define NOT_SEEN	(-2)

static int
add_action(SmigDelta *delta, SmigActionType type, SmigObject *object,
		   SmigObject *old)
{
	SmigAction *action;

	if (delta->nactions == delta->maxactions)
	{
		delta->maxactions = Max(delta->maxactions * 2, 64);
		delta->actions = delta->actions == NULL ?
			palloc(sizeof(SmigAction) * delta->maxactions) :
			repalloc_huge(delta->actions,
						  sizeof(SmigAction) * delta->maxactions);
	}
	action = &delta->actions[delta->nactions];
	memset(action, 0, sizeof(*action));
	action->type = type;
	action->object = object;
	action->old = old;
	return delta->nactions++;
}

/* ---------------- nodes ---------------- */

static bool
has_fate(SmigDelta *delta, const SmigObject *object, SmigFate a, SmigFate b)
{
	SmigFate	fate = smig_delta_state(delta, object)->fate;

	return fate == a || fate == b;
}

static bool
is_partition(const SmigObject *table)
{
	return smig_attr(table, "_partition") != NULL;
}

/*
 * Whether an object comes into being through its origin or through the
 * inheritance itself, so that no statement of its own creates it.
 */
static bool
create_is_implied(SmigDelta *delta, const SmigObject *object)
{
	const char *kind = object->kind->name;

	if (object->origin == NULL || smig_attr(object, "_inherited") == NULL)
		return false;
	if (strcmp(kind, "foreign key") == 0)
		return true;
	if (strcmp(kind, "column") != 0 && strcmp(kind, "check") != 0)
		return false;			/* keys of partitions are attached */
	if (smig_delta_is_new(delta, object->parent))
		return !is_partition(object->parent) &&
			smig_attr(object, "_local") == NULL;
	return smig_delta_inherits_both(delta, object) &&
		smig_delta_is_new(delta, object->origin);
}

static int	create_action(SmigDelta *delta, SmigObject *object);

static int
create_fresh(SmigDelta *delta, SmigObject *object, SmigState *state)
{
	if (create_is_implied(delta, object))
	{
		int			at = NO_ACTION;

		state->implied = true;
		if (smig_delta_is_new(delta, object->parent))
			at = create_action(delta, object->parent);
		if (at < 0 && smig_delta_is_new(delta, object->origin))
			at = create_action(delta, object->origin);
		return at;
	}

	/*
	 * NOT VALID has no effect in CREATE TABLE; views have no place for
	 * defaults
	 */
	if ((object->kind->flags & SMIG_KIND_FOLD) && !state->unfold &&
		object->parent && smig_delta_is_new(delta, object->parent) &&
		smig_attr(object, "not_valid") == NULL &&
		strcmp(object->parent->kind->name, "view") != 0)
	{
		int			at = create_action(delta, object->parent);

		if (at >= 0 && !smig_delta_state(delta, object->parent)->implied)
		{
			state->folded = true;
			return at;
		}
	}
	return add_action(delta, SMIG_ACTION_CREATE, object, NULL);
}

/*
 * The action that creates an object of the target, or NO_ACTION.
 */
static int
create_action(SmigDelta *delta, SmigObject *object)
{
	SmigState  *state = smig_delta_state(delta, object);

	if (state->create != NOT_SEEN)
		return state->create;
	state->create = NO_ACTION;	/* stops recursion */
	if (smig_delta_is_new(delta, object))
		state->create = create_fresh(delta, object, state);
	return state->create;
}

/*
 * The column whose drop takes a sequence with it, or NULL.
 */
static SmigObject *
owning_column(SmigDelta *delta, SmigObject *sequence)
{
	ListCell   *lc;

	foreach(lc, sequence->children)
	{
		SmigObject *child = lfirst(lc);
		ListCell   *dep;

		if (strcmp(child->kind->name, "sequence owner") != 0)
			continue;
		foreach(dep, child->deps)
		{
			SmigObject *on = lfirst(dep);

			if (strcmp(on->kind->name, "column") == 0 &&
				has_fate(delta, on, SMIG_FATE_DROP, SMIG_FATE_REPLACE))
				return on;
		}
	}
	return NULL;
}

/*
 * Whether dropping the origin drops the object as well.
 */
static bool
drop_is_implied(SmigDelta *delta, const SmigObject *object)
{
	if (object->origin == NULL)
		return false;
	if (smig_attr(object, "_inherited") && smig_attr(object, "_local"))
		return false;
	if (!smig_delta_inherits_both(delta, object) ||
		smig_delta_spares(delta, object->origin))
		return false;
	return has_fate(delta, object->origin, SMIG_FATE_DROP, SMIG_FATE_REPLACE);
}

/*
 * The shell of the base type that a function belongs to and goes with, or NULL.
 */
static SmigObject *
dropped_shell(SmigDelta *delta, const SmigObject *function)
{
	ListCell   *lc;

	foreach(lc, function->deps)
	{
		SmigObject *on = lfirst(lc);

		if (strcmp(on->kind->name, "shell type") == 0 && on->children != NIL &&
			has_fate(delta, on, SMIG_FATE_DROP, SMIG_FATE_REPLACE))
			return on;
	}
	return NULL;
}

static int
drop_action(SmigDelta *delta, SmigObject *object)
{
	SmigState  *state = smig_delta_state(delta, object);
	SmigObject *owner = object->parent;

	if (state->drop != NOT_SEEN)
		return state->drop;
	state->drop = NO_ACTION;
	if (!has_fate(delta, object, SMIG_FATE_DROP, SMIG_FATE_REPLACE))
		return NO_ACTION;
	if (drop_is_implied(delta, object))
	{
		state->implied = true;
		return state->drop = drop_action(delta, object->origin);
	}
	if (dropped_shell(delta, object))
	{
		state->implied = true;
		return state->drop = drop_action(delta, dropped_shell(delta, object));
	}
	if (strcmp(object->kind->name, "sequence") == 0)
		owner = owning_column(delta, object);
	if (owner && !state->unfold && !(object->kind->flags & SMIG_KIND_KEEP) &&
		has_fate(delta, owner, SMIG_FATE_DROP, SMIG_FATE_REPLACE))
	{
		state->drop = drop_action(delta, owner);
		state->folded = state->drop >= 0;
	}
	if (state->drop < 0)
		state->drop = add_action(delta, SMIG_ACTION_DROP, object, NULL);
	return state->drop;
}

/*
 * Whether an index takes the name of one that is itself renamed: then it waits
 * under another name, because two can swap theirs.
 */
static bool
name_is_taken(SmigDelta *delta, const SmigObject *old)
{
	SmigState  *state = smig_delta_state(delta, old);
	SmigObject *holder;

	if (!state->renamed || state->fate != SMIG_FATE_ALTER ||
		strcmp(old->kind->name, "index") != 0)
		return false;
	holder = smig_snapshot_find(delta->from, state->other->key);
	return holder && smig_delta_state(delta, holder)->renamed &&
		smig_delta_state(delta, holder)->fate == SMIG_FATE_ALTER;
}

/*
 * An inherited constraint that is altered together with its origin.
 */
static bool
alter_is_implied(SmigDelta *delta, const SmigObject *new)
{
	return new->origin && smig_attr(new, "_inherited") &&
		strcmp(new->kind->name, "column") != 0 &&
		smig_delta_inherits_both(delta, new) &&
		smig_delta_state(delta, new->origin)->fate == SMIG_FATE_ALTER;
}

static void
make_actions(SmigDelta *delta)
{
	delta->nactions = 0;
	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigState  *state = &delta->from_states[i];

		state->drop = state->create = NOT_SEEN;
		state->aside = state->alter = NO_ACTION;
		state->folded = state->implied = false;
	}
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigState  *state = &delta->to_states[i];

		state->drop = state->create = NOT_SEEN;
		state->aside = state->alter = NO_ACTION;
		state->folded = state->implied = false;
	}
	for (int i = 0; i < delta->from->nobjects; i++)
	{
		SmigObject *old = delta->from->objects[i];
		SmigState  *state = &delta->from_states[i];

		(void) drop_action(delta, old);
		if ((state->fate == SMIG_FATE_REPLACE && state->swap) ||
			name_is_taken(delta, old))
			state->aside = add_action(delta, SMIG_ACTION_ASIDE, state->other,
									  old);
		if (state->fate == SMIG_FATE_ALTER &&
			!alter_is_implied(delta, state->other))
			state->alter = add_action(delta, SMIG_ACTION_ALTER, state->other,
									  old);
		if (state->other)
			smig_delta_state(delta, state->other)->alter = state->alter;
	}
	for (int i = 0; i < delta->to->nobjects; i++)
		(void) create_action(delta, delta->to->objects[i]);
}

/* ---------------- order ---------------- */

static int
phase_of(const SmigAction *action)
{
	if (strcmp(action->object->kind->name, "default privileges") == 0)
		return action->type == SMIG_ACTION_DROP ? -1 : 9;
	return (int) action->type;
}

static int
ordinal_of(const SmigObject *object)
{
	return smig_attr_number(object, "_position");
}

static int
action_compare(const void *a, const void *b, void *arg)
{
	SmigDelta  *delta = arg;
	const SmigAction *x = &delta->actions[*(const int *) a];
	const SmigAction *y = &delta->actions[*(const int *) b];
	int			order = phase_of(x) - phase_of(y);
	bool		reverse = x->type == SMIG_ACTION_DROP ||
		(delta->backward && x->type != SMIG_ACTION_CREATE);

	if (order != 0)
		return order;
	order = x->object->kind->order - y->object->kind->order;
	if (order == 0 && x->object->parent && y->object->parent &&
		ordinal_of(x->object) != ordinal_of(y->object))
	{
		order = strcmp(x->object->parent->key, y->object->parent->key);
		if (order == 0)
			order = ordinal_of(x->object) - ordinal_of(y->object);
	}
	if (order == 0)
		order = strcmp(x->object->key, y->object->key);
	return reverse ? -order : order;
}

static void
rank_actions(SmigDelta *delta)
{
	int		   *sorted = palloc(sizeof(int) * Max(delta->nactions, 1));

	for (int i = 0; i < delta->nactions; i++)
		sorted[i] = i;
	qsort_arg(sorted, delta->nactions, sizeof(int), action_compare, delta);
	for (int i = 0; i < delta->nactions; i++)
		delta->actions[sorted[i]].rank = i;
	pfree(sorted);
}

static int
ready_compare(Datum a, Datum b, void *arg)
{
	SmigDelta  *delta = arg;

	/* binaryheap gives the greatest first */
	return delta->actions[DatumGetInt32(b)].rank -
		delta->actions[DatumGetInt32(a)].rank;
}

/*
 * Kahn's algorithm, ties by rank.  Returns how many actions could be placed;
 * the others are in or behind a cycle and have waits > 0.
 */
static int
place_actions(SmigDelta *delta)
{
	binaryheap *ready = binaryheap_allocate(Max(delta->nactions, 1),
											ready_compare, delta);
	int			placed = 0;

	for (int i = 0; i < delta->nactions; i++)
		delta->actions[i].waits = 0;
	for (int i = 0; i < delta->nactions; i++)
		for (SmigEdge *edge = delta->actions[i].edges; edge; edge = edge->next)
			delta->actions[edge->to].waits++;
	for (int i = 0; i < delta->nactions; i++)
		if (delta->actions[i].waits == 0)
			binaryheap_add(ready, Int32GetDatum(i));
	while (!binaryheap_empty(ready))
	{
		int			next = DatumGetInt32(binaryheap_remove_first(ready));

		CHECK_FOR_INTERRUPTS();
		delta->order[placed++] = next;
		for (SmigEdge *edge = delta->actions[next].edges; edge;
			 edge = edge->next)
			if (--delta->actions[edge->to].waits == 0)
				binaryheap_add(ready, Int32GetDatum(edge->to));
	}
	binaryheap_free(ready);
	return placed;
}

/* ---------------- cycles ---------------- */

/* Tarjan's algorithm; recursion is bounded by check_stack_depth. */
typedef struct Tarjan
{
	SmigDelta  *delta;
	int		   *index;
	int		   *low;
	bool	   *on_stack;
	List	   *stack;
	int			next;
	int			groups;
} Tarjan;

static void
tarjan_visit(Tarjan *t, int node)
{
	SmigDelta  *delta = t->delta;

	check_stack_depth();
	t->index[node] = t->low[node] = ++t->next;
	t->stack = lappend_int(t->stack, node);
	t->on_stack[node] = true;
	for (SmigEdge *edge = delta->actions[node].edges; edge; edge = edge->next)
	{
		if (delta->actions[edge->to].waits == 0)
			continue;
		if (t->index[edge->to] == 0)
		{
			tarjan_visit(t, edge->to);
			t->low[node] = Min(t->low[node], t->low[edge->to]);
		}
		else if (t->on_stack[edge->to])
			t->low[node] = Min(t->low[node], t->index[edge->to]);
	}
	if (t->low[node] == t->index[node])
	{
		int			member;
		int			size = 0;

		t->groups++;
		do
		{
			member = llast_int(t->stack);
			t->stack = list_delete_last(t->stack);
			t->on_stack[member] = false;
			delta->actions[member].group = t->groups;
			size++;
		} while (member != node);
		if (size == 1)
			delta->actions[node].group = 0;
	}
}

/*
 * Numbers the cycles (strongly connected groups of several actions); group 0
 * means not in a cycle.
 */
static void
find_cycles(SmigDelta *delta)
{
	Tarjan		t;

	memset(&t, 0, sizeof(t));
	t.delta = delta;
	t.index = palloc0(sizeof(int) * delta->nactions);
	t.low = palloc0(sizeof(int) * delta->nactions);
	t.on_stack = palloc0(sizeof(bool) * delta->nactions);
	for (int i = 0; i < delta->nactions; i++)
		delta->actions[i].group = 0;
	for (int i = 0; i < delta->nactions; i++)
		if (delta->actions[i].waits > 0 && t.index[i] == 0)
			tarjan_visit(&t, i);
}

/*
 * What most often makes a cycle is taken out of it first.
 */
static int
unfold_pass(const SmigObject *object)
{
	if (strcmp(object->kind->name, "foreign key") == 0)
		return 0;
	return object->kind->flags & SMIG_KIND_COLUMN_BOUND ? 1 : 2;
}

/*
 * Takes parts of the statements in cycles out of them.
 */
static bool
unfold_some(SmigDelta *delta, int pass)
{
	bool		changed = false;

	for (int side = 0; side < 2; side++)
	{
		SmigSnapshot *snapshot = side == 0 ? delta->from : delta->to;

		for (int i = 0; i < snapshot->nobjects; i++)
		{
			SmigObject *object = snapshot->objects[i];
			SmigState  *state = smig_delta_state(delta, object);
			int			at = side == 0 ? state->drop : state->create;

			if (at >= 0 && state->folded && !state->unfold &&
				delta->actions[at].group > 0 &&
				(object->kind->flags & SMIG_KIND_UNFOLD) &&
				!(object->origin && smig_attr(object, "_inherited")) &&
				unfold_pass(object) == pass)
				state->unfold = changed = true;
		}
	}
	return changed;
}

static bool
unfold_cycles(SmigDelta *delta)
{
	for (int pass = 0; pass < 3; pass++)
		if (unfold_some(delta, pass))
			return true;
	return false;
}

/*
 * Lets one function of a cycle be created before what its body names.
 */
static bool
uncheck_a_function(SmigDelta *delta)
{
	int			first = NO_ACTION;

	for (int i = 0; i < delta->nactions; i++)
	{
		SmigAction *action = &delta->actions[i];

		if (action->group == 0 || action->object->snapshot != delta->to ||
			smig_attr(action->object, "_body") == NULL ||
			smig_delta_state(delta, action->object)->unchecked)
			continue;
		if (first < 0 || action->rank < delta->actions[first].rank)
			first = i;
	}
	if (first < 0)
		return false;
	smig_delta_state(delta, delta->actions[first].object)->unchecked = true;
	return true;
}

static void
report_cycle(SmigDelta *delta)
{
	List	   *names = NIL;

	for (int i = 0; i < delta->nactions && list_length(names) < 10; i++)
		if (delta->actions[i].group > 0)
			names = lappend(names, pstrdup(delta->actions[i].object->key));
	smig_delta_refuse(delta,
					  psprintf("Objects in the circle: %s.",
							   smig_join(names, ", ")),
					  "the changes cannot be ordered: they need each other in a circle");
}

/*
 * Makes actions of the fates and puts them in order: delta->order.  A cycle
 * that cannot be cut is a refusal.
 */
void
smig_delta_order(SmigDelta *delta)
{
	for (;;)
	{
		make_actions(delta);
		smig_delta_make_edges(delta);
		rank_actions(delta);
		delta->order = palloc(sizeof(int) * Max(delta->nactions, 1));
		if (place_actions(delta) == delta->nactions)
			return;
		find_cycles(delta);
		if (!unfold_cycles(delta) && !uncheck_a_function(delta))
		{
			report_cycle(delta);
			return;
		}
	}
}
