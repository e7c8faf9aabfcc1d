/*-------------------------------------------------------------------------
 *
 * lead_parts.c
 *	  A backfill of several tables, one after the other.
 *
 * For each partition, or child that inherits, the record of the backfill has a
 * part: a record of its own, with its own key, last place and ranges.  All are
 * made at the beginning.  What is attached later is the new code's business;
 * what is detached or dropped meanwhile is reported, and the rest goes on.
 *
 * Where the statement itself moves rows between partitions, one snapshot of the
 * beginning is kept for all of them, and every part goes by physical position:
 * so a row that comes into a table whose turn is later is not taken again.
 *
 * IDENTIFICATION
 *	  src/backfill/lead_parts.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "backfill/engine.h"

/*
 * Looks at one table: its key, last place and rows, in the current context.
 *
 * The locks that this takes, on the table and its indexes, are let go by rolling
 * back a subtransaction that has changed nothing: one transaction looks at all
 * tables, so that their last places are of one time, and there can be more of
 * them than locks.
 *
 * Result: false when the table has been dropped.
 */
static bool
look_at_part(const SmigBackfill *whole, Oid table, SmigBackfill *part)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool		exists;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	LockRelationOid(table, AccessShareLock);
	exists = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table));
	if (exists)
	{
		part->plan = smig_backfill_analyse(whole->options.statement,
										   whole->options.key, table);
		part->last = smig_key_last(part->plan);
		part->rows_total = smig_lead_estimate(part->plan);
	}
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return exists;
}

/*
 * Records a part for each table, in the order in which they will be done.
 *
 * Result: rows of all, about.
 */
int64
smig_lead_create_parts(SmigBackfill *whole)
{
	int64		rows = 0;
	ListCell   *lc;

	foreach(lc, smig_part_tables(whole->plan->root))
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
													  "schemamig part",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);
		SmigBackfill *part = palloc0(sizeof(SmigBackfill));

		part->parent = whole->id;
		part->options = whole->options;
		part->options.verify = NULL;
		if (look_at_part(whole, lfirst_oid(lc), part))
		{
			smig_ledger_create(part, 0, NULL, 0);
			rows += part->rows_total;
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		CHECK_FOR_INTERRUPTS();
	}
	return rows;
}

/*
 * What became of a part's table: "detached", "dropped", or NULL when it is where
 * it was.  Needs a transaction.
 */
static const char *
what_became(const SmigBackfill *whole, const SmigBackfill *part)
{
	SmigBackfillPlan plan = {0};
	bool		belongs;

	if (get_rel_name(part->relation) == NULL)
		return "dropped";
	plan.root = whole->plan->root;
	plan.relation = part->relation;
	PushActiveSnapshot(GetLatestSnapshot());
	belongs = smig_part_belongs(&plan);
	PopActiveSnapshot();
	return belongs ? NULL : "detached";
}

/*
 * Reports that the rest of a part is not done, if its table has gone.
 *
 * Result: whether it has.
 */
static bool
leave_part(const SmigBackfill *whole, const SmigBackfill *part)
{
	const char *state;

	StartTransactionCommand();
	state = what_became(whole, part);
	if (state)
	{
		smig_ledger_set_state(part->id, state, NULL, NULL);
		ereport(WARNING,
				(errmsg("%s was %s while %s was at work", part->relation_name,
						state, smig_engine_label(whole)),
				 errdetail("The rows that were left in it were not processed."),
				 strcmp(state, "detached") == 0 ?
				 errhint("schemamig.backfill and schemamig.backfill_range tell how far it has come there.") : 0,
				 errhidecontext(true)));
	}
	CommitTransactionCommand();
	return state != NULL;
}

/*
 * Reads a part and understands the statement for it.
 *
 * Errors: 55000 when its checkpoints are places in another key than the one
 * that its table has now.
 */
static void
prepare_part(const SmigBackfill *whole, SmigBackfill *part)
{
	const SmigKey *key;
	bool		same;

	part->plan = smig_backfill_analyse(whole->options.statement,
									   whole->options.key, part->relation);
	key = &part->plan->key;
	same = list_length(part->options.key) == key->ncolumns;
	for (int i = 0; same && i < key->ncolumns; i++)
		same = strcmp(list_nth(part->options.key, i), key->names[i]) == 0;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s goes by another key in %s",
						smig_engine_label(whole), part->plan->relation_name),
				 errdetail("Its checkpoints are places in the order of %s.",
						   part->options.key ?
						   smig_engine_place_text(part->options.key) :
						   "physical position"),
				 errhint("Give the table that key again, or take another name.")));
	part->options.workers = whole->options.workers;
	part->options.batch_size = whole->options.batch_size;
	part->options.skip = whole->options.skip;
}

/*
 * Works through one part.
 */
static void
lead_part(SmigEngine *whole, int64 id, bool retry)
{
	MemoryContext context = AllocSetContextCreate(whole->context,
												  "schemamig part",
												  ALLOCSET_DEFAULT_SIZES);
	SmigEngine	engine;
	SmigBackfill *part;
	ErrorData  *volatile edata = NULL;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	part = smig_ledger_read(id);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	if (leave_part(whole->backfill, part))
		return;
	smig_engine_init(&engine, part, 0, context);
	engine.workers = whole->workers;
	engine.begin = whole->begin;
	engine.reported = whole->reported;
	engine.told_nice = whole->told_nice;
	engine.crew = whole->crew;
	engine.own_xids = whole->own_xids;
	smig_crew_turn_to(engine.crew, id);
	PG_TRY();
	{
		StartTransactionCommand();
		MemoryContextSwitchTo(context);
		prepare_part(whole->backfill, part);
		CommitTransactionCommand();
		MemoryContextSwitchTo(context);
		smig_lead_table(&engine, retry && part->errors > 0);
		StartTransactionCommand();
		smig_ledger_set_state(id, "done", NULL, NULL);
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		edata = smig_engine_abandon(&engine);
		MemoryContextSwitchTo(context);
		smig_crew_stop(engine.crew);
	}
	PG_END_TRY();
	if (edata && !leave_part(whole->backfill, part))
		ReThrowError(edata);
	whole->reported = engine.reported;
	whole->told_nice = engine.told_nice;
	MemoryContextSwitchTo(whole->context);
	MemoryContextDelete(context);
}

/*
 * Works through all parts that are not done, and tries again what was kept
 * aside.
 *
 * whole: the engine of the backfill as a whole; gets its crew here
 */
void
smig_lead_parts(SmigEngine *whole, bool retry)
{
	List	   *parts;
	ListCell   *lc;

	whole->crew = smig_crew_create(whole->backfill->id);
	if (whole->backfill->plan->moves)
		smig_engine_share_position(whole);
	StartTransactionCommand();
	MemoryContextSwitchTo(whole->context);
	parts = smig_ledger_parts(whole->backfill->id, retry);
	CommitTransactionCommand();
	MemoryContextSwitchTo(whole->context);
	foreach(lc, parts)
	{
		CHECK_FOR_INTERRUPTS();
		lead_part(whole, *(int64 *) lfirst(lc), retry);
	}
	smig_crew_drop_snapshot(whole->crew);
}
