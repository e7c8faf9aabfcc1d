/*-------------------------------------------------------------------------
 *
 * plan_lint.h
 *	  Hazards of a plan, told before a run starts.
 *
 * IDENTIFICATION
 *	  src/plan_lint.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_PLAN_LINT_H
#define SMIG_PLAN_LINT_H

#include "plan.h"

typedef struct SmigPlanLint SmigPlanLint;

extern SmigPlanLint *smig_plan_lint_begin(bool allow_destructive);
extern void smig_plan_lint_revision(SmigPlanLint *lint,
									const SmigPlanned *planned, List *journal);
extern void smig_plan_lint_end(SmigPlanLint *lint);

#endif							/* SMIG_PLAN_LINT_H */
