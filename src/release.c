/*-------------------------------------------------------------------------
 *
 * release.c
 *	  Giving the snapshot of a bare call back while it waits.
 *
 * A session that waits for a run with its snapshot in hand blocks CREATE INDEX
 * CONCURRENTLY of that very run for ever, unseen by the deadlock detector, and
 * holds back VACUUM in the whole database.  Where the call is all that the
 * query does, nothing was read and nothing will be read with that snapshot, so
 * in READ COMMITTED it can be given back and replaced by a fresh one after the
 * wait.  Everywhere else the call is refused before anything is launched.
 *
 * IDENTIFICATION
 *	  src/release.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "storage/proc.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "release.h"

/* What the search through a plan found. */
typedef struct CallSearch
{
	Oid			function;
	int			calls;			/* of the function itself */
	bool		others;			/* anything that could use a snapshot */
} CallSearch;

/*
 * Counts the calls in an expression of a node above the call.  Whatever else
 * stands there is evaluated after the wait, with the fresh snapshot.
 */
static bool
search_expression(Node *node, CallSearch *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == search->function)
		search->calls++;
	return expression_tree_walker(node, search_expression, search);
}

/* Targets that call nothing. */
static bool
is_plain(const Node *node)
{
	return IsA(node, Const) || IsA(node, Param) || IsA(node, Var);
}

static void
search_function_scan(const FunctionScan *scan, CallSearch *search)
{
	RangeTblFunction *function;

	if (list_length(scan->functions) != 1)
	{
		search->others = true;
		return;
	}
	function = linitial(scan->functions);
	if (IsA(function->funcexpr, FuncExpr) &&
		((FuncExpr *) function->funcexpr)->funcid == search->function)
		search->calls++;
	else
		search->others = true;
}

/*
 * A target list that makes the call: the call itself and nothing else that is
 * evaluated beside it.
 */
static void
search_targets(const Plan *plan, CallSearch *search)
{
	ListCell   *lc;

	foreach(lc, plan->targetlist)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (IsA(expr, FuncExpr) && ((FuncExpr *) expr)->funcid == search->function)
			search->calls++;
		else if (!is_plain(expr))
			search->others = true;
	}
	if (plan->qual != NIL)
		search->others = true;
}

/*
 * Walks the plan: at its bottom the call, above it only nodes that digest its
 * rows.
 */
static void
search_plan(const Plan *plan, CallSearch *search)
{
	if (plan == NULL)
		return;
	switch (nodeTag(plan))
	{
		case T_FunctionScan:
			search_function_scan((const FunctionScan *) plan, search);
			break;
		case T_Result:
		case T_ProjectSet:
			if (plan->lefttree == NULL)
			{
				search_targets(plan, search);
				break;
			}
			if (IsA(plan, ProjectSet) && IsA(plan->lefttree, Result) &&
				plan->lefttree->lefttree == NULL &&
				plan->lefttree->targetlist == NIL)
			{
				search_targets(plan, search);
				return;
			}
			/* fall through */
		case T_Agg:
		case T_Group:
		case T_Sort:
		case T_Unique:
		case T_Limit:
		case T_WindowAgg:
		case T_Material:
			search_plan(plan->lefttree, search);
			break;
		case T_SubqueryScan:
			search_plan(((const SubqueryScan *) plan)->subplan, search);
			break;
		default:
			search->others = true;
			return;
	}
	if (plan->righttree)
		search->others = true;
	if (plan->lefttree || IsA(plan, SubqueryScan))
	{
		/* a call up there would be a second one, or one over other rows */
		(void) search_expression((Node *) plan->targetlist, search);
		(void) search_expression((Node *) plan->qual, search);
	}
}

/*
 * Why the portal's query is more than the call; NULL when it is not.
 */
static const char *
why_not_alone(Portal portal, Oid function)
{
	PlannedStmt *stmt;
	CallSearch	search = {function, 0, false};
	ListCell   *lc;

	if (portal == NULL || portal->strategy != PORTAL_ONE_SELECT ||
		portal->queryDesc == NULL || portal->queryDesc->estate == NULL)
		return "It is not called directly by a top-level SELECT.";
	if ((portal->cursorOptions & CURSOR_OPT_HOLD) || portal->holdSnapshot)
		return "It is called by a cursor WITH HOLD.";
	stmt = portal->queryDesc->plannedstmt;
	if (stmt->commandType != CMD_SELECT || stmt->subplans != NIL ||
		stmt->rowMarks != NIL || stmt->hasModifyingCTE)
		return "The query has subqueries, locks rows or writes.";
	foreach(lc, stmt->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (entry->rtekind == RTE_RELATION || entry->rtekind == RTE_CTE ||
			entry->rtekind == RTE_TABLEFUNC ||
			entry->rtekind == RTE_NAMEDTUPLESTORE)
			return "The query reads other things besides the function.";
	}
	search_plan(stmt->planTree, &search);
	if (search.others || search.calls != 1)
		return "The query does other things besides the call.";
	return NULL;
}

SMIG_NORETURN static void refuse(FunctionCallInfo fcinfo, const char *why);

static void
refuse(FunctionCallInfo fcinfo, const char *why)
{
	char	   *name = get_func_name(fcinfo->flinfo->fn_oid);

	ereport(ERROR,
			(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			 errmsg("%s() cannot wait here", name ? name : "function"),
			 errdetail("%s While it waits, its snapshot would block the run.",
					   why),
			 errhint("Call it alone, as in SELECT * FROM schemamig_apply('head'), in READ COMMITTED and without an open cursor; or use CALL schemamig_run(), SELECT schemamig_start(), or transaction => 'caller'.")));
}

/*
 * Gives the snapshot of the calling query back.  Must be followed by
 * smig_release_restore, unless an error ends the query.
 *
 * Errors: 25001 when the snapshot cannot be given back; nothing has been
 * started then.
 */
void
smig_release_snapshot(SmigReleased *released, FunctionCallInfo fcinfo)
{
	Portal		portal = ActivePortal;
	const char *why;
	QueryDesc  *query;

	released->query = NULL;
	if (IsolationUsesXactSnapshot())
		refuse(fcinfo, "The transaction's isolation level is above READ COMMITTED.");
	why = why_not_alone(portal, fcinfo->flinfo->fn_oid);
	if (why)
		refuse(fcinfo, why);
	query = portal->queryDesc;
	if (!ActiveSnapshotSet() || GetActiveSnapshot() != query->snapshot ||
		query->estate->es_snapshot != query->snapshot ||
		query->crosscheck_snapshot || query->estate->es_crosscheck_snapshot)
		refuse(fcinfo, "The query's snapshot is in use elsewhere.");

	PopActiveSnapshot();
	if (ActiveSnapshotSet())
	{
		PushActiveSnapshot(query->snapshot);
		refuse(fcinfo, "It is called from within another query.");
	}
	UnregisterSnapshotFromOwner(query->estate->es_snapshot, portal->resowner);
	UnregisterSnapshotFromOwner(query->snapshot, portal->resowner);
	query->estate->es_snapshot = query->snapshot = InvalidSnapshot;
	InvalidateCatalogSnapshot();
	released->query = query;

	/* the error ends the query, so nothing has to be put back */
	if (TransactionIdIsValid(MyProc->xmin))
		refuse(fcinfo, "The transaction holds another snapshot, such as an open cursor's.");
}

/*
 * Gives the query a fresh snapshot in the places where the old one was.
 */
void
smig_release_restore(SmigReleased *released)
{
	Portal		portal = ActivePortal;
	QueryDesc  *query = released->query;

	if (query == NULL)
		return;
	query->snapshot = RegisterSnapshotOnOwner(GetTransactionSnapshot(),
											  portal->resowner);
	query->estate->es_snapshot = RegisterSnapshotOnOwner(query->snapshot,
														 portal->resowner);
	PushActiveSnapshot(query->snapshot);
	released->query = NULL;
}
