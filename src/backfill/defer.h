/*-------------------------------------------------------------------------
 *
 * defer.h
 *	  Starting a backfill when the calling transaction commits.
 *
 * IDENTIFICATION
 *	  src/backfill/defer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_DEFER_H
#define SMIG_DEFER_H

#include "runner.h"

extern void smig_defer_start(const SmigRequest *request);

#endif							/* SMIG_DEFER_H */
