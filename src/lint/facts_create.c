/*-------------------------------------------------------------------------
 *
 * facts_create.c
 *	  Facts of CREATE TABLE, INDEX and TRIGGER, and of ATTACH PARTITION.
 *
 * IDENTIFICATION
 *	  src/lint/facts_create.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "nodes/value.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "lint/column.h"
#include "lint/expr.h"
#include "lint/facts_internal.h"

/*
 * Whether two lists of names (char *) are equal; a name that is not known
 * (NULL) is equal to none.
 */
bool
smig_facts_same_names(List *a, List *b)
{
	ListCell   *lc1;
	ListCell   *lc2;

	if (list_length(a) != list_length(b))
		return false;
	forboth(lc1, a, lc2, b)
	{
		if (lfirst(lc1) == NULL || lfirst(lc2) == NULL ||
			strcmp(lfirst(lc1), lfirst(lc2)) != 0)
			return false;
	}
	return true;
}

/*
 * The index of "child" that would be taken as partition of "index", or NULL:
 * the same columns and kind, valid for any parent, not attached yet.
 */
static SmigRelation *
find_twin(SmigPending *pending, SmigRelation *index, SmigRelation *child)
{
	ListCell   *lc;

	if (index->partial)
		return NULL;
	foreach(lc, child->indexes)
	{
		SmigRelation *other = lfirst(lc);

		if (!other->dropped && !other->partial &&
			other->unique == index->unique && other->am == index->am &&
			smig_facts_same_names(other->keys, index->keys) &&
			smig_view_parent(pending, other) == NULL)
			return other;
	}
	return NULL;
}

/*
 * Scans what would be read by looking at all rows of "relation": itself or
 * its partitions.
 */
static void
scan_leaves(SmigFactsContext *context, SmigRelation *relation)
{
	ListCell   *lc;

	foreach(lc, smig_view_inheritors(context->pending, relation))
		smig_fact_scan(context, lfirst(lc));
}

/*
 * The default partition must not hold rows that belong to the new bound.
 */
static void
check_default(SmigFactsContext *context, SmigRelation *parent,
			  PartitionBoundSpec *bound)
{
	SmigRelation *other = smig_view_default_partition(context->pending, parent);

	if (other == NULL)
		return;
	smig_fact_lock(context, other, AccessExclusiveLock);
	if (bound && !smig_expr_partition_proved(context->pending, parent, other,
											 bound, true))
	{
		ListCell   *lc;

		foreach(lc, smig_view_inheritors(context->pending, other))
		{
			smig_fact_lock(context, lfirst(lc), AccessExclusiveLock);
			smig_fact_scan(context, lfirst(lc));
		}
	}
}

/*
 * Indexes and foreign keys of the parent are given to a partition; "child" is
 * NULL for one that is being made.
 */
static void
give_to_partition(SmigFactsContext *context, SmigRelation *parent,
				  SmigRelation *child)
{
	ListCell   *lc;

	foreach(lc, parent->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (index->dropped)
			continue;
		smig_fact_lock(context, index, ShareUpdateExclusiveLock);
		if (child && find_twin(context->pending, index, child) == NULL)
			scan_leaves(context, child);
	}
	foreach(lc, parent->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);
		SmigRelation *target;

		if (constraint->type != CONSTRAINT_FOREIGN)
			continue;
		target = smig_view_target(context->pending, constraint);
		if (target == NULL)
			continue;
		smig_fact_lock(context, target, ShareRowExclusiveLock);
		if (child)
		{
			bool		has_own = false;
			ListCell   *lc2;

			foreach(lc2, child->constraints)
			{
				SmigConstraint *own = lfirst(lc2);

				if (own->type == CONSTRAINT_FOREIGN && own->valid &&
					smig_view_target(context->pending, own) == target &&
					smig_facts_same_names(own->columns, constraint->columns))
					has_own = true;
			}
			if (has_own)
				smig_fact_lock(context, target, AccessExclusiveLock);
			else
			{
				if (!child->created || child->filled)
					smig_fact_scan(context, target);
				scan_leaves(context, child);
			}
		}
	}
}

/*
 * Facts of ATTACH PARTITION beyond the lock of the statement.
 */
void
smig_facts_attach(SmigFactsContext *context, SmigRelation *parent,
				  SmigRelation *child, PartitionBoundSpec *bound)
{
	ListCell   *lc;

	foreach(lc, smig_view_inheritors(context->pending, child))
		smig_fact_lock(context, lfirst(lc), AccessExclusiveLock);
	if (bound && !bound->is_default &&
		!smig_expr_partition_proved(context->pending, parent, child, bound,
									false))
		scan_leaves(context, child);
	else if (bound && bound->is_default &&
			 smig_view_children(context->pending, parent) != NIL)
		scan_leaves(context, child);
	give_to_partition(context, parent, child);
	check_default(context, parent, bound);
}

static void
create_partition_of(SmigFactsContext *context, SmigRelation *parent,
					PartitionBoundSpec *bound)
{
	smig_fact_lock(context, parent, AccessExclusiveLock);
	give_to_partition(context, parent, NULL);
	check_default(context, parent, bound->is_default ? NULL : bound);
}

static void
create_element(SmigFactsContext *context, SmigRelation *self, Node *element)
{
	ListCell   *lc;

	if (IsA(element, TableLikeClause))
		smig_fact_lock(context,
					   smig_view_find(context->pending,
									  ((TableLikeClause *) element)->relation),
					   AccessShareLock);
	else if (IsA(element, Constraint))
	{
		Constraint *constraint = (Constraint *) element;

		if (constraint->contype == CONSTR_FOREIGN)
			smig_facts_foreign_key(context, NULL, constraint->pktable, false);
		else if (constraint->raw_expr)
			smig_facts_expression(context, constraint->raw_expr);
	}
	else if (IsA(element, ColumnDef))
	{
		foreach(lc, ((ColumnDef *) element)->constraints)
			create_element(context, self, lfirst(lc));
	}
}

/*
 * Facts of CREATE TABLE: the new table blocks nobody, but its parents and the
 * tables it refers to are locked.
 */
void
smig_facts_create_table(SmigFactsContext *context, CreateStmt *stmt)
{
	ListCell   *lc;

	if (stmt->if_not_exists &&
		smig_view_find(context->pending, stmt->relation) != NULL)
		return;
	foreach(lc, stmt->inhRelations)
	{
		SmigRelation *parent = smig_view_find(context->pending, lfirst(lc));

		if (parent == NULL)
			continue;
		if (stmt->partbound)
			create_partition_of(context, parent, stmt->partbound);
		else
			smig_fact_lock(context, parent, ShareUpdateExclusiveLock);
	}
	foreach(lc, stmt->tableElts)
		create_element(context, NULL, lfirst(lc));
	foreach(lc, stmt->constraints)
		create_element(context, NULL, lfirst(lc));
	if (stmt->ofTypename)
	{
		Oid			type;
		int32		typmod;

		if (smig_expr_type(context->pending, stmt->ofTypename, &type, &typmod))
			smig_fact_lock(context,
						   smig_view_get(context->pending,
										 get_typ_typrelid(type)),
						   AccessShareLock);
	}
}

/*
 * Facts of CREATE INDEX, its copies on partitions included.
 */
void
smig_facts_create_index(SmigFactsContext *context, IndexStmt *stmt)
{
	SmigRelation *relation = smig_view_find_or_unknown(context->pending,
													   stmt->relation);
	LOCKMODE	mode = stmt->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	SmigRelation shape = {0};
	ListCell   *lc;

	smig_fact_lock(context, relation, mode);
	if (stmt->if_not_exists && stmt->idxname)
	{
		RangeVar	name = *stmt->relation;

		name.schemaname = relation->schema;
		name.relname = stmt->idxname;
		if (smig_view_find(context->pending, &name))
			return;
	}
	shape.unique = stmt->unique;
	shape.partial = stmt->whereClause != NULL;
	shape.am = get_am_oid(stmt->accessMethod ? stmt->accessMethod : "btree",
						  true);
	foreach(lc, stmt->indexParams)
		shape.keys = lappend(shape.keys, ((IndexElem *) lfirst(lc))->name);
	foreach(lc, stmt->indexIncludingParams)
		shape.keys = lappend(shape.keys, ((IndexElem *) lfirst(lc))->name);

	if (relation->kind != RELKIND_PARTITIONED_TABLE)
	{
		smig_fact_scan(context, relation);
		return;
	}
	if (!stmt->relation->inh)
		return;
	foreach(lc, smig_view_inheritors(context->pending, relation))
	{
		SmigRelation *member = lfirst(lc);
		SmigRelation *twin = member == relation ? NULL :
			find_twin(context->pending, &shape, member);

		smig_fact_lock(context, member, mode);
		if (twin)
			smig_fact_lock(context, twin, mode);
		else
			smig_fact_scan(context, member);
	}
}

/*
 * Facts of CREATE TRIGGER; row triggers of a partitioned table are cloned to
 * its partitions.
 */
void
smig_facts_create_trigger(SmigFactsContext *context, CreateTrigStmt *stmt)
{
	SmigRelation *relation = smig_view_find_or_unknown(context->pending,
													   stmt->relation);
	ListCell   *lc;

	smig_fact_lock(context, relation, ShareRowExclusiveLock);
	if (stmt->row && relation->kind == RELKIND_PARTITIONED_TABLE)
	{
		foreach(lc, smig_view_inheritors(context->pending, relation))
			smig_fact_lock(context, lfirst(lc), ShareRowExclusiveLock);
	}
	if (stmt->constrrel)
		smig_fact_lock(context,
					   smig_view_find(context->pending, stmt->constrrel),
					   AccessShareLock);
}
