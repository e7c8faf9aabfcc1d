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
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
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

/* Rows of the first batch, and of the largest. */
#define FIRST_BATCH 1000
#define MAX_BATCH 1000000

/* A batch that takes this many times its target is rolled back. */
#define TARGET_LIMIT 4

/*
 * A batch is done in slices of this share of its target, behind each of which
 * it is looked whether somebody waits for its rows.  While that happens, and
 * for a while after (ms), whole batches are as short as the other share.
 */
#define SLICE_SHARE 8
#define CROWDED_SHARE 16
#define CROWDED_MS 10000

/* Ranges each worker should get, so that none is left with much at the end. */
#define RANGES_PER_WORKER 20
#define MIN_RANGE 5000

/* Pauses (ms): while held back, between tries for a lock, between reports. */
#define CONTENTION_PAUSE 50
#define REPORT_EVERY 5000



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
		psprintf("backfill " INT64_FORMAT, backfill->id);
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

static SmigPlace
copy_place(MemoryContext context, SmigPlace place)
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

	if (backfill->plan->key.ncolumns > 0)
		return;
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
 * Does the batch's rows slice by slice, up to the end of the claim, the batch's
 * size, or the moment when somebody waits for one of them.  Sets engine->rows
 * to the rows gone over, about, also when it fails, and reached->position.
 *
 * Result: rows processed.
 */
static uint64
run_slices(SmigEngine *engine, SmigClaim *reached)
{
	const SmigBackfillPlan *plan = engine->backfill->plan;
	SmigRange	range = {0};
	uint64		processed = 0;
	int64		slice = engine->slice > 0 && plan->key.ncolumns > 0 ?
		engine->slice : engine->batch;

	if (plan->key.ncolumns == 0)
		range.own_xids = smig_ledger_own_xids(engine->backfill->id);
	engine->rows = 0;
	do
	{
		int64		step = Min(slice, engine->batch - engine->rows);

		CHECK_FOR_INTERRUPTS();
		range.after = reached->position;
		range.upto = smig_key_step(plan, range.after, reached->upper, step);
		engine->rows += step;
		processed += smig_backfill_run_range(plan, &range);
		reached->position = range.upto;
		if (is_waited_for())
		{
			engine->crowded_at = GetCurrentTimestamp();
			break;
		}
	} while (engine->rows < engine->batch &&
			 !smig_place_equal(range.upto, reached->upper));
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
	TimestampTz begin = GetCurrentTimestamp();
	int64		gone_over;
	uint64		rows;
	SmigPlace	old;

	StartTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	smig_engine_set_local("synchronous_commit", "off");
	smig_engine_set_local("lock_timeout", psprintf("%d", smig_lock_timeout));
	check_filenode(backfill);
	if (engine->batch > 1)
		enable_timeout_after(STATEMENT_TIMEOUT,
							 smig_batch_target * TARGET_LIMIT);
	rows = run_slices(engine, &reached);
	disable_timeout(STATEMENT_TIMEOUT, false);
	if (backfill->plan->key.ncolumns == 0 && rows > 0)
		smig_ledger_add_own_xid(backfill->id);
	gone_over = smig_place_equal(reached.position, claim->upper) ?
		Max(Min(claim->rows, engine->rows), (int64) rows) : engine->rows;
	smig_ledger_checkpoint(backfill->id, &reached, rows, gone_over,
						   (int) smig_engine_elapsed(begin), engine->rows);
	CommitTransactionCommand();

	old = claim->position;
	claim->rows = Max(claim->rows - gone_over, 0);
	claim->position = copy_place(engine->context, reached.position);
	list_free_deep(old);
}

/*
 * The next batch's size, from the time the last one took.
 *
 * ms: milliseconds; a batch that the end of its range cut short says nothing
 *		about larger ones, so "full" is false for it
 */
static void
adapt(SmigEngine *engine, int64 ms, bool full)
{
	int64		fixed = engine->backfill->options.batch_size;
	bool		crowded = smig_throttle_is_tight() ||
		(engine->crowded_at != 0 &&
	 smig_engine_elapsed(engine->crowded_at) < CROWDED_MS);
	double		target = crowded ?
		Max(smig_batch_target / (double) CROWDED_SHARE, 1) : smig_batch_target;
	double		factor = target / Max(ms, 1);

	if (engine->after_trouble > 0)
	{
		engine->batch = engine->after_trouble;
		engine->after_trouble = 0;
		return;
	}
	if (!full && factor > 1.0)
		return;
	factor = Min(Max(factor, crowded ? 0.01 : 0.25), 4.0);
	engine->slice = (int64) ((double) smig_batch_target / SLICE_SHARE *
							 engine->rows / Max(ms, 1)) + 1;
	engine->batch = (int64) (engine->rows * factor);
	engine->batch = Min(Max(engine->batch, 1), fixed > 0 ? fixed : MAX_BATCH);
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
	int64		done;
	int64		scanned;
	int64		total;
	int64		errors;

	StartTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	reached.position = smig_key_step(backfill->plan, claim->position,
									 claim->upper, 1);
	if (!backfill->options.skip)
	{
		CommitTransactionCommand();
		MemoryContextSwitchTo(engine->batch_context);
		edata->context = psprintf("%s%s%s, row with key %s of table %s",
								  edata->context ? edata->context : "",
								  edata->context ? "\n" : "",
								  smig_engine_label(backfill),
								  smig_engine_place_text(reached.position),
								  backfill->plan->relation_name);
		ReThrowError(edata);
	}
	smig_ledger_error(backfill->id, reached.position,
					  unpack_sql_state(edata->sqlerrcode), edata->message);
	smig_ledger_checkpoint(backfill->id, &reached, 0, 1, 0, 1);
	smig_ledger_progress(backfill->id, &done, &scanned, &total, &errors);
	CommitTransactionCommand();
	claim->position = copy_place(engine->context, reached.position);
	list_free_deep(old);
	if (errors > smig_backfill_errors)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s had to keep more than %d rows aside",
						smig_engine_label(backfill), smig_backfill_errors),
				 errdetail("The last one: %s.", edata->message),
				 errhint("schemamig.backfill_error lists them. Correct the statement or the rows, or raise schemamig.backfill_errors.")));
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
		engine->batch > 1 && ms >= (int64) smig_batch_target * TARGET_LIMIT;

	if (contention)
	{
		if (engine->contention_since == 0)
			engine->contention_since = GetCurrentTimestamp();
		if (smig_engine_elapsed(engine->contention_since) >= smig_lock_wait)
			ReThrowError(edata);
		engine->batch = Max(engine->batch / 2, 1);
		smig_step_wait((long) (CONTENTION_PAUSE *
							   (0.5 + pg_prng_double(&pg_global_prng_state))));
	}
	else if (too_long)
		engine->batch = Max(engine->batch / 2, 1);
	else if (smig_engine_is_row_error(edata) && engine->backfill->plan->key.ncolumns > 0)
	{
		if (engine->batch > 1)
		{
			if (engine->after_trouble == 0)
				engine->after_trouble = engine->batch;
			engine->batch = engine->batch / 2;
		}
		else
		{
			handle_bad_row(engine, claim, edata);
			adapt(engine, smig_batch_target, false);
		}
	}
	else
		ReThrowError(edata);
}

/*
 * Records why the backfill holds back, and tells once when that begins and
 * ends.
 */
static void
tell_hold(SmigEngine *engine, const char *reason)
{
	if (reason && engine->held_by == NULL)
	{
		ereport(NOTICE,
				(errmsg("%s holds back: %s", smig_engine_label(engine->backfill),
						reason), errhidecontext(true)));
		engine->held_by = MemoryContextStrdup(engine->context, reason);
	}
	else if (reason == NULL && engine->held_by)
	{
		ereport(NOTICE,
				(errmsg("%s goes on", smig_engine_label(engine->backfill)),
				 errhidecontext(true)));
		pfree(engine->held_by);
		engine->held_by = NULL;
	}
}

/*
 * Waits while anything speaks against the next batch.
 */
static void
hold_back(SmigEngine *engine)
{
	for (;;)
	{
		char	   *reason;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (engine->crew)
			smig_crew_check(engine->crew);
		StartTransactionCommand();
		MemoryContextSwitchTo(engine->batch_context);
		reason = smig_journal_pause_wanted() ? pstrdup("paused") :
			smig_throttle_reason();
		if (engine->leader && (reason != NULL) != (engine->held_by != NULL))
			smig_ledger_throttled(engine->backfill->id, reason);
		CommitTransactionCommand();
		MemoryContextSwitchTo(engine->batch_context);
		if (engine->leader)
			tell_hold(engine, reason);
		if (reason == NULL)
			return;
		smig_step_wait(SMIG_HOLD_POLL);
		MemoryContextReset(engine->batch_context);
	}
}

/*
 * Vacuums the table so that the batches after use the space that the ones
 * before have freed.  Skipped where somebody holds a lock on it.
 */
static void
vacuum_table(SmigEngine *engine, int64 scanned, int64 total)
{
	SmigScript *script;

	if (smig_vacuum_every <= 0 ||
		engine->backfill->plan->command == CMD_INSERT ||
		scanned - engine->vacuumed_at < (int64) (smig_vacuum_every * total) ||
		scanned - engine->vacuumed_at < FIRST_BATCH)
		return;
	engine->vacuumed_at = scanned;
	script = smig_script_parse(psprintf("VACUUM (TRUNCATE off, SKIP_LOCKED) %s",
										engine->backfill->plan->relation_name),
							   SMIG_TRANSACTION_REVISION, "backfill");
	StartTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	smig_execute_statement(script, linitial(script->statements),
						   "schemamig backfill", true);
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
}

/*
 * The leader's duties between batches: VACUUM, and a report every few seconds.
 */
static void
look_after(SmigEngine *engine)
{
	int64		done;
	int64		scanned;
	int64		total;
	int64		errors;
	int64		ms = smig_engine_elapsed(engine->begin);

	if (!engine->leader)
		return;
	StartTransactionCommand();
	smig_ledger_progress(engine->backfill->id, &done, &scanned, &total, &errors);
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	vacuum_table(engine, scanned, total);
	if (smig_engine_elapsed(engine->reported) < REPORT_EVERY)
		return;
	engine->reported = GetCurrentTimestamp();
	ereport(NOTICE,
			(errmsg("%s: " INT64_FORMAT " rows processed, %d %% of about "
					INT64_FORMAT " gone over, " INT64_FORMAT " rows per second",
					smig_engine_label(engine->backfill), done,
					total > 0 ? (int) Min(100, scanned * 100 / total) : 100,
					total, scanned * 1000 / Max(ms, 1)),
			 errhidecontext(true)));
}

/*
 * Works through one claim.
 */
static void
work_through(SmigEngine *engine, SmigClaim *claim)
{
	while (!smig_place_equal(claim->position, claim->upper))
	{
		TimestampTz begin;
		ErrorData  *volatile edata = NULL;
		int64		ms;

		hold_back(engine);
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
			engine->contention_since = 0;
			adapt(engine, ms,
				  !smig_place_equal(claim->position, claim->upper));
			look_after(engine);
			if (smig_nice > 0)
				smig_step_wait((long) (ms * smig_nice));
		}
		MemoryContextSwitchTo(engine->context);
		MemoryContextReset(engine->batch_context);
	}
}

/* Rows of a range handed out at a time; 0 for all. */
static int64
range_size(const SmigBackfill *backfill)
{
	if (backfill->options.workers <= 1)
		return 0;
	return Max(backfill->rows_total /
			   (backfill->options.workers * RANGES_PER_WORKER), MIN_RANGE);
}

/*
 * Claims ranges and works through them until nothing is left to claim.
 */
void
smig_engine_work(SmigEngine *engine)
{
	for (;;)
	{
		SmigClaim	claim = {0};
		bool		claimed;

		StartTransactionCommand();
		MemoryContextSwitchTo(engine->context);
		smig_engine_set_local("synchronous_commit", "off");
		claimed = smig_ledger_claim(engine->backfill,
									range_size(engine->backfill), &claim);
		claim.rows = range_size(engine->backfill);
		if (claim.rows == 0)
			claim.rows = engine->backfill->rows_total;
		CommitTransactionCommand();
		MemoryContextSwitchTo(engine->context);
		if (!claimed)
			return;
		claim.position = copy_place(engine->context, claim.position);
		work_through(engine, &claim);
	}
}

/*
 * Makes ready one process's part in a backfill; "context" outlives it.
 */
void
smig_engine_init(SmigEngine *engine, SmigBackfill *backfill, bool leader,
				 MemoryContext context)
{
	memset(engine, 0, sizeof(SmigEngine));
	engine->backfill = backfill;
	engine->leader = leader;
	engine->context = context;
	engine->batch_context = AllocSetContextCreate(context, "schemamig batch",
												  ALLOCSET_DEFAULT_SIZES);
	engine->batch = backfill->options.batch_size > 0 ?
		backfill->options.batch_size : FIRST_BATCH;
	engine->begin = GetCurrentTimestamp();
	engine->reported = engine->begin;
}
