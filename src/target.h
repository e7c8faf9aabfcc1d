/*-------------------------------------------------------------------------
 *
 * target.h
 *	  What a target means: symbols, paths, ranges.  Pure: no SPI.
 *
 * "applied" is the applied set as indexes of graph nodes.  All errors are
 * ereports with SQLSTATE, detail and hint; all results are allocated in the
 * current memory context.
 *
 * IDENTIFICATION
 *	  src/target.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_TARGET_H
#define SMIG_TARGET_H

#include "graph.h"
#include "schemamig.h"

extern List *smig_target_resolve(SmigGraph *graph, const Bitmapset *applied,
								 const char *target);
extern SmigNode *smig_target_resolve_one(SmigGraph *graph,
										 const Bitmapset *applied,
										 const char *target);
extern List *smig_target_path(SmigGraph *graph, const Bitmapset *applied,
							  const char *target, SmigDirection direction);
extern SmigDirection smig_target_direction(SmigGraph *graph,
										   const Bitmapset *applied,
										   const char *target);
extern Bitmapset *smig_target_stamp(SmigGraph *graph, const Bitmapset *applied,
									const char *target, bool purge);
extern Bitmapset *smig_target_stamp_scope(SmigGraph *graph,
										  const Bitmapset *applied,
										  const char *target, bool purge,
										  Bitmapset **scope);
extern List *smig_target_range(SmigGraph *graph, const Bitmapset *applied,
							   const char *range);
extern void smig_target_check_name(const char *name, const char *what);

#endif							/* SMIG_TARGET_H */
