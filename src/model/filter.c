/*-------------------------------------------------------------------------
 *
 * filter.c
 *	  Takes what the rules of schemamig_filter leave out of a snapshot.
 *
 * Snapshots are kept whole and filtered when they are compared, so that a rule
 * made today holds for both sides, whenever they were read.
 *
 * IDENTIFICATION
 *	  src/model/filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "diff/kind.h"
#include "model/filter.h"

static bool
is_schema(const SmigKind *kind)
{
	return strcmp(kind->name, "schema") == 0;
}

/*
 * Name of the schema that an object is in, or NULL.
 */
static const char *
schema_of(const SmigObject *object)
{
	for (; object; object = object->parent)
	{
		const char *schema = smig_attr(object, "_schema");

		if (schema == NULL)
			schema = smig_attr(object, "_in_schema");
		if (schema)
			return schema;
	}
	return NULL;
}

/*
 * Whether a rule is about objects like this one.  A schema that was asked for
 * by its name is not left out.
 *
 * whole: the snapshot is one of a whole database
 */
static bool
is_about(const SmigFilterRule *rule, const SmigObject *object, bool whole)
{
	if (rule->kind)
		return rule->kind == object->kind && (whole || !is_schema(rule->kind));
	return object->parent == NULL && object->name[0] != '\0' &&
		schema_of(object) != NULL;
}

/*
 * Whether a rule is about an object and its pattern matches.
 *
 * whole: the snapshot is one of a whole database
 */
bool
smig_filter_matches(const SmigFilterRule *rule, const SmigObject *object,
					bool whole)
{
	return is_about(rule, object, whole) &&
		smig_pattern_match(&rule->pattern, schema_of(object),
						   object->parent ? object->parent->name : NULL,
						   object->name);
}

/*
 * Whether the rules leave out an object for its own sake.
 */
static bool
is_left_out(List *rules, const SmigObject *object, bool whole)
{
	bool		restricted = false;
	bool		included = false;
	ListCell   *lc;

	foreach(lc, rules)
	{
		const SmigFilterRule *rule = lfirst(lc);
		bool		matches = smig_filter_matches(rule, object, whole);

		if (matches && !rule->include)
			return true;
		if (rule->include && is_about(rule, object, whole))
			restricted = true;
		included = included || matches;
	}
	return restricted && !included;
}

/*
 * Whether something that an object needs is left out.
 */
static bool
needs_left_out(const SmigObject *object, const bool *out)
{
	ListCell   *lc;

	foreach(lc, object->deps)
		if (out[((SmigObject *) lfirst(lc))->index])
			return true;
	return false;
}

/*
 * Marks what belongs to an object that is left out: what has it as parent or
 * schema, says something of it, or, with a table, its partitions, heirs and
 * sequences.  Returns whether anything new was marked.
 */
static bool
spread(SmigSnapshot *snapshot, bool *out)
{
	bool		changed = false;

	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];
		bool		heir = object->kind->flags & SMIG_KIND_INHERITS ||
			strcmp(object->kind->name, "sequence owner") == 0;

		CHECK_FOR_INTERRUPTS();
		if (out[i])
			continue;
		if (object->parent && out[object->parent->index])
			out[i] = true;
		else if ((heir || (object->kind->flags & SMIG_KIND_LINK)) &&
				 needs_left_out(object, out))
		{
			out[i] = true;
			if (heir && object->parent)
				out[object->parent->index] = true;
		}
		changed = changed || out[i];
	}
	return changed;
}

/*
 * Marks what is in schemas that are left out.
 */
static void
leave_schemas(SmigSnapshot *snapshot, bool *out)
{
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		const SmigObject *object = snapshot->objects[i];
		const char *schema = object->parent ? NULL : schema_of(object);
		SmigObject *container;

		if (schema == NULL || out[i])
			continue;
		container = smig_snapshot_find(snapshot,
									   psprintf("schema %s",
												quote_identifier(schema)));
		out[i] = container && out[container->index];
	}
}

/*
 * Takes what the rules leave out of a snapshot.  Returns whether there are
 * rules.  To do it twice does no harm.
 */
bool
smig_filter_apply(SmigSnapshot *snapshot)
{
	List	   *rules = smig_filter_rules();
	bool	   *out;

	if (rules == NIL)
		return false;
	out = palloc_extended(sizeof(bool) * Max(snapshot->nobjects, 1),
						  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		CHECK_FOR_INTERRUPTS();
		out[i] = is_left_out(rules, snapshot->objects[i], snapshot->whole);
	}
	leave_schemas(snapshot, out);
	/* parents come before children; only heirs of heirs take another round */
	while (spread(snapshot, out))
		;
	smig_snapshot_leave_out(snapshot, out, true);
	pfree(out);
	return true;
}
