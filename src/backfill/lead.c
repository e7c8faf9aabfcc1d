/*-------------------------------------------------------------------------
 *
 * lead.c
 *	  A backfill from its first row to its verification.
 *
 * The leader finds or creates the backfill's record, holds the lock of its
 * table for the whole of it, launches helpers, works itself (engine.c), and in
 * the end takes what has no place in the key's order, verifies, and records how
 * it ended.
 *
 * IDENTIFICATION
 *	  src/backfill/lead.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "backfill/backfill.h"
#include "backfill/crew.h"
#include "backfill/engine.h"
#include "settings.h"
#include "step.h"

/* Below this estimate rows are counted (rows). */
#define COUNT_BELOW 100000

/* A part is counted up to this size (blocks). */
#define COUNT_BLOCKS 16

/*
 * Rows with a null in the key have no place in its order; they are gone over by
 * position, when all others are done.
 */
static void
run_nulls(SmigEngine *engine)
{
	SmigBackfill *backfill = engine->backfill;
	bool		found;

	if (backfill->nulls_done)
		return;
	StartTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	found = smig_key_has_nulls(backfill->plan);
	if (!found)
		smig_ledger_nulls_done(backfill->id);
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	if (!found)
		return;
	smig_engine_begin_position(engine, true);
	smig_engine_work_nulls(engine);
	smig_engine_end_position(engine);
}

/*
 * Tries a row kept aside once more, in a transaction of its own.
 */
static void
retry_error(SmigEngine *engine, SmigBadRow *row)
{
	int64		id = engine->backfill->id;
	SmigRange	range = {0};
	bool		gone = false;
	ErrorData  *volatile edata = NULL;

	PG_TRY();
	{
		StartTransactionCommand();
		MemoryContextSwitchTo(engine->batch_context);
		smig_engine_set_local("lock_timeout", psprintf("%d", smig_lock_timeout));
		range.upto = row->place;
		range.exact = !row->by_position;
		range.by_position = row->by_position;
		if (row->by_position)
			range.tids = smig_position_lock_version(engine->backfill->plan,
													row->place);
		gone = row->by_position && range.tids == NIL;
		if (gone)
			smig_ledger_error(id, row, "02000",
							  "the row has been changed or deleted since");
		else
			smig_ledger_forget_error(id, row->place,
									 smig_backfill_run_range(engine->backfill->plan,
															 &range));
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		edata = smig_engine_abandon(engine);
	}
	PG_END_TRY();
	if (edata && !smig_engine_is_row_error(edata))
		ReThrowError(edata);
	if (edata)
	{
		StartTransactionCommand();
		smig_ledger_error(id, row, unpack_sql_state(edata->sqlerrcode),
						  edata->message);
		CommitTransactionCommand();
	}
	MemoryContextSwitchTo(engine->context);
	MemoryContextReset(engine->batch_context);
}

/*
 * Tries the rows kept aside once more.
 */
static void
retry_errors(SmigEngine *engine)
{
	List	   *rows;
	ListCell   *lc;

	StartTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	rows = smig_ledger_errors(engine->backfill->id);
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->context);
	foreach(lc, rows)
	{
		CHECK_FOR_INTERRUPTS();
		retry_error(engine, lfirst(lc));
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
				 errmsg("verification of %s failed", smig_engine_label(backfill)),
				 errdetail("All batches are done, but this does not hold: %s",
						   backfill->options.verify)));
	CommitTransactionCommand();
}

/*
 * Rows of a part: counted when it is small, else as the catalog says, or as its
 * size does.
 */
static int64
estimate_part(const SmigBackfillPlan *plan)
{
	Relation	table = table_open(plan->relation, AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(table);
	double		rows = table->rd_rel->reltuples;

	if (blocks <= COUNT_BLOCKS)
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
		TupleTableSlot *slot = table_slot_create(table, NULL);
		TableScanDesc scan = table_beginscan(table, snapshot, 0, NULL);

		rows = 0;
		while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
			rows++;
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		UnregisterSnapshot(snapshot);
	}
	else if (rows < 1)
		rows = (double) blocks * plan->rows_per_block;
	table_close(table, NoLock);
	return (int64) rows;
}

/*
 * Rows of the table: counted when there are few, else as the catalog says.
 */
int64
smig_lead_estimate(const SmigBackfillPlan *plan)
{
	Relation	table;
	double		estimate;
	int64		result;
	bool		isnull;

	if (plan->part)
		return estimate_part(plan);
	table = table_open(plan->relation, AccessShareLock);
	estimate = table->rd_rel->reltuples;
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

/*
 * Size of a table with its partitions, children and TOAST (bytes).  They are
 * locked one at a time; one that is dropped meanwhile has none.
 */
static int64
table_bytes(Oid relation)
{
	int64		bytes = 0;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relation, NoLock, NULL))
	{
		LOCAL_FCINFO(call, 1);
		Datum		size;

		CHECK_FOR_INTERRUPTS();
		InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
		call->args[0].value = ObjectIdGetDatum(lfirst_oid(lc));
		call->args[0].isnull = false;
		size = pg_table_size(call);
		bytes += call->isnull ? 0 : DatumGetInt64(size);
	}
	return bytes;
}

static SmigBackfill *
new_backfill(const SmigBackfillOptions *options, SmigBackfillPlan *plan,
			 int64 run, const char *revision, int step)
{
	SmigBackfill *backfill = palloc0(sizeof(SmigBackfill));

	backfill->options = *options;
	backfill->plan = plan;
	backfill->state = pstrdup("running");
	backfill->bytes_before = table_bytes(plan->relation);
	if (!plan->tree)
	{
		backfill->last = smig_key_last(plan);
		backfill->rows_total = smig_lead_estimate(plan);
	}
	smig_ledger_create(backfill, run, revision, step);
	if (plan->tree)
	{
		backfill->rows_total = smig_lead_create_parts(backfill);
		smig_ledger_set_total(backfill->id, backfill->rows_total);
	}
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
	bool		same = plan->tree ||
		list_length(backfill->options.key) == key->ncolumns;

	if (backfill->relation != plan->relation)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an unfinished backfill \"%s\" works on another table",
						backfill->options.name),
				 errdetail("%s is not the table that it began with: search_path was another one, or the table has been replaced.",
						   plan->relation_name),
				 errhint("Repeat it as it was begun to resume it, or take another name.")));
	for (int i = 0; same && !plan->tree && i < key->ncolumns; i++)
		same = strcmp(list_nth(backfill->options.key, i), key->names[i]) == 0;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an unfinished backfill \"%s\" goes by another key",
						backfill->options.name),
				 errdetail("Its checkpoints are places in the order of %s.",
						   backfill->options.key ?
						   smig_engine_place_text(backfill->options.key) :
						   "physical position"),
				 errhint("Repeat it with the same \"key\" to resume it, or take another name.")));
}

/*
 * The backfill to work on: the unfinished one of that name, or a new one.
 *
 * *retry: whether rows were kept aside that are to be tried again
 *
 * Errors: 55000 when an unfinished one of that name has another statement.
 */
static pg_noinline SmigBackfill *
find_or_create(const SmigBackfillOptions *options, int64 run,
			   const char *revision, int step, bool *retry)
{
	SmigBackfillPlan *plan = smig_backfill_analyse(options->statement,
												   options->key, InvalidOid);
	SmigBackfill *backfill = options->name ? smig_ledger_find(options->name) :
		NULL;
	bool		done = backfill && strcmp(backfill->state, "done") == 0;

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
	if (options->search_path && !done &&
		(strcmp(backfill->state, "failed") == 0 ||
		 strcmp(backfill->state, "cancelled") == 0))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("backfill \"%s\" has failed or was cancelled meanwhile",
						options->name),
				 backfill->error ? errdetail("%s", backfill->error) : 0));
	if (done && (revision || options->search_path) && backfill->errors == 0)
	{
		/*
		 * Done, but its step was not recorded as done yet; or somebody else
		 * has taken it up as well.
		 */
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
	*retry = backfill->errors > 0;
	backfill->plan = plan;
	backfill->options.workers = options->workers;
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
	smig_engine_set_local("lock_timeout", "0");
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

/*
 * The last word: rows, time, rate, WAL and what became of the table's size.
 */
static void
report_end(const SmigEngine *engine, const SmigLook *look, int64 bytes)
{
	int64		ms = smig_engine_elapsed(engine->begin);
	const char *table = "";

	if (engine->backfill->plan->command != CMD_INSERT)
		table = psprintf("; the table had " INT64_FORMAT " kB and has "
						 INT64_FORMAT " kB", look->bytes_before / 1024,
						 bytes / 1024);
	ereport(NOTICE,
			(errmsg("%s: " INT64_FORMAT " rows in " INT64_FORMAT " ms, "
					INT64_FORMAT " rows per second, " INT64_FORMAT " kB of WAL%s",
					smig_engine_label(engine->backfill), look->done, ms,
					look->done * 1000 / Max(ms, 1), look->wal_bytes / 1024,
					table),
			 errhidecontext(true)));
}

/*
 * Works until no range is left open: a helper of an earlier leader that was
 * killed can still be at one, until it notices.
 */
static void
work_on_the_rest(SmigEngine *engine)
{
	bool		open;

	for (;;)
	{
		smig_engine_work(engine);
		StartTransactionCommand();
		open = smig_ledger_has_open_ranges(engine->backfill->id);
		CommitTransactionCommand();
		MemoryContextSwitchTo(engine->context);
		if (!open)
			return;
		smig_step_wait(SMIG_HOLD_POLL);
	}
}

/*
 * Works through one table: all rows that a key names and those that none does.
 *
 * retry: first those that were kept aside once more
 */
void
smig_lead_table(SmigEngine *engine, bool retry)
{
	SmigBackfill *backfill = engine->backfill;

	/* also when an earlier attempt at them was interrupted */
	if (retry)
		retry_errors(engine);
	if (strcmp(backfill->state, "done") == 0)
		return;
	if (engine->crew == NULL)
		engine->crew = smig_crew_create(backfill->id);
	if (backfill->plan->key.ncolumns == 0)
		smig_engine_begin_position(engine, false);
	do
	{
		smig_engine_work(engine);
	} while (smig_crew_wait(engine->crew));
	work_on_the_rest(engine);
	if (engine->position)
		smig_engine_end_position(engine);
	run_nulls(engine);
}

static void
set_search_path(const char *value)
{
	SetConfigOption("search_path", value, PGC_USERSET, PGC_S_SESSION);
}

/*
 * Runs or resumes a backfill to its end.  Called outside a transaction, in a
 * worker, in a memory context that outlives transactions.
 *
 * revision, step: of the script it is a step of, or NULL and 0
 * *on_record: set once there is something that can be resumed; or NULL
 *
 * Result: rows processed, earlier parts of a resumed backfill included.
 *
 * Errors: whatever stops it; state and checkpoint are on record.
 */
int64
smig_backfill_run(int64 run, const SmigBackfillOptions *options,
				  const char *revision, int step, bool *on_record)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig backfill",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SmigBackfillPlan *plan;
	SmigBackfill *backfill;
	SmigEngine	engine;
	ErrorData  *volatile edata = NULL;
	char	   *search_path = NULL;
	SmigLook	look;
	int64		bytes;
	bool		retry;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	if (options->search_path)
	{
		search_path = pstrdup(namespace_search_path);
		set_search_path(options->search_path);
	}
	plan = smig_backfill_analyse(options->statement, options->key, InvalidOid);
	smig_backfill_check_rights(plan);
	CommitTransactionCommand();
	lock_table(plan->relation);
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	backfill = find_or_create(options, run, revision, step, &retry);
	CommitTransactionCommand();
	if (on_record)
		*on_record = true;
	MemoryContextSwitchTo(context);

	smig_engine_init(&engine, backfill, 0, context);
	PG_TRY();
	{
		if (plan->tree)
			smig_lead_parts(&engine, retry);
		else
			smig_lead_table(&engine, retry);
		verify(backfill);
	}
	PG_CATCH();
	{
		edata = smig_engine_abandon(&engine);
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
	smig_ledger_look(backfill->id, &look);
	bytes = edata ? 0 : table_bytes(plan->relation);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	unlock_table(plan->relation);
	if (search_path)
		set_search_path(search_path);
	if (edata)
		ReThrowError(edata);
	report_end(&engine, &look, bytes);
	if (look.errors > 0)
		ereport(WARNING,
				(errmsg_plural("%s kept " INT64_FORMAT " row aside",
							   "%s kept " INT64_FORMAT " rows aside",
							   (unsigned long) look.errors,
							   smig_engine_label(backfill), look.errors),
				 errhint("schemamig.backfill_error lists them; calling the backfill again by the same name tries just those."),
				 errhidecontext(true)));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return look.done;
}

/*
 * A helper's part: works until nothing is left to claim, or it is not needed any
 * more.
 *
 * what: id of the backfill, which the leader keeps, and number of the helper; 0
 *		is the one that keeps a snapshot
 */
void
smig_backfill_help(const char *what, const SmigRunnerHost *host)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "schemamig backfill",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *end;
	int64		id = strtoll(what, &end, 10);
	int			number = (int) strtol(end, NULL, 10);
	SmigBackfill *backfill;
	SmigEngine	engine;

	if (number == 0)
	{
		smig_keeper_main(host);
		return;
	}
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	backfill = smig_ledger_read(id);
	backfill->plan = smig_backfill_analyse(backfill->options.statement,
										   backfill->options.key,
										   backfill->parent ?
										   backfill->relation : InvalidOid);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	smig_engine_init(&engine, backfill, number, context);
	if (backfill->plan->key.ncolumns == 0)
		smig_engine_join_position(&engine);
	smig_engine_work(&engine);
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
