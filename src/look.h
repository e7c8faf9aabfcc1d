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
typedef struct SmigFacts
{
	TimestampTz created_at;
	TimestampTz applied_at;		/* when applied */
	bool		found;			/* false: written since the graph was read */
	bool		applied;
	bool		partial;		/* has steps in the journal */
} SmigFacts;

extern SmigFacts *smig_look_facts(SmigGraph *graph);

#endif							/* SMIG_LOOK_H */
