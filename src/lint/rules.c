/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  What the rules of all families share.
 *
 * IDENTIFICATION
 *	  src/lint/rules.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "lint/rules.h"

/*
 * The relation a name means if somebody may be using it: NULL for relations
 * that the script makes itself.  A name that is found nowhere counts as a
 * table of which nothing is known.
 */
SmigRelation *
smig_rule_relation(SmigRuleContext *context, RangeVar *name)
{
	if (name == NULL || name->relpersistence == RELPERSISTENCE_TEMP)
		return NULL;

	/* nearly every rule asks for the same one */
	if (context->named != name)
	{
		context->relation = smig_view_find_or_unknown(context->pending, name);
		context->named = name;
	}
	return context->relation->created ? NULL : context->relation;
}

/*
 * The table of an ALTER TABLE on a table that somebody may be using, and its
 * commands; NULL for any other statement.
 */
SmigRelation *
smig_rule_altered(SmigRuleContext *context, List **commands)
{
	AlterTableStmt *stmt = (AlterTableStmt *) context->stmt;

	*commands = NIL;
	if (!IsA(stmt, AlterTableStmt) ||
		(stmt->objtype != OBJECT_TABLE && stmt->objtype != OBJECT_MATVIEW))
		return NULL;
	if (stmt->missing_ok &&
		smig_view_find(context->pending, stmt->relation) == NULL)
		return NULL;
	*commands = stmt->cmds;
	return smig_rule_relation(context, stmt->relation);
}

/*
 * Does the statement read a relation, or a part of it, from end to end?
 */
bool
smig_rule_scans(SmigRuleContext *context, SmigRelation *relation)
{
	ListCell   *lc;

	foreach(lc, smig_view_inheritors(context->pending, relation))
	{
		SmigFact   *fact = smig_facts_find(context->facts,
										   lfirst(lc));

		if (fact && fact->scan)
			return true;
	}
	return false;
}

/*
 * Does the statement write a relation, or a part of it, anew?
 */
bool
smig_rule_rewrites(SmigRuleContext *context, SmigRelation *relation)
{
	ListCell   *lc;

	foreach(lc, smig_view_inheritors(context->pending, relation))
	{
		SmigFact   *fact = smig_facts_find(context->facts,
										   lfirst(lc));

		if (fact && fact->rewrite)
			return true;
	}
	return false;
}

/*
 * How big a table is, for messages: " (about 1200000 rows)", or "".
 */
const char *
smig_rule_size(SmigRelation *relation)
{
	if (relation == NULL || relation->tuples < 1)
		return "";
	return psprintf(" (about %.0f rows)", relation->tuples);
}
