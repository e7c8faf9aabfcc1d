/*-------------------------------------------------------------------------
 *
 * position.h
 *	  Cutting a table by physical position.
 *
 * IDENTIFICATION
 *	  src/backfill/position.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_POSITION_H
#define SMIG_POSITION_H

#include "nodes/lockoptions.h"
#include "utils/snapshot.h"

#include "backfill/backfill.h"

/* How one process works by position. */
typedef struct SmigPosition
{
	char	   *snapshot_id;	/* as exported by the process that keeps it */
	Snapshot	snapshot;		/* imported into the transaction at hand */
	bool		nulls;			/* only rows with a null in the key */
	TransactionId *own;			/* of this backfill's batches, sorted */
	int			nown;
} SmigPosition;

extern void smig_position_set_own(SmigPosition *position, List *xids);
extern void smig_position_import(SmigPosition *position);
extern SmigPlace smig_position_last(const SmigBackfillPlan *plan);
extern SmigPlace smig_position_step(const SmigBackfillPlan *plan,
									const SmigPosition *position,
									SmigPlace after, SmigPlace upto,
									int64 rows);
extern List *smig_position_lock(const SmigBackfillPlan *plan,
								const SmigPosition *position,
								SmigPlace after, SmigPlace upto);
extern SmigPlace smig_position_version(const SmigBackfillPlan *plan,
									   const SmigPosition *position,
									   SmigPlace place);
extern List *smig_position_lock_version(const SmigBackfillPlan *plan,
										SmigPlace version);
extern bool smig_position_is_changed(const SmigBackfillPlan *plan,
									 const SmigPosition *position,
									 TransactionId since);
extern Node *smig_position_condition(int varno, List *tids);

#endif							/* SMIG_POSITION_H */
