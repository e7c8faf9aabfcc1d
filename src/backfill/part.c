/*-------------------------------------------------------------------------
 *
 * part.c
 *	  One table of several: partitions, and children that inherit.
 *
 * A statement on a partitioned table, or one that others inherit from, is run
 * table by table, each by its own key.  It stays the statement on the root, so
 * that rights, row security and the way of a row into another partition are
 * the statement's own; a batch adds the condition that tableoid is the table at
 * hand.
 *
 * The planner cannot leave tables out by that: it would open, lock and plan all
 * of them for every batch, which takes time that is quadratic in their number,
 * and more locks than there are.  So where it learns how a partitioned table is
 * partitioned, a hook tells it that it is by list of tableoid, with the one
 * value; its own pruning then finds the partition at hand, level by level, and
 * touches no other.  When the table's paths are made, what it learned is put
 * right again.  Children that inherit are all opened; they are left out when
 * their paths are made.
 *
 * Which range table entry is meant is known from a mark in the entry itself,
 * the name that messages and EXPLAIN call it by.  It goes with the entry into
 * every copy that the rewriter makes (rules), into another level (a subquery
 * that is pulled up) and into the entries of partitions, where neither its
 * index nor its address would.  And it is longer than an identifier can be: the
 * parser cuts every name, so no statement, view, rule, policy or function has
 * an alias like it, and the same table at another place has not got it.
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
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "parser/parsetree.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "backfill/backfill.h"

/* The operator oid = oid, which has no name in the headers. */
#define OID_EQUAL 607

/* The mark: this, and the part's oid in as many digits as a name has bytes. */
#define PART_MARK "schemamig part "

/* What the planner is told in place of how a table is partitioned. */
typedef struct Disguise
{
	PartitionSchemeData scheme; /* first: found again by its address */
	FmgrInfo	compare;
	PartitionBoundInfoData bounds;
	Datum		part;
	Datum	   *row;			/* the only one of the bounds */
	int			index;			/* the partition that it is in */
	List	   *expressions[1];

	/* as it is */
	PartitionScheme true_scheme;
	PartitionBoundInfo true_bounds;
	List	  **true_expressions;
} Disguise;

/* What a list of oids is partitioned by; the first one also tells a disguise. */
static Oid	list_family[] = {OID_BTREE_FAM_OID};
static Oid	list_type[] = {OIDOID};
static Oid	list_collation[] = {InvalidOid};
static int16 list_length_of_type[] = {sizeof(Oid)};
static bool list_by_value[] = {true};

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;
static get_relation_info_hook_type next_info_hook = NULL;
static bool hooks_are_set = false;

/*
 * Whether an entry is marked, and with which part.
 */
static bool
is_marked(const RangeTblEntry *entry, Oid *part)
{
	const char *name;

	if (entry->rtekind != RTE_RELATION || entry->eref == NULL)
		return false;
	name = entry->eref->aliasname;
	if (strncmp(name, PART_MARK, strlen(PART_MARK)) != 0 ||
		strlen(name) < NAMEDATALEN)
		return false;
	*part = (Oid) strtoul(name + strlen(PART_MARK), NULL, 10);
	return true;
}

/*
 * Which of a partitioned table's partitions is the part, or has it below it; -1
 * for none.
 */
static int
find_partition(PlannerInfo *root, Oid relation, Oid part)
{
	Oid			below = part;
	int			index = -1;
	Relation	table;
	PartitionDesc partitions;
	ListCell   *lc;

	if (!OidIsValid(part))
		return -1;
	foreach(lc, get_partition_ancestors(part))
	{
		if (lfirst_oid(lc) == relation)
			break;
		below = lfirst_oid(lc);
	}
	table = table_open(relation, NoLock);
	partitions = PartitionDirectoryLookup(root->glob->partition_directory,
										  table);
	for (int i = 0; i < partitions->nparts && index < 0; i++)
		if (partitions->oids[i] == below)
			index = i;
	table_close(table, NoLock);
	return index;
}

/*
 * Tells the planner that a marked table is partitioned by list of tableoid.
 */
static void
disguise(PlannerInfo *root, Oid relation, bool inhparent, RelOptInfo *rel)
{
	Disguise   *shown;
	Oid			part;

	if (next_info_hook)
		next_info_hook(root, relation, inhparent, rel);
	if (!inhparent || rel->part_scheme == NULL ||
		!is_marked(root->simple_rte_array[rel->relid], &part))
		return;
	shown = palloc0(sizeof(Disguise));
	shown->true_scheme = rel->part_scheme;
	shown->true_bounds = rel->boundinfo;
	shown->true_expressions = rel->partexprs;

	shown->scheme.strategy = PARTITION_STRATEGY_LIST;
	shown->scheme.partnatts = 1;
	shown->scheme.partopfamily = list_family;
	shown->scheme.partopcintype = list_type;
	shown->scheme.partcollation = list_collation;
	shown->scheme.parttyplen = list_length_of_type;
	shown->scheme.parttypbyval = list_by_value;
	shown->scheme.partsupfunc = &shown->compare;
	fmgr_info(F_BTOIDCMP, &shown->compare);

	shown->part = ObjectIdGetDatum(part);
	shown->row = &shown->part;
	shown->index = find_partition(root, relation, part);
	shown->bounds.strategy = PARTITION_STRATEGY_LIST;
	shown->bounds.ndatums = shown->index < 0 ? 0 : 1;
	shown->bounds.nindexes = shown->bounds.ndatums;
	shown->bounds.datums = &shown->row;
	shown->bounds.indexes = &shown->index;
	shown->bounds.null_index = -1;
	shown->bounds.default_index = -1;
	shown->expressions[0] =
		list_make1(makeVar(rel->relid, TableOidAttributeNumber, OIDOID, -1,
						   InvalidOid, 0));

	rel->part_scheme = &shown->scheme;
	rel->boundinfo = &shown->bounds;
	rel->partexprs = shown->expressions;
}

/*
 * Puts right what disguise() has told, as partitions are chosen: the executor
 * may prune by it.  Leaves out what was not pruned and is not the part.
 */
static void
leave_out(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	Oid			part;

	if (next_pathlist_hook)
		next_pathlist_hook(root, rel, rti, rte);
	if (!is_marked(rte, &part))
		return;
	if (rte->inh && rel->part_scheme &&
		rel->part_scheme->partopfamily == list_family)
	{
		const Disguise *shown = (const Disguise *) rel->part_scheme;

		rel->part_scheme = shown->true_scheme;
		rel->boundinfo = shown->true_bounds;
		rel->partexprs = shown->true_expressions;
	}
	if (rel->reloptkind == RELOPT_OTHER_MEMBER_REL && !rte->inh &&
		rte->relid != part)
		mark_dummy_rel(rel);
}

/*
 * Restricts a statement to the plan's part of its driving table.
 *
 * level: the analysed query, or subquery, that the driving table is in
 * varno: its range table index there
 * part: oid of the table; InvalidOid for none of them
 */
void
smig_part_restrict(Query *level, int varno, Oid part)
{
	RangeTblEntry *entry = rt_fetch(varno, level->rtable);
	Expr	   *table = (Expr *) makeVar(varno, TableOidAttributeNumber, OIDOID,
										 -1, InvalidOid, 0);
	Expr	   *condition;

	if (!hooks_are_set)
	{
		next_pathlist_hook = set_rel_pathlist_hook;
		set_rel_pathlist_hook = leave_out;
		next_info_hook = get_relation_info_hook;
		get_relation_info_hook = disguise;
		hooks_are_set = true;
	}
	entry->eref = copyObject(entry->eref);
	entry->eref->aliasname = psprintf(PART_MARK "%0*u", NAMEDATALEN, part);
	condition = make_opclause(OID_EQUAL, BOOLOID, false, table,
							  (Expr *) makeConst(OIDOID, -1, InvalidOid,
												 sizeof(Oid),
												 ObjectIdGetDatum(part),
												 false, true),
							  InvalidOid, InvalidOid);
	set_opfuncid((OpExpr *) condition);
	level->jointree->quals = make_and_qual(level->jointree->quals,
										   (Node *) condition);
}

/*
 * Whether a table is below another one, as its partition or child at any level.
 * Looks upwards from it, so that the number of the others does not matter.
 */
bool
smig_part_is_below(Oid table, Oid root)
{
	Oid			type = get_rel_type_id(table);

	if (!OidIsValid(type))
		return false;
	if (get_rel_relkind(root) == RELKIND_PARTITIONED_TABLE)
		return list_member_oid(get_partition_ancestors(table), root);
	return OidIsValid(get_rel_type_id(root)) &&
		typeInheritsFrom(type, get_rel_type_id(root));
}

/*
 * Whether the plan's part is one still: it can have been detached or dropped.
 */
bool
smig_part_belongs(const SmigBackfillPlan *plan)
{
	return plan->relation == plan->root ||
		smig_part_is_below(plan->relation, plan->root);
}

/*
 * The tables of a tree that have rows of their own, level by level in the order
 * of their oids.  They are not locked: there can be more of them than locks.  So
 * one can be dropped before the caller looks at it.
 *
 * Errors: 0A000 when one is a foreign table.
 */
List *
smig_part_tables(Oid root)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(root, NoLock, NULL))
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
		if (kind != RELKIND_PARTITIONED_TABLE && kind != '\0')
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
 * Whether an UPDATE sets a column that says which partition of "relation", or
 * of one below it, a row is in.
 */
static bool
moves_below(const Query *query, Oid root, Oid relation)
{
	Relation	table = table_open(relation, AccessShareLock);
	PartitionDesc partitions = RelationGetPartitionDesc(table, true);
	bool		in_expression;
	bool		moves = has_partition_attrs(table,
											columns_set(query, root, relation),
											&in_expression);

	for (int i = 0; i < partitions->nparts && !moves; i++)
		moves = !partitions->is_leaf[i] &&
			moves_below(query, root, partitions->oids[i]);
	table_close(table, NoLock);
	return moves;
}

/*
 * Whether an UPDATE sets a column that says which partition a row is in.
 */
bool
smig_part_moves(const Query *query, Oid root)
{
	return query->commandType == CMD_UPDATE &&
		get_rel_relkind(root) == RELKIND_PARTITIONED_TABLE &&
		moves_below(query, root, root);
}
