/*-------------------------------------------------------------------------
 *
 * step.h
 *	  Executing steps: transactions with retries, and single statements that
 *	  are no transaction.
 *
 * IDENTIFICATION
 *	  src/step.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_STEP_H
#define SMIG_STEP_H

#include "journal.h"
#include "runner.h"

/*
 * A run in progress.  Lives in "context", below TopMemoryContext in a worker,
 * below the caller's context inside its transaction.
 */
typedef struct SmigRun
{
	const SmigRequest *request;
	const SmigRunnerHost *host; /* NULL: inside the caller's transaction */
	const char *role;			/* whose run it is, whatever role a script
								 * sets */
	MemoryContext context;		/* the whole run */
	MemoryContext step_context; /* the step at hand; reset after it */
	SmigPlan   *plan;
	List	   *journal;		/* of SmigJournalStep *, as the run found it */

	/* where the run is, for messages, errors and the log */
	const SmigPlanned *planned;
	int			place;			/* of the revision in the plan, from 1 */
	const SmigStep *step;
	const SmigStatement *statement;
	TimestampTz revision_start; /* when this run entered the revision */
	TimestampTz step_start;
	TimestampTz pause_checked;	/* when the pause switch was last read */
} SmigRun;

/* A step of a revision; "last" completes the revision. */
typedef struct SmigPart
{
	const SmigPlanned *planned;
	int			place;
	const SmigStep *step;		/* NULL: the revision has nothing to run */
	bool		last;
	bool		whole;			/* the revision is one transaction: this one */
} SmigPart;

extern void smig_step_run_transaction(SmigRun *run, List *parts);
extern void smig_step_run_single(SmigRun *run, const SmigPart *part);
extern void smig_step_run_inline(SmigRun *run, const SmigPart *part);
extern void smig_step_log(SmigRun *run, const char *event, int64 duration_us,
						  const char *sqlstate, const char *message,
						  const char *detail);
extern void smig_step_wait(long ms);
extern bool smig_step_is_lock_failure(const ErrorData *edata);

#endif							/* SMIG_STEP_H */
