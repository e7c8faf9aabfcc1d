/*-------------------------------------------------------------------------
 *
 * trace_measure.h
 *	  What a statement has really done to the relations that were there.
 *
 * IDENTIFICATION
 *	  src/trace_measure.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_TRACE_MEASURE_H
#define SMIG_TRACE_MEASURE_H

#include "utils/jsonb.h"

typedef struct SmigMeasure SmigMeasure;

/* What has changed since the call before. */
typedef struct SmigMeasured
{
	Jsonb	   *locks;			/* relation: strongest mode */
	List	   *rewrites;		/* of char *: names */
	Jsonb	   *scans;			/* relation: pages read */
	int64		rows;			/* inserted, updated and deleted */
} SmigMeasured;

extern SmigMeasure *smig_measure_begin(void);
extern void smig_measure_skip(SmigMeasure *measure);
extern void smig_measure_look(SmigMeasure *measure, const List *foreseen,
							  SmigMeasured *result);

#endif							/* SMIG_TRACE_MEASURE_H */
