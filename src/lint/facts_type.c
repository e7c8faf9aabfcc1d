/*-------------------------------------------------------------------------
 *
 * facts_type.c
 *	  Facts of ALTER COLUMN TYPE: what is rewritten, rebuilt and checked again.
 *
 * IDENTIFICATION
 *	  src/lint/facts_type.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "lint/column.h"
#include "lint/expr.h"
#include "lint/facts_internal.h"

/*
 * After a type change without rewrite: can the index keep its file?  Mirrors
 * the server's CheckIndexCompatible for what can differ here.
 */
static bool
index_survives(SmigRelation *index, SmigColumn *column, Oid new_type,
			   Oid new_collation)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID,
										ObjectIdGetDatum(index->oid));
	Form_pg_index form;
	oidvector  *classes;
	oidvector  *collations;
	bool		same = true;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	classes = (oidvector *)
		DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple,
										Anum_pg_index_indclass, &isnull));
	collations = (oidvector *)
		DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple,
										Anum_pg_index_indcollation, &isnull));
	if (!form->indisvalid ||
		!heap_attisnull(tuple, Anum_pg_index_indpred, NULL) ||
		!heap_attisnull(tuple, Anum_pg_index_indexprs, NULL))
		same = false;
	for (int i = 0; same && i < form->indnkeyatts; i++)
	{
		Oid			was;

		if (form->indkey.values[i] != column->attnum)
			continue;
		was = GetDefaultOpClass(getBaseType(column->type), index->am);
		if (classes->values[i] == was &&
			GetDefaultOpClass(getBaseType(new_type), index->am) != was)
			same = false;
		if (collations->values[i] == column->collation &&
			new_collation != column->collation)
			same = false;
	}
	ReleaseSysCache(tuple);
	return same;
}

/*
 * Does the index mention the column, in a key, an expression or its
 * predicate?
 */
static bool
index_uses_column(SmigRelation *index, SmigColumn *column)
{
	Relation	catalog;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;
	ListCell   *lc;

	foreach(lc, index->keys)
	{
		if (lfirst(lc) && strcmp(lfirst(lc), column->name) == 0)
			return true;
	}
	if (!OidIsValid(index->oid))
		return false;
	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(index->oid));
	scan = systable_beginscan(catalog, DependDependerIndexId, true, NULL, 2,
							  keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		found = form->refclassid == RelationRelationId &&
			form->refobjid == index->heap->oid &&
			form->refobjsubid == column->attnum;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/*
 * Constraints that mention a column are made anew by a type change: foreign
 * keys lock their other side, checks and foreign keys look at all rows again.
 */
static void
type_change_constraints(SmigFactsContext *context, SmigRelation *target,
						SmigColumn *column, bool rewrites)
{
	List	   *keys = smig_view_referencing(context->pending, target);
	ListCell   *lc;

	foreach(lc, target->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);
		SmigRelation *other;

		if (!list_member(constraint->columns, NULL) &&
			!smig_column_listed(constraint->columns, column->name))
			continue;
		if (constraint->type == CONSTRAINT_CHECK && constraint->valid)
			smig_fact_scan(context, target);
		if (constraint->type != CONSTRAINT_FOREIGN)
			continue;
		other = smig_view_target(context->pending, constraint);
		smig_fact_lock(context, other, AccessExclusiveLock);
		if (rewrites && constraint->valid && other)
		{
			smig_fact_scan(context, other);
			smig_fact_scan(context, target);
		}
	}
	foreach(lc, keys)
	{
		SmigConstraint *key = lfirst(lc);

		if (!smig_column_listed(key->target_columns, column->name))
			continue;
		smig_fact_lock(context, key->relation, AccessExclusiveLock);
		if (rewrites && key->valid)
		{
			smig_fact_scan(context, key->relation);
			smig_fact_scan(context, target);
		}
	}
}

/*
 * Facts of ALTER COLUMN TYPE on a table and its heirs, beyond the lock of the
 * statement.
 */
void
smig_facts_alter_type(SmigFactsContext *context, AlterTableCmd *cmd,
					  List *targets)
{
	ColumnDef  *definition = castNode(ColumnDef, cmd->def);
	Oid			type;
	int32		typmod;
	ListCell   *lc;

	smig_expr_type(context->pending, definition->typeName, &type, &typmod);
	foreach(lc, targets)
	{
		SmigRelation *target = lfirst(lc);
		SmigColumn *column = smig_view_column(target, cmd->name);
		List	   *rebuilt = NIL;
		bool		rewrites;
		Oid			collation;
		ListCell   *lc2;

		if (target->kind == RELKIND_COMPOSITE_TYPE)
			continue;
		rewrites = smig_expr_type_rewrites(context->pending, target, column,
										   definition->typeName,
										   definition->raw_default);
		if (column == NULL)
		{
			smig_fact_rewrite_table(context, target);
			continue;
		}
		collation = smig_expr_collation(context->pending, definition, type);
		foreach(lc2, target->indexes)
		{
			SmigRelation *index = lfirst(lc2);

			if (index->dropped || !index_uses_column(index, column))
				continue;
			smig_fact_lock(context, index, AccessExclusiveLock);
			rebuilt = lappend(rebuilt, index);
			if (!rewrites &&
				(!OidIsValid(index->oid) ||
				 !index_survives(index, column, type, collation)))
				smig_fact_scan(context, target);
		}
		if (rewrites && smig_view_has_storage(target))
		{
			smig_fact_rewrite(context, target);
			foreach(lc2, target->indexes)
			{
				SmigRelation *index = lfirst(lc2);

				if (!index->dropped && !list_member_ptr(rebuilt, index))
				{
					smig_fact_lock(context, index, AccessExclusiveLock);
					smig_fact_rewrite(context, index);
				}
			}
		}
		type_change_constraints(context, target, column, rewrites);
		if (column->identity)
		{
			foreach(lc2, smig_view_owned_sequences(context->pending, target,
												   column->attnum, DEPENDENCY_INTERNAL))
			{
				smig_fact_lock(context, lfirst(lc2), ShareRowExclusiveLock);
				smig_fact_rewrite(context, lfirst(lc2));
			}
		}
	}
}
