/*-------------------------------------------------------------------------
 *
 * run.c
 *	  SQL functions that run: apply, revert, run, start and wait.
 *
 * IDENTIFICATION
 *	  src/run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/errcodes.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "backfill/backfill.h"
#include "caller.h"
#include "journal.h"
#include "release.h"
#include "runner.h"
#include "settings.h"
#include "store.h"

PG_FUNCTION_INFO_V1(schemamig_apply);
PG_FUNCTION_INFO_V1(schemamig_revert);
PG_FUNCTION_INFO_V1(schemamig_run);
PG_FUNCTION_INFO_V1(schemamig_start);
PG_FUNCTION_INFO_V1(schemamig_wait);

/* Columns of the result of apply, revert and wait. */
#define RESULT_COLUMNS 6

/* How often schemamig_wait looks at the run, and at its end (ms). */
#define WAIT_POLL 200
#define LAST_POLL 5

/*
 * A text argument that must not be NULL.
 *
 * Errors: 22004.
 */
static char *
text_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/*
 * Fills in what all requests have.  The worker takes the run's id: nextval()
 * here would give this transaction an id of its own, and that would hold back
 * VACUUM while it waits.
 */
static SmigRequest *
make_request(const char *target, SmigDirection direction,
			 const char *transaction, FunctionCallInfo fcinfo, int consent)
{
	SmigRequest *request = palloc0(sizeof(SmigRequest));

	request->direction = direction;
	request->transaction = smig_plan_transaction(transaction);
	request->allow_destructive = PG_ARGISNULL(consent) ?
		smig_allow_destructive : PG_GETARG_BOOL(consent);
	request->target = target;
	request->caller_pid = MyProcPid;
	request->login_role = GetUserNameFromId(GetSessionUserId(), false);
	return request;
}

/*
 * Appends the revisions that a run has done to the function's result.
 */
static void
return_revisions(FunctionCallInfo fcinfo, int64 run)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	SmigStoreScope scope;
	Oid			types[1] = {INT8OID};
	Datum		args[1] = {Int64GetDatum(run)};

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT pg_catalog.row_number() OVER (ORDER BY l.seq)::int4,"
						  " l.revision, l.direction, l.message, l.steps, l.duration"
						  " FROM schemamig.log_entry l"
						  " WHERE l.run = $1 AND l.event IN ('apply', 'revert')"
						  " ORDER BY l.seq",
						  1, types, args, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		values[RESULT_COLUMNS];
		bool		nulls[RESULT_COLUMNS];

		for (int column = 0; column < RESULT_COLUMNS; column++)
			values[column] = SPI_getbinval(SPI_tuptable->vals[i],
										   SPI_tuptable->tupdesc, column + 1,
										   &nulls[column]);
		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
	smig_store_end(&scope);
}

static void
notice_nothing_to_do(const SmigRequest *request)
{
	ereport(NOTICE,
			(errmsg("nothing to do: target \"%s\" is reached",
					request->target)));
}

/*
 * Body of schemamig_apply and schemamig_revert.
 */
static Datum
run_and_return(FunctionCallInfo fcinfo, SmigDirection direction,
			   const char *function)
{
	char	   *target = text_argument(fcinfo, 0, "target");
	char	   *transaction = text_argument(fcinfo, 1, "transaction");
	SmigRequest *request = make_request(target, direction, transaction, fcinfo,
										2);

	smig_caller_check(function);
	InitMaterializedSRF(fcinfo, 0);
	if (request->transaction == SMIG_RUN_CALLER)
	{
		request->client = smig_caller_client();
		request->run = smig_journal_next_run();
		smig_runner_run_inline(request);
		return_revisions(fcinfo, request->run);
	}
	else
	{
		SmigReleased released;

		request->client = smig_caller_client();
		smig_release_snapshot(&released, fcinfo);
		if (smig_caller_has_work(request))
			smig_caller_run(request);
		else
		{
			notice_nothing_to_do(request);
			smig_backfill_restart_at_commit();
		}
		smig_release_restore(&released);
		if (request->run != 0)
			return_revisions(fcinfo, request->run);
	}
	return (Datum) 0;
}

/*
 * schemamig_apply(target text, transaction text, allow_destructive boolean)
 */
Datum
schemamig_apply(PG_FUNCTION_ARGS)
{
	return run_and_return(fcinfo, SMIG_APPLY, "schemamig_apply()");
}

/*
 * schemamig_revert(target text, transaction text, allow_destructive boolean)
 */
Datum
schemamig_revert(PG_FUNCTION_ARGS)
{
	return run_and_return(fcinfo, SMIG_REVERT, "schemamig_revert()");
}

/*
 * schemamig_run(target text, direction text, transaction text,
 *				 allow_destructive boolean), a procedure: commits the calling
 * transaction and waits without a snapshot.
 */
Datum
schemamig_run(PG_FUNCTION_ARGS)
{
	CallContext *context = (CallContext *) fcinfo->context;
	char	   *target = text_argument(fcinfo, 0, "target");
	char	   *direction = text_argument(fcinfo, 1, "direction");
	char	   *transaction = text_argument(fcinfo, 2, "transaction");
	SmigRequest *request = make_request(target, smig_plan_direction(direction),
										transaction, fcinfo, 3);

	smig_caller_check("schemamig_run()");
	request->client = smig_caller_client();
	if (request->transaction == SMIG_RUN_CALLER)
	{
		request->run = smig_journal_next_run();
		smig_runner_run_inline(request);
		PG_RETURN_VOID();
	}
	if (context == NULL || !IsA(context, CallContext) || context->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("CALL schemamig_run() cannot commit here"),
				 errdetail("It commits the calling transaction, which is not possible inside a transaction block or a function."),
				 errhint("Call it outside a transaction block; or use a bare SELECT * FROM schemamig_apply('head'), SELECT schemamig_start(), or transaction => 'caller'.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	InvalidateCatalogSnapshot();
	if (smig_caller_has_work(request))
		smig_caller_run(request);
	else
	{
		notice_nothing_to_do(request);
		smig_backfill_restart_at_commit();
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * schemamig_start(target text, direction text, transaction text,
 *				   allow_destructive boolean)
 */
Datum
schemamig_start(PG_FUNCTION_ARGS)
{
	char	   *target = text_argument(fcinfo, 0, "target");
	char	   *direction = text_argument(fcinfo, 1, "direction");
	char	   *transaction = text_argument(fcinfo, 2, "transaction");
	SmigRequest *request = make_request(target, smig_plan_direction(direction),
										transaction, fcinfo, 3);

	smig_caller_check("schemamig_start()");
	if (request->transaction == SMIG_RUN_CALLER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a started run cannot use the caller's transaction"),
				 errhint("Use transaction => 'revision' or 'all'.")));
	request->detached = true;
	request->client = smig_caller_client();

	/* an unknown target is told at once, not in a log */
	(void) smig_plan_make(request->target, request->direction);
	smig_caller_start(request);
	PG_RETURN_INT64(request->run);
}

/* How a run stands, as schemamig_wait sees it. */
typedef struct RunStatus
{
	int64		run;
	bool		found;
	bool		alive;			/* its process is there */
	char	   *state;
	char	   *revision;
	int			step;
	char	   *sqlstate;
	char	   *error;
	char	   *detail;
	int64		last_seq;		/* of the log entries read so far */
} RunStatus;

static char *
copy_value(MemoryContext context, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
									 SPI_tuptable->tupdesc, column);

	return value ? MemoryContextStrdup(context, value) : NULL;
}

/*
 * Reads the run's row; with run 0, that of the run in progress, else of the
 * last one.
 */
static void
read_status(RunStatus *status)
{
	SmigStoreScope scope;
	Oid			types[1] = {INT8OID};
	Datum		args[1] = {Int64GetDatum(status->run)};
	char	   *step;

	smig_store_begin(&scope);
	/* else the first look at the processes would be the only one */
	pgstat_clear_snapshot();
	SPI_execute_with_args("SELECT r.id::text, r.state, r.revision, r.step::text,"
						  " r.sqlstate, r.error,"
						  " (SELECT l.detail FROM schemamig.log_entry l"
						  "  WHERE l.run = r.id AND l.event = 'failure'"
						  "  ORDER BY l.seq DESC LIMIT 1),"
						  " EXISTS (SELECT FROM pg_catalog.pg_stat_activity a"
						  "  WHERE a.pid = r.worker_pid"
						  "  AND a.backend_type = 'schemamig worker'"
						  "  AND a.backend_start <= r.started_at)"
						  " FROM schemamig.run r"
						  " WHERE ($1 = 0 OR r.id = $1)"
						  " AND r.kind IN ('apply', 'revert', 'backfill')"
						  " ORDER BY r.state IN ('waiting', 'running') DESC,"
						  " r.id DESC LIMIT 1",
						  1, types, args, NULL, true, 1);
	status->found = SPI_processed == 1;
	if (status->found)
	{
		MemoryContext context = scope.caller_context;

		status->run = strtoll(copy_value(context, 1), NULL, 10);
		status->state = copy_value(context, 2);
		status->revision = copy_value(context, 3);
		step = copy_value(context, 4);
		status->step = step ? (int) strtol(step, NULL, 10) : 0;
		status->sqlstate = copy_value(context, 5);
		status->error = copy_value(context, 6);
		status->detail = copy_value(context, 7);
		status->alive = strcmp(copy_value(context, 8), "t") == 0;
	}
	smig_store_end(&scope);
}

static bool
status_is_final(const RunStatus *status)
{
	return strcmp(status->state, "waiting") != 0 &&
		strcmp(status->state, "running") != 0;
}

/*
 * Tells what the run has written to its log since the last call.
 */
static void
relay_log(RunStatus *status)
{
	SmigStoreScope scope;
	Oid			types[2] = {INT8OID, INT8OID};
	Datum		args[2] = {Int64GetDatum(status->run),
	Int64GetDatum(status->last_seq)};
	List	   *lines = NIL;
	ListCell   *lc;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT l.seq, pg_catalog.concat_ws(' ', l.event,"
						  " '\"' || l.revision || '\"', 'step ' || l.step)"
						  " || coalesce(': ' || l.message, '')"
						  " FROM schemamig.log_entry l"
						  " WHERE l.run = $1 AND l.seq > $2"
						  " AND l.event NOT IN ('run', 'done', 'failure')"
						  " ORDER BY l.seq",
						  2, types, args, NULL, true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		status->last_seq =
			DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 1, &isnull));
		lines = lappend(lines, pstrdup(SPI_getvalue(SPI_tuptable->vals[i],
													SPI_tuptable->tupdesc, 2)));
	}
	smig_store_end(&scope);
	foreach(lc, lines)
		ereport(NOTICE, (errmsg_internal("%s", (char *) lfirst(lc))));
}

/*
 * Raises the failure of a run that is over; returns when it succeeded.
 */
static void
report_failure(const RunStatus *status)
{
	int			sqlstate = ERRCODE_CONNECTION_FAILURE;

	if (strcmp(status->state, "done") == 0)
		return;
	if (!status_is_final(status) || status->sqlstate == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("run " INT64_FORMAT " was interrupted: its process ended without a word",
						status->run),
				 errhint("See the server log. The next run continues where it stopped.")));
	if (strlen(status->sqlstate) == 5)
		sqlstate = MAKE_SQLSTATE(status->sqlstate[0], status->sqlstate[1],
								 status->sqlstate[2], status->sqlstate[3],
								 status->sqlstate[4]);
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg_internal("%s", status->error),
			 status->detail ? errdetail_internal("%s", status->detail) : 0,
			 errhint("The next run continues where this one stopped."),
			 status->revision ?
			 errcontext("run " INT64_FORMAT ", revision \"%s\", step %d",
						status->run, status->revision, status->step) :
			 errcontext("run " INT64_FORMAT, status->run)));
}

/*
 * schemamig_wait(run bigint)
 */
Datum
schemamig_wait(PG_FUNCTION_ARGS)
{
	RunStatus	status = {0};
	SmigReleased released;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig wait",
												  ALLOCSET_DEFAULT_SIZES);

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s during recovery", "schemamig_wait()"),
				 errhint("Call it on the primary server.")));
	if (!PG_ARGISNULL(0))
		status.run = PG_GETARG_INT64(0);
	InitMaterializedSRF(fcinfo, 0);
	smig_release_snapshot(&released, fcinfo);
	for (;;)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		long		pause;

		read_status(&status);
		if (!status.found)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 status.run != 0 ?
					 errmsg("run " INT64_FORMAT " does not exist", status.run) :
					 errmsg("there has been no run yet")));
		relay_log(&status);
		/* its last word comes before it lets go of the migration lock */
		if (!status.alive)
		{
			MemoryContextSwitchTo(old);
			break;
		}
		pause = status_is_final(&status) ? LAST_POLL : WAIT_POLL;
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		smig_caller_sleep(pause);
	}

	/* it may have ended between the look at its row and at its process */
	read_status(&status);
	smig_release_restore(&released);
	report_failure(&status);
	return_revisions(fcinfo, status.run);
	return (Datum) 0;
}
