/*-------------------------------------------------------------------------
 *
 * look.h
 *	  What the functions that look at the graph share.
 *
 * IDENTIFICATION
 *	  src/look.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LOOK_H
#define SMIG_LOOK_H

#include "datatype/timestamp.h"
#include "graph.h"

/* What the tables know of a revision beyond the graph. */
typedef struct SmigRevisionFacts
{
	TimestampTz created_at;
	TimestampTz applied_at;		/* when applied */
	bool		found;			/* false: written since the graph was read */
	bool		applied;
	bool		partial;		/* has steps in the journal */
} SmigRevisionFacts;

/* How a revision stands here. */
typedef enum SmigStanding
{
	SMIG_STANDING_PENDING,
	SMIG_STANDING_APPLIED,
	SMIG_STANDING_CURRENT,
	SMIG_STANDING_PARTIAL
} SmigStanding;

extern SmigRevisionFacts *smig_look_facts(SmigGraph *graph);
extern SmigStanding *smig_look_standings(SmigGraph *graph,
										 const Bitmapset *applied);
extern SmigNode **smig_look_drawing_order(SmigGraph *graph);
extern const char *smig_look_standing_name(SmigStanding standing);

#endif							/* SMIG_LOOK_H */
