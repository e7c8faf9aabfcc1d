/*-------------------------------------------------------------------------
 *
 * approval.h
 *	  Who has approved which text of a revision.
 *
 * IDENTIFICATION
 *	  src/approval.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_APPROVAL_H
#define SMIG_APPROVAL_H

#include "plan.h"

extern void smig_approval_check(SmigPlan *plan);

#endif							/* SMIG_APPROVAL_H */
