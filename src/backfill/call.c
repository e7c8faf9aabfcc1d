/*-------------------------------------------------------------------------
 *
 * call.c
 *	  SQL functions that begin backfills and wait for them.
 *
 * IDENTIFICATION
 *	  src/backfill/call.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "backfill/backfill.h"
#include "backfill/defer.h"
#include "caller.h"
#include "release.h"
#include "runner.h"

PG_FUNCTION_INFO_V1(schemamig_backfill);
PG_FUNCTION_INFO_V1(schemamig_backfill_start);

/*
 * What both functions ask for.
 */
static SmigRequest *
make_request(FunctionCallInfo fcinfo)
{
	SmigRequest *request = palloc0(sizeof(SmigRequest));

	request->kind = SMIG_REQUEST_BACKFILL;
	request->target = smig_backfill_options_json(fcinfo);
	request->caller_pid = MyProcPid;
	request->login_role = GetUserNameFromId(GetSessionUserId(), false);
	request->client = smig_caller_client();
	return request;
}

/*
 * schemamig_backfill(statement, batch_size, workers, key, on_error, verify,
 * name) returns the rows processed.
 */
Datum
schemamig_backfill(PG_FUNCTION_ARGS)
{
	SmigRequest *request;
	SmigReleased released;

	smig_caller_check("schemamig_backfill()");
	request = make_request(fcinfo);
	smig_release_snapshot(&released, fcinfo);
	smig_caller_check_own_locks();
	smig_caller_run(request);
	smig_release_restore(&released);
	PG_RETURN_INT64(smig_ledger_rows_of_run(request->run));
}

/*
 * schemamig_backfill_start(the same arguments) returns the run's id.  Inside a
 * transaction the backfill starts when that commits.
 */
Datum
schemamig_backfill_start(PG_FUNCTION_ARGS)
{
	SmigRequest *request;

	smig_caller_check_rights("schemamig_backfill_start()");
	request = make_request(fcinfo);
	request->detached = true;
	if (IsTransactionBlock() || IsSubTransaction() ||
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		request->run = smig_journal_next_run();
		smig_defer_start(request);
	}
	else
		smig_caller_start(request);
	PG_RETURN_INT64(request->run);
}

static void
record_begin(const SmigRequest *request, const SmigBackfillOptions *options)
{
	SmigRunRow	row = {0};
	SmigLogEntry entry = smig_log_nothing;

	row.id = request->run;
	row.kind = "backfill";
	row.target = options->name ? options->name : options->statement;
	row.detached = request->detached;
	row.login_role = request->login_role;
	row.client = request->client;
	row.caller_pid = request->caller_pid;
	row.worker_pid = MyProcPid;
	row.state = "running";
	smig_journal_run_begin(&row);
	entry.run = request->run;
	entry.event = "run";
	entry.message = psprintf("backfill: %s", row.target);
	smig_journal_log(&entry);
}

static void
record_end(const SmigRequest *request, const ErrorData *edata, int64 rows)
{
	SmigLogEntry entry = smig_log_nothing;
	const char *sqlstate = edata ? unpack_sql_state(edata->sqlerrcode) : NULL;

	entry.run = request->run;
	entry.event = edata ? "failure" : "done";
	entry.sqlstate = sqlstate;
	entry.message = edata ? edata->message :
		psprintf(INT64_FORMAT " rows", rows);
	entry.detail = edata ? edata->detail : NULL;
	smig_journal_log(&entry);
	smig_journal_run_end(request->run, edata == NULL ? "done" :
						 edata->sqlerrcode == ERRCODE_QUERY_CANCELED ?
						 "cancelled" : "failed",
						 NULL, 0, sqlstate, edata ? edata->message : NULL);
}

/*
 * Carries out a backfill that is a run of its own.  Called outside a
 * transaction, in a worker.
 *
 * Errors: whatever stopped it; the failure is on record.
 */
void
smig_backfill_main(const SmigRequest *request, const SmigRunnerHost *host)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "schemamig backfill run",
												  ALLOCSET_DEFAULT_SIZES);
	SmigBackfillOptions *options;
	ErrorData  *volatile edata = NULL;
	volatile int64 rows = 0;
	bool		on_record = false;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	options = smig_backfill_options_from_json(request->target);
	smig_ledger_close_interrupted();
	record_begin(request, options);
	CommitTransactionCommand();
	host->begun();
	MemoryContextSwitchTo(context);

	PG_TRY();
	{
		rows = smig_backfill_run(request->run, options, NULL, 0, &on_record);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		debug_query_string = NULL;
		MemoryContextSwitchTo(context);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	record_end(request, edata, rows);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	/* what is no longer in the state it needs would not continue either */
	if (edata && on_record &&
		edata->sqlerrcode != ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE)
	{
		const char *how = options->name ?
			psprintf("What was done is kept. Calling it again with name => '%s' continues.",
				 options->name) :
			"What was done is kept.";

		edata->hint = edata->hint ? psprintf("%s\n%s", edata->hint, how) :
			pstrdup(how);
	}
	if (edata)
		ReThrowError(edata);
}
