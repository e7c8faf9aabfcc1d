/*-------------------------------------------------------------------------
 *
 * facts_locks.c
 *	  The locks a step will take.
 *
 * The runner asks before a step, to wait for long transactions outside of the
 * lock queue, and after a failed try, to name the sessions in the way.  An
 * answer that misses a relation costs a try, never correctness: the try itself
 * is under lock_timeout.  One that names too much would make a run wait for
 * somebody who is in nobody's way, so what is not certain is left out.
 *
 * IDENTIFICATION
 *	  src/lint/facts_locks.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "lint/facts.h"

/* Statements whose locks depend on the rows they meet. */
static const NodeTag queries[] = {
	T_SelectStmt, T_InsertStmt, T_UpdateStmt, T_DeleteStmt, T_MergeStmt,
	T_CopyStmt, T_CreateTableAsStmt, T_ExplainStmt, T_RefreshMatViewStmt
};

static bool
is_query(const Node *stmt)
{
	for (int i = 0; i < lengthof(queries); i++)
	{
		if (nodeTag(stmt) == queries[i])
			return true;
	}
	return false;
}

/*
 * Queries skip partitions without matching rows, open indexes only of tables
 * they change, and look at referenced tables only where a key changes.
 */
static bool
is_certain(const SmigFact *fact, const Node *stmt, SmigPending *pending)
{
	if (!OidIsValid(fact->relid) || fact->mode == NoLock)
		return false;
	if (!is_query(stmt))
		return true;
	return fact->relation->heap == NULL && fact->mode != RowShareLock &&
		smig_view_parent(pending, fact->relation) == NULL;
}

static void
add_fact(List **locks, const SmigFact *fact)
{
	SmigFact   *copy;
	ListCell   *lc;

	foreach(lc, *locks)
	{
		SmigFact   *known = lfirst(lc);

		if (known->relid == fact->relid)
		{
			known->mode = Max(known->mode, fact->mode);
			return;
		}
	}
	copy = palloc(sizeof(SmigFact));
	*copy = *fact;
	copy->relation = NULL;		/* ends with the pending state */
	copy->name = NULL;
	*locks = lappend(*locks, copy);
}

/*
 * The relations that exist now and that the statements (SmigStatement) of one
 * step will certainly lock, each once with the strongest mode, as SmigFact *
 * with relid, kind and mode.  Needs a transaction; locks nothing.
 */
List *
smig_facts_locks(List *statements)
{
	SmigPending *pending = smig_pending_create();
	List	   *locks = NIL;
	ListCell   *lc;

	foreach(lc, statements)
	{
		RawStmt    *raw = ((SmigStatement *) lfirst(lc))->raw;
		SmigFacts  *facts = smig_facts_read(raw, "", pending);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, facts->relations)
		{
			if (is_certain(lfirst(lc2), raw->stmt, pending))
				add_fact(&locks, lfirst(lc2));
		}
		smig_facts_apply(raw, "", pending);
	}
	smig_pending_free(pending);
	return locks;
}
