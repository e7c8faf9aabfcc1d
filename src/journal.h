/*-------------------------------------------------------------------------
 *
 * journal.h
 *	  Runs, steps and the log: what a run writes about itself.
 *
 * Every function runs inside the transaction of its caller, so that a step
 * and the record that it is done commit together.
 *
 * IDENTIFICATION
 *	  src/journal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_JOURNAL_H
#define SMIG_JOURNAL_H

#include "datatype/timestamp.h"
#include "script.h"
#include "schemamig.h"
#include "store.h"

typedef enum SmigStepState
{
	SMIG_STATE_STARTED,			/* intent recorded, outcome open */
	SMIG_STATE_PARTIAL,			/* has committed a part of its work */
	SMIG_STATE_DONE
} SmigStepState;

/* A row of schemamig.step. */
typedef struct SmigJournalStep
{
	char	   *revision;
	SmigDirection direction;
	int			step;
	SmigStepState state;
	char	   *checksum;
	char	   *intent;			/* jsonb as text, or NULL */
	char	   *target;			/* of the run that came here, or NULL */
} SmigJournalStep;

/* A row of schemamig.log_entry; members that do not apply are 0 or NULL. */
typedef struct SmigLogEntry
{
	int64		run;
	const char *role;			/* NULL: the current one */
	const char *event;
	const char *revision;
	const char *direction;
	int			step;
	int			statement;
	int			steps;			/* -1 when it does not apply */
	int64		duration_us;	/* microseconds; -1 when it does not apply */
	const char *sqlstate;
	const char *message;
	const char *detail;
} SmigLogEntry;

/* A row of schemamig.run at its beginning. */
typedef struct SmigRunRow
{
	int64		id;
	const char *kind;
	const char *target;
	const char *transaction;
	bool		allow_destructive;
	bool		detached;
	const char *login_role;
	const char *client;
	int			caller_pid;
	int			worker_pid;		/* 0: inside the caller's transaction */
	const char *state;
} SmigRunRow;

extern const SmigLogEntry smig_log_nothing;

extern int64 smig_journal_next_run(void);
extern void smig_journal_run_begin(const SmigRunRow *row);
extern void smig_journal_run_state(int64 run, const char *state);
extern void smig_journal_run_end(int64 run, const char *state,
								 const char *revision, int step,
								 const char *sqlstate, const char *error);
extern void smig_journal_close_interrupted(int64 run);
extern bool smig_journal_other_runs(int64 run);
extern bool smig_journal_is_running(int worker_pid);

extern List *smig_journal_load(void);
extern char *smig_journal_continue(const SmigJournalStep *row);
extern void smig_journal_check_direction(List *rows, SmigDirection direction);
extern bool smig_journal_step_is_done(List *rows, const char *revision,
									  SmigDirection direction,
									  const SmigStep *step);
extern void smig_journal_step(int64 run, const char *revision,
							  SmigDirection direction, const SmigStep *step,
							  SmigStepState state, const char *intent);
extern void smig_journal_forget_step(const char *revision,
									 SmigDirection direction, int step);
extern void smig_journal_settle_step(const SmigJournalStep *row, bool done);
extern void smig_journal_forget(const char *revision);
extern void smig_journal_revision_done(int64 run, const char *role,
									   const SmigRevision *revision,
									   SmigDirection direction, bool journalled);
extern void smig_journal_log(const SmigLogEntry *entry);

extern bool smig_journal_pause_wanted(void);
extern void smig_journal_set_pause(bool wanted);

#endif							/* SMIG_JOURNAL_H */
