/*-------------------------------------------------------------------------
 *
 * engine.c
 *	  Working through a table: batches, their size, their failures, and the
 *	  processes that share them.
 *
 * Process structure: the leader (the worker of the run) takes a session lock
 * on the table for backfills, launches workers - 1 helpers and works itself.
 * All of them claim ranges from the ledger and work through them batch by
 * batch.  A batch is one transaction: the rows, the checkpoint, nothing else;
 * it does not wait for the disk, because checkpoint and rows are lost together
 * or not at all.  Between batches no snapshot and no lock on the table is held.
 *
 * IDENTIFICATION
 *	  src/backfill/engine.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "backfill/backfill.h"
#include "backfill/crew.h"
#include "backfill/engine.h"
#include "execute.h"
#include "settings.h"
#include "step.h"

/* A batch that takes this many times its target is rolled back. */
#define TARGET_LIMIT 4

/* Pause between tries for a lock (ms). */
#define CONTENTION_PAUSE 50

/* Rows of the first batch behind a bad row, and how they grow from there. */
#define CAREFUL_ROWS 16
#define CAREFUL_GROWTH 8

/*
 * Milliseconds since then.
 */
int64
smig_engine_elapsed(TimestampTz since)
{
	return (GetCurrentTimestamp() - since) / 1000;
}

/*
 * What to call the backfill in messages.
 */
const char *
smig_engine_label(const SmigBackfill *backfill)
{
	return backfill->options.name ?
		psprintf("backfill \"%s\"", backfill->options.name) :
		psprintf("backfill " INT64_FORMAT,
				 backfill->parent ? backfill->parent : backfill->id);
}

/*
 * A place in the way people write it: "(1, abc)".
 */
char *
smig_engine_place_text(SmigPlace place)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, place)
		appendStringInfo(&buf, "%s%s", buf.len ? ", " : "", (char *) lfirst(lc));
	return psprintf("(%s)", buf.data);
}

/*
 * A copy of a place in another memory context.
 */
SmigPlace
smig_engine_copy_place(MemoryContext context, SmigPlace place)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	SmigPlace	copy = NIL;
	ListCell   *lc;

	foreach(lc, place)
		copy = lappend(copy, pstrdup(lfirst(lc)));
	MemoryContextSwitchTo(old);
	return copy;
}

/*
 * Errors that belong to the rows of a batch, not to the server or the
 * statement: data, constraints, what functions raise.
 */
bool
smig_engine_is_row_error(const ErrorData *edata)
{
	static const int classes[] = {
		ERRCODE_DATA_EXCEPTION, ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION,
		ERRCODE_CARDINALITY_VIOLATION, ERRCODE_WITH_CHECK_OPTION_VIOLATION,
		ERRCODE_PLPGSQL_ERROR, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
		ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION
	};

	for (int i = 0; i < lengthof(classes); i++)
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) ==
			ERRCODE_TO_CATEGORY(classes[i]))
			return true;
	return false;
}

/*
 * Sets a setting until the end of the transaction.
 */
void
smig_engine_set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * Refuses to go on by physical position when the rows have been moved.
 */
static void
check_filenode(const SmigBackfill *backfill)
{
	Relation	table;
	Oid			filenode;

	table = table_open(backfill->plan->relation, AccessShareLock);
	filenode = (Oid) table->rd_rel->relfilenode;
	table_close(table, NoLock);
	if (filenode != backfill->filenode)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s was rewritten while it was worked through by physical position",
						backfill->plan->relation_name),
				 errdetail("VACUUM FULL, CLUSTER or an ALTER TABLE has moved its rows, so it cannot be known which are done."),
				 errhint("Give the table a unique key, and begin again with a statement that finds the rows still to be done.")));
}

/*
 * How many rows the next batch takes: half of what is known to have a bad row;
 * few at first behind one, because bad rows come in clusters.
 */
static int64
next_rows(const SmigEngine *engine)
{
	if (engine->suspect && engine->suspect_good > 0)
		return engine->suspect_good;
	if (engine->suspect)
		return Min(engine->batch, Max(engine->suspect_rows / 2, 1));
	if (engine->careful > 0)
		return Min(engine->batch, engine->careful);
	return engine->most > 0 ? Min(engine->batch, engine->most) : engine->batch;
}

/*
 * The range of the next slice; where it goes by position, with its rows locked.
 */
static void
find_range(SmigEngine *engine, const SmigClaim *reached, SmigPlace upper,
		   const SmigCut *cut, int64 rows, SmigRange *range)
{
	const SmigBackfillPlan *plan = engine->backfill->plan;

	range->after = reached->position;
	range->stripe = reached->stripe;
	range->stripes = reached->stripes;
	if (engine->position == NULL)
	{
		range->upto = cut ? cut->upto :
			smig_key_step(plan, range->after, upper, rows);
		engine->upto = range->upto;
		return;
	}
	range->upto = smig_position_step(plan, engine->position, range->after, upper,
									 rows);
	engine->upto = range->upto;
	range->by_position = true;
	range->tids = smig_position_lock(plan, engine->position, range->after,
									 range->upto);
}

/*
 * Whether another session waits for the end of this transaction, so for a row
 * of this batch.
 */
static bool
is_waited_for(void)
{
	TransactionId xid = GetTopTransactionIdIfAny();
	LOCKTAG		tag;

	if (!TransactionIdIsValid(xid))
		return false;
	SET_LOCKTAG_TRANSACTION(tag, xid);
	return LockHasWaiters(&tag, ExclusiveLock, false);
}

/*
 * Does the batch's rows slice by slice, up to "upper", the batch's size, or the
 * moment when somebody waits for one of them.  Sets engine->rows to the rows
 * gone over, about, also when it fails, and reached->position.
 *
 * Result: rows processed.
 */
static uint64
run_slices(SmigEngine *engine, SmigPlace upper, SmigClaim *reached)
{
	int64		most = next_rows(engine);
	int64		slice = engine->slice > 0 && engine->suspect == NIL ?
		engine->slice : most;
	uint64		processed = 0;

	do
	{
		SmigRange	range = {0};
		const SmigCut *cut = smig_engine_find_cut(engine, reached);
		int64		step = Min(slice, most - engine->rows);
		TimestampTz begin = GetCurrentTimestamp();

		/* about as large is good enough; else the walk has its own cuts */
		if (cut && cut->rows > 2 * step && engine->rows > 0)
			break;
		if (cut && cut->rows > 2 * most)
			cut = NULL;
		if (cut)
			step = cut->rows;

		CHECK_FOR_INTERRUPTS();
		engine->upto = NIL;
		engine->good_rows = engine->rows;
		engine->rows += step;
		find_range(engine, reached, upper, cut, step, &range);
		if (!range.by_position || range.tids != NIL)
			processed += smig_backfill_run_range(engine->backfill->plan, &range);
		if (range.planned_at && !range.by_position)
		{
			engine->planning = (range.planned_at - begin) / 1000;
			engine->overhead += engine->planning;
		}
		engine->slices++;
		smig_pace_note(&engine->pace, step,
					   (GetCurrentTimestamp() - Max(begin, range.planned_at)) /
					   1000.0);
		smig_engine_add_cut(engine, reached, range.upto, step);
		reached->position = range.upto;
		if (is_waited_for())
		{
			engine->crowded_at = GetCurrentTimestamp();
			break;
		}
	} while (engine->rows < most &&
			 !smig_place_equal(reached->position, upper));
	return processed;
}

/*
 * One batch in one transaction: the next rows of the claim and its checkpoint.
 * Sets claim->position, in the engine's context, after the commit.
 */
static void
run_batch(SmigEngine *engine, SmigClaim *claim)
{
	SmigBackfill *backfill = engine->backfill;
	SmigClaim	reached = *claim;
	SmigPlace	upper = engine->suspect ? engine->suspect : claim->upper;
	TimestampTz begin = GetCurrentTimestamp();
	uint64		wal_before = pgWalUsage.wal_bytes;
	int64		gone_over;
	uint64		wal;
	uint64		rows;
	SmigPlace	old;
	int			limit = engine->batch_target * TARGET_LIMIT +
		smig_pace_allowance(engine);

	engine->rows = 0;
	engine->slices = 0;
	engine->overhead = 0;
	engine->upto = NIL;
	engine->new_cuts = NIL;
	StartTransactionCommand();
	if (engine->position)
		smig_position_import(engine->position);
	MemoryContextSwitchTo(engine->batch_context);
	smig_engine_set_local("synchronous_commit", "off");
	smig_engine_set_local("lock_timeout", psprintf("%d", smig_lock_timeout));
	if (engine->position)
		check_filenode(backfill);
	if (next_rows(engine) > 1)
		enable_timeout_after(STATEMENT_TIMEOUT, limit);
	rows = run_slices(engine, upper, &reached);
	disable_timeout(STATEMENT_TIMEOUT, false);
	if (engine->position && rows > 0)
		smig_ledger_add_own_xid(backfill->id);
	smig_stripe_advance(&reached);
	gone_over = smig_place_equal(reached.position, claim->upper) ?
		Min(claim->rows, engine->rows) :
		Min(claim->rows, engine->rows / claim->stripes);
	if (claim->stripes == 1)
		gone_over = Max(gone_over, (int64) rows);
	wal = pgWalUsage.wal_bytes;
	smig_ledger_checkpoint(backfill->id, &reached, rows, gone_over,
						   (int) smig_engine_elapsed(begin),
						   Max(engine->rows / claim->stripes, 1),
						   wal - engine->wal_counted);
	CommitTransactionCommand();

	engine->wal = wal - wal_before;
	engine->wal_counted = wal;
	engine->gone_over += gone_over;
	engine->processed += rows;
	smig_engine_keep_cuts(engine);
	old = claim->position;
	claim->stripe = reached.stripe;
	claim->rows = Max(claim->rows - gone_over, 0);
	claim->position = smig_engine_copy_place(engine->context, reached.position);
	list_free_deep(old);
}

static void
end_suspicion(SmigEngine *engine)
{
	list_free_deep(engine->suspect);
	engine->suspect = NIL;
	engine->suspect_rows = 0;
	engine->suspect_good = 0;
}

/*
 * After a batch: narrows down where a bad row must be, or sets the size of the
 * next one.
 */
static void
handle_success(SmigEngine *engine, const SmigClaim *claim, int64 ms)
{
	engine->contention_since = 0;
	if (engine->suspect)
	{
		/* nothing bad was found after all when all of it went through now */
		if (smig_place_equal(engine->upto, engine->suspect))
			end_suspicion(engine);
		else
		{
			engine->suspect_rows = Max(engine->suspect_rows - engine->rows, 1);
			engine->suspect_good = 0;
		}
	}
	else if (engine->careful > 0)
	{
		engine->careful *= CAREFUL_GROWTH;
		if (engine->careful >= engine->batch)
			engine->careful = 0;
	}
	else
		smig_pace_adapt(engine, ms, !smig_place_equal(engine->upto, claim->upper));
}

/*
 * Rolls a failed batch back and returns its error, in the batch context.
 */
ErrorData *
smig_engine_abandon(SmigEngine *engine)
{
	ErrorData  *edata;

	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	MemoryContextSwitchTo(engine->batch_context);
	edata = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(engine->batch_context);
	RESUME_INTERRUPTS();
	return edata;
}

/*
 * A batch of one row has failed with an error of that row: keeps it aside, or
 * stops with its key.
 */
static void
handle_bad_row(SmigEngine *engine, SmigClaim *claim, ErrorData *edata)
{
	SmigBackfill *backfill = engine->backfill;
	SmigClaim	reached = *claim;
	SmigPlace	old = claim->position;
	SmigBadRow	row = {0};
	SmigLook	look;

	reached.position = engine->upto;
	row.by_position = engine->position != NULL;
	if (!backfill->options.skip)
	{
		edata->context = psprintf("%s%s%s, row with key %s of table %s",
								  edata->context ? edata->context : "",
								  edata->context ? "\n" : "",
								  smig_engine_label(backfill),
								  smig_engine_place_text(reached.position),
								  backfill->plan->relation_name);
		ReThrowError(edata);
	}
	StartTransactionCommand();
	if (engine->position)
		smig_position_import(engine->position);
	MemoryContextSwitchTo(engine->batch_context);
	smig_engine_set_local("synchronous_commit", "off");
	row.place = row.by_position ?
		smig_position_version(backfill->plan, engine->position,
							  reached.position) : reached.position;
	if (row.place)
		smig_ledger_error(backfill->id, &row,
						  unpack_sql_state(edata->sqlerrcode),
						  edata->message);
	smig_stripe_advance(&reached);
	smig_ledger_checkpoint(backfill->id, &reached, 0, 1, 0, 1, 0);
	smig_ledger_look(backfill->id, &look);
	CommitTransactionCommand();
	claim->position = smig_engine_copy_place(engine->context, reached.position);
	claim->stripe = reached.stripe;
	list_free_deep(old);
	end_suspicion(engine);
	engine->careful = CAREFUL_ROWS;
	if (look.errors > smig_backfill_errors)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s had to keep more than %d rows aside",
						smig_engine_label(backfill), smig_backfill_errors),
				 errdetail("The last one: %s.", edata->message),
				 errhint("schemamig.backfill_error lists them. Correct the statement or the rows, or raise schemamig.backfill_errors.")));
}

/*
 * A batch has failed with an error of one of its rows, which is found by
 * bisection: what goes through is kept, so that one bad row costs what its
 * batch did before it failed, and that again for the halves it fails in.
 */
static void
handle_row_error(SmigEngine *engine, SmigClaim *claim, ErrorData *edata)
{
	SmigPlace	suspect;

	if (engine->rows == 1)
	{
		handle_bad_row(engine, claim, edata);
		return;
	}
	/* the end of this batch can be the suspect itself: copy before freeing */
	suspect = smig_engine_copy_place(engine->context, engine->upto);
	end_suspicion(engine);
	engine->suspect = suspect;
	engine->suspect_rows = engine->rows;
	engine->suspect_good = engine->good_rows;
}

/*
 * Decides what follows a failed batch: a smaller one, a pause, or the end.
 */
static void
handle_failure(SmigEngine *engine, SmigClaim *claim, ErrorData *edata, int64 ms)
{
	bool		contention = edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		edata->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE;
	bool		too_long = edata->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		engine->rows > 1 && ms >= (int64) engine->batch_target * TARGET_LIMIT;

	if (contention)
	{
		if (engine->contention_since == 0)
			engine->contention_since = GetCurrentTimestamp();
		if (smig_engine_elapsed(engine->contention_since) >= smig_lock_wait)
			ReThrowError(edata);
		engine->batch = Max(engine->rows / 2, 1);
		smig_step_wait((long) (CONTENTION_PAUSE *
							   (0.5 + pg_prng_double(&pg_global_prng_state))));
	}
	else if (too_long)
	{
		smig_pace_note(&engine->pace, engine->rows, ms);
		engine->batch = Max(engine->rows / 2, 1);
	}
	else if (smig_engine_is_row_error(edata) && engine->upto)
		handle_row_error(engine, claim, edata);
	else
		ReThrowError(edata);
}

/*
 * Works through one claim.
 *
 * Result: false when this process is to end before.
 */
static bool
work_through(SmigEngine *engine, SmigClaim *claim)
{
	while (!smig_place_equal(claim->position, claim->upper))
	{
		TimestampTz begin;
		ErrorData  *volatile edata = NULL;
		int64		ms;

		if (!smig_engine_attend(engine, claim))
			return false;
		smig_wal_make_room(engine);
		begin = GetCurrentTimestamp();
		pgstat_report_activity(STATE_RUNNING, engine->backfill->plan->statement);
		PG_TRY();
		{
			run_batch(engine, claim);
		}
		PG_CATCH();
		{
			edata = smig_engine_abandon(engine);
		}
		PG_END_TRY();
		pgstat_report_activity(STATE_IDLE, NULL);
		pgstat_report_stat(false);
		ms = smig_engine_elapsed(begin);
		if (edata)
			handle_failure(engine, claim, edata, ms);
		else
		{
			handle_success(engine, claim, ms);
			smig_engine_rest(engine, ms);
		}
		MemoryContextSwitchTo(engine->context);
		MemoryContextReset(engine->batch_context);
	}
	return true;
}

/*
 * Claims ranges and works through them until nothing is left to claim, or this
 * process is to end.
 */
void
smig_engine_work(SmigEngine *engine)
{
	for (;;)
	{
		SmigClaim	claim = {0};
		SmigLook	look;
		bool		claimed;

		StartTransactionCommand();
		MemoryContextSwitchTo(engine->context);
		smig_engine_set_local("synchronous_commit", "off");
		smig_ledger_look(engine->backfill->id, &look);
		smig_engine_choose_range(engine, &look, &claim);
		claimed = smig_ledger_claim(engine->backfill, claim.rows, claim.stripes,
									&claim);
		/* a table, or part, can be smaller than a range is to be */
		if (claim.rows == 0 || claim.rows > engine->backfill->rows_total)
			claim.rows = engine->backfill->rows_total;
		CommitTransactionCommand();
		MemoryContextSwitchTo(engine->context);
		if (!claimed)
			return;
		claim.position = smig_engine_copy_place(engine->context, claim.position);
		smig_engine_begin_range(engine, &claim);
		if (!work_through(engine, &claim))
			return;
	}
}

/*
 * Works through the rows with a null in the key, by position.
 */
void
smig_engine_work_nulls(SmigEngine *engine)
{
	SmigBackfill *backfill = engine->backfill;
	SmigClaim	claim = {0};
	SmigPlace	last;

	StartTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	last = smig_position_last(backfill->plan);
	if (last == NIL)
		smig_ledger_nulls_done(backfill->id);
	else
		smig_ledger_claim_nulls(backfill, last, &claim);
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	claim.rows = backfill->rows_total;
	smig_engine_begin_range(engine, &claim);
	if (last)
		(void) work_through(engine, &claim);
}

/*
 * Makes ready one process's part in a backfill; "context" outlives it.
 *
 * number: of the process; 0 for the leader
 */
void
smig_engine_init(SmigEngine *engine, SmigBackfill *backfill, int number,
				 MemoryContext context)
{
	memset(engine, 0, sizeof(SmigEngine));
	engine->backfill = backfill;
	engine->number = number;
	engine->leader = number == 0;
	engine->context = context;
	engine->batch_context = AllocSetContextCreate(context, "schemamig batch",
												  ALLOCSET_DEFAULT_SIZES);
	engine->range_context = AllocSetContextCreate(context, "schemamig range",
												  ALLOCSET_SMALL_SIZES);
	engine->stripes = 1;
	engine->batch = backfill->options.batch_size > 0 ?
		backfill->options.batch_size : FIRST_BATCH;
	engine->batch_target = smig_batch_target;
	engine->nice = smig_nice;
	engine->workers = backfill->options.workers;
	engine->wal_counted = pgWalUsage.wal_bytes;
	engine->begin = GetCurrentTimestamp();
	engine->reported = engine->begin;
}
