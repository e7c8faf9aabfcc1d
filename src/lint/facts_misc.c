/*-------------------------------------------------------------------------
 *
 * facts_misc.c
 *	  Facts of RENAME, SET SCHEMA, TRUNCATE, REINDEX, CLUSTER, VACUUM and
 *	  ALTER DOMAIN.
 *
 * IDENTIFICATION
 *	  src/lint/facts_misc.c
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
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "lint/expr.h"
#include "lint/facts_internal.h"

/*
 * Is a boolean option of a (name value, ...) list there and not switched off?
 */
bool
smig_facts_option(List *options, const char *name)
{
	ListCell   *lc;
	bool		on = false;

	foreach(lc, options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, name) != 0)
			continue;
		on = true;
		if (option->arg && IsA(option->arg, String))
		{
			const char *value = strVal(option->arg);

			if (pg_strcasecmp(value, "false") == 0 ||
				pg_strcasecmp(value, "off") == 0)
				on = false;
		}
		else if (option->arg && IsA(option->arg, Integer))
			on = intVal(option->arg) != 0;
	}
	return on;
}

static void
lock_inheritors(SmigFactsContext *context, SmigRelation *relation,
				LOCKMODE mode)
{
	ListCell   *lc;

	foreach(lc, smig_view_inheritors(context->pending, relation))
		smig_fact_lock(context, lfirst(lc), mode);
}

static void
rename_constraint(SmigFactsContext *context, SmigRelation *relation,
				  RenameStmt *stmt)
{
	SmigConstraint *constraint = smig_view_constraint(relation, stmt->subname);

	smig_fact_lock(context, relation, AccessExclusiveLock);
	if (constraint == NULL)
		return;
	if (constraint->type == CONSTRAINT_CHECK || constraint->type == 'n')
	{
		if (stmt->relation->inh)
			lock_inheritors(context, relation, AccessExclusiveLock);
	}
	else if (constraint->index_name)
		smig_fact_lock(context,
					   smig_view_index(relation, constraint->index_name),
					   ShareUpdateExclusiveLock);
}

static void
rename_type(SmigFactsContext *context, List *names)
{
	Oid			type;
	int32		typmod;

	if (smig_expr_type(context->pending, makeTypeNameFromNameList(names),
					   &type, &typmod) &&
		get_typtype(type) == TYPTYPE_COMPOSITE)
		smig_fact_lock(context,
					   smig_view_get(context->pending, get_typ_typrelid(type)),
					   AccessExclusiveLock);
}

/*
 * Facts of ALTER ... RENAME.
 */
void
smig_facts_rename(SmigFactsContext *context, RenameStmt *stmt)
{
	SmigRelation *relation;

	switch (stmt->renameType)
	{
		case OBJECT_TYPE:
			rename_type(context, (List *) stmt->object);
			return;
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_INDEX:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_COLUMN:
		case OBJECT_ATTRIBUTE:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			break;
		default:
			return;
	}
	relation = stmt->missing_ok ?
		smig_view_find(context->pending, stmt->relation) :
		smig_view_find_or_unknown(context->pending, stmt->relation);
	if (relation == NULL)
		return;
	if (stmt->renameType == OBJECT_TABCONSTRAINT)
	{
		rename_constraint(context, relation, stmt);
		return;
	}
	if (relation->kind == RELKIND_INDEX ||
		relation->kind == RELKIND_PARTITIONED_INDEX)
		smig_fact_lock(context, relation, ShareUpdateExclusiveLock);
	else
		smig_fact_lock(context, relation, AccessExclusiveLock);
	if ((stmt->renameType == OBJECT_COLUMN && stmt->relation->inh) ||
		(stmt->renameType == OBJECT_TRIGGER &&
		 relation->kind == RELKIND_PARTITIONED_TABLE))
		lock_inheritors(context, relation, AccessExclusiveLock);
}

/*
 * Facts of ALTER ... SET SCHEMA.
 */
void
smig_facts_set_schema(SmigFactsContext *context, AlterObjectSchemaStmt *stmt)
{
	SmigRelation *relation;
	ListCell   *lc;

	if (stmt->relation == NULL)
		return;
	relation = stmt->missing_ok ?
		smig_view_find(context->pending, stmt->relation) :
		smig_view_find_or_unknown(context->pending, stmt->relation);
	if (relation == NULL)
		return;
	smig_fact_lock(context, relation, AccessExclusiveLock);
	if (strcmp(relation->schema, stmt->newschema) == 0)
		return;
	foreach(lc, smig_view_owned_sequences(context->pending, relation, 0, 0))
		smig_fact_lock(context, lfirst(lc), AccessExclusiveLock);
}

/*
 * Facts of TRUNCATE.
 */
void
smig_facts_truncate(SmigFactsContext *context, TruncateStmt *stmt)
{
	List	   *relations = NIL;
	ListCell   *lc;

	foreach(lc, stmt->relations)
	{
		RangeVar   *name = lfirst(lc);
		SmigRelation *relation = smig_view_find_or_unknown(context->pending,
														   name);

		if (name->inh)
			relations = list_concat_unique_ptr(relations,
											   smig_view_inheritors(context->pending,
																	relation));
		else
			relations = list_append_unique_ptr(relations, relation);
	}
	/* the list grows by the tables that refer to its members */
	for (int i = 0; i < list_length(relations); i++)
	{
		SmigRelation *relation = list_nth(relations, i);

		if (stmt->behavior == DROP_CASCADE)
		{
			foreach(lc, smig_view_referencing(context->pending, relation))
			{
				SmigConstraint *key = lfirst(lc);

				relations = list_append_unique_ptr(relations, key->relation);
			}
		}
		smig_fact_lock(context, relation, AccessExclusiveLock);
		smig_fact_rewrite_table(context, relation);
		if (!stmt->restart_seqs)
			continue;
		foreach(lc, smig_view_owned_sequences(context->pending, relation, 0, 0))
		{
			smig_fact_lock(context, lfirst(lc), AccessExclusiveLock);
			smig_fact_rewrite(context, lfirst(lc));
		}
	}
}

/*
 * Facts of REINDEX; of SCHEMA, DATABASE and SYSTEM too many to name.
 */
void
smig_facts_reindex(SmigFactsContext *context, ReindexStmt *stmt)
{
	bool		concurrently = smig_facts_option(stmt->params, "concurrently");
	SmigRelation *relation = smig_view_find(context->pending, stmt->relation);
	List	   *members;
	ListCell   *lc;

	if (stmt->relation == NULL)
	{
		context->facts->opaque = true;
		return;
	}
	if (relation == NULL)
	{
		if (stmt->kind == REINDEX_OBJECT_TABLE)
			smig_fact_lock(context,
						   smig_view_find_or_unknown(context->pending,
													 stmt->relation),
						   concurrently ? ShareUpdateExclusiveLock : ShareLock);
		return;
	}
	members = smig_view_inheritors(context->pending, relation);
	if (relation->kind == RELKIND_RELATION || relation->kind == RELKIND_MATVIEW)
		members = list_make1(relation);
	foreach(lc, members)
	{
		SmigRelation *member = lfirst(lc);
		bool		is_index = member->heap != NULL;
		SmigRelation *heap = is_index ? member->heap : member;
		List	   *indexes = is_index ? list_make1(member) : member->indexes;
		ListCell   *lc2;

		smig_fact_lock(context, heap, concurrently ?
					   ShareUpdateExclusiveLock : ShareLock);
		if (!smig_view_has_storage(heap))
			continue;
		foreach(lc2, indexes)
		{
			SmigRelation *index = lfirst(lc2);

			if (index->dropped)
				continue;
			smig_fact_lock(context, index, concurrently ?
						   ShareUpdateExclusiveLock : AccessExclusiveLock);
			if (!concurrently)
				smig_fact_rewrite(context, index);
			smig_fact_scan(context, heap);
		}
	}
}

/*
 * Facts of CLUSTER.
 */
void
smig_facts_cluster(SmigFactsContext *context, ClusterStmt *stmt)
{
	SmigRelation *relation;
	ListCell   *lc;

	if (stmt->relation == NULL)
	{
		context->facts->opaque = true;
		return;
	}
	relation = smig_view_find_or_unknown(context->pending, stmt->relation);
	smig_fact_lock(context, relation, AccessExclusiveLock);
	if (relation->kind != RELKIND_PARTITIONED_TABLE)
	{
		smig_fact_rewrite_table(context, relation);
		return;
	}
	foreach(lc, smig_view_inheritors(context->pending, relation))
	{
		smig_fact_lock(context, lfirst(lc), AccessExclusiveLock);
		smig_fact_rewrite_table(context, lfirst(lc));
	}
}

/*
 * Facts of GRANT and REVOKE.
 */
void
smig_facts_grant(SmigFactsContext *context, Node *stmt)
{
	GrantStmt  *grant = (GrantStmt *) stmt;
	ListCell   *lc;

	if (SMIG_GRANT_LOCK == NoLock || grant->targtype != ACL_TARGET_OBJECT ||
		(grant->objtype != OBJECT_TABLE && grant->objtype != OBJECT_SEQUENCE))
		return;
	foreach(lc, grant->objects)
		smig_fact_lock(context,
					   smig_view_find_or_unknown(context->pending, lfirst(lc)),
					   SMIG_GRANT_LOCK);
}

/*
 * Facts of VACUUM and ANALYZE.
 */
void
smig_facts_vacuum(SmigFactsContext *context, VacuumStmt *stmt)
{
	bool		full = smig_facts_option(stmt->options, "full");
	ListCell   *lc;

	if (stmt->rels == NIL)
	{
		context->facts->opaque = true;
		return;
	}
	foreach(lc, stmt->rels)
	{
		VacuumRelation *item = lfirst(lc);
		SmigRelation *relation = smig_view_find_or_unknown(context->pending,
														   item->relation);
		List	   *members = relation->kind == RELKIND_PARTITIONED_TABLE ?
			smig_view_inheritors(context->pending, relation) :
			list_make1(relation);
		ListCell   *lc2;

		foreach(lc2, members)
		{
			SmigRelation *member = lfirst(lc2);

			smig_fact_lock(context, member, full ? AccessExclusiveLock :
						   ShareUpdateExclusiveLock);
			if (full)
				smig_fact_rewrite_table(context, member);
		}
		if (!stmt->is_vacuumcmd && relation->kind == RELKIND_RELATION)
		{
			foreach(lc2, smig_view_inheritors(context->pending, relation))
				smig_fact_lock(context, lfirst(lc2), SMIG_ANALYZE_CHILD_LOCK);
		}
	}
}

/*
 * Tables with a column of the domain or of a domain over it.
 */
static void
collect_domain_tables(SmigPending *pending, Oid domain, List **found)
{
	Relation	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *domains = NIL;
	ListCell   *lc;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(domain));
	scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL, 2,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == TypeRelationId &&
			get_typtype(form->objid) == TYPTYPE_DOMAIN)
			domains = lappend_oid(domains, form->objid);
		else if (form->classid == RelationRelationId && form->objsubid > 0)
		{
			SmigRelation *relation = smig_view_get(pending, form->objid);

			if (relation && smig_view_has_storage(relation))
				*found = list_append_unique_ptr(*found, relation);
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	foreach(lc, domains)
		collect_domain_tables(pending, lfirst_oid(lc), found);
}

/*
 * Facts of ALTER DOMAIN: constraints look at every table that uses it.
 */
void
smig_facts_domain(SmigFactsContext *context, AlterDomainStmt *stmt)
{
	List	   *tables = NIL;
	Oid			type;
	int32		typmod;
	ListCell   *lc;

	if (stmt->subtype != 'C' && stmt->subtype != 'O' && stmt->subtype != 'V')
		return;
	if (stmt->subtype == 'C' &&
		castNode(Constraint, stmt->def)->skip_validation)
		return;
	if (!smig_expr_type(context->pending,
						makeTypeNameFromNameList(stmt->typeName),
						&type, &typmod))
		return;
	collect_domain_tables(context->pending, type, &tables);
	foreach(lc, tables)
	{
		smig_fact_lock(context, lfirst(lc), ShareLock);
		smig_fact_scan(context, lfirst(lc));
	}
}
