/*-------------------------------------------------------------------------
 *
 * target_internal.h
 *	  What the files that implement target.h share.
 *
 * IDENTIFICATION
 *	  src/target_internal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_TARGET_INTERNAL_H
#define SMIG_TARGET_INTERNAL_H

#include "target.h"

/* Names that mean something by themselves. */
typedef enum TargetWord
{
	TARGET_NAME,				/* none of the below: an id, label or prefix */
	TARGET_NONE,				/* nothing in front of + or - */
	TARGET_HEAD,
	TARGET_HEADS,
	TARGET_BASE,
	TARGET_CURRENT
} TargetWord;

/* One target, taken apart: [branch@][symbol][+steps|-steps] */
typedef struct TargetExpr
{
	const char *text;			/* as written, blanks around it removed */
	const char *branch_name;	/* NULL when there is no "@" */
	SmigNode   *branch;			/* what branch_name means, or NULL */
	Bitmapset  *lineage;		/* of branch, by parents */
	TargetWord	word;
	const char *symbol;			/* the name when word is TARGET_NAME */
	bool		relative;		/* is there a + or - */
	int			steps;			/* negative: towards the base */
} TargetExpr;

/* A place in the graph to start a walk from or to end it at. */
typedef struct TargetPlace
{
	SmigNode   *node;			/* NULL: before every base */
	int			steps;			/* how far the walk came */
} TargetPlace;

extern List *smig_target_parse(SmigGraph *graph, const char *target);
extern TargetExpr *smig_target_parse_one(SmigGraph *graph, const char *target,
										 const char *what);
extern SmigNode *smig_target_find_name(SmigGraph *graph, const char *name,
									   const TargetExpr *expr);
extern List *smig_target_in_lineage(List *nodes, const TargetExpr *expr);
extern List *smig_target_symbol(SmigGraph *graph, const Bitmapset *applied,
								const TargetExpr *expr);
extern SmigNode *smig_target_symbol_one(SmigGraph *graph,
										const Bitmapset *applied,
										const TargetExpr *expr);
extern TargetPlace smig_target_walk(SmigGraph *graph, SmigNode *start,
									const TargetExpr *expr);
extern SmigNode *smig_target_walk_strict(SmigGraph *graph, SmigNode *start,
										 const TargetExpr *expr);
extern SmigNode *smig_target_ahead(SmigGraph *graph, const Bitmapset *applied,
								   const TargetExpr *expr);
extern SmigNode *smig_target_behind(SmigGraph *graph, const Bitmapset *applied,
									const TargetExpr *expr,
									SmigNode **start);
extern char *smig_target_list(List *nodes);

#endif							/* SMIG_TARGET_INTERNAL_H */
