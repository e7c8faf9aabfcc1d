/*-------------------------------------------------------------------------
 *
 * scratch.h
 *	  A database of one's own for a moment: to build a schema and look at it.
 *
 * IDENTIFICATION
 *	  src/scratch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SCRATCH_H
#define SMIG_SCRATCH_H

#include "nodes/pg_list.h"
#include "utils/elog.h"

#include "script.h"

typedef struct SmigScratch SmigScratch;

/* The text is a model: see scratch_session.c. */
#define SMIG_SCRATCH_MODEL	0x01

/* Snapshots that a scratch database keeps at a time. */
#define SMIG_SCRATCH_SLOTS	4

extern bool smig_scratch_allowed(void);
extern void smig_scratch_use(const char *purpose,
							 void (*work) (SmigScratch *scratch, void *arg),
							 void *arg);
extern void smig_scratch_renew(SmigScratch *scratch);
extern ErrorData *smig_scratch_run(SmigScratch *scratch, const char *what,
								   const char *text, SmigTransactionMode mode,
								   int flags);
extern char *smig_scratch_fingerprint(SmigScratch *scratch, int slot);
extern char *smig_scratch_snapshot(SmigScratch *scratch, int slot);

#endif							/* SMIG_SCRATCH_H */
