/*-------------------------------------------------------------------------
 *
 * runner.h
 *	  A run: from a request to a history that moved on.
 *
 * IDENTIFICATION
 *	  src/runner.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_RUNNER_H
#define SMIG_RUNNER_H

#include "plan.h"

/* What a worker is launched for. */
typedef enum SmigRequestKind
{
	SMIG_REQUEST_RUN,			/* apply or revert; target: the target */
	SMIG_REQUEST_BACKFILL,		/* target: options as jsonb text */
	SMIG_REQUEST_HELP			/* help with a backfill; target: its id */
} SmigRequestKind;

/* What a caller asks for. */
typedef struct SmigRequest
{
	SmigRequestKind kind;
	int64		run;			/* id of the run */
	SmigDirection direction;
	SmigRunTransaction transaction;
	bool		allow_destructive;
	bool		detached;		/* goes on without its caller */
	int			caller_pid;
	const char *target;
	const char *login_role;
	const char *client;			/* address, or NULL */
} SmigRequest;

/* What the worker offers the runner; NULL inside the caller's transaction. */
typedef struct SmigRunnerHost
{
	/* the run is on record: whoever started it may go */
	void		(*begun) (void);
	/* the same, and makes a short text known to whoever started it */
	void		(*publish) (const char *text);
	/* the run is done and on record: whoever waits for it need wait no more */
	void		(*answered) (void);
	/* gives the session the settings it began with */
	void		(*restore_settings) (void);
	/* ends what a revision has left in the session */
	void		(*end_revision) (bool settings_too);
	/* whether the caller has given the run up */
	bool		(*is_stopping) (void);
	/* process ids the caller has seen in the worker's way (integers) */
	List	   *(*seen_blockers) (void);
} SmigRunnerHost;

/* SQLSTATE with which a step gives way to schemamig_pause(); never shown. */
#define SMIG_ERRCODE_PAUSE MAKE_SQLSTATE('S','M','0','0','1')

extern void smig_runner_run(const SmigRequest *request,
							const SmigRunnerHost *host);
extern void smig_runner_run_inline(const SmigRequest *request);

#endif							/* SMIG_RUNNER_H */
