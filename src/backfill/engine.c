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
#include "execute.h"
#include "settings.h"
#include "step.h"

/* Rows of the first batch, and of the largest. */
#define FIRST_BATCH 1000
#define MAX_BATCH 1000000

/* A batch that takes this many times its target is rolled back. */
#define TARGET_LIMIT 4

/* Ranges each worker should get, so that none is left with much at the end. */
#define RANGES_PER_WORKER 20
#define MIN_RANGE 5000

/* Pauses (ms): while held back, between tries for a lock, between reports. */
#define HOLD_POLL 200
#define CONTENTION_PAUSE 50
#define REPORT_EVERY 5000

/* Below this estimate rows are counted (rows). */
#define COUNT_BELOW 100000

/* One process's part in a backfill. */
typedef struct Engine
{
	SmigBackfill *backfill;
	MemoryContext context;		/* the whole backfill */
	MemoryContext batch_context;	/* one batch; outlives its transaction */
	bool		leader;
	int64		batch;			/* rows of the next batch */
	int64		after_trouble;	/* size to return to behind a bad row; 0: none */
	TimestampTz contention_since;	/* first failure for a lock; 0: none */
	TimestampTz begin;
	TimestampTz reported;
	int64		vacuumed_at;	/* rows scanned at the last VACUUM */
	char	   *held_by;		/* reason for holding back, told once */
	SmigCrew   *crew;			/* helpers; NULL in a helper */
} Engine;

static int64
elapsed_ms(TimestampTz since)
{
	return (GetCurrentTimestamp() - since) / 1000;
}

static const char *
backfill_label(const SmigBackfill *backfill)
{
	return backfill->options.name ?
		psprintf("backfill \"%s\"", backfill->options.name) :
		psprintf("backfill " INT64_FORMAT, backfill->id);
}

/* "(1, abc)" */
static char *
place_text(SmigPlace place)
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
static bool
is_row_error(const ErrorData *edata)
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

static void
set_local(const char *name, const char *value)
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
 * One batch in one transaction: the next rows of the claim and its checkpoint.
 * Sets claim->position, in the engine's context, after the commit.
 */
static void
run_batch(Engine *engine, SmigClaim *claim)
{
	SmigBackfill *backfill = engine->backfill;
	SmigRange	range = {0};
	SmigClaim	reached = *claim;
	TimestampTz begin = GetCurrentTimestamp();
	int64		gone_over;
	uint64		rows;
	SmigPlace	old;

	StartTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	set_local("synchronous_commit", "off");
	set_local("lock_timeout", psprintf("%d", smig_lock_timeout));
	check_filenode(backfill);
	range.after = claim->position;
	range.upto = smig_key_step(backfill->plan, claim->position, claim->upper,
							   engine->batch);
	if (backfill->plan->key.ncolumns == 0)
		range.own_xids = smig_ledger_own_xids(backfill->id);
	if (engine->batch > 1)
		enable_timeout_after(STATEMENT_TIMEOUT,
							 smig_batch_target * TARGET_LIMIT);
	rows = smig_backfill_run_range(backfill->plan, &range);
	disable_timeout(STATEMENT_TIMEOUT, false);
	if (backfill->plan->key.ncolumns == 0 && rows > 0)
		smig_ledger_add_own_xid(backfill->id);
	reached.position = range.upto;
	gone_over = smig_place_equal(range.upto, claim->upper) ?
		Max(Min(claim->rows, engine->batch), (int64) rows) : engine->batch;
	smig_ledger_checkpoint(backfill->id, &reached, rows, gone_over,
						   (int) elapsed_ms(begin), engine->batch);
	CommitTransactionCommand();

	old = claim->position;
	claim->rows = Max(claim->rows - gone_over, 0);
	claim->position = copy_place(engine->context, range.upto);
	list_free_deep(old);
}

/*
 * The next batch's size, from the time the last one took.
 *
 * ms: milliseconds; a batch that the end of its range cut short says nothing
 *		about larger ones, so "full" is false for it
 */
static void
adapt(Engine *engine, int64 ms, bool full)
{
	int64		fixed = engine->backfill->options.batch_size;
	double		factor = (double) smig_batch_target / Max(ms, 1);

	if (engine->after_trouble > 0)
	{
		engine->batch = engine->after_trouble;
		engine->after_trouble = 0;
		return;
	}
	factor = Min(Max(factor, 0.25), full ? 4.0 : 1.0);
	engine->batch = (int64) (engine->batch * factor);
	engine->batch = Min(Max(engine->batch, 1), fixed > 0 ? fixed : MAX_BATCH);
}

/*
 * Rolls a failed batch back and returns its error, in the batch context.
 */
static ErrorData *
abandon_batch(Engine *engine)
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
handle_bad_row(Engine *engine, SmigClaim *claim, ErrorData *edata)
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
								  backfill_label(backfill),
								  place_text(reached.position),
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
						backfill_label(backfill), smig_backfill_errors),
				 errdetail("The last one: %s.", edata->message),
				 errhint("schemamig.backfill_error lists them. Correct the statement or the rows, or raise schemamig.backfill_errors.")));
}

/*
 * Decides what follows a failed batch: a smaller one, a pause, or the end.
 */
static void
handle_failure(Engine *engine, SmigClaim *claim, ErrorData *edata, int64 ms)
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
		if (elapsed_ms(engine->contention_since) >= smig_lock_wait)
			ReThrowError(edata);
		engine->batch = Max(engine->batch / 2, 1);
		smig_step_wait((long) (CONTENTION_PAUSE *
							   (0.5 + pg_prng_double(&pg_global_prng_state))));
	}
	else if (too_long)
		engine->batch = Max(engine->batch / 2, 1);
	else if (is_row_error(edata) && engine->backfill->plan->key.ncolumns > 0)
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
tell_hold(Engine *engine, const char *reason)
{
	if (reason && engine->held_by == NULL)
	{
		ereport(NOTICE,
				(errmsg("%s holds back: %s", backfill_label(engine->backfill),
						reason), errhidecontext(true)));
		engine->held_by = MemoryContextStrdup(engine->context, reason);
	}
	else if (reason == NULL && engine->held_by)
	{
		ereport(NOTICE,
				(errmsg("%s goes on", backfill_label(engine->backfill)),
				 errhidecontext(true)));
		pfree(engine->held_by);
		engine->held_by = NULL;
	}
}

/*
 * Waits while anything speaks against the next batch.
 */
static void
hold_back(Engine *engine)
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
		smig_step_wait(HOLD_POLL);
		MemoryContextReset(engine->batch_context);
	}
}

/*
 * Vacuums the table so that the batches after use the space that the ones
 * before have freed.  Skipped where somebody holds a lock on it.
 */
static void
vacuum_table(Engine *engine, int64 scanned, int64 total)
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
look_after(Engine *engine)
{
	int64		done;
	int64		scanned;
	int64		total;
	int64		errors;
	int64		ms = elapsed_ms(engine->begin);

	if (!engine->leader)
		return;
	StartTransactionCommand();
	smig_ledger_progress(engine->backfill->id, &done, &scanned, &total, &errors);
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	vacuum_table(engine, scanned, total);
	if (elapsed_ms(engine->reported) < REPORT_EVERY)
		return;
	engine->reported = GetCurrentTimestamp();
	ereport(NOTICE,
			(errmsg("%s: " INT64_FORMAT " rows processed, %d %% of about "
					INT64_FORMAT " gone over, " INT64_FORMAT " rows per second",
					backfill_label(engine->backfill), done,
					total > 0 ? (int) Min(100, scanned * 100 / total) : 100,
					total, scanned * 1000 / Max(ms, 1)),
			 errhidecontext(true)));
}

/*
 * Works through one claim.
 */
static void
work_through(Engine *engine, SmigClaim *claim)
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
			edata = abandon_batch(engine);
		}
		PG_END_TRY();
		pgstat_report_activity(STATE_IDLE, NULL);
		pgstat_report_stat(false);
		ms = elapsed_ms(begin);
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
static void
work(Engine *engine)
{
	for (;;)
	{
		SmigClaim	claim = {0};
		bool		claimed;

		StartTransactionCommand();
		MemoryContextSwitchTo(engine->context);
		set_local("synchronous_commit", "off");
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

static void
init_engine(Engine *engine, SmigBackfill *backfill, bool leader,
			MemoryContext context)
{
	memset(engine, 0, sizeof(Engine));
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

/*
 * Rows with a null in the key have no place in its order; they are one batch
 * at the end.
 */
static void
run_nulls(Engine *engine)
{
	SmigRange	range = {.nulls = true};
	uint64		rows;

	if (engine->backfill->nulls_done)
		return;
	StartTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	rows = smig_backfill_run_range(engine->backfill->plan, &range);
	smig_ledger_nulls_done(engine->backfill->id, rows);
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->context);
}

/*
 * Tries the rows kept aside once more, each in its own transaction.
 */
static void
retry_errors(Engine *engine)
{
	List	   *places;
	ListCell   *lc;

	StartTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	places = smig_ledger_errors(engine->backfill->id);
	CommitTransactionCommand();
	foreach(lc, places)
	{
		SmigRange	range = {.upto = lfirst(lc),.exact = true};
		ErrorData  *volatile edata = NULL;

		CHECK_FOR_INTERRUPTS();
		PG_TRY();
		{
			uint64		rows;

			StartTransactionCommand();
			MemoryContextSwitchTo(engine->batch_context);
			rows = smig_backfill_run_range(engine->backfill->plan, &range);
			smig_ledger_forget_error(engine->backfill->id, range.upto, rows);
			CommitTransactionCommand();
		}
		PG_CATCH();
		{
			edata = abandon_batch(engine);
		}
		PG_END_TRY();
		if (edata && !is_row_error(edata))
			ReThrowError(edata);
		if (edata)
		{
			StartTransactionCommand();
			smig_ledger_error(engine->backfill->id, range.upto,
							  unpack_sql_state(edata->sqlerrcode),
							  edata->message);
			CommitTransactionCommand();
		}
		MemoryContextSwitchTo(engine->context);
		MemoryContextReset(engine->batch_context);
	}
}

/*
 * Runs the query that must give true.
 *
 * Errors: P0004 when it does not.
 */
static void
verify(const SmigBackfill *backfill)
{
	bool		holds = false;
	bool		isnull;

	if (backfill->options.verify == NULL)
		return;
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute(backfill->options.verify, true, 2) != SPI_OK_SELECT ||
		SPI_processed != 1 || SPI_gettypeid(SPI_tuptable->tupdesc, 1) != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the query of \"verify\" must give one boolean")));
	holds = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, 1, &isnull));
	PopActiveSnapshot();
	SPI_finish();
	if (!holds || isnull)
		ereport(ERROR,
				(errcode(ERRCODE_ASSERT_FAILURE),
				 errmsg("verification of %s failed", backfill_label(backfill)),
				 errdetail("All batches are done, but this does not hold: %s",
						   backfill->options.verify)));
	CommitTransactionCommand();
}

/* Rows of the table: counted when there are few, else as the catalog says. */
static int64
estimate_rows(const SmigBackfillPlan *plan)
{
	Relation	table = table_open(plan->relation, AccessShareLock);
	double		estimate = table->rd_rel->reltuples;
	int64		result;
	bool		isnull;

	table_close(table, NoLock);
	if (estimate >= COUNT_BELOW)
		return (int64) estimate;
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_execute(psprintf("SELECT pg_catalog.count(*) FROM %s",
						 plan->relation_name), true, 1);
	result = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 1, &isnull));
	PopActiveSnapshot();
	SPI_finish();
	return result;
}

static SmigBackfill *
new_backfill(const SmigBackfillOptions *options, SmigBackfillPlan *plan,
			 int64 run, const char *revision, int step)
{
	SmigBackfill *backfill = palloc0(sizeof(SmigBackfill));
	Relation	table;

	if (options->skip && plan->key.ncolumns == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("on_error => 'skip' needs a table with a unique key"),
				 errdetail("Rows of %s could not be named.", plan->relation_name)));
	backfill->options = *options;
	backfill->plan = plan;
	if (plan->key.ncolumns == 0)
	{
		/* another process's row versions could not be told apart in time */
		backfill->options.workers = 1;
	}
	backfill->state = pstrdup("running");
	backfill->last = smig_key_last(plan);
	backfill->rows_total = estimate_rows(plan);
	table = table_open(plan->relation, AccessShareLock);
	backfill->filenode = (Oid) table->rd_rel->relfilenode;
	table_close(table, NoLock);
	smig_ledger_create(backfill, run, revision, step);
	return backfill;
}

/*
 * Refuses to resume a backfill when its statement means another table now, or
 * its checkpoints are places in another key.
 */
static void
check_same_table(const SmigBackfill *backfill, const SmigBackfillPlan *plan)
{
	const SmigKey *key = &plan->key;
	bool		same = list_length(backfill->options.key) == key->ncolumns;

	if (backfill->relation != plan->relation)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an unfinished backfill \"%s\" works on another table",
						backfill->options.name),
				 errdetail("%s is not the table that it began with: search_path was another one, or the table has been replaced.",
						   plan->relation_name),
				 errhint("Repeat it as it was begun to resume it, or take another name.")));
	for (int i = 0; same && i < key->ncolumns; i++)
		same = strcmp(list_nth(backfill->options.key, i), key->names[i]) == 0;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an unfinished backfill \"%s\" goes by another key",
						backfill->options.name),
				 errdetail("Its checkpoints are places in the order of %s.",
						   backfill->options.key ?
						   place_text(backfill->options.key) :
						   "physical position"),
				 errhint("Repeat it with the same \"key\" to resume it, or take another name.")));
}

/*
 * The backfill to work on: the unfinished one of that name, or a new one.
 *
 * Errors: 55000 when an unfinished one of that name has another statement.
 */
static SmigBackfill *
find_or_create(const SmigBackfillOptions *options, int64 run,
			   const char *revision, int step, bool *retry)
{
	SmigBackfillPlan *plan = smig_backfill_analyse(options->statement,
												   options->key);
	SmigBackfill *backfill = options->name ? smig_ledger_find(options->name) :
		NULL;
	volatile bool done = backfill && strcmp(backfill->state, "done") == 0;

	*retry = false;
	if (backfill == NULL)
		return new_backfill(options, plan, run, revision, step);
	if (strcmp(backfill->options.statement, options->statement) != 0 && !done)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an unfinished backfill \"%s\" has another statement",
						options->name),
				 errdetail("It is: %s", backfill->options.statement),
				 errhint("Repeat that statement to resume it, or take another name.")));
	if (done && revision && backfill->errors == 0)
	{
		/* done, but its step was not recorded as done yet */
		backfill->plan = plan;
		*retry = true;
		return backfill;
	}
	if (done && (backfill->errors == 0 ||
				 strcmp(backfill->options.statement, options->statement) != 0))
	{
		smig_ledger_delete(backfill->id);
		return new_backfill(options, plan, run, revision, step);
	}
	check_same_table(backfill, plan);
	*retry = done;
	backfill->plan = plan;
	backfill->options.workers = plan->key.ncolumns > 0 ? options->workers : 1;
	backfill->options.batch_size = options->batch_size;
	backfill->options.skip = options->skip;
	backfill->options.verify = options->verify;
	smig_ledger_resume(backfill, run);
	return backfill;
}

static void
lock_table(Oid relation)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relation, 0,
						 SMIG_LOCKCLASS_BACKFILL);
	StartTransactionCommand();
	set_local("lock_timeout", "0");
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		ereport(NOTICE,
				(errmsg("waiting for another backfill of the same table"),
				 errhidecontext(true)));
		(void) LockAcquire(&tag, ExclusiveLock, true, false);
	}
	CommitTransactionCommand();
}

static void
unlock_table(Oid relation)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relation, 0,
						 SMIG_LOCKCLASS_BACKFILL);
	LockRelease(&tag, ExclusiveLock, true);
}

static void
report_end(const Engine *engine, int64 rows, XLogRecPtr wal)
{
	int64		ms = elapsed_ms(engine->begin);

	ereport(NOTICE,
			(errmsg("%s: " INT64_FORMAT " rows in " INT64_FORMAT " ms, "
					INT64_FORMAT " rows per second, " INT64_FORMAT " kB of WAL",
					backfill_label(engine->backfill), rows, ms,
					rows * 1000 / Max(ms, 1),
					(int64) (GetXLogWriteRecPtr() - wal) / 1024),
			 errhidecontext(true)));
}

/*
 * Works until no range is left open: a helper of an earlier leader that was
 * killed can still be at one, until it notices.
 */
static void
work_on_the_rest(Engine *engine)
{
	bool		open;

	for (;;)
	{
		work(engine);
		StartTransactionCommand();
		open = smig_ledger_has_open_ranges(engine->backfill->id);
		CommitTransactionCommand();
		MemoryContextSwitchTo(engine->context);
		if (!open)
			return;
		smig_step_wait(HOLD_POLL);
	}
}

/*
 * All the leader does once backfill and lock are there.
 */
static void
lead(Engine *engine, bool retry)
{
	SmigBackfill *backfill = engine->backfill;

	if (retry)
		retry_errors(engine);
	else
	{
		engine->crew = smig_crew_launch(backfill->id,
										backfill->options.workers - 1);
		do
		{
			work(engine);
		} while (smig_crew_wait(engine->crew));
		engine->crew = NULL;
		work_on_the_rest(engine);
		run_nulls(engine);
	}
	verify(backfill);
}

/*
 * Runs or resumes a backfill to its end.  Called outside a transaction, in a
 * worker, in a memory context that outlives transactions.
 *
 * revision, step: of the script it is a step of, or NULL and 0
 *
 * Result: rows processed, earlier parts of a resumed backfill included.
 *
 * Errors: whatever stops it; state and checkpoint are on record.
 */
int64
smig_backfill_run(int64 run, const SmigBackfillOptions *options,
				  const char *revision, int step)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig backfill",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	XLogRecPtr	wal = GetXLogWriteRecPtr();
	SmigBackfillPlan *plan;
	SmigBackfill *backfill;
	Engine		engine;
	ErrorData  *volatile edata = NULL;
	bool		retry;
	int64		rows;
	int64		scanned;
	int64		total;
	int64		errors;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	plan = smig_backfill_analyse(options->statement, options->key);
	CommitTransactionCommand();
	lock_table(plan->relation);
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	backfill = find_or_create(options, run, revision, step, &retry);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);

	init_engine(&engine, backfill, true, context);
	PG_TRY();
	{
		lead(&engine, retry);
	}
	PG_CATCH();
	{
		edata = abandon_batch(&engine);
		MemoryContextSwitchTo(context);
		smig_crew_stop(engine.crew);
	}
	PG_END_TRY();

	StartTransactionCommand();
	if (edata)
		smig_ledger_set_state(backfill->id,
							  edata->sqlerrcode == ERRCODE_QUERY_CANCELED ?
							  "cancelled" : "failed",
							  unpack_sql_state(edata->sqlerrcode),
							  edata->message);
	else
		smig_ledger_set_state(backfill->id, "done", NULL, NULL);
	smig_ledger_progress(backfill->id, &rows, &scanned, &total, &errors);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	unlock_table(plan->relation);
	if (edata)
		ReThrowError(edata);
	report_end(&engine, rows, wal);
	if (errors > 0)
		ereport(WARNING,
				(errmsg("%s kept " INT64_FORMAT " rows aside",
						backfill_label(backfill), errors),
				 errhint("schemamig.backfill_error lists them; calling the backfill again by the same name tries just those."),
				 errhidecontext(true)));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return rows;
}

/*
 * A helper's part: works until nothing is left to claim.
 *
 * id: of the backfill, which the leader keeps
 */
void
smig_backfill_help(int64 id)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "schemamig backfill",
												  ALLOCSET_DEFAULT_SIZES);
	SmigBackfill *backfill;
	Engine		engine;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	backfill = smig_ledger_read(id);
	backfill->plan = smig_backfill_analyse(backfill->options.statement,
										   backfill->options.key);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	init_engine(&engine, backfill, false, context);
	work(&engine);
}

/*
 * Forgets a finished backfill of that name, so that it is begun anew.
 */
void
smig_backfill_forget(const char *name)
{
	SmigBackfill *backfill = smig_ledger_find(name);

	if (backfill && strcmp(backfill->state, "done") == 0)
		smig_ledger_delete(backfill->id);
}
