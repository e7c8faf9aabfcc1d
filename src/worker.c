/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The background worker that carries out a run.
 *
 * One dynamic worker per run.  It connects as the role that logged in to the
 * caller's session and reaches the caller's role by the same SET SESSION
 * AUTHORIZATION and SET ROLE, under the usual checks, so it never has more
 * rights than the caller's session.  It takes over the caller's settings and
 * loaded libraries; the settings are given back after every revision.
 *
 * IDENTIFICATION
 *	  src/worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "libpq/pqsignal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/ps_status.h"

#include "backfill/backfill.h"
#include "journal.h"
#include "session.h"
#include "worker.h"

static SmigRelay *relay = NULL;

/* Settings as they were after the last restore, to see whether any changed. */
static char *baseline = NULL;
static Size baseline_size = 0;

/*
 * Registers the worker of a run.
 *
 * Result: false when no worker slot is free (max_worker_processes).
 */
bool
smig_worker_launch(SmigRelay *segment, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment->segment));
	strlcpy(worker.bgw_library_name, "schemamig",
			sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "smig_worker_main",
			sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_type, SMIG_WORKER_TYPE, sizeof(worker.bgw_type));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name),
			 "schemamig worker for process %d", MyProcPid);
	if (!RegisterDynamicBackgroundWorker(&worker, handle))
		return false;

	/* without it a worker that dies early would leave us waiting for ever */
	shm_mq_set_handle(segment->queue, *handle);
	return true;
}

/*
 * Whether any setting differs from what smig_session_take_over left.
 */
static bool
settings_changed(void)
{
	Size		size = EstimateGUCStateSpace();
	char	   *now;
	bool		changed;

	if (baseline == NULL || size != baseline_size)
		return true;
	now = palloc0(size);
	SerializeGUCState(size, now);
	changed = memcmp(now, baseline, size) != 0;
	pfree(now);
	return changed || GetUserId() != relay->shared->current_role ||
		GetSessionUserId() != relay->shared->session_role;
}

/*
 * Ends what a revision has set for its session.  Needs a transaction.
 */
static void
restore_settings(void)
{
	if (!settings_changed())
		return;
	smig_session_take_over(relay);
	if (baseline)
		pfree(baseline);
	baseline_size = EstimateGUCStateSpace();
	baseline = MemoryContextAllocZero(TopMemoryContext, baseline_size);
	SerializeGUCState(baseline_size, baseline);
}

/*
 * Ends what a revision has left in the session, so that the next one finds
 * what it would find in a session of its own.  Advisory locks stay: ours is
 * among them.  Needs a transaction.
 *
 * settings_too: false inside a transaction that has changed settings, whose
 *		own stack must undo that
 */
static void
end_revision(bool settings_too)
{
	PortalHashTableDeleteAll();
	DropAllPreparedStatements();
	ResetTempTableNamespace();
	ResetSequenceCaches();
	if (settings_too)
		restore_settings();
}

static void
begun(void)
{
	pg_atomic_write_u32(&relay->shared->phase, SMIG_PHASE_ON_RECORD);
}

/*
 * Lets the first request to end pass, as the server's shutdown makes one: what
 * a worker does once it has answered is short, and worth having afterwards.
 * The postmaster signals both the process and its group.
 */
static void
die_when_asked_again(SIGNAL_ARGS)
{
	static time_t asked = 0;
	int			save_errno = errno;
	time_t		now = time(NULL);

	if (asked == 0)
		asked = now;
	else if (now > asked + 1)
		die(postgres_signal_arg);
	errno = save_errno;
}

static void
answered(void)
{
	SmigRelay  *done = relay;

	pqsignal(SIGTERM, die_when_asked_again);
	pg_atomic_write_u32(&done->shared->phase, SMIG_PHASE_ANSWERED);
	pg_write_barrier();
	relay = NULL;
	smig_relay_end(done);
}

static void
publish(const char *text)
{
	strlcpy(relay->shared->published, text, sizeof(relay->shared->published));
	pg_write_barrier();
	begun();
}

static bool
is_stopping(void)
{
	return pg_atomic_read_u32(&relay->shared->stop) != 0;
}

static List *
seen_blockers(void)
{
	return smig_relay_seen_blockers(relay);
}

/*
 * Main function of the worker.
 *
 * main_arg: handle of the run's dynamic shared memory segment
 *
 * An error that leaves this function is sent to the caller and logged by the
 * background worker's own handler.
 */
void
smig_worker_main(Datum main_arg)
{
	static const SmigRunnerHost host = {
		.begun = begun,
		.publish = publish,
		.answered = answered,
		.restore_settings = restore_settings,
		.end_revision = end_revision,
		.is_stopping = is_stopping,
		.seen_blockers = seen_blockers
	};
	SmigRequest request = {0};

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	relay = smig_relay_attach(DatumGetUInt32(main_arg));
	smig_relay_send_messages(relay);
	BackgroundWorkerInitializeConnectionByOid(relay->shared->database,
											  relay->shared->authenticated_role,
											  0);
	SetClientEncoding(GetDatabaseEncoding());

	StartTransactionCommand();
	RestoreLibraryState(relay->libraries);
	restore_settings();
	CommitTransactionCommand();

	request.kind = relay->shared->kind;
	request.direction = relay->shared->direction;
	request.transaction = relay->shared->transaction;
	request.allow_destructive = relay->shared->allow_destructive;
	request.detached = relay->shared->detached;
	request.caller_pid = relay->shared->caller_pid;
	/* the segment goes before the run ends */
	request.target = pstrdup(relay->target);
	request.client = relay->client[0] ? pstrdup(relay->client) : NULL;
	StartTransactionCommand();
	request.login_role =
		MemoryContextStrdup(TopMemoryContext,
							GetUserNameFromId(GetSessionUserId(), false));
	request.run = (int64) pg_atomic_read_u64(&relay->shared->run);
	if (request.run == 0 && request.kind != SMIG_REQUEST_HELP)
		request.run = smig_journal_next_run();
	CommitTransactionCommand();
	pg_atomic_write_u64(&relay->shared->run, (uint64) request.run);

	set_ps_display("");
	MemoryContextSwitchTo(TopMemoryContext);
	switch (request.kind)
	{
		case SMIG_REQUEST_RUN:
			smig_runner_run(&request, &host);
			break;
		case SMIG_REQUEST_BACKFILL:
			smig_backfill_main(&request, &host);
			break;
		case SMIG_REQUEST_HELP:
			smig_backfill_help(request.target, &host);
			break;
	}
	pgstat_report_stat(true);
}
