/*-------------------------------------------------------------------------
 *
 * target_path.c
 *	  Paths to a target, stamps and ranges.
 *
 * IDENTIFICATION
 *	  src/target_path.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "target_internal.h"

/*
 * Reports a target that counts from what is applied into the wrong direction.
 */
SMIG_NORETURN static void wrong_way(const TargetExpr *expr,
									SmigDirection direction);

static void
wrong_way(const TargetExpr *expr, SmigDirection direction)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 direction == SMIG_APPLY ?
			 errmsg("target \"%s\" lies behind what is applied", expr->text) :
			 errmsg("target \"%s\" lies ahead of what is applied", expr->text),
			 direction == SMIG_APPLY ?
			 errhint("Use SELECT * FROM schemamig_revert('%s').", expr->text) :
			 errhint("Use SELECT * FROM schemamig_apply('%s').", expr->text)));
}

/*
 * The revisions one part of a target asks to have applied; NIL for base.
 */
static List *
apply_targets(SmigGraph *graph, const Bitmapset *applied,
			  const TargetExpr *expr)
{
	SmigNode   *node;

	if (!expr->relative)
		return smig_target_symbol(graph, applied, expr);
	if (expr->word != TARGET_NONE)
		node = smig_target_walk_strict(graph,
									   smig_target_symbol_one(graph, applied,
															  expr),
									   expr);
	else if (expr->steps > 0)
		node = smig_target_ahead(graph, applied, expr);
	else
		wrong_way(expr, SMIG_APPLY);
	return node ? list_make1(node) : NIL;
}

/*
 * Refuses a list in which one revision includes another: one of them must be
 * a mistake.
 */
static void
check_overlap(SmigGraph *graph, List *nodes)
{
	List	   *maximal;
	ListCell   *lc;

	if (list_length(nodes) < 2)
		return;
	maximal = smig_graph_maximal(graph, smig_graph_set(nodes));
	if (list_length(maximal) == list_length(nodes))
		return;
	foreach(lc, maximal)
	{
		SmigNode   *above = (SmigNode *) lfirst(lc);
		Bitmapset  *included = smig_graph_ancestors(graph,
													bms_make_singleton(above->index),
													SMIG_EDGES_ALL);
		List	   *below = NIL;
		ListCell   *lc2;

		foreach(lc2, nodes)
			if (lfirst(lc2) != above &&
				bms_is_member(((SmigNode *) lfirst(lc2))->index, included))
				below = lappend(below, lfirst(lc2));
		if (below != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("requested revisions overlap: \"%s\" includes %s",
							above->id, smig_target_list(below)),
					 errhint("Leave out what the other includes, or name one revision.")));
	}
}

static List *
path_apply(SmigGraph *graph, const Bitmapset *applied, const char *target)
{
	List	   *nodes = NIL;
	Bitmapset  *needed;
	ListCell   *lc;

	foreach(lc, smig_target_parse(graph, target))
		nodes = list_concat_unique_ptr(nodes,
									   apply_targets(graph, applied,
													 (TargetExpr *) lfirst(lc)));
	check_overlap(graph, nodes);
	needed = bms_difference(smig_graph_close(graph, nodes), applied);
	return smig_graph_order(graph, needed, false);
}

/*
 * Where a revert shall end: a revision that stays, or NULL for the base.
 * *branch is set to the revision whose branch the revert is limited to, NULL
 * for none.
 */
static SmigNode *
revert_target(SmigGraph *graph, const Bitmapset *applied,
			  const TargetExpr *expr, SmigNode **branch)
{
	TargetExpr	free_expr = *expr;
	SmigNode   *start;
	SmigNode   *node;

	*branch = expr->branch;
	if (expr->relative && expr->word == TARGET_NONE)
	{
		if (expr->steps > 0)
			wrong_way(expr, SMIG_REVERT);
		node = smig_target_behind(graph, applied, expr, &start);
		if (*branch == NULL)
			*branch = start;
		return node;
	}
	if (expr->relative)
		return smig_target_walk_strict(graph,
									   smig_target_symbol_one(graph, applied,
															  expr),
									   expr);

	/* the branch says what to revert; the target may lie outside of it */
	if (expr->word == TARGET_NAME)
		free_expr.branch = NULL;
	return smig_target_symbol_one(graph, applied, &free_expr);
}

/*
 * Where a revert begins, seen from its target: the children of the target, or
 * the bases; of several those that lead to "branch".
 */
static Bitmapset *
revert_roots(SmigGraph *graph, const TargetExpr *expr, SmigNode *node,
			 SmigNode *branch)
{
	Bitmapset  *roots = NULL;

	if (node)
		roots = smig_graph_set(node->children);
	else
		for (int i = 0; i < graph->nnodes; i++)
			if (graph->nodes[i]->parents == NIL)
				roots = bms_add_member(roots, i);
	if (branch && bms_num_members(roots) > 1)
	{
		roots = bms_intersect(roots,
							  smig_graph_ancestors(graph,
												   bms_make_singleton(branch->index),
												   SMIG_EDGES_PARENTS));
		if (bms_is_empty(roots))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot revert to target \"%s\"", expr->text),
					 errdetail("Revision \"%s\" is not above revision \"%s\".",
							   branch->id, node->id),
					 errhint("Name a revision below the branch.")));
	}
	return roots;
}

/*
 * What must stay when only the branch of "branch" is reverted: everything that
 * applied revisions outside of it need.  Outside are those that are neither
 * in its lineage nor depend on it.
 */
static Bitmapset *
needed_by_others(SmigGraph *graph, const Bitmapset *applied, SmigNode *branch)
{
	Bitmapset  *own = bms_join(smig_graph_lineage(graph, branch,
												  SMIG_EDGES_PARENTS),
							   smig_graph_descendants(graph,
													  bms_make_singleton(branch->index),
													  SMIG_EDGES_ALL));

	return smig_graph_ancestors(graph, bms_difference(applied, own),
								SMIG_EDGES_ALL);
}

/*
 * What a revert to "expr" would revert.
 */
static Bitmapset *
revert_set(SmigGraph *graph, const Bitmapset *applied, const TargetExpr *expr)
{
	SmigNode   *branch;
	SmigNode   *node;
	Bitmapset  *drop;

	/* to revert to what is current is to do nothing, with any number of it */
	if (expr->word == TARGET_CURRENT && !expr->relative && !expr->branch)
		return NULL;
	node = revert_target(graph, applied, expr, &branch);
	drop = smig_graph_descendants(graph,
								  revert_roots(graph, expr, node, branch),
								  SMIG_EDGES_ALL);
	drop = bms_intersect(drop, applied);
	if (expr->branch && node == NULL)
		drop = bms_difference(drop,
							  needed_by_others(graph, applied, expr->branch));
	if (bms_is_empty(drop) && node &&
		!list_member_ptr(smig_graph_maximal(graph, applied), node))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot revert to target \"%s\"", expr->text),
				 bms_is_member(node->index, applied) ?
				 errdetail("Revision \"%s\" is applied, but nothing that is applied has it as parent.",
						   node->id) :
				 errdetail("Revision \"%s\" is not applied.", node->id),
				 errhint("List what is applied with SELECT * FROM schemamig_history().")));
	return drop;
}

static List *
path_revert(SmigGraph *graph, const Bitmapset *applied, const char *target)
{
	TargetExpr *expr = smig_target_parse_one(graph, target, "revert");

	return smig_graph_order(graph, revert_set(graph, applied, expr), true);
}

/*
 * The revisions to apply or to revert to reach a target, in the order of
 * execution; NIL when there is nothing to do.
 *
 * Errors: see doc/targets.md.
 */
List *
smig_target_path(SmigGraph *graph, const Bitmapset *applied,
				 const char *target, SmigDirection direction)
{
	if (direction == SMIG_APPLY)
		return path_apply(graph, applied, target);
	return path_revert(graph, applied, target);
}

/*
 * The way to a target: revert when everything it names is applied and has
 * something applied above it, or when it counts down from what is applied.
 *
 * Errors: those of smig_target_resolve.
 */
SmigDirection
smig_target_direction(SmigGraph *graph, const Bitmapset *applied,
					  const char *target)
{
	List	   *exprs = smig_target_parse(graph, target);
	const TargetExpr *expr = linitial(exprs);
	Bitmapset  *named;
	Bitmapset  *maximal;

	if (list_length(exprs) == 1 && expr->word == TARGET_NONE)
		return expr->steps < 0 ? SMIG_REVERT : SMIG_APPLY;
	if (list_length(exprs) == 1 && !expr->relative &&
		(expr->word == TARGET_HEAD || expr->word == TARGET_HEADS))
		return SMIG_APPLY;
	named = smig_graph_set(smig_target_resolve(graph, applied, target));
	maximal = smig_graph_set(smig_graph_maximal(graph, applied));
	if (bms_is_subset(named, applied) &&
		(bms_is_empty(named) || !bms_is_subset(named, maximal)))
		return SMIG_REVERT;
	return SMIG_APPLY;
}

/* What the parts of a target ask of a stamp. */
typedef struct StampRequest
{
	List	   *nodes;			/* shall be current */
	Bitmapset  *related;		/* current revisions in there give way */
	Bitmapset  *dropped;		/* shall not be applied any more */
	Bitmapset  *scope;			/* whose journals are void */
} StampRequest;

/*
 * Adds what one part of a target asks for.  A way down that is counted from
 * what is applied, or that ends at a branch's base, unsets what a revert would
 * revert.
 */
static void
stamp_request(SmigGraph *graph, const Bitmapset *applied,
			  const TargetExpr *expr, StampRequest *request)
{
	bool		to_base = expr->word == TARGET_BASE && !expr->relative;
	List	   *nodes;
	ListCell   *lc;

	if ((expr->word == TARGET_NONE && expr->steps < 0) ||
		(to_base && expr->branch))
	{
		Bitmapset  *dropped = revert_set(graph, applied, expr);

		request->dropped = bms_union(request->dropped, dropped);
		if (expr->branch)
			dropped = bms_add_member(dropped, expr->branch->index);
		request->scope = bms_join(request->scope,
								  smig_graph_descendants(graph, dropped,
														 SMIG_EDGES_ALL));
		return;
	}
	if (to_base)
		request->related = smig_graph_all(graph);
	nodes = apply_targets(graph, applied, expr);
	foreach(lc, nodes)
		request->related = bms_join(request->related,
									smig_graph_lineage(graph,
													   (SmigNode *) lfirst(lc),
													   SMIG_EDGES_ALL));
	request->nodes = list_concat_unique_ptr(request->nodes, nodes);
}

/*
 * The applied set after a stamp: the revisions named become current; current
 * revisions above or below them give way, others stay.  With "purge" nothing
 * else stays.  The result is closed under ancestors.
 *
 * *scope (unless NULL) is set to the revisions that the stamp is about, whether
 * or not their state changes: a journal of one of them has become void.
 *
 * Errors: see doc/targets.md.
 */
Bitmapset *
smig_target_stamp_scope(SmigGraph *graph, const Bitmapset *applied,
						const char *target, bool purge, Bitmapset **scope)
{
	StampRequest request = {0};
	List	   *current;
	Bitmapset  *stamped;
	ListCell   *lc;

	foreach(lc, smig_target_parse(graph, target))
		stamp_request(graph, applied, (TargetExpr *) lfirst(lc), &request);
	if (purge)
		request.related = smig_graph_all(graph);
	current = smig_graph_maximal(graph,
								 bms_difference(applied, request.dropped));
	stamped = bms_difference(smig_graph_set(current), request.related);
	stamped = bms_join(stamped, smig_graph_set(request.nodes));
	if (scope)
		*scope = bms_union(request.related, request.scope);
	return smig_graph_ancestors(graph, stamped, SMIG_EDGES_ALL);
}

/*
 * As smig_target_stamp_scope, for callers that keep no journal.
 */
Bitmapset *
smig_target_stamp(SmigGraph *graph, const Bitmapset *applied,
				  const char *target, bool purge)
{
	return smig_target_stamp_scope(graph, applied, target, purge, NULL);
}

/*
 * The end of a range: the revisions it names, NIL for base.  "-N" in the lower
 * end counts from "other", the upper end; "+N" in the upper end from the lower
 * one.
 */
static List *
range_end(SmigGraph *graph, const Bitmapset *applied, const char *text,
		  List *other, bool lower)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, smig_target_parse(graph, text))
	{
		TargetExpr *expr = (TargetExpr *) lfirst(lc);
		TargetPlace place;

		if (!expr->relative || expr->word != TARGET_NONE ||
			(expr->steps < 0) != lower)
		{
			result = list_concat_unique_ptr(result,
											smig_target_resolve(graph, applied,
																expr->text));
			continue;
		}
		other = smig_target_in_lineage(other, expr);
		if (list_length(other) > 1)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
					 errmsg("\"%s\" is ambiguous: the other end of the range names %d revisions",
							expr->text, list_length(other)),
					 errdetail("They are %s.", smig_target_list(other)),
					 errhint("Name one revision at the other end, or write label@%s%d.",
							 expr->steps > 0 ? "+" : "", expr->steps)));
		place = smig_target_walk(graph, other == NIL ? NULL :
								 (SmigNode *) linitial(other), expr);
		if (place.node)
			result = list_append_unique_ptr(result, place.node);
	}
	return result;
}

/*
 * Splits "a:b"; an empty end becomes base or heads.
 */
static void
split_range(const char *range, char **lower, char **upper)
{
	const char *colon = strchr(range, ':');

	if (colon == NULL || strchr(colon + 1, ':'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range \"%s\" is not valid", range),
				 errdetail("It must have one \":\"."),
				 errhint("Write from:to, from: or :to, with a target at each end.")));
	*lower = pnstrdup(range, colon - range);
	*upper = pstrdup(colon + 1);
	if (strspn(*lower, " \t\r\n") == strlen(*lower))
		*lower = "base";
	if (strspn(*upper, " \t\r\n") == strlen(*upper))
		*upper = "heads";
}

/*
 * The upper end of a range whose lower end, "text", names a branch: only what
 * is of the branch, as in "label@base:heads".  That a head of it may not be an
 * effective head does not make the range empty.
 */
static List *
upper_in_branch(SmigGraph *graph, List *upper, const char *text, bool heads)
{
	List	   *result = NIL;
	bool		filtered = false;
	ListCell   *lc;

	foreach(lc, smig_target_parse(graph, text))
	{
		TargetExpr *expr = (TargetExpr *) lfirst(lc);
		List	   *nodes = heads ? smig_graph_heads(graph, false) : upper;

		if (expr->branch == NULL)
			continue;
		filtered = true;
		result = list_concat_unique_ptr(result,
										smig_target_in_lineage(nodes, expr));
	}
	if (!filtered)
		return upper;
	return heads ? smig_graph_maximal(graph, smig_graph_set(result)) : result;
}

/*
 * The revisions of a range "from:to", newest first, both ends included: what
 * "to" needs and is not below "from"; with a "from" other than base, only what
 * descends from it by parents.  NULL or an open end stands for base and heads.
 *
 * Errors: see doc/targets.md; invalid_parameter_value when "from" is not an
 * ancestor of "to".
 */
List *
smig_target_range(SmigGraph *graph, const Bitmapset *applied,
				  const char *range)
{
	char	   *lower_text;
	char	   *upper_text;
	List	   *lower;
	List	   *upper;
	List	   *missing;
	Bitmapset  *below;
	Bitmapset  *required;
	Bitmapset  *above;
	TargetExpr *first;
	bool		to_heads;

	split_range(range ? range : ":", &lower_text, &upper_text);
	first = (TargetExpr *) linitial(smig_target_parse(graph, upper_text));
	to_heads = first->word == TARGET_HEADS && !first->relative &&
		!first->branch && !strchr(upper_text, ',');

	/* of two relative ends the one that does not need the other comes first */
	first = (TargetExpr *) linitial(smig_target_parse(graph, lower_text));
	if (first->relative && first->word == TARGET_NONE && first->steps < 0)
	{
		upper = range_end(graph, applied, upper_text, NIL, false);
		upper = upper_in_branch(graph, upper, lower_text, to_heads);
		lower = range_end(graph, applied, lower_text, upper, true);
	}
	else
	{
		lower = range_end(graph, applied, lower_text, NIL, true);
		upper = range_end(graph, applied, upper_text, lower, false);
		upper = upper_in_branch(graph, upper, lower_text, to_heads);
	}
	check_overlap(graph, upper);
	check_overlap(graph, lower);

	below = smig_graph_set(lower);
	required = smig_graph_close(graph, upper);
	missing = smig_graph_members(graph, bms_difference(below, required));
	if (missing != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range \"%s\" does not lead from an ancestor to a descendant",
						range),
				 errdetail("%s is not needed by %s.",
						   smig_target_list(missing),
						   upper == NIL ? "base" : smig_target_list(upper)),
				 errhint("Write the older end first.")));
	if (below)
	{
		above = smig_graph_descendants(graph, below, SMIG_EDGES_PARENTS);
		required = bms_difference(required,
								  smig_graph_ancestors(graph, below,
													   SMIG_EDGES_ALL));
		required = bms_intersect(bms_join(required, below), above);
	}
	return smig_graph_order(graph, required, true);
}
