/*-------------------------------------------------------------------------
 *
 * stamp.h
 *	  Setting the applied set without running scripts.
 *
 * IDENTIFICATION
 *	  src/stamp.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_STAMP_H
#define SMIG_STAMP_H

#include "graph.h"

extern int64 smig_stamp_record(const char *target);
extern void smig_stamp_begin(const char *function, const char *what);
extern void smig_stamp_write(SmigGraph *graph, const Bitmapset *applied,
							 const Bitmapset *stamped, const Bitmapset *scope,
							 const char *target);

#endif							/* SMIG_STAMP_H */
