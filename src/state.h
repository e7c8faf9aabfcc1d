/*-------------------------------------------------------------------------
 *
 * state.h
 *	  The schema after runs: snapshots of the states that were reached.
 *
 * IDENTIFICATION
 *	  src/state.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_STATE_H
#define SMIG_STATE_H

#include "nodes/pg_list.h"

#include "schemamig.h"

/* What is kept of the state in which the present applied set was reached. */
typedef struct SmigKeptState
{
	char	   *fingerprint;
	char	   *signature;
} SmigKeptState;

typedef enum SmigDrifted
{
	SMIG_DRIFT_UNKNOWN,			/* no snapshot to compare with */
	SMIG_DRIFT_NONE,
	SMIG_DRIFT_SOME
} SmigDrifted;

extern void smig_state_record(int64 run);
extern void smig_state_hold(void);
extern void smig_state_record_after(int64 run);
extern void smig_state_record_within(int64 run, const char *direction,
									 const char *revision);
extern SmigKeptState *smig_state_find(void);
extern char *smig_state_snapshot(const char *fingerprint);
extern char *smig_state_of_revision(const char *revision);
extern SmigDrifted smig_state_drifted(void);
extern SmigDrifted smig_state_drifted_soon(void);

#endif							/* SMIG_STATE_H */
