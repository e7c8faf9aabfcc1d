/*-------------------------------------------------------------------------
 *
 * diff.h
 *	  The rows of schemamig_diff, for its sisters.
 *
 * IDENTIFICATION
 *	  src/diff/diff.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_DIFF_H
#define SMIG_DIFF_H

#include "nodes/execnodes.h"

#include "model/snapshot.h"

extern void smig_diff_put(ReturnSetInfo *result, SmigSnapshot *from,
						  SmigSnapshot *to);

#endif							/* SMIG_DIFF_H */
