/*-------------------------------------------------------------------------
 *
 * part.c
 *	  One table of several: partitions, and children that inherit.
 *
 * A statement on a partitioned table, or one that others inherit from, is run
 * table by table, each by its own key.  It stays the statement on the root, so
 * that rights, row security and the way of a row into another partition are
 * the statement's own; a batch adds the condition that a row stands in the
 * table at hand, as tableoid and as that partition's bounds, by which the
 * planner leaves out the others.  Where it cannot (default and hash
 * partitions, inheritance), a hook tells it that they have nothing to give:
 * the table at hand is known from the name that the root goes by in the tree.
 *
 * IDENTIFICATION
 *	  src/backfill/part.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/paths.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "backfill/backfill.h"

/* The operator oid = oid, which has no name in the headers. */
#define OID_EQUAL 607

#define PART_NAME "schemamig part "

static set_rel_pathlist_hook_type next_hook = NULL;
static bool hook_is_set = false;

/*
 * The name by which the root goes in a statement that is about one part.
 */
char *
smig_part_name(const SmigBackfillPlan *plan)
{
	return psprintf(PART_NAME "%u", plan->relation);
}

/*
 * Leaves a table out that is not the one the root's name tells.
 */
static void
leave_out(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (next_hook)
		next_hook(root, rel, rti, rte);
	if (rel->reloptkind == RELOPT_OTHER_MEMBER_REL &&
		rte->rtekind == RTE_RELATION && !rte->inh &&
		strncmp(rte->eref->aliasname, PART_NAME, strlen(PART_NAME)) == 0 &&
		strtoul(rte->eref->aliasname + strlen(PART_NAME), NULL, 10) != rte->relid)
		mark_dummy_rel(rel);
}

/*
 * Has the planner look at nothing but the plan's part of a driving table.
 *
 * entry: of the root, in an analysed tree; or NULL for a statement that gives
 *		it the name of the part in its text
 */
void
smig_part_mark(const SmigBackfillPlan *plan, RangeTblEntry *entry)
{
	if (!hook_is_set)
	{
		next_hook = set_rel_pathlist_hook;
		set_rel_pathlist_hook = leave_out;
		hook_is_set = true;
	}
	if (entry == NULL)
		return;
	entry->eref = copyObject(entry->eref);
	entry->eref->aliasname = smig_part_name(plan);
}

/* What translates a part's columns into those of the root's. */
typedef struct ColumnMap
{
	const SmigBackfillPlan *plan;
	int			varno;
} ColumnMap;

static Node *
map_columns(Node *node, void *context)
{
	const ColumnMap *map = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		var->varno = map->varno;
		if (var->varattno > 0)
			var->varattno = get_attnum(map->plan->root,
									   get_attname(map->plan->relation,
												   var->varattno, false));
		return (Node *) var;
	}
	return expression_tree_mutator(node, map_columns, context);
}

/*
 * The condition that a row of "varno", the root, stands in the plan's part.
 */
Node *
smig_part_condition(const SmigBackfillPlan *plan, int varno)
{
	ColumnMap	map = {plan, varno};
	Expr	   *table = (Expr *) makeVar(varno, TableOidAttributeNumber, OIDOID,
										 -1, InvalidOid, 0);
	Node	   *condition =
		(Node *) make_opclause(OID_EQUAL, BOOLOID, false, table,
						   (Expr *) makeConst(OIDOID, -1, InvalidOid,
											  sizeof(Oid),
											  ObjectIdGetDatum(plan->relation),
											  false, true),
						   InvalidOid, InvalidOid);
	Expr	   *bounds;

	if (get_rel_relkind(plan->root) != RELKIND_PARTITIONED_TABLE ||
		!smig_part_belongs(plan))
		return condition;
	bounds = get_partition_qual_relid(plan->relation);
	if (bounds == NULL)
		return condition;
	return make_and_qual(condition, map_columns((Node *) bounds, &map));
}

/*
 * Whether the plan's part is one still: it can have been detached or dropped.
 */
bool
smig_part_belongs(const SmigBackfillPlan *plan)
{
	if (plan->relation == plan->root)
		return true;
	if (get_rel_relkind(plan->root) == RELKIND_PARTITIONED_TABLE)
		return list_member_oid(get_partition_ancestors(plan->relation),
							   plan->root);
	return list_member_oid(find_all_inheritors(plan->root, NoLock, NULL),
						   plan->relation);
}

/*
 * The tables of a tree that have rows of their own, in the order of their
 * bounds or, of children that inherit, of their oids.
 *
 * Errors: 0A000 when one is a foreign table.
 */
List *
smig_part_tables(Oid root)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(root, AccessShareLock, NULL))
	{
		Oid			table = lfirst_oid(lc);
		char		kind = get_rel_relkind(table);

		if (kind == RELKIND_FOREIGN_TABLE)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the statement cannot be run in batches"),
					 errdetail("Partition \"%s\" of \"%s\" is a foreign table, which has no key to go by.",
							   get_rel_name(table), get_rel_name(root)),
					 errhint("Run a backfill for each of the other partitions.")));
		if (kind != RELKIND_PARTITIONED_TABLE)
			tables = lappend_oid(tables, table);
	}
	return tables;
}

/* Columns of a table that the root's statement sets. */
static Bitmapset *
columns_set(const Query *query, Oid root, Oid table)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		const TargetEntry *target = lfirst_node(TargetEntry, lc);
		AttrNumber	column;

		if (target->resjunk)
			continue;
		column = get_attnum(table, get_attname(root, target->resno, false));
		columns = bms_add_member(columns,
								 column - FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/*
 * Whether an UPDATE sets a column that says which partition a row is in.
 */
bool
smig_part_moves(const Query *query, Oid root)
{
	ListCell   *lc;

	if (query->commandType != CMD_UPDATE ||
		get_rel_relkind(root) != RELKIND_PARTITIONED_TABLE)
		return false;
	foreach(lc, find_all_inheritors(root, AccessShareLock, NULL))
	{
		Relation	table;
		bool		in_expression;
		bool		moves;

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE)
			continue;
		table = table_open(lfirst_oid(lc), AccessShareLock);
		moves = has_partition_attrs(table,
									columns_set(query, root, lfirst_oid(lc)),
									&in_expression);
		table_close(table, NoLock);
		if (moves)
			return true;
	}
	return false;
}
