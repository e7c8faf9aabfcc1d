/*-------------------------------------------------------------------------
 *
 * control.c
 *	  SQL functions that steer a run from another session.
 *
 * IDENTIFICATION
 *	  src/control.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "backfill/backfill.h"
#include "caller.h"
#include "journal.h"
#include "lock.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_cancel);
PG_FUNCTION_INFO_V1(schemamig_pause);
PG_FUNCTION_INFO_V1(schemamig_resume);
PG_FUNCTION_INFO_V1(schemamig_settle);

/* How long schemamig_pause waits for a run to begin: polls, and ms of each. */
#define BEGIN_POLLS 50
#define BEGIN_POLL 20

/*
 * Whether the process is still there, and the caller may steer it.
 *
 * Errors: 42501 when it acts for a role the caller is not a member of.
 */
static bool
check_right_to_steer(int pid)
{
	PGPROC	   *proc = BackendPidGetProc(pid);

	if (proc == NULL)
		return false;
	if (superuser_arg(proc->roleId) ? !superuser() :
		!has_privs_of_role(GetUserId(), proc->roleId))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to steer the run of role \"%s\"",
						GetUserNameFromId(proc->roleId, false))));
	return true;
}

/*
 * Process of the run in progress, 0 when there is none.
 *
 * Errors: 42501 when it acts for a role the caller is not a member of: the
 * right to steer does not reach the runs of stronger roles.
 */
static int
run_process(void)
{
	int			pid = smig_lock_run_holder();

	if (pid == 0)
		return 0;
	return check_right_to_steer(pid) ? pid : 0;
}

/*
 * Processes of backfills that are runs of their own.
 *
 * Errors: as run_process.
 */
static List *
backfill_processes(void)
{
	List	   *pids = smig_lock_backfill_holders();
	ListCell   *lc;

	foreach(lc, pids)
		check_right_to_steer(lfirst_int(lc));
	return pids;
}

/*
 * schemamig_cancel(): cancels the run in progress; without one, the backfills.
 */
Datum
schemamig_cancel(PG_FUNCTION_ARGS)
{
	int			pid = run_process();
	bool		cancelled = false;
	ListCell   *lc;

	if (pid != 0)
		PG_RETURN_BOOL(kill(pid, SIGINT) == 0);
	foreach(lc, backfill_processes())
		cancelled = kill(lfirst_int(lc), SIGINT) == 0 || cancelled;
	PG_RETURN_BOOL(cancelled);
}

/*
 * schemamig_pause(): the run in progress gives its locks back and waits.
 */
Datum
schemamig_pause(PG_FUNCTION_ARGS)
{
	int			pid = run_process();

	/* a run resets the switch when it begins, which must come first */
	for (int i = 0; i < BEGIN_POLLS && pid != 0 &&
		 !smig_journal_is_running(pid); i++)
	{
		smig_caller_sleep(BEGIN_POLL);
		pid = run_process();
	}
	if (pid == 0 && backfill_processes() == NIL)
		PG_RETURN_BOOL(false);
	smig_journal_set_pause(true);
	PG_RETURN_BOOL(true);
}

/*
 * schemamig_resume(): lets what is paused go on, and starts interrupted
 * backfills again.
 */
Datum
schemamig_resume(PG_FUNCTION_ARGS)
{
	bool		running = run_process() != 0 || backfill_processes() != NIL;
	bool		resumed = false;

	if (running && smig_journal_pause_wanted())
	{
		smig_journal_set_pause(false);
		resumed = true;
	}
	smig_caller_check("schemamig_resume()");
	if (smig_backfill_restart() > 0)
		resumed = true;
	PG_RETURN_BOOL(resumed);
}

/*
 * The journal's rows of a revision, and its open one.
 */
static SmigJournalStep *
open_step(const char *revision)
{
	ListCell   *lc;

	foreach(lc, smig_journal_load())
	{
		SmigJournalStep *row = lfirst(lc);

		if (strcmp(row->revision, revision) == 0 &&
			row->state != SMIG_STATE_DONE)
			return row;
	}
	return NULL;
}

static bool
is_half_done(const char *revision)
{
	ListCell   *lc;

	foreach(lc, smig_journal_load())
		if (strcmp(((SmigJournalStep *) lfirst(lc))->revision, revision) == 0)
			return true;
	return false;
}

/*
 * schemamig_settle(revision text, outcome text): a person's word on a half
 * done revision.
 */
Datum
schemamig_settle(PG_FUNCTION_ARGS)
{
	char	   *target = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *outcome = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Bitmapset  *applied;
	SmigGraph  *graph;
	SmigNode   *node;
	SmigRevision *revision;
	SmigJournalStep *row;
	SmigLogEntry entry = smig_log_nothing;
	const char *role = GetUserNameFromId(GetUserId(), false);

	PreventCommandIfReadOnly("schemamig_settle()");
	smig_lock_run_for_writing("settle a revision");
	graph = smig_store_load_graph(&applied);
	node = smig_target_resolve_one(graph, applied, target);
	revision = smig_store_get_revision(node->id);
	if (!is_half_done(node->id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("revision \"%s\" is not half done", node->id),
				 errhint("SELECT * FROM schemamig_history() shows half done revisions in state \"partial\".")));

	row = open_step(node->id);
	if (strcmp(outcome, "retry") == 0 || strcmp(outcome, "done") == 0)
	{
		if (row == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("no step of revision \"%s\" is open", node->id),
					 errhint("The next run continues behind its last step.")));
		smig_journal_settle_step(row, strcmp(outcome, "done") == 0);
	}
	else if (strcmp(outcome, "applied") == 0)
	{
		if (!bms_is_member(node->index, applied))
			smig_journal_revision_done(0, role, revision, SMIG_APPLY, true);
		else
			smig_journal_forget(node->id);
	}
	else if (strcmp(outcome, "unapplied") == 0)
		smig_journal_revision_done(0, role, revision, SMIG_REVERT, true);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"outcome\": \"%s\"", outcome),
				 errhint("Available values: retry, done (of the open step); applied, unapplied (of the whole revision).")));

	entry.event = "settle";
	entry.revision = node->id;
	entry.step = row ? row->step : 0;
	entry.message = outcome;
	smig_journal_log(&entry);
	PG_RETURN_VOID();
}
