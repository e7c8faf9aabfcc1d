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
#include "utils/memutils.h"

#include "backfill/crew.h"
#include "relay.h"
#include "step.h"
#include "worker.h"

typedef struct Helper
{
	SmigRelay  *relay;
	BackgroundWorkerHandle *handle;
	bool		ended;
} Helper;

struct SmigCrew
{
	int			nhelpers;
	Helper	   *helpers;
};

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
	helper->ended = true;
}

/*
 * Launches up to "helpers" helpers; fewer when worker slots are short.
 *
 * Result: the crew, in the current memory context; NULL for none.
 */
SmigCrew *
smig_crew_launch(int64 backfill, int helpers)
{
	SmigCrew   *crew;

	if (helpers <= 0)
		return NULL;
	crew = palloc0(sizeof(SmigCrew));
	crew->helpers = palloc0(sizeof(Helper) * helpers);
	for (int i = 0; i < helpers; i++)
	{
		Helper	   *helper = &crew->helpers[i];
		SmigRequest request = {0};

		request.kind = SMIG_REQUEST_HELP;
		request.target = psprintf(INT64_FORMAT, backfill);
		request.caller_pid = MyProcPid;
		helper->relay = smig_relay_create(&request);
		if (!smig_worker_launch(helper->relay, &helper->handle))
		{
			dsm_detach(helper->relay->segment);
			ereport(NOTICE,
					(errmsg("only %d of %d workers could be started (max_worker_processes = %d)",
							i + 1, helpers + 1, max_worker_processes),
					 errhidecontext(true)));
			break;
		}
		on_dsm_detach(helper->relay->segment, terminate_helper,
					  PointerGetDatum(helper->handle));
		crew->nhelpers++;
	}
	return crew;
}

/*
 * Relays what the helpers say.
 *
 * Errors: the first helper's that failed.
 */
void
smig_crew_check(SmigCrew *crew)
{
	for (int i = 0; crew && i < crew->nhelpers; i++)
	{
		Helper	   *helper = &crew->helpers[i];
		bool		ended = false;
		ErrorData  *error;

		if (helper->ended)
			continue;
		error = smig_relay_receive(helper->relay, &ended);
		if (ended)
			release_helper(helper);
		if (error)
			ThrowErrorData(error);
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
		for (int i = 0; crew && i < crew->nhelpers; i++)
			alive = alive || !crew->helpers[i].ended;
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
	for (int i = 0; crew && i < crew->nhelpers; i++)
		if (!crew->helpers[i].ended)
			TerminateBackgroundWorker(crew->helpers[i].handle);
	for (int i = 0; crew && i < crew->nhelpers; i++)
		if (!crew->helpers[i].ended)
		{
			(void) WaitForBackgroundWorkerShutdown(crew->helpers[i].handle);
			release_helper(&crew->helpers[i]);
		}
	RESUME_INTERRUPTS();
}
