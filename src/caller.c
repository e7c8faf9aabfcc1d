/*-------------------------------------------------------------------------
 *
 * caller.c
 *	  A session that has a worker run for it, and waits.
 *
 * While it waits the caller relays messages, watches over the worker's waits,
 * looks whether its client is still there, and stops the worker when it is
 * cancelled or gone.  It holds no snapshot and no lock meanwhile.
 *
 * IDENTIFICATION
 *	  src/caller.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "caller.h"
#include "journal.h"
#include "lock.h"
#include "relay.h"
#include "settings.h"
#include "store.h"
#include "worker.h"

/* How often the caller looks around while it waits (ms). */
#define POLL 100

/* How often it looks for its client (ms). */
#define CLIENT_POLL 500

/* A wait of the worker is told after this long (ms), and again after that. */
#define WATCHDOG 2000
#define WATCHDOG_REMINDER 30000

/*
 * How long a cancelled worker may clean up before it is terminated (ms): it
 * is to be gone within a second, and what it leaves the next run removes.
 */
#define GRACE 900
#define FAREWELL 10000

/* How long to try for a worker slot (ms), how often, and when to say so. */
#define SLOT_BUDGET 30000
#define SLOT_POLL 250
#define SLOT_NOTICE 1000

/* The worker as its caller sees it; in TopMemoryContext, see watch_over. */
typedef struct Watch
{
	BackgroundWorkerHandle *handle;
	SmigRelay  *relay;
	TimestampTz waiting_since;	/* 0: the worker waits for no lock */
	TimestampTz told_at;
	List	   *told;			/* process ids last told of */
	TimestampTz client_checked;
	MemoryContext context;		/* one look around; reset after it */
	MemoryContext told_context; /* owns "told" */
} Watch;

/*
 * Refuses what can never work, before anything is begun.
 *
 * function: its name, for messages
 *
 * Errors: 25006 in recovery and in read-only transactions; 42501 in SECURITY
 * DEFINER functions and security-restricted operations, where the current role
 * is not the caller's own choice.
 */
void
smig_caller_check_rights(const char *function)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s during recovery", function),
				 errhint("Call it on the primary server.")));
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot execute %s within a security-restricted operation",
						function)));
	if (InLocalUserIdChange())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot execute %s within a SECURITY DEFINER function",
						function),
				 errhint("Scripts run with the rights of the role that calls; call it directly.")));
	smig_store_check_version();
}

/*
 * smig_caller_check_rights for what a script must not call either: a run
 * would wait for itself.
 *
 * Errors: those, and 55006 in a script.
 */
void
smig_caller_check(const char *function)
{
	smig_lock_refuse_in_run(psprintf("execute %s", function));
	smig_caller_check_rights(function);
}

/*
 * Address of the caller's client, for the record; NULL when there is none.
 */
char *
smig_caller_client(void)
{
	SmigStoreScope scope;
	char	   *client = NULL;

	smig_store_begin(&scope);
	SPI_execute("SELECT coalesce(pg_catalog.host(pg_catalog.inet_client_addr())"
				" || ':' || pg_catalog.inet_client_port(), 'local')", true, 1);
	if (MyProcPort)
		client = MemoryContextStrdup(scope.caller_context,
									 SPI_getvalue(SPI_tuptable->vals[0],
												  SPI_tuptable->tupdesc, 1));
	smig_store_end(&scope);
	return client;
}

/*
 * Sleeps on the latch, holding no snapshot, and serves interrupts.
 *
 * ms: milliseconds
 */
void
smig_caller_sleep(long ms)
{
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = smig_wait_event_new("SchemamigCaller");
	InvalidateCatalogSnapshotConditionally();
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, wait_event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static bool
older_than(TimestampTz since, long ms)
{
	return GetCurrentTimestamp() - since >= ms * 1000L;
}

static bool
client_is_gone(void)
{
	return MyProcPort != NULL && !pq_check_connection();
}

/*
 * Ends the session, whose client is gone.
 */
static void
end_session(void)
{
	ereport(FATAL,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("connection to client lost")));
}

/*
 * Refuses when this transaction holds what the run would wait for: a
 * transaction id, or a lock on a relation that is not a catalog or ours.
 *
 * Errors: 25001, naming the first few of them.
 */
void
smig_caller_check_own_locks(void)
{
	SmigStoreScope scope;
	char	   *names;
	Oid			types[1] = {INT4OID};
	Datum		args[1] = {Int32GetDatum(MyProcPid)};

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("the calling transaction has already changed something"),
				 errdetail("The run would not see it, and would wait for it."),
				 errhint("Commit or roll back first; or use transaction => 'caller' to run inside the transaction.")));
	if (!IsTransactionBlock())
		return;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT pg_catalog.string_agg(DISTINCT l.relation::regclass::text, ', ')"
						  " FROM pg_catalog.pg_locks l"
						  " JOIN pg_catalog.pg_class c ON c.oid = l.relation"
						  " WHERE l.pid = $1 AND l.locktype = 'relation'"
						  " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
						  "  WHERE d.datname = pg_catalog.current_database())"
						  " AND c.oid >= 16384"
						  " AND c.relnamespace <> 'schemamig'::regnamespace",
						  1, types, args, NULL, true, 1);
	names = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (names)
		names = MemoryContextStrdup(scope.caller_context, names);
	smig_store_end(&scope);
	if (names)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("the calling transaction holds locks that the run could wait for"),
				 errdetail("It has used %s.", names),
				 errhint("Commit or roll back first; or use transaction => 'caller' to run inside the transaction.")));
}

/*
 * Says whose run is in progress.
 */
static void
notice_lock_holder(void)
{
	int			pid = smig_lock_run_holder();
	List	   *holders = pid ? smig_lock_describe(list_make1_int(pid)) : NIL;

	if (holders != NIL)
		ereport(NOTICE,
				(errmsg("waiting for the run of %s",
						smig_lock_blocker_text(holders))));
}

/*
 * Waits until no other run is in progress and looks whether there is anything
 * left to do.
 *
 * Result: false when the target is reached; then no worker is needed.
 *
 * Errors: those of the target, and of the caller's own locks; 55000 when a
 * revision is half done the other way.
 */
bool
smig_caller_has_work(const SmigRequest *request)
{
	SmigPlan   *plan;
	bool		result;

	smig_caller_check_own_locks();
	if (!smig_lock_run_try(false))
	{
		notice_lock_holder();
		smig_lock_run_wait(false);
		if (client_is_gone())
			end_session();
	}
	plan = smig_plan_make(request->target, request->direction);
	result = plan->nodes != NIL;
	/* what is half done the other way is not reached */
	smig_journal_check_direction(smig_journal_load(), request->direction);
	MemoryContextDelete(plan->graph->context);
	smig_lock_run_release(false);
	InvalidateCatalogSnapshot();
	return result;
}

/*
 * The worker must not outlive a session that waits for it: called when this
 * session lets go of the segment without having seen the worker's end.
 */
static void
terminate_worker(dsm_segment *segment, Datum arg)
{
	TerminateBackgroundWorker((BackgroundWorkerHandle *) DatumGetPointer(arg));
}

/*
 * Launches the worker, waiting for a free slot.
 *
 * Errors: 53400 when none became free within the budget.
 */
static BackgroundWorkerHandle *
launch(SmigRelay *relay)
{
	TimestampTz begin = GetCurrentTimestamp();
	BackgroundWorkerHandle *handle = NULL;
	bool		told = false;

	for (;;)
	{
		/* must survive the query: the segment's callback uses it */
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
		bool		launched = smig_worker_launch(relay, &handle);

		MemoryContextSwitchTo(old);
		if (launched)
			return handle;
		if (older_than(begin, Min(SLOT_BUDGET, smig_lock_wait)))
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("could not start a background worker: all slots are taken"),
					 errdetail("Nothing has been run."),
					 errhint("Call the function again later, or raise max_worker_processes (now %d).",
							 max_worker_processes)));
		/* the worker of the run before may be about to end */
		if (!told && older_than(begin, Min(SLOT_NOTICE, smig_lock_wait)))
		{
			ereport(NOTICE,
					(errmsg("waiting for a free background worker (max_worker_processes = %d)",
							max_worker_processes)));
			told = true;
		}
		smig_caller_sleep(told ? SLOT_POLL : SLOT_POLL / 10);
	}
}

/*
 * Errors out when the worker waits, directly or through others, for this very
 * session: nobody else would notice.
 */
static void
check_self_block(int pid)
{
	StringInfoData chain;

	initStringInfo(&chain);
	if (smig_lock_chain_to(pid, MyProcPid, &chain))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("the run waits for a lock held by the session that called it"),
				 errdetail("%s", chain.data),
				 errhint("Commit or roll back the calling transaction first, release its advisory locks, and call the function again.")));
}

/*
 * Whether the worker has said that the run is done and on record; it may live
 * a little longer to take the snapshot of the schema.
 */
static bool
has_answered(const Watch *watch)
{
	return pg_atomic_read_u32(&watch->relay->shared->phase) ==
		SMIG_PHASE_ANSWERED;
}

/*
 * Stops a worker whose caller gives up: first a cancel, so that it can clean
 * up and write its record, then termination.  Called with interrupts held.
 */
static void
stop_worker(Watch *watch)
{
	TimestampTz begin = GetCurrentTimestamp();
	bool		terminated = false;
	pid_t		pid;

	if (has_answered(watch))
		return;
	pg_atomic_write_u32(&watch->relay->shared->stop, 1);
	shm_mq_detach(watch->relay->queue);
	if (GetBackgroundWorkerPid(watch->handle, &pid) == BGWH_STARTED)
		kill(pid, SIGINT);
	else
		TerminateBackgroundWorker(watch->handle);
	while (GetBackgroundWorkerPid(watch->handle, &pid) != BGWH_STOPPED)
	{
		if (!terminated && older_than(begin, GRACE))
		{
			TerminateBackgroundWorker(watch->handle);
			terminated = true;
		}
		if (older_than(begin, FAREWELL))
		{
			ereport(WARNING,
					(errmsg("the worker (process %d) has not ended yet",
							(int) pid)));
			break;
		}
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 20, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/*
 * Ends the session when its client is gone.  The worker is stopped before,
 * gently, because an error that ends the process passes no PG_CATCH.
 */
static void
check_client(Watch *watch)
{
	if (!older_than(watch->client_checked, CLIENT_POLL))
		return;
	watch->client_checked = GetCurrentTimestamp();
	if (!client_is_gone())
		return;
	HOLD_INTERRUPTS();
	stop_worker(watch);
	RESUME_INTERRUPTS();
	end_session();
}

/*
 * Tells the client whom the run has been waiting for.
 */
static void
tell_blockers(Watch *watch, List *pids)
{
	List	   *blockers = smig_lock_describe(pids);
	MemoryContext old;

	if (blockers != NIL)
		ereport(NOTICE,
				(errmsg("the run waits for %s",
						smig_lock_blocker_text(blockers))));
	old = MemoryContextSwitchTo(watch->told_context);
	list_free(watch->told);
	watch->told = list_copy(pids);
	MemoryContextSwitchTo(old);
	watch->told_at = GetCurrentTimestamp();
}

/*
 * Watches over the worker's waits: reports blockers to it, finds waits for
 * this session, tells the client of long ones.
 */
static void
watch_over(Watch *watch)
{
	int			pid = (int) pg_atomic_read_u32(&watch->relay->shared->worker_pid);
	MemoryContext old;
	List	   *pids;

	check_client(watch);
	if (pid == 0 || !smig_lock_is_waiting(pid))
	{
		watch->waiting_since = 0;
		return;
	}
	if (watch->waiting_since == 0)
		watch->waiting_since = GetCurrentTimestamp();
	old = MemoryContextSwitchTo(watch->context);
	pids = smig_lock_blocking_pids(pid);
	if (pids != NIL)
	{
		smig_relay_report_blockers(watch->relay, pids);
		check_self_block(pid);
		if (older_than(watch->waiting_since, WATCHDOG) &&
			(!equal(pids, watch->told) ||
			 older_than(watch->told_at, WATCHDOG_REMINDER)))
			tell_blockers(watch, pids);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(watch->context);
}

/*
 * Relays messages until the worker has ended.
 *
 * Result: the worker's error, or NULL.
 */
static ErrorData *
relay_until_end(Watch *watch)
{
	ErrorData  *error = NULL;

	for (;;)
	{
		bool		ended;
		ErrorData  *received = smig_relay_receive(watch->relay, &ended);

		/* keep the first: what follows is about the same failure */
		if (received && error == NULL)
			error = received;
		if (ended)
			return error;
		if (received)
			continue;
		smig_caller_sleep(POLL);
		watch_over(watch);
	}
}

/*
 * Whether the run's row says that it is done.
 */
static bool
run_is_done(int64 run)
{
	SmigStoreScope scope;
	Oid			types[1] = {INT8OID};
	Datum		args[1] = {Int64GetDatum(run)};
	bool		done;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT FROM schemamig.run WHERE id = $1 AND state = 'done'",
						  1, types, args, NULL, true, 1);
	done = SPI_processed == 1;
	smig_store_end(&scope);
	return done;
}

/*
 * Launches a worker for the request and waits until it has answered.  Called
 * without a snapshot.  Sets request->run to the id that the worker has taken.
 *
 * Errors: the worker's own, with all fields; 57P01 and others when it was
 * terminated; whatever interrupts the wait, after the worker was stopped.
 */
void
smig_caller_run(SmigRequest *request)
{
	Watch		watch = {0};
	ErrorData  *volatile error = NULL;
	uint32		dropped;

	watch.relay = smig_relay_create(request);
	watch.handle = launch(watch.relay);
	watch.client_checked = GetCurrentTimestamp();
	watch.told_context = CurrentMemoryContext;
	watch.context = AllocSetContextCreate(CurrentMemoryContext,
										  "schemamig watch",
										  ALLOCSET_DEFAULT_SIZES);
	on_dsm_detach(watch.relay->segment, terminate_worker,
				  PointerGetDatum(watch.handle));
	PG_TRY();
	{
		error = relay_until_end(&watch);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		stop_worker(&watch);
		cancel_on_dsm_detach(watch.relay->segment, terminate_worker,
							 PointerGetDatum(watch.handle));
		RESUME_INTERRUPTS();
		PG_RE_THROW();
	}
	PG_END_TRY();

	if (!has_answered(&watch))
		(void) WaitForBackgroundWorkerShutdown(watch.handle);
	request->run = (int64) pg_atomic_read_u64(&watch.relay->shared->run);
	dropped = pg_atomic_read_u32(&watch.relay->shared->dropped);
	cancel_on_dsm_detach(watch.relay->segment, terminate_worker,
						 PointerGetDatum(watch.handle));
	dsm_detach(watch.relay->segment);
	pfree(watch.handle);
	if (dropped > 0)
		ereport(NOTICE,
				(errmsg("%u messages were not relayed because the client read too slowly",
						dropped),
				 errhint("The progress of the run is in schemamig.log, its messages are in the server log.")));
	if (error)
	{
		/* a worker that was terminated had no time for a hint */
		if (error->hint == NULL && error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			error->hint = pstrdup("What came before the step is kept. Call the function again to continue.");
		ThrowErrorData(error);
	}
	if (!run_is_done(request->run))
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the worker ended without a result"),
				 errhint("See the server log. Calling the function again continues where it stopped.")));
}

/*
 * Launches a worker that goes on without this session, and returns once it
 * has taken over what it needs.  Sets request->run.
 *
 * Errors: the worker's own while it starts.
 */
void
smig_caller_start(SmigRequest *request)
{
	SmigRelay  *relay = smig_relay_create(request);
	BackgroundWorkerHandle *handle = launch(relay);
	ErrorData  *error = NULL;
	bool		ended = false;
	bool		begun;

	on_dsm_detach(relay->segment, terminate_worker, PointerGetDatum(handle));
	while (!ended && pg_atomic_read_u32(&relay->shared->phase) == SMIG_PHASE_STARTING)
	{
		error = smig_relay_receive(relay, &ended);
		if (error)
			break;
		if (!ended)
			smig_caller_sleep(5);
	}
	request->run = (int64) pg_atomic_read_u64(&relay->shared->run);
	begun = pg_atomic_read_u32(&relay->shared->phase) !=
		SMIG_PHASE_STARTING;
	cancel_on_dsm_detach(relay->segment, terminate_worker,
						 PointerGetDatum(handle));
	dsm_detach(relay->segment);
	pfree(handle);
	if (error)
		ThrowErrorData(error);
	if (!begun)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the worker ended before its run began"),
				 errhint("See the server log.")));
}
