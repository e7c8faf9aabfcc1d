/*-------------------------------------------------------------------------
 *
 * recover.h
 *	  What becomes of a statement that is no transaction when it is
 *	  interrupted: intent before, inspection after.
 *
 * IDENTIFICATION
 *	  src/recover.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_RECOVER_H
#define SMIG_RECOVER_H

#include "script.h"

typedef enum SmigRecovery
{
	SMIG_RECOVERY_RETRY,		/* nothing of it is there: run it (again) */
	SMIG_RECOVERY_DONE			/* its effect is complete */
} SmigRecovery;

/* Patience (ms) of a clean-up right after a cancel. */
#define SMIG_RECOVER_HURRY 700

extern char *smig_recover_intent(const SmigStatement *statement);
extern void smig_recover_make_way(const SmigStatement *statement, bool toplevel);
extern SmigRecovery smig_recover_inspect(const SmigStatement *statement,
										 const char *intent, int patience);

#endif							/* SMIG_RECOVER_H */
