/*-------------------------------------------------------------------------
 *
 * caller.h
 *	  A session that has a worker run for it, and waits.
 *
 * Functions that wait must be called without a snapshot (see release.h).
 *
 * IDENTIFICATION
 *	  src/caller.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_CALLER_H
#define SMIG_CALLER_H

#include "runner.h"

extern void smig_caller_check_rights(const char *function);
extern void smig_caller_check(const char *function);
extern void smig_caller_check_own_locks(void);
extern bool smig_caller_has_work(const SmigRequest *request);
extern void smig_caller_run(SmigRequest *request);
extern void smig_caller_start(SmigRequest *request);
extern void smig_caller_sleep(long ms);
extern char *smig_caller_client(void);

#endif							/* SMIG_CALLER_H */
