/*-------------------------------------------------------------------------
 *
 * facts_query.c
 *	  Facts of SELECT, INSERT, UPDATE, DELETE, MERGE and of expressions.
 *
 * Works on the raw tree: analysing it would lock the tables.  What is scanned
 * depends on the planner; a table counts as scanned unless the condition pins
 * the first column of one of its indexes.
 *
 * IDENTIFICATION
 *	  src/lint/facts_query.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "utils/fmgroids.h"

#include "compat.h"
#include "lint/column.h"
#include "lint/facts_internal.h"

typedef struct QueryWalk
{
	SmigFactsContext *context;
	List	   *ctes;			/* of char * */
	bool		executes;		/* false: only analysed, as in CREATE VIEW */
	LOCKMODE	mode;			/* for tables in FROM */
	Node	   *where;			/* of the query level, when it has one table */
	RangeVar   *target;			/* of INSERT and so on: dealt with already */
} QueryWalk;

static bool walk_query(Node *node, void *context);

/*
 * Tables and views that the query of a view reads.
 */
static List *
view_relations(SmigPending *pending, SmigRelation *view)
{
	Relation	catalog;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *rules = NIL;
	List	   *found = NIL;
	ListCell   *lc;

	if (!OidIsValid(view->oid))
		return NIL;
	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(view->oid));
	scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL, 2,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == RewriteRelationId &&
			form->deptype == DEPENDENCY_INTERNAL)
			rules = lappend_oid(rules, form->objid);
	}
	systable_endscan(scan);
	foreach(lc, rules)
	{
		ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(RewriteRelationId));
		ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(lfirst_oid(lc)));
		scan = systable_beginscan(catalog, DependDependerIndexId, true, NULL,
								  2, keys);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

			if (form->refclassid == RelationRelationId &&
				form->refobjid != view->oid)
				found = list_append_unique_oid(found, form->refobjid);
		}
		systable_endscan(scan);
	}
	table_close(catalog, AccessShareLock);
	rules = NIL;
	foreach(lc, found)
	{
		SmigRelation *relation = smig_view_get(pending, lfirst_oid(lc));

		if (relation && relation->kind != RELKIND_INDEX &&
			relation->kind != RELKIND_SEQUENCE)
			rules = lappend(rules, relation);
	}
	return rules;
}

static bool
is_row_independent(Node *node)
{
	return node != NULL && smig_column_is_constant(node);
}

/*
 * Does the condition fix the value of a column to something computed without
 * the row?
 */
static bool
condition_pins(Node *where, const char *column)
{
	A_Expr	   *expr;
	ListCell   *lc;

	if (where == NULL)
		return false;
	if (IsA(where, BoolExpr) && ((BoolExpr *) where)->boolop == AND_EXPR)
	{
		foreach(lc, ((BoolExpr *) where)->args)
		{
			if (condition_pins(lfirst(lc), column))
				return true;
		}
		return false;
	}
	if (!IsA(where, A_Expr))
		return false;
	expr = (A_Expr *) where;
	if ((expr->kind != AEXPR_OP && expr->kind != AEXPR_IN &&
		 expr->kind != AEXPR_OP_ANY) ||
		strcmp(strVal(llast(expr->name)), "=") != 0)
		return false;
	if (expr->lexpr && IsA(expr->lexpr, ColumnRef) &&
		is_row_independent(expr->rexpr))
	{
		Node	   *field = llast(((ColumnRef *) expr->lexpr)->fields);

		return IsA(field, String) && strcmp(strVal(field), column) == 0;
	}
	if (expr->rexpr && IsA(expr->rexpr, ColumnRef) &&
		is_row_independent(expr->lexpr) && expr->kind == AEXPR_OP)
	{
		Node	   *field = llast(((ColumnRef *) expr->rexpr)->fields);

		return IsA(field, String) && strcmp(strVal(field), column) == 0;
	}
	return false;
}

static bool
index_answers(SmigRelation *relation, Node *where)
{
	ListCell   *lc;

	foreach(lc, relation->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (!index->dropped && index->valid && !index->partial &&
			index->keys != NIL && linitial(index->keys) != NULL &&
			condition_pins(where, linitial(index->keys)))
			return true;
	}
	return false;
}

/*
 * Notes that a query reads a relation, what its view reads, and its heirs.
 */
static void
read_relation(QueryWalk *walk, SmigRelation *relation, bool heirs,
			  LOCKMODE mode)
{
	SmigFactsContext *context = walk->context;
	ListCell   *lc;

	check_stack_depth();
	smig_fact_lock(context, relation, mode);
	if (!walk->executes)
		return;
	if (relation->kind == RELKIND_VIEW)
	{
		foreach(lc, view_relations(context->pending, relation))
		{
			QueryWalk	inner = *walk;

			inner.where = NULL;
			read_relation(&inner, lfirst(lc), true, mode);
		}
		return;
	}
	if (heirs && (relation->kind == RELKIND_PARTITIONED_TABLE ||
				  relation->kind == RELKIND_RELATION))
	{
		foreach(lc, smig_view_inheritors(context->pending, relation))
		{
			SmigRelation *member = lfirst(lc);

			smig_fact_lock(context, member, mode);
			if (mode != AccessShareLock)
				smig_fact_lock_indexes(context, member, mode);
			if (!index_answers(member, walk->where))
				smig_fact_scan(context, member);
		}
		return;
	}
	if (mode != AccessShareLock)
		smig_fact_lock_indexes(context, relation, mode);
	if (!index_answers(relation, walk->where))
		smig_fact_scan(context, relation);
}

/*
 * Foreign keys that a change of rows makes the server check: those of the
 * table itself when rows come, those of others when rows go.
 */
static void
check_own_keys(QueryWalk *walk, SmigRelation *relation, List *columns)
{
	SmigFactsContext *context = walk->context;
	ListCell   *lc;

	foreach(lc, relation->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);
		SmigRelation *target;
		ListCell   *lc2;
		bool		touched = columns == NIL;

		if (constraint->type != CONSTRAINT_FOREIGN)
			continue;
		foreach(lc2, constraint->columns)
		{
			if (smig_column_listed(columns, lfirst(lc2)))
				touched = true;
		}
		target = smig_view_target(context->pending, constraint);
		if (!touched || target == NULL)
			continue;
		smig_fact_lock(context, target, RowShareLock);
		smig_fact_lock_indexes(context, target, RowShareLock);
	}
}

/*
 * Looking for rows that refer to a key reads the whole table unless an index
 * begins with a column of the foreign key.
 */
static void
look_for_key(SmigFactsContext *context, SmigRelation *relation, List *columns,
			 LOCKMODE mode)
{
	bool		indexed = false;
	ListCell   *lc;

	smig_fact_lock(context, relation, mode);
	smig_fact_lock_indexes(context, relation, mode);
	foreach(lc, relation->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (!index->dropped && index->valid && !index->partial &&
			index->keys != NIL && linitial(index->keys) != NULL &&
			smig_column_listed(columns, linitial(index->keys)))
			indexed = true;
	}
	if (!indexed)
		smig_fact_scan(context, relation);
}

static void
check_other_keys(QueryWalk *walk, SmigRelation *relation, List *columns,
				 bool delete)
{
	SmigFactsContext *context = walk->context;
	ListCell   *lc;

	foreach(lc, smig_view_referencing(context->pending, relation))
	{
		SmigConstraint *key = lfirst(lc);
		bool		touched = delete;
		char		action = delete ? key->on_delete : key->on_update;
		LOCKMODE	mode;
		ListCell   *lc2;

		foreach(lc2, key->target_columns)
		{
			if (smig_column_listed(columns, lfirst(lc2)))
				touched = true;
		}
		if (!touched)
			continue;
		mode = action == FKCONSTR_ACTION_NOACTION ||
			action == FKCONSTR_ACTION_RESTRICT ? RowShareLock :
			RowExclusiveLock;
		foreach(lc2, key->relation->kind == RELKIND_PARTITIONED_TABLE ?
				smig_view_inheritors(context->pending, key->relation) :
				list_make1(key->relation))
			look_for_key(context, lfirst(lc2), key->columns, mode);
	}
}

static List *
target_names(List *targets)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, targets)
	{
		ResTarget  *target = lfirst(lc);

		if (target->name)
			names = lappend(names, target->name);
	}
	return names;
}

static void
collect_ctes(QueryWalk *walk, WithClause *with)
{
	ListCell   *lc;

	if (with == NULL)
		return;
	foreach(lc, with->ctes)
		walk->ctes = lappend(walk->ctes,
							 ((CommonTableExpr *) lfirst(lc))->ctename);
}

/*
 * Walks the parts of a query level with that level's lock mode and condition.
 */
static void
walk_level(QueryWalk *walk, Node *query, Node *where, List *from,
		   LOCKMODE mode)
{
	QueryWalk	inner = *walk;

	inner.mode = mode;
	inner.where = list_length(from) == 1 && IsA(linitial(from), RangeVar) ?
		where : NULL;
	(void) raw_expression_tree_walker(query, walk_query, &inner);
}

static void
walk_insert(QueryWalk *walk, InsertStmt *stmt)
{
	SmigFactsContext *context = walk->context;
	SmigRelation *relation = smig_view_find(context->pending, stmt->relation);
	List	   *columns = target_names(stmt->cols);

	if (relation)
	{
		smig_fact_lock(context, relation, RowExclusiveLock);
		if (relation->kind == RELKIND_VIEW)
		{
			ListCell   *lc;

			foreach(lc, view_relations(context->pending, relation))
				smig_fact_lock(context, lfirst(lc), RowExclusiveLock);
		}
		if (relation->kind == RELKIND_PARTITIONED_TABLE)
		{
			ListCell   *lc;

			foreach(lc, smig_view_inheritors(context->pending, relation))
				smig_fact_lock(context, lfirst(lc), RowExclusiveLock);
		}
		if (stmt->onConflictClause)
			smig_fact_lock_indexes(context, relation, RowExclusiveLock);
		check_own_keys(walk, relation, columns);
	}
	if (stmt->selectStmt)
		(void) walk_query(stmt->selectStmt, walk);
	if (stmt->withClause)
		(void) walk_query((Node *) stmt->withClause, walk);
}

static void
walk_change(QueryWalk *walk, RangeVar *name, Node *where, List *from,
			Node *stmt, List *columns, bool delete)
{
	SmigRelation *relation = smig_view_find(walk->context->pending, name);

	if (relation && !(name->schemaname == NULL &&
					  smig_column_listed(walk->ctes, name->relname)))
	{
		QueryWalk	inner = *walk;

		inner.where = from == NIL ? where : NULL;
		read_relation(&inner, relation, name->inh, RowExclusiveLock);
		if (!delete)
			check_own_keys(walk, relation, columns);
		check_other_keys(walk, relation, columns, delete);
	}
	walk->target = name;
	walk_level(walk, stmt, NULL, from, AccessShareLock);
}

static bool
walk_query(Node *node, void *arg)
{
	QueryWalk  *walk = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_RangeVar:
			{
				RangeVar   *name = (RangeVar *) node;
				SmigRelation *relation;

				if (name == walk->target ||
					(name->schemaname == NULL &&
					 smig_column_listed(walk->ctes, name->relname)))
					return false;
				relation = smig_view_find(walk->context->pending, name);
				if (relation)
					read_relation(walk, relation, name->inh, walk->mode);
				return false;
			}
		case T_SelectStmt:
			{
				SelectStmt *stmt = (SelectStmt *) node;

				collect_ctes(walk, stmt->withClause);
				walk_level(walk, node, stmt->whereClause, stmt->fromClause,
						   stmt->lockingClause ? RowShareLock :
						   AccessShareLock);
				return false;
			}
		case T_InsertStmt:
			collect_ctes(walk, ((InsertStmt *) node)->withClause);
			walk_insert(walk, (InsertStmt *) node);
			return false;
		case T_UpdateStmt:
			{
				UpdateStmt *stmt = (UpdateStmt *) node;

				collect_ctes(walk, stmt->withClause);
				walk_change(walk, stmt->relation, stmt->whereClause,
							stmt->fromClause,
							(Node *) stmt, target_names(stmt->targetList),
							false);
				return false;
			}
		case T_DeleteStmt:
			{
				DeleteStmt *stmt = (DeleteStmt *) node;

				collect_ctes(walk, stmt->withClause);
				walk_change(walk, stmt->relation, stmt->whereClause,
							stmt->usingClause, (Node *) stmt, NIL, true);
				return false;
			}
		case T_MergeStmt:
			{
				MergeStmt  *stmt = (MergeStmt *) node;

				collect_ctes(walk, stmt->withClause);
				walk_change(walk, stmt->relation, NULL,
							list_make1(stmt->sourceRelation),
							(Node *) stmt, NIL, false);
				return false;
			}
		default:
			return raw_expression_tree_walker(node, walk_query, arg);
	}
}

/*
 * Facts of a query.  "executes" is false where it is only analysed, as the
 * definition of a view: then nothing is scanned.
 */
void
smig_facts_query(SmigFactsContext *context, Node *query, bool executes)
{
	QueryWalk	walk = {context, NIL, executes, AccessShareLock};

	(void) walk_query(query, &walk);
}

static bool
walk_expression(Node *node, void *arg)
{
	SmigFactsContext *context = arg;

	if (node == NULL)
		return false;
	if (IsA(node, SelectStmt))
	{
		smig_facts_query(context, node, false);
		return false;
	}
	if (IsA(node, FuncCall))
	{
		FuncCall   *call = (FuncCall *) node;
		Node	   *argument = list_length(call->args) >= 1 ?
			linitial(call->args) : NULL;

		/* nextval('sequence') opens the sequence */
		if (argument && IsA(argument, TypeCast))
			argument = ((TypeCast *) argument)->arg;
		if (strcmp(strVal(llast(call->funcname)), "nextval") == 0 &&
			argument && IsA(argument, A_Const) &&
			!((A_Const *) argument)->isnull &&
			IsA(&((A_Const *) argument)->val, String))
		{
			List	   *names =
				smig_column_split_name(((A_Const *) argument)->val.sval.sval);

			smig_fact_lock(context,
						   smig_view_find_names(context->pending, names),
						   AccessShareLock);
		}
	}
	return raw_expression_tree_walker(node, walk_expression, arg);
}

/*
 * Facts of an expression in a definition: default, check, policy.
 */
void
smig_facts_expression(SmigFactsContext *context, Node *raw)
{
	(void) walk_expression(raw, context);
}

/*
 * Facts of reading what the query of a view or materialized view reads.
 */
void
smig_facts_view_query(SmigFactsContext *context, SmigRelation *view)
{
	QueryWalk	walk = {context, NIL, true, AccessShareLock};
	ListCell   *lc;

	foreach(lc, view_relations(context->pending, view))
		read_relation(&walk, lfirst(lc), true, AccessShareLock);
}

/*
 * Facts of COPY table FROM: rows come in.
 */
void
smig_facts_rows_come(SmigFactsContext *context, SmigRelation *relation)
{
	QueryWalk	walk = {context, NIL, true, RowExclusiveLock};

	smig_fact_lock(context, relation, RowExclusiveLock);
	check_own_keys(&walk, relation, NIL);
}
