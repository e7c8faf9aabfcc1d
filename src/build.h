/*-------------------------------------------------------------------------
 *
 * build.h
 *	  Revisions run in a scratch database.
 *
 * IDENTIFICATION
 *	  src/build.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_BUILD_H
#define SMIG_BUILD_H

#include "plan.h"
#include "scratch.h"

extern SmigPlan *smig_build_plan(SmigGraph *graph, List *nodes);
extern ErrorData *smig_build_up(SmigScratch *scratch,
								const SmigRevision *revision);
extern ErrorData *smig_build_down(SmigScratch *scratch,
								  const SmigRevision *revision);
extern char *smig_build_revision(SmigGraph *graph, SmigNode *node);

#endif							/* SMIG_BUILD_H */
