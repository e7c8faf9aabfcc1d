/*-------------------------------------------------------------------------
 *
 * crew.c
 *	  The helpers of a backfill.
 *
 * Each helper is a worker of its own with a segment and a queue of its own,
 * like the one a caller has with the runner; the leader is its caller.  When
 * one of them fails, the leader stops the others and fails with its error;
 * when the leader goes, its segments end them.
 *
 * IDENTIFICATION
 *	  src/backfill/crew.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/dsm.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/memutils.h"

#include "backfill/backfill.h"
#include "backfill/crew.h"
#include "relay.h"
#include "step.h"
#include "worker.h"

typedef struct Helper
{
	SmigRelay  *relay;
	BackgroundWorkerHandle *handle;
	bool		alive;
} Helper;

struct SmigCrew
{
	MemoryContext context;
	int64		backfill;
	int			nhelpers;		/* wanted at the last look */
	bool		short_of_slots; /* told once for that number */
	Helper		helpers[SMIG_MAX_WORKERS];	/* by number; 0: the keeper */
};

/* Where the process stands that keeps a snapshot. */
#define KEEPER 0

static void
terminate_helper(dsm_segment *segment, Datum arg)
{
	TerminateBackgroundWorker((BackgroundWorkerHandle *) DatumGetPointer(arg));
}

static void
release_helper(Helper *helper)
{
	cancel_on_dsm_detach(helper->relay->segment, terminate_helper,
						 PointerGetDatum(helper->handle));
	dsm_detach(helper->relay->segment);
	pfree(helper->handle);
	helper->alive = false;
}

/*
 * A crew without helpers, in the current memory context.
 *
 * backfill: its id
 */
SmigCrew *
smig_crew_create(int64 backfill)
{
	SmigCrew   *crew = palloc0(sizeof(SmigCrew));

	crew->context = CurrentMemoryContext;
	crew->backfill = backfill;
	return crew;
}

/*
 * Goes over to the next part of a backfill; helpers of the last one have ended.
 */
void
smig_crew_turn_to(SmigCrew *crew, int64 backfill)
{
	crew->backfill = backfill;
}

static bool
launch(SmigCrew *crew, int number)
{
	Helper	   *helper = &crew->helpers[number];
	SmigRequest request = {0};

	request.kind = SMIG_REQUEST_HELP;
	request.target = psprintf(INT64_FORMAT " %d", crew->backfill, number);
	request.caller_pid = MyProcPid;
	helper->relay = smig_relay_create(&request);
	if (!smig_worker_launch(helper->relay, &helper->handle))
	{
		dsm_detach(helper->relay->segment);
		return false;
	}
	on_dsm_detach(helper->relay->segment, terminate_helper,
				  PointerGetDatum(helper->handle));
	helper->alive = true;
	return true;
}

/*
 * Has a process of its own keep a snapshot of this moment, unless one does.
 *
 * Result: the name under which it is exported, in the crew's context.
 *
 * Errors: 53400 when no worker slot is free.
 */
char *
smig_crew_keep_snapshot(SmigCrew *crew)
{
	MemoryContext old = MemoryContextSwitchTo(crew->context);
	Helper	   *keeper = &crew->helpers[KEEPER];
	char	   *name;

	if (keeper->alive)
	{
		name = pstrdup(keeper->relay->shared->published);
		MemoryContextSwitchTo(old);
		return name;
	}
	if (!launch(crew, KEEPER))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start a background worker: all slots are taken"),
				 errdetail("A backfill without a key needs a process that keeps a snapshot."),
				 errhint("Call the function again later, or raise max_worker_processes (now %d).",
						 max_worker_processes)));
	while (pg_atomic_read_u32(&keeper->relay->shared->phase) ==
		   SMIG_PHASE_STARTING)
	{
		smig_crew_check(crew);
		smig_step_wait(5);
	}
	pg_read_barrier();
	name = pstrdup(keeper->relay->shared->published);
	MemoryContextSwitchTo(old);
	return name;
}

/* Has a helper look at once, not at its next poll. */
static void
wake(Helper *helper)
{
	pid_t		pid;
	PGPROC	   *process = NULL;

	if (GetBackgroundWorkerPid(helper->handle, &pid) == BGWH_STARTED)
		process = BackendPidGetProc(pid);
	if (process)
		SetLatch(&process->procLatch);
}

/*
 * Ends the process that keeps the snapshot, if there is one.
 */
void
smig_crew_drop_snapshot(SmigCrew *crew)
{
	Helper	   *keeper = &crew->helpers[KEEPER];

	if (!keeper->alive)
		return;
	pg_atomic_write_u32(&keeper->relay->shared->stop, 1);
	wake(keeper);
	(void) WaitForBackgroundWorkerShutdown(keeper->handle);
	release_helper(keeper);
}

/*
 * Launches what is missing of so many helpers; fewer when worker slots are
 * short.  Helpers beyond that number end by themselves.  Call it only while
 * something is left to claim, because helpers end when nothing is.
 */
void
smig_crew_fill(SmigCrew *crew, int helpers)
{
	MemoryContext old = MemoryContextSwitchTo(crew->context);

	if (helpers != crew->nhelpers)
		crew->short_of_slots = false;
	crew->nhelpers = helpers;
	for (int i = 1; i <= helpers && !crew->short_of_slots; i++)
	{
		if (crew->helpers[i].alive || launch(crew, i))
			continue;
		crew->short_of_slots = true;
		ereport(NOTICE,
				(errmsg("only %d of %d workers could be started (max_worker_processes = %d)",
						i, helpers + 1, max_worker_processes),
				 errhidecontext(true)));
	}
	MemoryContextSwitchTo(old);
}

/*
 * Relays what the helpers say.
 *
 * Errors: the first helper's that failed.
 */
void
smig_crew_check(SmigCrew *crew)
{
	for (int i = 0; crew && i < SMIG_MAX_WORKERS; i++)
	{
		Helper	   *helper = &crew->helpers[i];
		bool		ended = false;
		ErrorData  *error;

		if (!helper->alive)
			continue;
		error = smig_relay_receive(helper->relay, &ended);
		if (ended)
			release_helper(helper);
		if (error)
			ThrowErrorData(error);
		if (ended && i == KEEPER)
			ereport(ERROR,
					(errcode(ERRCODE_ADMIN_SHUTDOWN),
					 errmsg("the process that keeps the backfill's snapshot has ended")));
	}
}

/*
 * Waits until all helpers have ended.
 *
 * Result: true when one was waited for, so there can be ranges left behind.
 */
bool
smig_crew_wait(SmigCrew *crew)
{
	bool		waited = false;

	for (;;)
	{
		bool		alive = false;

		smig_crew_check(crew);
		for (int i = KEEPER + 1; crew && i < SMIG_MAX_WORKERS; i++)
			alive = alive || crew->helpers[i].alive;
		if (!alive)
			return waited;
		waited = true;
		smig_step_wait(20);
	}
}

/*
 * Ends all helpers after a failure.  Never raises.
 */
void
smig_crew_stop(SmigCrew *crew)
{
	HOLD_INTERRUPTS();
	for (int i = 0; crew && i < SMIG_MAX_WORKERS; i++)
		if (crew->helpers[i].alive)
			TerminateBackgroundWorker(crew->helpers[i].handle);
	for (int i = 0; crew && i < SMIG_MAX_WORKERS; i++)
		if (crew->helpers[i].alive)
		{
			(void) WaitForBackgroundWorkerShutdown(crew->helpers[i].handle);
			release_helper(&crew->helpers[i]);
		}
	RESUME_INTERRUPTS();
}
