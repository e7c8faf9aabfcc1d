/*-------------------------------------------------------------------------
 *
 * lock.h
 *	  The migration lock, and who stands in the way of a step.
 *
 * IDENTIFICATION
 *	  src/lock.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LOCK_H
#define SMIG_LOCK_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/lock.h"

/* A relation and the strongest lock a step will ask for. */
typedef struct SmigWanted
{
	Oid			relation;
	LOCKMODE	mode;
} SmigWanted;

/* A session that stands in the way. */
typedef struct SmigBlocker
{
	int			pid;			/* 0: a prepared transaction */
	int64		busy_ms;		/* since its transaction began */
	TimestampTz begin;			/* of its transaction; 0 when there is none */
	bool		gives_way;		/* autovacuum, when somebody queues behind it */
	char	   *description;	/* "process 17 (role "app", idle in
								 * transaction for 12 s): UPDATE ..." */
} SmigBlocker;

extern bool smig_lock_run_try(bool session);
extern void smig_lock_run_wait(bool session);
extern void smig_lock_run_release(bool session);
extern bool smig_lock_run_held(void);
extern int	smig_lock_run_holder(void);
extern void smig_lock_state_take(void);
extern void smig_lock_state_release(void);
extern void smig_lock_state_wait(int timeout);
extern List *smig_lock_backfill_holders(void);
extern void smig_lock_run_for_writing(const char *what);
extern void smig_lock_run_begin(void);
extern void smig_lock_run_end(void);
extern bool smig_lock_in_run(void);
extern void smig_lock_refuse_in_run(const char *what);

extern bool smig_lock_others_exist(int caller_pid);
extern List *smig_lock_blockers(List *wanted);
extern List *smig_lock_describe(List *pids);
extern List *smig_lock_still_blocking(List *blockers);
extern char *smig_lock_blocker_text(List *blockers);
extern bool smig_lock_chain_to(int pid, int target, StringInfo chain);
extern bool smig_lock_is_waiting(int pid);
extern List *smig_lock_blocking_pids(int pid);

#endif							/* SMIG_LOCK_H */
