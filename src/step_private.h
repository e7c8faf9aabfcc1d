/*-------------------------------------------------------------------------
 *
 * step_private.h
 *	  What the execution of steps shares among its own files.
 *
 * IDENTIFICATION
 *	  src/step_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_STEP_PRIVATE_H
#define SMIG_STEP_PRIVATE_H

#include "step.h"

extern void smig_step_context(void *arg);
extern void smig_step_enter(SmigRun *run, const SmigPart *part);
extern void smig_step_announce(SmigRun *run, const SmigPart *part);
extern void smig_step_execute(SmigRun *run, const SmigPart *part,
							  bool toplevel);
extern void smig_step_record_done(SmigRun *run, const SmigPart *part);
extern ErrorData *smig_step_abandon(SmigRun *run);
extern void smig_step_pause(SmigRun *run);
extern void smig_step_wait_outside(SmigRun *run, List *statements, List *seen,
								   TimestampTz begin);
extern List *smig_step_back_off(SmigRun *run, List *statements,
								ErrorData *edata, int tries,
								TimestampTz begin);

#endif							/* SMIG_STEP_PRIVATE_H */
