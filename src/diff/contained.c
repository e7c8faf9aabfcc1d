/*-------------------------------------------------------------------------
 *
 * contained.c
 *	  Domains whose values are parts of others.
 *
 * PostgreSQL checks the values in columns when a domain becomes NOT NULL or a
 * constraint of it is added or validated, but refuses where a column holds the
 * domain inside something else: an array, a composite type, a range, or the
 * row type of a table (get_rels_with_domain in commands/typecmds.c).  So the
 * check waits until such columns are gone, and comes before there are new ones;
 * where one stays, there is no DDL.
 *
 * IDENTIFICATION
 *	  src/diff/contained.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"

#include "diff/delta.h"

static const char contained[] =
"Columns hold values of the domain as parts of others, which PostgreSQL cannot check";

/* Who holds a domain inside something else, in one snapshot. */
typedef struct Holders
{
	HTAB	   *seen;			/* objects walked through, by address */
	List	   *objects;		/* columns, attributes, materialized views */
} Holders;

static bool
is_kind(const SmigObject *object, const char *kind)
{
	return strcmp(object->kind->name, kind) == 0;
}

static bool
first_visit(Holders *holders, const SmigObject *object)
{
	bool		found;

	hash_search(holders->seen, &object, HASH_ENTER, &found);
	return !found;
}

static void
add_holder(Holders *holders, SmigObject *object)
{
	if (first_visit(holders, object))
		holders->objects = lappend(holders->objects, object);
}

/*
 * Columns of the row type of a table that has a column of the domain.
 */
static void
walk_row_type(Holders *holders, const SmigObject *table)
{
	ListCell   *lc;

	if (!first_visit(holders, table))
		return;
	foreach(lc, table->rdeps)
	{
		SmigObject *user = lfirst(lc);

		if (is_kind(user, "column") && user->parent != table)
			add_holder(holders, user);
	}
}

/*
 * Collects what uses a type.  "inside" says that its values hold the domain
 * inside something else.
 */
static void
walk_type(Holders *holders, const SmigObject *type, bool inside)
{
	ListCell   *lc;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	foreach(lc, type->rdeps)
	{
		SmigObject *user = lfirst(lc);

		if (is_kind(user, "column"))
		{
			if (inside || smig_cast_is_array(smig_attr(user, "type")))
				add_holder(holders, user);
			else if (user->parent)
				walk_row_type(holders, user->parent);
			continue;
		}
		if (is_kind(user, "attribute") ||
			(is_kind(user, "materialized view") && inside))
			add_holder(holders, user);
		if (user->parent && (user->parent->kind->flags & SMIG_KIND_TYPE))
			user = user->parent;
		if (user != type && (user->kind->flags & SMIG_KIND_TYPE) &&
			first_visit(holders, user))
			walk_type(holders, user, inside || !is_kind(user, "domain"));
	}
}

static Holders
find_holders(const SmigObject *domain)
{
	HASHCTL		control = {
		.keysize = sizeof(SmigObject *),
		.entrysize = sizeof(SmigObject *),
		.hcxt = CurrentMemoryContext
	};
	Holders		holders;

	holders.seen = hash_create("schemamig users of a domain", 32, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	holders.objects = NIL;
	walk_type(&holders, domain, false);
	return holders;
}

/*
 * Whether the change of a domain or of a constraint of one makes PostgreSQL
 * look at the values that there are.
 */
static bool
is_check(SmigDelta *delta, const SmigObject *new)
{
	const SmigState *state = smig_delta_state(delta, new);
	const SmigObject *old = state->other;

	if (is_kind(new, "domain"))
		return state->fate == SMIG_FATE_ALTER && smig_attr(new, "not_null") &&
			smig_attr(old, "not_null") == NULL;
	if (!is_kind(new, "domain constraint") || smig_attr(new, "not_valid"))
		return false;
	return smig_delta_is_new(delta, new) ||
		(state->fate == SMIG_FATE_ALTER && smig_attr(old, "not_valid"));
}

static const SmigObject *
domain_of(const SmigObject *object)
{
	return is_kind(object, "domain") ? object : object->parent;
}

/*
 * Whether a column holds the domain inside something else before and after.
 */
static bool
one_stays(SmigDelta *delta, const Holders *before, const Holders *after)
{
	ListCell   *lc;

	foreach(lc, before->objects)
	{
		const SmigState *state = smig_delta_state(delta, lfirst(lc));

		if (is_kind(lfirst(lc), "column") &&
			(state->fate == SMIG_FATE_KEEP || state->fate == SMIG_FATE_ALTER) &&
			hash_search(after->seen, &state->other, HASH_FIND, NULL))
			return true;
	}
	return false;
}

/*
 * Notes which changes of domains PostgreSQL cannot check, and which columns
 * cannot wait for the change of a domain, because it waits for them.
 */
void
smig_contained_mark(SmigDelta *delta)
{
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		SmigObject *new = delta->to->objects[i];
		const SmigObject *domain = domain_of(new);
		Holders		before;
		Holders		after;
		ListCell   *lc;

		if (!is_check(delta, new) || smig_delta_is_new(delta, domain))
			continue;
		before = find_holders(smig_delta_state(delta, domain)->other);
		after = find_holders(domain);
		if (one_stays(delta, &before, &after))
			delta->to_states[i].unsupported = contained;
		else if (new == domain)
			foreach(lc, before.objects)
				smig_delta_state(delta, lfirst(lc))->lets_go = true;
		hash_destroy(before.seen);
		hash_destroy(after.seen);
	}
}

/*
 * What holds the domain goes before the check, and what is to hold it comes
 * after it.
 */
static void
edges_for_check(SmigDelta *delta, const SmigObject *new, int check)
{
	const SmigObject *domain = domain_of(new);
	Holders		holders;
	ListCell   *lc;

	if (!smig_delta_is_new(delta, domain))
	{
		holders = find_holders(smig_delta_state(delta, domain)->other);
		foreach(lc, holders.objects)
		{
			const SmigState *state = smig_delta_state(delta, lfirst(lc));

			if (!state->folded || is_kind(lfirst(lc), "column"))
				smig_delta_add_edge(delta, state->drop, check);
			if (smig_delta_type_changes(delta, lfirst(lc)))
				smig_delta_add_edge(delta, state->alter, check);
		}
		hash_destroy(holders.seen);
	}
	holders = find_holders(domain);
	foreach(lc, holders.objects)
	{
		const SmigState *state = smig_delta_state(delta, lfirst(lc));

		if (!state->folded || is_kind(lfirst(lc), "column"))
			smig_delta_add_edge(delta, check, state->create);
		smig_delta_add_edge(delta, check, state->alter);
	}
	hash_destroy(holders.seen);
}

/*
 * Makes the edges between checks of domains and what holds their values.
 */
void
smig_contained_edges(SmigDelta *delta)
{
	for (int i = 0; i < delta->to->nobjects; i++)
	{
		const SmigObject *new = delta->to->objects[i];
		const SmigState *state = &delta->to_states[i];
		int			check = state->create >= 0 ? state->create : state->alter;

		if (check >= 0 && !state->folded && state->unsupported == NULL &&
			is_check(delta, new))
			edges_for_check(delta, new, check);
	}
}
