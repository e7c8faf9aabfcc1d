/*-------------------------------------------------------------------------
 *
 * step.c
 *	  Executing steps that are transactions, with retries; and what steps of
 *	  all kinds share.
 *
 * A step's effects and the record that it is done commit together.  A
 * transactional step is tried under lock_timeout, rolled back and tried again
 * within a budget, so that a queue of application queries never waits behind
 * it for longer than one try; sessions known to be in the way for long are
 * waited for outside of the lock queue, before the try.  Statements that are no
 * transaction are in step_single.c.
 *
 * IDENTIFICATION
 *	  src/step.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "execute.h"
#include "lint/facts.h"
#include "lock.h"
#include "recover.h"
#include "settings.h"
#include "step_private.h"

/* Pauses while waiting for others (ms). */
#define OUTSIDE_POLL 100
#define PAUSE_POLL 200

/* Between two statements the pause switch is read this often (ms). */
#define PAUSE_CHECK_EVERY 10

/* A wait that goes on is told again after this long (ms). */
#define WAIT_REMINDER 30000

/* The longest pause between two tries (ms). */
#define MAX_BACKOFF 5000

/*
 * Sleeps on the latch and serves interrupts.
 *
 * ms: milliseconds
 */
void
smig_step_wait(long ms)
{
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = smig_wait_event_new("SchemamigRunner");
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, wait_event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static int64
elapsed_ms(TimestampTz since)
{
	return (GetCurrentTimestamp() - since) / 1000;
}

/*
 * Writes a log entry about where the run is, in the current transaction.
 *
 * duration_us: microseconds, -1 when it does not apply
 */
void
smig_step_log(SmigRun *run, const char *event, int64 duration_us,
			  const char *sqlstate, const char *message, const char *detail)
{
	SmigLogEntry entry = smig_log_nothing;

	entry.run = run->request->run;
	entry.role = run->role;
	entry.event = event;
	if (run->planned)
	{
		entry.revision = run->planned->revision->id;
		entry.direction = smig_direction_name(run->planned->direction);
	}
	entry.step = run->step ? run->step->number : 0;
	entry.statement = run->statement ? run->statement->number : 0;
	entry.duration_us = duration_us;
	entry.sqlstate = sqlstate;
	entry.message = message;
	entry.detail = detail;
	smig_journal_log(&entry);
}

/* smig_step_log in a transaction of its own. */
static void
log_alone(SmigRun *run, const char *event, const char *message)
{
	StartTransactionCommand();
	smig_step_log(run, event, -1, NULL, message, NULL);
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
}

/*
 * Adds revision, step, statement and the exact place in the script to errors
 * and messages.
 */
void
smig_step_context(void *arg)
{
	SmigRun    *run = arg;
	const char *script;
	int			line;
	int			column;

	if (run->planned == NULL)
		return;
	script = run->planned->direction == SMIG_APPLY ? "up" : "down";
	if (run->statement)
	{
		smig_script_map_error(run->planned->script, run->statement, &line,
							  &column);
		errcontext("%s script of revision \"%s\", step %d, statement %d, line %d, column %d",
				   script, run->planned->revision->id, run->step->number,
				   run->statement->number, line, column);
	}
	else if (run->step)
		errcontext("%s script of revision \"%s\", end of step %d", script,
				   run->planned->revision->id, run->step->number);
	else
		errcontext("%s script of revision \"%s\"", script,
				   run->planned->revision->id);
}

static int
step_count(const SmigPlanned *planned)
{
	return planned->script ? list_length(planned->script->steps) : 0;
}

/*
 * Tells the caller which step begins.
 */
void
smig_step_announce(SmigRun *run, const SmigPart *part)
{
	const SmigPlanned *planned = part->planned;
	const char *doing = planned->direction == SMIG_APPLY ? "applying" :
		"reverting";
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s \"%s\" (%d of %d)", doing,
					 planned->revision->id, part->place,
					 list_length(run->plan->nodes));
	if (part->step && step_count(planned) > 1)
		appendStringInfo(&buf, ", step %d of %d", part->step->number,
						 step_count(planned));
	if (planned->revision->message[0])
		appendStringInfo(&buf, ": %s", planned->revision->message);
	ereport(NOTICE,
			(errmsg_internal("%s", buf.data), errhidecontext(true)));
	pfree(buf.data);
}

/*
 * Gives way to schemamig_pause(): raises the error on which the step is rolled
 * back and waits, so that no lock is held meanwhile.
 */
static void
check_pause(SmigRun *run)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (run->host == NULL || elapsed_ms(run->pause_checked) < PAUSE_CHECK_EVERY)
		return;
	run->pause_checked = GetCurrentTimestamp();
	if (smig_journal_pause_wanted())
		ereport(ERROR,
				(errcode(SMIG_ERRCODE_PAUSE),
				 errmsg_internal("run is to pause")));
}

/*
 * Begins a part.  A run that continues a revision may enter it at any step.
 */
void
smig_step_enter(SmigRun *run, const SmigPart *part)
{
	run->step_start = GetCurrentTimestamp();
	if (run->planned != part->planned || part->step == NULL ||
		part->step->number == 1)
		run->revision_start = run->step_start;
	run->planned = part->planned;
	run->place = part->place;
	run->step = part->step;
	run->statement = NULL;
}

/*
 * Runs the statements of a step in the current transaction.
 */
void
smig_step_execute(SmigRun *run, const SmigPart *part, bool toplevel)
{
	ListCell   *lc;

	if (part->step == NULL)
		return;
	foreach(lc, part->step->statements)
	{
		SmigStatement *statement = lfirst(lc);
		char	   *label;

		CHECK_FOR_INTERRUPTS();
		check_pause(run);
		run->statement = statement;
		label = psprintf("schemamig run " INT64_FORMAT ", %s \"%s\", step %d of %d, statement %d of %d",
						 run->request->run,
						 smig_direction_name(part->planned->direction),
						 part->planned->revision->id, part->step->number,
						 step_count(part->planned), statement->number,
						 list_length(part->planned->script->statements));
		if (part->step->kind == SMIG_STEP_TRANSACTION)
			smig_recover_make_way(statement, false);
		smig_execute_statement(part->planned->script, statement, label,
							   toplevel);
		pfree(label);
	}
	run->statement = NULL;
}

/* Whether the journal had rows of this revision when the run began. */
static bool
was_begun(const SmigRun *run, const SmigRevision *revision)
{
	ListCell   *lc;

	foreach(lc, run->journal)
		if (strcmp(((SmigJournalStep *) lfirst(lc))->revision, revision->id) == 0)
			return true;
	return false;
}

/*
 * Writes that the step or the whole revision is done.
 */
static void
write_done(SmigRun *run, const SmigPart *part)
{
	const SmigPlanned *planned = part->planned;
	SmigLogEntry entry = smig_log_nothing;
	bool		journalled;

	if (!part->last)
	{
		smig_journal_step(run->request->run, planned->revision->id,
						  planned->direction, part->step, SMIG_STATE_DONE,
						  NULL);
		smig_step_log(run, "step", GetCurrentTimestamp() - run->step_start,
					  NULL, smig_script_kind_name(part->step->kind), NULL);
		return;
	}
	journalled = step_count(planned) > 1 ||
		(part->step && part->step->kind != SMIG_STEP_TRANSACTION) ||
		was_begun(run, planned->revision);
	smig_journal_revision_done(run->request->run, run->role,
							   planned->revision, planned->direction,
							   journalled);
	entry.run = run->request->run;
	entry.role = run->role;
	entry.event = smig_direction_name(planned->direction);
	entry.direction = entry.event;
	entry.revision = planned->revision->id;
	entry.steps = step_count(planned);
	entry.duration_us = GetCurrentTimestamp() - run->revision_start;
	entry.message = planned->revision->message;
	smig_journal_log(&entry);
}

/*
 * Records, in the step's own transaction, that the step or the whole revision
 * is done.  The script may have made that transaction READ ONLY for itself.
 */
void
smig_step_record_done(SmigRun *run, const SmigPart *part)
{
	bool		save_read_only = XactReadOnly;

	XactReadOnly = false;
	write_done(run, part);
	XactReadOnly = save_read_only;
}

/*
 * Ends the transaction of a failed try and returns its error, copied into the
 * step's context.  For use in PG_CATCH.
 */
ErrorData *
smig_step_abandon(SmigRun *run)
{
	ErrorData  *edata;

	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	MemoryContextSwitchTo(run->step_context);
	edata = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	debug_query_string = NULL;
	MemoryContextSwitchTo(run->step_context);
	RESUME_INTERRUPTS();
	pgstat_report_activity(STATE_IDLE, NULL);
	return edata;
}

/*
 * Raises the error that ends a run whose caller has given it up.  A cancel
 * that arrives together with the failure of a try would be lost otherwise.
 */
static void
check_stop(SmigRun *run)
{
	if (run->host->is_stopping())
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling run because its caller gave it up")));
}

/*
 * Sleeps while schemamig_pause() is in force.
 */
void
smig_step_pause(SmigRun *run)
{
	bool		paused;

	ereport(NOTICE,
			(errmsg("run " INT64_FORMAT " is paused; SELECT schemamig_resume() lets it go on",
					run->request->run),
			 errhidecontext(true)));
	log_alone(run, "pause", NULL);
	do
	{
		check_stop(run);
		smig_step_wait(PAUSE_POLL);
		StartTransactionCommand();
		paused = smig_journal_pause_wanted();
		CommitTransactionCommand();
		MemoryContextSwitchTo(run->step_context);
	} while (paused);
	log_alone(run, "resume", NULL);
}

/*
 * Whether a try failed for want of a lock, or in a way that another try may
 * mend.
 */
bool
smig_step_is_lock_failure(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		edata->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE;
}

/*
 * Sessions whose transaction is older than one try takes: it makes no sense
 * to queue behind them.
 */
static List *
long_blockers(List *blockers)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, blockers)
	{
		SmigBlocker *blocker = lfirst(lc);

		if (blocker->busy_ms >= smig_lock_timeout && !blocker->gives_way)
			result = lappend(result, blocker);
	}
	return result;
}

static List *
blocker_pids(List *blockers)
{
	List	   *pids = NIL;
	ListCell   *lc;

	foreach(lc, blockers)
		pids = lappend_int(pids, ((SmigBlocker *) lfirst(lc))->pid);
	return pids;
}

/* The statements of all parts. */
static List *
part_statements(List *parts)
{
	List	   *statements = NIL;
	ListCell   *lc;

	foreach(lc, parts)
	{
		const SmigPart *part = lfirst(lc);

		if (part->step)
			statements = list_concat(statements, part->step->statements);
	}
	return statements;
}

/* The locks that the statements will take, as SmigWanted. */
static List *
wanted_locks(List *statements)
{
	List	   *wanted = NIL;
	ListCell   *lc;

	foreach(lc, smig_facts_locks(statements))
	{
		const SmigFact *fact = lfirst(lc);
		SmigWanted *entry = palloc(sizeof(SmigWanted));

		entry->relation = fact->relid;
		entry->mode = fact->mode;
		wanted = lappend(wanted, entry);
	}
	return wanted;
}

/*
 * Sessions in the way of the statements, or seen in the worker's way before
 * (SmigBlocker).  Own transaction; result in step_context.
 */
static List *
find_blockers(SmigRun *run, List *statements, List *seen)
{
	List	   *blockers;
	ListCell   *lc;

	StartTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	PushActiveSnapshot(GetTransactionSnapshot());
	blockers = smig_lock_blockers(wanted_locks(statements));
	PopActiveSnapshot();
	foreach(lc, smig_lock_still_blocking(seen))
	{
		SmigBlocker *blocker = lfirst(lc);

		if (!list_member_int(blocker_pids(blockers), blocker->pid))
			blockers = lappend(blockers, blocker);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	return blockers;
}

SMIG_NORETURN static void report_budget_over(SmigRun *run, List *blockers);

static void
report_budget_over(SmigRun *run, List *blockers)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("could not get the locks of a step within %d ms",
					smig_lock_wait),
			 errdetail("Blocked by %s.", smig_lock_blocker_text(blockers)),
			 errhint("End the blocking session, or raise schemamig.lock_wait.")));
}

/*
 * Waits until no long transaction is in the way of the statements, without
 * queueing for any lock, so that nobody waits behind us.
 *
 * begin: when the step was begun; the budget counts from there
 */
void
smig_step_wait_outside(SmigRun *run, List *statements, List *seen,
					   TimestampTz begin)
{
	List	   *told = NIL;
	TimestampTz told_at = 0;

	if (seen == NIL && !smig_lock_others_exist(run->request->caller_pid))
		return;
	for (;;)
	{
		List	   *blockers = long_blockers(find_blockers(run, statements, seen));
		List	   *pids = blocker_pids(blockers);

		if (blockers == NIL)
			return;
		if (elapsed_ms(begin) >= smig_lock_wait)
			report_budget_over(run, blockers);
		if (!equal(pids, told) || elapsed_ms(told_at) >= WAIT_REMINDER)
		{
			char	   *text = smig_lock_blocker_text(blockers);

			ereport(NOTICE,
					(errmsg("waiting for %s", text), errhidecontext(true)));
			log_alone(run, "wait", text);
			told = pids;
			told_at = GetCurrentTimestamp();
		}
		smig_step_wait(OUTSIDE_POLL);
	}
}

/* Describes the sessions that the caller has seen in the worker's way. */
static List *
describe_seen(SmigRun *run)
{
	List	   *seen;

	StartTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	seen = smig_lock_describe(run->host->seen_blockers());
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	return seen;
}

/*
 * After a try that failed for a lock: says who was in the way and pauses with
 * jitter, or gives up with the error when the budget is over.
 *
 * Result: sessions seen in the way (SmigBlocker), to be waited for before the
 * next try.
 */
List *
smig_step_back_off(SmigRun *run, List *statements, ErrorData *edata,
				   int tries, TimestampTz begin)
{
	List	   *seen = describe_seen(run);
	List	   *blockers = find_blockers(run, statements, seen);
	char	   *text = smig_lock_blocker_text(blockers);
	int64		pause = Min(MAX_BACKOFF,
							(int64) smig_lock_timeout << Min(tries - 1, 4));

	check_stop(run);
	if (elapsed_ms(begin) >= smig_lock_wait)
	{
		if (blockers != NIL)
			edata->detail = psprintf("%s%sBlocked by %s.",
									 edata->detail ? edata->detail : "",
									 edata->detail ? "\n" : "", text);
		if (edata->hint == NULL)
			edata->hint = pstrdup("End the blocking session, or raise schemamig.lock_wait.");
		ReThrowError(edata);
	}
	if (blockers != NIL)
		ereport(NOTICE,
				(errmsg("try %d failed (%s); in the way: %s", tries,
						edata->message, text),
				 errhidecontext(true)));
	else
		ereport(NOTICE,
				(errmsg("try %d failed (%s)", tries, edata->message),
				 errhidecontext(true)));
	log_alone(run, "retry", psprintf("%s%s%s", edata->message,
									 blockers ? "; in the way: " : "", text));
	pause = (int64) (pause * (0.5 + pg_prng_double(&pg_global_prng_state)));
	smig_step_wait(Max(pause, 1));
	return seen;
}

/*
 * Lets the commit of this transaction not wait for the disk.  Step and record
 * are in the same commit, so a crash loses both or neither; WAL is written in
 * order, so whatever others have committed on top of it is lost or kept with
 * it; and the run's own last commit, before the caller hears of success or
 * failure, waits for everything before it.
 */
static void
commit_without_waiting(void)
{
	(void) set_config_option("synchronous_commit", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * One try of a transactional unit: all its parts and their records in one
 * transaction block.
 */
static void
try_transaction(SmigRun *run, List *parts)
{
	ListCell   *lc;
	int			nestlevel = 0;

	StartTransactionCommand();
	BeginTransactionBlock();
	CommitTransactionCommand();

	foreach(lc, parts)
	{
		const SmigPart *part = lfirst(lc);
		ListCell   *option;

		StartTransactionCommand();
		MemoryContextSwitchTo(run->step_context);
		smig_step_enter(run, part);

		/* settings end with the revision, also where the transaction goes on */
		if (nestlevel == 0 && (list_length(parts) > 1 || part->whole))
			nestlevel = NewGUCNestLevel();
		if (part->step)
			foreach(option, part->step->options)
			{
				DefElem    *item = lfirst_node(DefElem, option);

				SetPGVariable(item->defname, list_make1(item->arg), true);
			}
		smig_step_execute(run, part, true);
		smig_step_record_done(run, part);
		if (part->last && nestlevel != 0)
		{
			/*
			 * deferred triggers see the settings of the script, as at a
			 * commit
			 */
			if (part->whole && list_length(parts) == 1)
				AfterTriggerFireDeferred();
			AtEOXact_GUC(false, nestlevel);
			nestlevel = 0;
			run->host->end_revision(false);
		}
		CommitTransactionCommand();
	}

	StartTransactionCommand();
	commit_without_waiting();
	EndTransactionBlock(false);
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
}

/*
 * Runs a unit of transactional parts (SmigPart) in one transaction, with as
 * many tries as the lock policy allows.  Called outside a transaction.
 */
void
smig_step_run_transaction(SmigRun *run, List *parts)
{
	TimestampTz begin = GetCurrentTimestamp();
	List	   *volatile statements = part_statements(parts);
	List	   *volatile seen = NIL;
	volatile int tries = 0;
	ErrorContextCallback callback;

	smig_step_enter(run, linitial(parts));
	if (list_length(parts) == 1)
		smig_step_announce(run, linitial(parts));
	callback.callback = smig_step_context;
	callback.arg = run;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	for (;;)
	{
		ErrorData  *volatile edata = NULL;

		smig_step_wait_outside(run, statements, seen, begin);
		tries++;
		PG_TRY();
		{
			try_transaction(run, parts);
		}
		PG_CATCH();
		{
			edata = smig_step_abandon(run);
		}
		PG_END_TRY();
		if (edata == NULL)
			break;
		if (edata->sqlerrcode == SMIG_ERRCODE_PAUSE)
			smig_step_pause(run);
		else if (smig_step_is_lock_failure(edata))
			seen = smig_step_back_off(run, statements, edata, tries, begin);
		else
			ReThrowError(edata);
	}
	error_context_stack = callback.previous;
}

/*
 * Runs a part in the caller's own transaction.
 */
void
smig_step_run_inline(SmigRun *run, const SmigPart *part)
{
	ErrorContextCallback callback;

	smig_step_enter(run, part);
	smig_step_announce(run, part);
	callback.callback = smig_step_context;
	callback.arg = run;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	smig_step_execute(run, part, false);
	smig_step_record_done(run, part);
	CommandCounterIncrement();
	error_context_stack = callback.previous;
}
