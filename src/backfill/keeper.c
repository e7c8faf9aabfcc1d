/*-------------------------------------------------------------------------
 *
 * keeper.c
 *	  The process that keeps the snapshot of a backfill by position, and how
 *	  the others come to it.
 *
 * A snapshot lives as long as the transaction that took it, and a batch is a
 * transaction of its own; so a process that does nothing else keeps it, and the
 * batches import it.  Only while a table is gone over by position: see
 * position.c.
 *
 * IDENTIFICATION
 *	  src/backfill/keeper.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "backfill/engine.h"
#include "runner.h"
#include "step.h"

/* How often the keeper looks whether it is needed (ms). */
#define KEEPER_POLL 50

/*
 * Main part of the process that keeps the snapshot: until it is told to stop.
 */
void
smig_keeper_main(const SmigRunnerHost *host)
{
	StartTransactionCommand();
	host->publish(ExportSnapshot(GetTransactionSnapshot()));
	pgstat_report_activity(STATE_IDLEINTRANSACTION,
						   "keeps the snapshot of a backfill");
	while (!host->is_stopping())
		smig_step_wait(KEEPER_POLL);
	CommitTransactionCommand();
}

static Oid
filenode_of(Oid relation)
{
	Relation	table = table_open(relation, AccessShareLock);
	Oid			filenode = (Oid) table->rd_rel->relfilenode;

	table_close(table, NoLock);
	return filenode;
}

/*
 * Whether a resumed backfill must begin anew, because others have written since
 * it began.
 *
 * Errors: 55000 when that would not give the same result.
 */
static bool
must_restart(const SmigBackfill *backfill, const SmigPosition *position)
{
	if ((!OidIsValid(backfill->filenode) ||
		 filenode_of(backfill->plan->relation) == backfill->filenode) &&
		!smig_position_is_changed(backfill->plan, position, backfill->since))
		return false;
	if (!smig_backfill_is_repeatable(backfill->plan))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot be resumed: it cannot be known which rows are done",
						smig_engine_label(backfill)),
				 errdetail("Rows of %s that no key names were written by others, or moved, since it began, and the statement gives another result when a row is done twice.",
						   backfill->plan->relation_name),
				 backfill->plan->moves ?
				 errhint("Begin anew under another name, with a statement that finds the rows still to be done. It is the statement's moving rows between partitions that makes a key of no use.") :
				 errhint("Begin anew under another name, with a statement that finds the rows still to be done; with a unique key this cannot happen.")));
	return true;
}

/*
 * Goes over to work by position: has the snapshot of this moment kept, and for
 * a resumed backfill sees that it is still known what is done.
 *
 * nulls: just the rows with a null in the key
 */
void
smig_engine_begin_position(SmigEngine *engine, bool nulls)
{
	SmigBackfill *backfill = engine->backfill;
	SmigPosition *position;
	bool		restart;

	MemoryContextSwitchTo(engine->context);
	position = palloc0(sizeof(SmigPosition));
	position->nulls = nulls;
	position->snapshot_id = smig_crew_keep_snapshot(engine->crew);
	StartTransactionCommand();
	smig_position_import(position);
	MemoryContextSwitchTo(engine->context);
	smig_position_set_own(position, backfill->plan->moves ?
						  engine->own_xids :
						  smig_ledger_own_xids(backfill->id, false));
	/* begun for the first time, or under another snapshot than this one */
	restart = !OidIsValid(backfill->filenode);
	if (TransactionIdIsValid(backfill->since) &&
		(backfill->snapshot == NULL ||
		 strcmp(backfill->snapshot, position->snapshot_id) != 0))
		restart = must_restart(backfill, position) || restart;
	if (!TransactionIdIsValid(backfill->since))
		backfill->since = position->snapshot->xmin;
	if (restart && !nulls)
		backfill->last = smig_position_last(backfill->plan);
	backfill->snapshot = position->snapshot_id;
	backfill->filenode = filenode_of(backfill->plan->relation);
	smig_ledger_begin_position(backfill, restart, nulls);
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	engine->position = position;
}

/*
 * Has one snapshot kept for all parts of a backfill.
 */
void
smig_engine_share_position(SmigEngine *whole)
{
	SmigPosition position = {0};

	position.snapshot_id = smig_crew_keep_snapshot(whole->crew);
	StartTransactionCommand();
	smig_position_import(&position);
	smig_ledger_share_snapshot(whole->backfill->id, position.snapshot_id,
							   position.snapshot->xmin);
	/* the snapshot sees none that come later: they need not be read again */
	MemoryContextSwitchTo(whole->context);
	whole->own_xids = smig_ledger_own_xids(whole->backfill->id, true);
	CommitTransactionCommand();
	MemoryContextSwitchTo(whole->context);
}

/*
 * Ends work by position; a snapshot that is shared is kept for the parts after.
 */
void
smig_engine_end_position(SmigEngine *engine)
{
	engine->position = NULL;
	if (!engine->backfill->plan->moves)
		smig_crew_drop_snapshot(engine->crew);
}

/*
 * A helper comes to work by position.
 */
void
smig_engine_join_position(SmigEngine *engine)
{
	SmigPosition *position = MemoryContextAllocZero(engine->context,
													sizeof(SmigPosition));

	position->snapshot_id = engine->backfill->snapshot;
	StartTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	smig_position_set_own(position,
						  smig_ledger_own_xids(engine->backfill->id,
											   engine->backfill->plan->moves));
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	engine->position = position;
}
