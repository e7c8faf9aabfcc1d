/*-------------------------------------------------------------------------
 *
 * squash_prove.h
 *	  The proof that a squash does what it replaces.
 *
 * IDENTIFICATION
 *	  src/squash_prove.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SQUASH_PROVE_H
#define SMIG_SQUASH_PROVE_H

#include "graph.h"
#include "revision.h"

extern void smig_squash_prove(SmigGraph *graph, SmigNode *last,
							  const SmigRevision *squash, bool must);

#endif							/* SMIG_SQUASH_PROVE_H */
