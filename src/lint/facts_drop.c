/*-------------------------------------------------------------------------
 *
 * facts_drop.c
 *	  Facts of DROP: whatever goes along, and whose table that locks.
 *
 * One walk over pg_depend serves DROP of anything, DROP COLUMN and DROP
 * CONSTRAINT: it follows what the server would follow and notes the lock that
 * the removal of each kind of object takes.
 *
 * IDENTIFICATION
 *	  src/lint/facts_drop.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "commands/policy.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "rewrite/rewriteSupport.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "lint/expr.h"
#include "lint/facts_internal.h"

/*
 * Kinds of objects that belong to a relation: where their catalog says which
 * one, and the lock that removing one takes on it.
 */
typedef struct OwnedClass
{
	Oid			catalog;
	Oid			index;			/* unique index on oid */
	AttrNumber	oid_column;
	AttrNumber	relation_column;
	LOCKMODE	mode;
} OwnedClass;

static const OwnedClass owned_classes[] = {
	{ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid,
	Anum_pg_constraint_conrelid, AccessExclusiveLock},
	{TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid,
	Anum_pg_trigger_tgrelid, AccessExclusiveLock},
	{RewriteRelationId, RewriteOidIndexId, Anum_pg_rewrite_oid,
	Anum_pg_rewrite_ev_class, AccessExclusiveLock},
	{AttrDefaultRelationId, AttrDefaultOidIndexId, Anum_pg_attrdef_oid,
	Anum_pg_attrdef_adrelid, AccessExclusiveLock},
	{PolicyRelationId, PolicyOidIndexId, Anum_pg_policy_oid,
	Anum_pg_policy_polrelid, AccessExclusiveLock},
	{StatisticExtRelationId, StatisticExtOidIndexId,
		Anum_pg_statistic_ext_oid, Anum_pg_statistic_ext_stxrelid,
	ShareUpdateExclusiveLock},
};

/*
 * Locks that a relation takes by being dropped: itself, the table of an
 * index, the parent and default partition of a partition.
 */
static void
lock_dropped_relation(SmigFactsContext *context, SmigRelation *relation)
{
	SmigRelation *parent;

	smig_fact_lock(context, relation, AccessExclusiveLock);
	if (relation->heap)
		smig_fact_lock(context, relation->heap, AccessExclusiveLock);
	if (relation->kind == RELKIND_INDEX ||
		relation->kind == RELKIND_PARTITIONED_INDEX)
		return;
	parent = smig_view_parent(context->pending, relation);
	if (parent)
	{
		smig_fact_lock(context, parent, AccessExclusiveLock);
		smig_fact_lock(context,
					   smig_view_default_partition(context->pending, parent),
					   AccessExclusiveLock);
	}
}

/*
 * Notes the lock that removing one object takes.  Returns false when the
 * object will not be there any more.
 */
static bool
lock_for_object(SmigFactsContext *context, const ObjectAddress *object)
{
	SmigPending *pending = context->pending;

	if (object->classId == RelationRelationId)
	{
		SmigRelation *relation = smig_view_get(pending, object->objectId);

		if (relation == NULL)
			return false;
		if (object->objectSubId != 0)
			smig_fact_lock(context, relation, AccessExclusiveLock);
		else
			lock_dropped_relation(context, relation);
		return true;
	}
	for (int i = 0; i < lengthof(owned_classes); i++)
	{
		const OwnedClass *class = &owned_classes[i];
		Relation	catalog;
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;
		SmigRelation *relation = NULL;
		bool		table_object = true;

		if (class->catalog != object->classId)
			continue;
		catalog = table_open(class->catalog, AccessShareLock);
		ScanKeyInit(&key, class->oid_column, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(object->objectId));
		scan = systable_beginscan(catalog, class->index, true, NULL, 1, &key);
		tuple = systable_getnext(scan);
		if (HeapTupleIsValid(tuple))
		{
			bool		isnull;
			Datum		oid = heap_getattr(tuple, class->relation_column,
										   RelationGetDescr(catalog), &isnull);

			table_object = OidIsValid(DatumGetObjectId(oid));
			relation = smig_view_get(pending, DatumGetObjectId(oid));
		}
		systable_endscan(scan);
		table_close(catalog, AccessShareLock);
		if (!table_object)
			return true;		/* constraint of a domain */
		if (relation == NULL)
			return false;
		if (object->classId == ConstraintRelationId)
		{
			bool		there = false;
			ListCell   *lc;

			foreach(lc, relation->constraints)
			{
				if (((SmigConstraint *) lfirst(lc))->oid == object->objectId)
					there = true;
			}
			if (!there)
				return false;
		}
		smig_fact_lock(context, relation, class->mode);
		return true;
	}
	return true;
}

/*
 * Notes that an object has been seen; false when it, or the whole that it is a
 * part of, was seen before.
 */
static bool
visit(HTAB *visited, const ObjectAddress *object)
{
	ObjectAddress whole = *object;
	bool		found;

	whole.objectSubId = 0;
	if (hash_search(visited, &whole, HASH_FIND, NULL) != NULL)
		return false;
	(void) hash_search(visited, object, HASH_ENTER, &found);
	return !found;
}

/*
 * Object that owns "object" internally (the view of its rule, the constraint
 * of its index); false when there is none.
 */
static bool
find_owner(const ObjectAddress *object, ObjectAddress *owner)
{
	Relation	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(object->classId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(object->objectId));
	scan = systable_beginscan(catalog, DependDependerIndexId, true, NULL, 2,
							  keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype == DEPENDENCY_INTERNAL && form->objsubid == 0)
		{
			ObjectAddressSubSet(*owner, form->refclassid, form->refobjid,
								form->refobjsubid);
			found = true;
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

static bool
dependency_followed(char deptype, bool cascade)
{
	switch (deptype)
	{
		case DEPENDENCY_AUTO:
		case DEPENDENCY_INTERNAL:
		case DEPENDENCY_PARTITION_PRI:
		case DEPENDENCY_PARTITION_SEC:
		case DEPENDENCY_AUTO_EXTENSION:
		case DEPENDENCY_EXTENSION:
			return true;
		case DEPENDENCY_NORMAL:
			return cascade;
		default:
			return false;
	}
}

static void
collect_dependents(const ObjectAddress *object, bool cascade, List **found)
{
	Relation	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[3];
	int			nkeys = 2;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(object->classId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(object->objectId));
	if (object->objectSubId != 0)
	{
		ScanKeyInit(&keys[2], Anum_pg_depend_refobjsubid,
					BTEqualStrategyNumber, F_INT4EQ,
					Int32GetDatum(object->objectSubId));
		nkeys = 3;
	}
	scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL,
							  nkeys, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress *dependent;
		ObjectAddress owner;

		if (!dependency_followed(form->deptype, cascade))
			continue;
		dependent = palloc(sizeof(ObjectAddress));
		ObjectAddressSubSet(*dependent, form->classid, form->objid,
							form->objsubid);
		*found = lappend(*found, dependent);
		if (form->deptype != DEPENDENCY_INTERNAL &&
			find_owner(dependent, &owner))
		{
			dependent = palloc(sizeof(ObjectAddress));
			*dependent = owner;
			*found = lappend(*found, dependent);
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * Notes the locks of dropping "start" with all that goes along; with cascade
 * also what would otherwise stop the drop.  Returns what goes, as a list of
 * ObjectAddress *.
 */
List *
smig_facts_drop_closure(SmigFactsContext *context, const ObjectAddress *start,
						int nstart, bool cascade)
{
	List	   *queue = NIL;
	List	   *gone = NIL;
	HASHCTL		control = {0};
	HTAB	   *visited;

	control.keysize = sizeof(ObjectAddress);
	control.entrysize = sizeof(ObjectAddress);
	control.hcxt = CurrentMemoryContext;
	visited = hash_create("schemamig dropped objects", 64, &control,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < nstart; i++)
	{
		ObjectAddress *object = palloc(sizeof(ObjectAddress));

		*object = start[i];
		queue = lappend(queue, object);
	}
	/* the queue grows while it is worked off */
	for (int i = 0; i < list_length(queue); i++)
	{
		ObjectAddress *object = list_nth(queue, i);

		CHECK_FOR_INTERRUPTS();
		if (!visit(visited, object) || !lock_for_object(context, object))
			continue;
		gone = lappend(gone, object);
		collect_dependents(object, cascade, &queue);
	}
	hash_destroy(visited);
	return gone;
}

typedef struct AddressRequest
{
	ObjectType	type;
	Node	   *object;
	ObjectAddress address;
} AddressRequest;

static void
find_address(void *arg)
{
	AddressRequest *request = arg;
	Relation	relation = NULL;

	request->address = get_object_address(request->type, request->object,
										  &relation, AccessShareLock, true);
}

static bool
is_relation_type(ObjectType type)
{
	return type == OBJECT_TABLE || type == OBJECT_INDEX ||
		type == OBJECT_SEQUENCE || type == OBJECT_VIEW ||
		type == OBJECT_MATVIEW || type == OBJECT_FOREIGN_TABLE;
}

/*
 * Address of a trigger, rule or policy, from "schema, table, name".
 */
static bool
table_object_address(SmigPending *pending, ObjectType type, List *names,
					 ObjectAddress *address)
{
	List	   *table = list_truncate(list_copy(names),
									  list_length(names) - 1);
	SmigRelation *relation = smig_view_find_names(pending, table);
	const char *name = strVal(llast(names));
	Oid			class;
	Oid			oid;

	if (relation == NULL || !OidIsValid(relation->oid))
		return false;
	if (type == OBJECT_TRIGGER)
	{
		class = TriggerRelationId;
		oid = get_trigger_oid(relation->oid, name, true);
	}
	else if (type == OBJECT_RULE)
	{
		class = RewriteRelationId;
		oid = get_rewrite_oid(relation->oid, name, true);
	}
	else
	{
		class = PolicyRelationId;
		oid = get_relation_policy_oid(relation->oid, name, true);
	}
	ObjectAddressSet(*address, class, oid);
	return OidIsValid(oid);
}

/*
 * Catalog addresses (ObjectAddress *) of what a DROP names; without those that
 * are not in the catalog.
 */
List *
smig_facts_drop_addresses(SmigPending *pending, DropStmt *stmt)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, stmt->objects)
	{
		ObjectAddress *address = palloc0(sizeof(ObjectAddress));
		Node	   *object = lfirst(lc);

		if (is_relation_type(stmt->removeType))
		{
			SmigRelation *relation = smig_view_find_names(pending,
														  (List *) object);

			if (relation == NULL || !OidIsValid(relation->oid))
				continue;
			ObjectAddressSet(*address, RelationRelationId, relation->oid);
		}
		else if (stmt->removeType == OBJECT_TRIGGER ||
				 stmt->removeType == OBJECT_RULE ||
				 stmt->removeType == OBJECT_POLICY)
		{
			if (!table_object_address(pending, stmt->removeType,
									  (List *) object, address))
				continue;
		}
		else
		{
			AddressRequest request = {stmt->removeType, object};

			if (!smig_expr_try(pending, find_address, &request) ||
				!OidIsValid(request.address.objectId))
				continue;
			*address = request.address;
		}
		found = lappend(found, address);
	}
	return found;
}

/*
 * A table of the script itself: its foreign keys still lock their targets.
 */
static void
drop_created_relation(SmigFactsContext *context, SmigRelation *relation)
{
	ListCell   *lc;

	foreach(lc, relation->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);

		if (constraint->added && constraint->type == CONSTRAINT_FOREIGN)
			smig_fact_lock(context,
						   smig_view_target(context->pending, constraint),
						   AccessExclusiveLock);
	}
	if (relation->parent)
		lock_dropped_relation(context, relation);
	if (relation->heap)
		smig_fact_lock(context, relation->heap, AccessExclusiveLock);
}

/*
 * Facts of DROP of anything but databases, roles and tablespaces.
 */
void
smig_facts_drop(SmigFactsContext *context, DropStmt *stmt)
{
	List	   *addresses;
	ListCell   *lc;

	if (stmt->concurrent)
	{
		foreach(lc, stmt->objects)
		{
			SmigRelation *index = smig_view_find_names(context->pending,
													   lfirst(lc));

			if (index == NULL)
				continue;
			smig_fact_lock(context, index, ShareUpdateExclusiveLock);
			if (index->heap)
				smig_fact_lock(context, index->heap, ShareUpdateExclusiveLock);
		}
		return;
	}
	if (is_relation_type(stmt->removeType))
	{
		foreach(lc, stmt->objects)
		{
			SmigRelation *relation = smig_view_find_names(context->pending,
														  lfirst(lc));

			if (relation)
				drop_created_relation(context, relation);
		}
	}
	addresses = smig_facts_drop_addresses(context->pending, stmt);
	foreach(lc, addresses)
		(void) smig_facts_drop_closure(context, lfirst(lc), 1,
									   stmt->behavior == DROP_CASCADE);
}
