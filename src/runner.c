/*-------------------------------------------------------------------------
 *
 * runner.c
 *	  A run: from a request to a history that moved on.
 *
 * Process structure: in a worker the runner owns all transactions.  It takes
 * the migration lock at session level, makes and checks the plan, then runs
 * revision by revision; each step commits with its record (step.c).  What the
 * run says of itself (schemamig.run, the log) is committed apart from that, so
 * a failure is on record although its step is rolled back.
 *
 * Inside the caller's own transaction (transaction => 'caller') there is no
 * worker: the same parts run inline, and everything, records included, stands
 * or falls with that transaction.
 *
 * IDENTIFICATION
 *	  src/runner.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "backfill/backfill.h"
#include "journal.h"
#include "lock.h"
#include "revision.h"
#include "runner.h"
#include "settings.h"
#include "state.h"
#include "step.h"

/* How often to look for the end of a run that lost its lock (ms). */
#define LOST_LOCK_POLL 100

/*
 * Writes the row of the run and its first log entry.
 */
static void
record_begin(const SmigRequest *request, const char *state)
{
	SmigRunRow	row = {0};
	SmigLogEntry entry = smig_log_nothing;

	row.id = request->run;
	row.kind = smig_direction_name(request->direction);
	row.target = request->target;
	row.transaction = smig_plan_transaction_name(request->transaction);
	row.allow_destructive = request->allow_destructive;
	row.detached = request->detached;
	row.login_role = request->login_role;
	row.client = request->client;
	row.caller_pid = request->caller_pid;
	row.worker_pid = request->transaction == SMIG_RUN_CALLER ? 0 : MyProcPid;
	row.state = state;
	smig_journal_run_begin(&row);

	entry.run = request->run;
	entry.event = "run";
	entry.direction = row.kind;
	entry.message = psprintf("%s to \"%s\"", row.kind, request->target);
	smig_journal_log(&entry);
}

/*
 * Records how the run ended; edata is NULL when it succeeded.
 */
static void
record_end(SmigRun *run, const ErrorData *edata)
{
	const char *state = "done";
	const char *sqlstate = NULL;

	if (edata)
	{
		state = edata->sqlerrcode == ERRCODE_QUERY_CANCELED ? "cancelled" :
			"failed";
		sqlstate = unpack_sql_state(edata->sqlerrcode);
	}
	smig_step_log(run, edata ? "failure" : "done", -1, sqlstate,
				  edata ? edata->message : NULL,
				  edata ? edata->detail : NULL);
	smig_journal_run_end(run->request->run, state,
						 edata && run->planned ? run->planned->revision->id : NULL,
						 edata && run->step ? run->step->number : 0,
						 sqlstate, edata ? edata->message : NULL);
	smig_squash_settle();
}

static SmigPart *
make_part(const SmigPlanned *planned, int place, const SmigStep *step, bool last)
{
	SmigPart   *part = palloc0(sizeof(SmigPart));

	part->planned = planned;
	part->place = place;
	part->step = step;
	part->last = last;
	return part;
}

/*
 * The parts of a revision that are still to be done; the last one completes
 * it.  Never empty.
 */
static List *
revision_parts(const SmigRun *run, const SmigPlanned *planned, int place)
{
	List	   *steps = planned->script ? planned->script->steps : NIL;
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, steps)
	{
		SmigStep   *step = lfirst(lc);

		if (!smig_journal_step_is_done(run->journal,
									   planned->revision->id,
									   planned->direction, step))
			parts = lappend(parts,
							make_part(planned, place, step,
									  step == llast(steps)));
	}
	if (parts == NIL)
		parts = list_make1(make_part(planned, place, NULL, true));
	if (list_length(steps) <= 1)
	{
		SmigPart   *part = linitial(parts);

		part->whole = part->step == NULL ||
			part->step->kind == SMIG_STEP_TRANSACTION;
	}
	return parts;
}

/*
 * Takes the migration lock back after a script lost it.
 */
static void
take_lock_back(void)
{
	StartTransactionCommand();
	smig_lock_run_wait(true);
	CommitTransactionCommand();
}

/*
 * Waits for the migration lock.  A script can lose the lock of its run by
 * DISCARD ALL or pg_advisory_unlock_all(); until that run has taken it back,
 * its row and its living process keep its place.
 */
static void
take_lock(SmigRun *run)
{
	for (;;)
	{
		bool		in_use;

		StartTransactionCommand();
		smig_lock_run_wait(true);
		smig_lock_state_wait(0);
		CommitTransactionCommand();
		StartTransactionCommand();
		in_use = smig_journal_other_runs(run->request->run);
		CommitTransactionCommand();
		if (!in_use)
			return;
		smig_lock_run_release(true);
		smig_step_wait(LOST_LOCK_POLL);
	}
}

/*
 * Keeps the state that a revision led to; that after the last one is kept at
 * the end of the run.
 */
static void
record_state(SmigRun *run, const SmigPlanned *planned)
{
	MemoryContextSwitchTo(run->step_context);
	if (!smig_lock_run_held())
		take_lock_back();
	smig_state_record_within(run->request->run,
							 smig_direction_name(planned->direction),
							 planned->revision->id);
	MemoryContextReset(run->step_context);
}

/*
 * Runs the revisions one after the other, each part in its own transaction.
 */
static void
run_revisions(SmigRun *run)
{
	MemoryContext revision_context = AllocSetContextCreate(run->context,
														   "schemamig revision",
														   ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < list_length(run->plan->nodes); i++)
	{
		SmigPlanned *planned;
		List	   *parts;
		ListCell   *lc;

		StartTransactionCommand();
		MemoryContextSwitchTo(revision_context);
		planned = smig_plan_revision(run->plan, i);
		CommitTransactionCommand();
		MemoryContextSwitchTo(revision_context);

		parts = revision_parts(run, planned, i + 1);
		foreach(lc, parts)
		{
			SmigPart   *part = lfirst(lc);

			MemoryContextSwitchTo(run->step_context);
			if (!smig_lock_run_held())
				take_lock_back();
			if (part->step == NULL ||
				part->step->kind == SMIG_STEP_TRANSACTION)
				smig_step_run_transaction(run, list_make1(part));
			else
				smig_step_run_single(run, part);
			MemoryContextReset(run->step_context);
			pgstat_report_stat(false);
		}
		if (!((SmigPart *) linitial(parts))->whole)
		{
			StartTransactionCommand();
			run->host->end_revision(true);
			CommitTransactionCommand();
		}
		run->planned = NULL;
		run->step = NULL;
		if (smig_snapshot_each_revision &&
			i < list_length(run->plan->nodes) - 1)
			record_state(run, planned);
		MemoryContextSwitchTo(run->context);
		MemoryContextReset(revision_context);
	}
}

/*
 * Runs all revisions in one transaction.  smig_plan_check has made sure that
 * each is at most one transactional step.
 */
static void
run_at_once(SmigRun *run)
{
	List	   *parts = NIL;

	StartTransactionCommand();
	MemoryContextSwitchTo(run->context);
	for (int i = 0; i < list_length(run->plan->nodes); i++)
		parts = list_concat(parts,
							revision_parts(run, smig_plan_revision(run->plan, i),
										   i + 1));
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	ereport(NOTICE,
			(errmsg_plural("%d revision in one transaction",
						   "%d revisions in one transaction",
						   list_length(run->plan->nodes),
						   list_length(run->plan->nodes)),
			 errhidecontext(true)));
	smig_step_run_transaction(run, parts);
	run->planned = NULL;
	run->step = NULL;
}

static SmigRun *
begin_run(const SmigRequest *request, const SmigRunnerHost *host,
		  MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "schemamig run",
												  ALLOCSET_DEFAULT_SIZES);
	SmigRun    *run = MemoryContextAllocZero(context, sizeof(SmigRun));

	run->request = request;
	run->host = host;
	run->context = context;
	run->step_context = AllocSetContextCreate(context, "schemamig step",
											  ALLOCSET_DEFAULT_SIZES);
	return run;
}

static void
notice_nothing_to_do(const SmigRequest *request)
{
	ereport(NOTICE,
			(errmsg("nothing to do: target \"%s\" is reached",
					request->target),
			 errhidecontext(true)));
}

/*
 * Makes the plan and runs it.  Called with the migration lock held.
 */
static void
run_with_lock(SmigRun *run)
{
	const SmigRequest *request = run->request;

	StartTransactionCommand();
	smig_journal_close_interrupted(request->run);
	smig_ledger_close_interrupted();
	smig_journal_run_state(request->run, "running");
	if (smig_lock_backfill_holders() == NIL)
		smig_journal_set_pause(false);
	MemoryContextSwitchTo(run->context);
	run->plan = smig_plan_make(request->target, request->direction);
	run->journal = smig_journal_load();
	smig_journal_check_direction(run->journal, request->direction);
	smig_plan_check(run->plan, run->journal, request->transaction,
					request->allow_destructive);
	smig_backfill_restart_at_commit();
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->context);

	StartTransactionCommand();
	run->host->restore_settings();
	CommitTransactionCommand();

	if (run->plan->nodes == NIL)
		notice_nothing_to_do(request);
	else if (request->transaction == SMIG_RUN_ALL)
		run_at_once(run);
	else
		run_revisions(run);
}

/*
 * Adds the command that continues to the hint of a failure.
 */
static void
add_continue_hint(SmigRun *run, ErrorData *edata)
{
	const char *how = psprintf("SELECT schemamig_%s(%s)",
							   smig_direction_name(run->request->direction),
							   quote_literal_cstr(run->request->target));
	char	   *next;

	if (run->planned == NULL)
		return;
	if (run->request->transaction == SMIG_RUN_ALL)
		next = psprintf("Nothing of the run was kept. %s begins again.", how);
	else if (run->step && run->step->number > 1)
		next = psprintf("What came before is kept. %s continues at step %d of revision \"%s\".",
						how, run->step->number, run->planned->revision->id);
	else
		next = psprintf("What came before is kept. %s continues at revision \"%s\".",
						how, run->planned->revision->id);
	edata->hint = edata->hint ? psprintf("%s\n%s", edata->hint, next) : next;
}

/*
 * Puts the failure on record, in a transaction of its own.  Never raises: the
 * failure itself is what the caller must see.
 */
static void
record_failure(SmigRun *run, ErrorData *edata)
{
	PG_TRY();
	{
		StartTransactionCommand();
		record_end(run, edata);
		CommitTransactionCommand();

		/* how far it came */
		StartTransactionCommand();
		if (run->plan && smig_state_find() == NULL)
			smig_state_record(run->request->run);
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortOutOfAnyTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(run->context);
}

/*
 * Carries out a request in a worker.  Called outside a transaction, with the
 * session's identity and settings in place.
 *
 * Errors: whatever stopped the run, with context and the command that
 * continues; the failure is already on record and no lock is held.
 */
void
smig_runner_run(const SmigRequest *request, const SmigRunnerHost *host)
{
	SmigRun    *run = begin_run(request, host, TopMemoryContext);
	ErrorData  *volatile edata = NULL;

	StartTransactionCommand();
	run->role = MemoryContextStrdup(run->context,
									GetUserNameFromId(GetUserId(), false));
	record_begin(request, "waiting");
	CommitTransactionCommand();
	host->begun();
	pgstat_report_activity(STATE_IDLE, NULL);

	PG_TRY();
	{
		take_lock(run);
		smig_lock_run_begin();
		run_with_lock(run);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		MemoryContextSwitchTo(run->context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		debug_query_string = NULL;
		MemoryContextSwitchTo(run->context);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	smig_lock_run_end();
	pgstat_report_activity(STATE_IDLE, NULL);

	if (edata)
	{
		record_failure(run, edata);
		add_continue_hint(run, edata);
	}
	else
	{
		StartTransactionCommand();
		if (run->plan->nodes != NIL)
			smig_lock_state_take();
		record_end(run, NULL);
		CommitTransactionCommand();
		if (run->plan->nodes != NIL)
			smig_state_hold();
	}

	/* before anything is sent: nobody may wait for the client's sake */
	if (smig_lock_run_held())
		smig_lock_run_release(true);
	if (edata)
		ReThrowError(edata);
	if (run->plan->nodes != NIL)
	{
		host->answered();
		smig_state_record_after(run->request->run);
		smig_lock_state_release();
	}
}

/*
 * Executes the plan inside the caller's own transaction.
 */
static void
run_plan_inline(SmigRun *run)
{
	for (int i = 0; i < list_length(run->plan->nodes); i++)
	{
		SmigPlanned *planned = smig_plan_revision(run->plan, i);
		int			nestlevel = NewGUCNestLevel();
		ListCell   *lc;

		foreach(lc, revision_parts(run, planned, i + 1))
		{
			MemoryContextSwitchTo(run->step_context);
			smig_step_run_inline(run, lfirst(lc));
			MemoryContextReset(run->step_context);
			MemoryContextSwitchTo(run->context);
		}
		/* settings end with the revision */
		AtEOXact_GUC(false, nestlevel);
	}
}

/*
 * Carries out a request inside the caller's own transaction.
 *
 * Errors: whatever stops it; the caller's transaction fails with it.
 */
void
smig_runner_run_inline(const SmigRequest *request)
{
	SmigRun    *run = begin_run(request, NULL, CurrentMemoryContext);
	MemoryContext old = MemoryContextSwitchTo(run->context);

	if (!smig_lock_run_try(false))
		smig_lock_run_for_writing("run in the caller's transaction");
	smig_lock_state_wait(0);
	run->role = GetUserNameFromId(GetUserId(), false);
	record_begin(request, "running");
	run->plan = smig_plan_make(request->target, request->direction);
	run->journal = smig_journal_load();
	smig_journal_check_direction(run->journal, request->direction);
	smig_plan_check(run->plan, run->journal, request->transaction,
					request->allow_destructive);
	if (run->plan->nodes == NIL)
		notice_nothing_to_do(request);
	smig_lock_run_begin();
	PG_TRY();
	{
		run_plan_inline(run);
	}
	PG_FINALLY();
	{
		smig_lock_run_end();
	}
	PG_END_TRY();
	run->planned = NULL;
	run->step = NULL;
	record_end(run, NULL);
	if (run->plan->nodes != NIL)
		smig_state_record(request->run);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(run->context);
}
