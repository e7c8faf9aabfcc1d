/*-------------------------------------------------------------------------
 *
 * release.h
 *	  Giving the snapshot of a bare call back while it waits.
 *
 * IDENTIFICATION
 *	  src/release.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_RELEASE_H
#define SMIG_RELEASE_H

#include "executor/execdesc.h"
#include "fmgr.h"

/* What smig_release_snapshot took from the portal. */
typedef struct SmigReleased
{
	QueryDesc  *query;			/* NULL: nothing to give back */
} SmigReleased;

extern void smig_release_snapshot(SmigReleased *released, FunctionCallInfo fcinfo);
extern void smig_release_restore(SmigReleased *released);

#endif							/* SMIG_RELEASE_H */
