/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  What a run would do: revisions in order, each with its steps.
 *
 * The plan function, the SQL preview, the consent check and the runner all
 * get their steps here, so that the plan is what runs.
 *
 * IDENTIFICATION
 *	  src/plan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_PLAN_H
#define SMIG_PLAN_H

#include "graph.h"
#include "schemamig.h"
#include "store.h"

/* How a run groups its steps into transactions. */
typedef enum SmigRunTransaction
{
	SMIG_RUN_REVISION,			/* each revision commits when it is done */
	SMIG_RUN_ALL,				/* the whole run in one transaction */
	SMIG_RUN_CALLER				/* inside the caller's own transaction */
} SmigRunTransaction;

typedef struct SmigPlan
{
	SmigDirection direction;
	SmigGraph  *graph;
	Bitmapset  *applied;
	List	   *nodes;			/* of SmigNode *, in the order of execution */
	List	   *chunk;			/* private: revisions fetched ahead */
	int			chunk_start;	/* private: place of chunk's first in nodes */
	MemoryContext parsed_context;	/* private: owns what is in parsed */
	List	   *parsed;			/* private: SmigPlanned * of the first nodes */
} SmigPlan;

/* A revision of the plan with its script parsed. */
typedef struct SmigPlanned
{
	SmigDirection direction;
	SmigRevision *revision;
	SmigScript *script;			/* NULL: irreversible, nothing to run */
} SmigPlanned;

extern SmigRunTransaction smig_plan_transaction(const char *name);
extern SmigDirection smig_plan_direction(const char *name);
extern const char *smig_plan_transaction_name(SmigRunTransaction transaction);
extern SmigPlan *smig_plan_make(const char *target, SmigDirection direction);
extern SmigPlan *smig_plan_of_nodes(SmigGraph *graph, Bitmapset *applied,
									List *nodes, SmigDirection direction);
extern SmigPlanned *smig_plan_revision(SmigPlan *plan, int n);
extern void smig_plan_check(SmigPlan *plan, List *journal,
							SmigRunTransaction transaction,
							bool allow_destructive);
extern void smig_plan_check_author(const SmigRevision *revision);
extern bool smig_plan_trusts_author(const SmigRevision *revision);

#endif							/* SMIG_PLAN_H */
