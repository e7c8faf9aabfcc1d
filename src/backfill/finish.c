/*-------------------------------------------------------------------------
 *
 * finish.c
 *	  Waiting for a backfill that somebody has started, and taking up what was
 *	  interrupted.
 *
 * IDENTIFICATION
 *	  src/backfill/finish.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "backfill/backfill.h"
#include "backfill/defer.h"
#include "caller.h"
#include "release.h"
#include "runner.h"
#include "step.h"

PG_FUNCTION_INFO_V1(schemamig_backfill_finish);

/* How often the backfill is looked at (ms). */
#define FINISH_POLL 250

/* How often a script looks for one whose worker is only just starting. */
#define STARTING_POLLS 20

/* How a named backfill stands. */
typedef struct Standing
{
	bool		alive;			/* a process works on it */
	const char *state;
	char	   *error;
	char	   *options;		/* as jsonb text, to take it up again */
	int64		rows;
} Standing;

/* A backfill's options as smig_backfill_options_json makes them. */
#define OPTIONS_OF_ROW \
	"pg_catalog.jsonb_build_object('statement', b.statement," \
	" 'batch_size', nullif(b.batch_size, 0), 'workers', b.workers," \
	" 'key', CASE WHEN b.key <> '{}' THEN b.key END," \
	" 'on_error', b.on_error, 'verify', b.verify, 'name', b.name," \
	" 'search_path', b.search_path)::text"

#define IS_ALIVE \
	"EXISTS (SELECT FROM schemamig.run r" \
	"  JOIN pg_catalog.pg_stat_activity a ON a.pid = r.worker_pid" \
	"  AND a.backend_type = 'schemamig worker'" \
	"  AND a.backend_start <= r.started_at" \
	"  WHERE r.state = 'running' AND (r.id = b.run" \
	"   OR r.kind = 'backfill' AND r.target = b.name))"

static char *
copy_column(MemoryContext context, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
									 SPI_tuptable->tupdesc, column);

	return value ? MemoryContextStrdup(context, value) : NULL;
}

/*
 * Reads how the backfill stands; in the current context and transaction.
 *
 * Errors: 42704 when there is none of that name, unless missing_ok: then the
 * state is NULL.
 */
static Standing
read_standing(const char *name, bool missing_ok)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		args[1] = {CStringGetTextDatum(name)};
	Standing	standing = {0};
	bool		found;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT " IS_ALIVE ", b.state, b.error, "
						  OPTIONS_OF_ROW ", b.rows_done::text"
						  " FROM schemamig.backfill b WHERE b.name = $1",
						  1, types, args, NULL, true, 1);
	found = SPI_processed == 1;
	if (found)
	{
		standing.alive = strcmp(copy_column(scope.caller_context, 1), "t") == 0;
		standing.state = copy_column(scope.caller_context, 2);
		standing.error = copy_column(scope.caller_context, 3);
		standing.options = copy_column(scope.caller_context, 4);
		standing.rows = strtoll(copy_column(scope.caller_context, 5), NULL, 10);
	}
	else
	{
		/* started, and still waiting for another one of the same table */
		SPI_execute_with_args("SELECT FROM schemamig.run r"
							  " JOIN pg_catalog.pg_stat_activity a"
							  " ON a.pid = r.worker_pid"
							  " AND a.backend_type = 'schemamig worker'"
							  " AND a.backend_start <= r.started_at"
							  " WHERE r.kind = 'backfill' AND r.target = $1"
							  " AND r.state = 'running'",
							  1, types, args, NULL, true, 1);
		found = SPI_processed == 1;
		standing.alive = true;
		standing.state = found ? "running" : NULL;
	}
	smig_store_end(&scope);
	if (!found && !missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("backfill \"%s\" does not exist", name),
				 errhint("SELECT name, state FROM schemamig.backfill lists them.")));
	return standing;
}

/*
 * Waits while a backfill has been started whose worker has not recorded it yet.
 *
 * Errors: 42704 when there is none of that name.
 */
void
smig_backfill_await_record(const char *name)
{
	for (int polls = 0; smig_ledger_find(name) == NULL; polls++)
	{
		(void) read_standing(name, polls > 0 && polls < STARTING_POLLS);
		smig_caller_sleep(FINISH_POLL);
	}
}

/*
 * Whether the wait for a backfill is over.
 *
 * Errors: 55000 when it failed or was cancelled.
 */
static bool
is_finished(const char *name, const Standing *standing)
{
	if (strcmp(standing->state, "done") == 0)
		return true;
	if (strcmp(standing->state, "running") != 0 &&
		strcmp(standing->state, "interrupted") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("backfill \"%s\" is not done: it %s", name,
						strcmp(standing->state, "failed") == 0 ? "failed" :
						"was cancelled"),
				 standing->error ? errdetail("%s", standing->error) : 0,
				 errhint("Start it again with the same statement and name; it continues where it stopped.")));
	return false;
}

static SmigRequest *
request_for(char *options)
{
	SmigRequest *request = palloc0(sizeof(SmigRequest));

	request->kind = SMIG_REQUEST_BACKFILL;
	request->target = options;
	request->detached = true;
	request->caller_pid = MyProcPid;
	request->login_role = GetUserNameFromId(GetSessionUserId(), false);
	return request;
}

/*
 * schemamig_backfill_finish(name): waits until the backfill is done and
 * returns its rows; takes it up again when it was interrupted.
 */
Datum
schemamig_backfill_finish(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	SmigReleased released;
	Standing	standing;
	bool		told = false;

	smig_caller_check("schemamig_backfill_finish()");
	smig_backfill_await_record(name);
	standing = read_standing(name, false);
	if (is_finished(name, &standing))
		PG_RETURN_INT64(standing.rows);
	smig_release_snapshot(&released, fcinfo);
	do
	{
		if (!standing.alive)
			smig_caller_start(request_for(standing.options));
		else if (!told)
			ereport(NOTICE,
					(errmsg("waiting for backfill \"%s\"", name)));
		told = true;
		smig_caller_sleep(FINISH_POLL);
		standing = read_standing(name, false);
	} while (!is_finished(name, &standing));
	smig_release_restore(&released);
	PG_RETURN_INT64(standing.rows);
}

/*
 * The same as a step of a script: waits outside of any transaction, and works
 * itself when the backfill was interrupted.
 *
 * Result: rows processed.
 */
int64
smig_backfill_await(int64 run, const char *name)
{
	MemoryContext context = CurrentMemoryContext;
	bool		told = false;

	for (int polls = 0;; polls++)
	{
		Standing	standing;
		SmigBackfillOptions *options;

		StartTransactionCommand();
		MemoryContextSwitchTo(context);
		standing = read_standing(name, polls < STARTING_POLLS);
		if (standing.state && is_finished(name, &standing))
		{
			CommitTransactionCommand();
			MemoryContextSwitchTo(context);
			return standing.rows;
		}
		options = standing.alive ? NULL :
			smig_backfill_options_from_json(standing.options);
		CommitTransactionCommand();
		MemoryContextSwitchTo(context);
		if (!standing.alive)
			return smig_backfill_run(run, options, NULL, 0, NULL);
		if (!told && standing.state)
		{
			ereport(NOTICE,
					(errmsg("waiting for backfill \"%s\"", name),
					 errhidecontext(true)));
			told = true;
		}
		smig_step_wait(FINISH_POLL);
	}
}

/*
 * The options of backfills that were interrupted and can go on as the current
 * role: named, and no step of a script.
 */
static List *
find_interrupted(void)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		args[1];
	List	   *found = NIL;

	args[0] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT " OPTIONS_OF_ROW
						  " FROM schemamig.backfill b"
						  " WHERE b.state IN ('running', 'interrupted')"
						  " AND b.role = $1 AND b.name IS NOT NULL"
						  " AND b.revision IS NULL"
						  " AND NOT " IS_ALIVE " ORDER BY b.id",
						  1, types, args, NULL, true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
		found = lappend(found, pstrdup(SPI_getvalue(SPI_tuptable->vals[i],
													SPI_tuptable->tupdesc, 1)));
	smig_store_end(&scope);
	return found;
}

static void
tell_restart(int n)
{
	if (n > 0)
		ereport(NOTICE,
				(errmsg_plural("%d interrupted backfill goes on",
							   "%d interrupted backfills go on", n, n),
				 errhidecontext(true)));
}

/*
 * Starts again what was interrupted, and waits until it has begun.
 *
 * Result: how many.
 */
int
smig_backfill_restart(void)
{
	List	   *found = find_interrupted();
	ListCell   *lc;

	foreach(lc, found)
		smig_caller_start(request_for(lfirst(lc)));
	tell_restart(list_length(found));
	return list_length(found);
}

/*
 * The same at the commit of the current transaction, without waiting: what
 * becomes of them must not trouble the run that takes them up.
 */
void
smig_backfill_restart_at_commit(void)
{
	List	   *found = find_interrupted();
	ListCell   *lc;

	if (found != NIL)
		smig_ledger_close_interrupted();
	foreach(lc, found)
	{
		SmigRequest *request = request_for(lfirst(lc));

		request->run = smig_journal_next_run();
		smig_defer_start(request);
	}
	tell_restart(list_length(found));
}
