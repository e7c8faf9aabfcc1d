/*-------------------------------------------------------------------------
 *
 * step_single.c
 *	  Executing steps that are a single statement and no transaction.
 *
 * Such a statement has its intent committed first (see recover.c) and its
 * outcome recorded in its own last transaction.  For CALL and DO the row is
 * set to "partial" in the transaction the procedure begins in: its first
 * COMMIT makes that durable, a crash before it does not, so the next run knows
 * for certain whether a part of the work was committed.
 *
 * IDENTIFICATION
 *	  src/step_single.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "backfill/backfill.h"
#include "recover.h"
#include "settings.h"
#include "step_private.h"

/* How long the clean-up after a failure may take (ms); more is left to the next run. */
#define CLEANUP_PATIENCE 30000

/*
 * Commits the intent of a statement that is no transaction.
 */
static const char *
declare_intent(SmigRun *run, const SmigPart *part)
{
	const SmigStatement *statement = linitial(part->step->statements);
	char	   *intent;

	StartTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	intent = smig_recover_intent(statement);
	smig_journal_step(run->request->run, part->planned->revision->id,
					  part->planned->direction, part->step, SMIG_STATE_STARTED,
					  intent);
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	return intent;
}

/*
 * One try of a statement that is no transaction.
 */
static void
try_single(SmigRun *run, const SmigPart *part)
{
	StartTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	if (part->step->kind == SMIG_STEP_CALL)
		smig_journal_step(run->request->run, part->planned->revision->id,
						  part->planned->direction, part->step,
						  SMIG_STATE_PARTIAL, NULL);
	smig_step_execute(run, part, true);
	MemoryContextSwitchTo(run->step_context);
	smig_step_record_done(run, part);
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
}

static SmigJournalStep *
find_row(List *rows, const SmigPart *part)
{
	ListCell   *lc;

	foreach(lc, rows)
	{
		SmigJournalStep *row = lfirst(lc);

		if (row->step == part->step->number &&
			row->direction == part->planned->direction &&
			strcmp(row->revision, part->planned->revision->id) == 0)
			return row;
	}
	return NULL;
}

/* The journal's present row of the part, in step_context. */
static SmigJournalStep *
read_row(SmigRun *run, const SmigPart *part)
{
	List	   *rows;

	StartTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	rows = smig_journal_load();
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	return find_row(rows, part);
}

/*
 * After a failed try: removes what it left half built, as far as that is
 * possible soon; the rest is done by the next run, which finds the intent.
 *
 * Result: whether nothing of the statement is left, so that it can be tried
 * again.
 */
static bool
clean_up(SmigRun *run, const SmigPart *part, const char *intent,
		 const ErrorData *failure)
{
	const SmigStatement *statement = linitial(part->step->statements);
	SmigJournalStep *row = read_row(run, part);
	int			patience = failure->sqlerrcode == ERRCODE_QUERY_CANCELED ?
		SMIG_RECOVER_HURRY : CLEANUP_PATIENCE;
	volatile bool clean = false;

	if (row == NULL || row->state == SMIG_STATE_PARTIAL)
		return false;
	PG_TRY();
	{
		clean = smig_recover_inspect(statement, intent, patience) ==
			SMIG_RECOVERY_RETRY;
		if (clean)
		{
			StartTransactionCommand();
			smig_journal_forget_step(part->planned->revision->id,
									 part->planned->direction,
									 part->step->number);
			CommitTransactionCommand();
			MemoryContextSwitchTo(run->step_context);
		}
	}
	PG_CATCH();
	{
		ErrorData  *edata = smig_step_abandon(run);

		ereport(WARNING,
				(errmsg("could not clean up after the failed statement: %s",
						edata->message),
				 errhint("The next run removes what it left."),
				 errhidecontext(true)));
	}
	PG_END_TRY();
	return clean;
}

/*
 * Before a statement that is no transaction: what did an earlier run leave?
 *
 * Result: true when the statement's effect is complete.
 *
 * Errors: 55000 when a CALL or DO has committed a part of its work, which only
 * a person can judge.
 */
static bool
recover_earlier(SmigRun *run, const SmigPart *part)
{
	SmigJournalStep *row = find_row(run->journal, part);
	const char *id = part->planned->revision->id;

	if (row == NULL)
		return false;
	if (row->state == SMIG_STATE_PARTIAL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a part of the work of step %d was committed before it was interrupted",
						part->step->number),
				 errdetail("A procedure that commits cannot be rolled back, and running it again could do its work twice."),
				 errhint("Look what is there, then SELECT schemamig_settle('%s', 'retry') to run it again, or 'done' to go on behind it.",
						 id)));
	if (smig_recover_inspect(linitial(part->step->statements), row->intent,
							 smig_lock_wait) != SMIG_RECOVERY_DONE)
		return false;
	ereport(NOTICE,
			(errmsg("step %d of revision \"%s\" had been completed before it was interrupted",
					part->step->number, id),
			 errhidecontext(true)));
	StartTransactionCommand();
	smig_step_log(run, "recovery", -1, NULL,
				  "the interrupted statement was found, or made, complete", NULL);
	smig_step_record_done(run, part);
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	return true;
}

/*
 * CONCURRENTLY statements wait for others by design and in nobody's way, so
 * lock_timeout would only make them fail.  Switched off for them, unless the
 * script itself has set it.
 */
static bool
suspend_lock_timeout(const SmigPart *part)
{
	if (part->step->kind != SMIG_STEP_CONCURRENT ||
		LockTimeout != smig_lock_timeout)
		return false;
	SetConfigOption("lock_timeout", "0", PGC_USERSET, PGC_S_SESSION);
	return true;
}

static void
resume_lock_timeout(bool suspended)
{
	if (suspended)
		SetConfigOption("lock_timeout", psprintf("%d", smig_lock_timeout),
						PGC_USERSET, PGC_S_SESSION);
}

/*
 * Records that a step with a backfill is done.
 */
static void
finish_backfill_step(SmigRun *run, const SmigPart *part)
{
	run->statement = NULL;
	StartTransactionCommand();
	smig_step_record_done(run, part);
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
}

/*
 * Runs a part that is a backfill, or waits for one.  Its own ledger knows how
 * far it has come, so recovery is to call it again by the same name; the
 * record that the step is done follows in a transaction of its own, and a
 * backfill found done is not begun again while its step is open.
 */
static void
run_backfill(SmigRun *run, const SmigPart *part)
{
	const SmigRevision *revision = part->planned->revision;
	SmigStatement *statement = linitial(part->step->statements);
	bool		begun = find_row(run->journal, part) != NULL;
	SmigBackfillOptions *options;
	char	   *awaited;
	char	   *name;

	run->statement = statement;
	StartTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	awaited = smig_backfill_awaited(statement->raw,
									part->planned->script->text);
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	if (awaited)
	{
		(void) smig_backfill_await(run->request->run, awaited);
		finish_backfill_step(run, part);
		return;
	}

	StartTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	name = psprintf("%s %s, step %d",
					smig_direction_name(part->planned->direction),
					revision->id, part->step->number);
	options = smig_backfill_options_of_step(statement->raw,
											part->planned->script->text, name);
	if (!begun)
		smig_backfill_forget(options->name);
	CommitTransactionCommand();
	MemoryContextSwitchTo(run->step_context);
	if (!begun)
		(void) declare_intent(run, part);
	(void) smig_backfill_run(run->request->run, options, revision->id,
							 part->step->number, NULL);
	finish_backfill_step(run, part);
}

/*
 * Runs a part that is a single statement outside a transaction block.  Called
 * outside a transaction.
 */
void
smig_step_run_single(SmigRun *run, const SmigPart *part)
{
	SmigStatement *statement = linitial(part->step->statements);
	TimestampTz begin = GetCurrentTimestamp();
	List	   *volatile seen = NIL;
	volatile int tries = 0;
	ErrorContextCallback callback;

	smig_step_enter(run, part);
	smig_step_announce(run, part);
	callback.callback = smig_step_context;
	callback.arg = run;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	if (part->step->kind == SMIG_STEP_BACKFILL)
	{
		run_backfill(run, part);
		error_context_stack = callback.previous;
		return;
	}
	if (recover_earlier(run, part))
	{
		error_context_stack = callback.previous;
		return;
	}
	for (;;)
	{
		ErrorData  *volatile edata = NULL;
		const char *intent;
		volatile bool suspended;

		if (part->step->kind != SMIG_STEP_CONCURRENT)
			smig_step_wait_outside(run, part->step->statements, seen, begin);
		run->statement = statement;
		smig_recover_make_way(statement, true);
		run->statement = NULL;
		intent = declare_intent(run, part);
		suspended = suspend_lock_timeout(part);
		tries++;
		PG_TRY();
		{
			try_single(run, part);
		}
		PG_CATCH();
		{
			edata = smig_step_abandon(run);
		}
		PG_END_TRY();
		resume_lock_timeout(suspended);
		if (edata == NULL)
			break;
		if (!clean_up(run, part, intent, edata) ||
			(edata->sqlerrcode != SMIG_ERRCODE_PAUSE &&
			 !smig_step_is_lock_failure(edata)) ||
			(part->step->kind == SMIG_STEP_CONCURRENT &&
			 edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE))
			ReThrowError(edata);
		if (edata->sqlerrcode == SMIG_ERRCODE_PAUSE)
			smig_step_pause(run);
		else
			seen = smig_step_back_off(run, part->step->statements, edata, tries, begin);
	}
	error_context_stack = callback.previous;
}
