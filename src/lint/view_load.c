/*-------------------------------------------------------------------------
 *
 * view_load.c
 *	  What belongs to a relation, read from the system catalogs.
 *
 * IDENTIFICATION
 *	  src/lint/view_load.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_trigger.h"
#include "parser/parse_target.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "lint/view.h"

static void
load_columns(SmigRelation *relation)
{
	for (AttrNumber i = 1; i < relation->next_attnum; i++)
	{
		HeapTuple	tuple = SearchSysCache2(ATTNUM,
											ObjectIdGetDatum(relation->oid),
											Int16GetDatum(i));
		Form_pg_attribute form;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_attribute) GETSTRUCT(tuple);
		if (!form->attisdropped)
		{
			SmigColumn *column = palloc0(sizeof(SmigColumn));

			column->name = pstrdup(NameStr(form->attname));
			column->attnum = i;
			column->type = form->atttypid;
			column->typmod = form->atttypmod;
			column->collation = form->attcollation;
			column->notnull = form->attnotnull;
			column->hasdefault = form->atthasdef;
			column->identity = form->attidentity;
			column->generated = form->attgenerated;
			relation->columns = lappend(relation->columns, column);
		}
		ReleaseSysCache(tuple);
	}
}

/*
 * Names of the columns with these numbers; an element is NULL for 0.
 */
static List *
column_names(Oid relation, const int16 *attnums, int n)
{
	List	   *names = NIL;

	for (int i = 0; i < n; i++)
		names = lappend(names, attnums[i] == 0 ? NULL :
						get_attname(relation, attnums[i], true));
	return names;
}

static List *
column_names_datum(Oid relation, HeapTuple tuple, TupleDesc desc, int attribute)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, attribute, desc, &isnull);
	ArrayType  *array;

	if (isnull)
		return NIL;
	array = DatumGetArrayTypeP(datum);
	return column_names(relation, (int16 *) ARR_DATA_PTR(array),
						ARR_DIMS(array)[0]);
}

static void
load_constraints(SmigRelation *relation)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relation->oid));
	scan = systable_beginscan(catalog, ConstraintRelidTypidNameIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
		SmigConstraint *constraint = palloc0(sizeof(SmigConstraint));
		bool		isnull;
		Datum		bin;

		constraint->relation = relation;
		constraint->name = pstrdup(NameStr(form->conname));
		constraint->oid = form->oid;
		constraint->type = form->contype;
		constraint->valid = form->convalidated;
		constraint->referenced = form->confrelid;
		constraint->on_delete = form->confdeltype;
		constraint->on_update = form->confupdtype;
		constraint->index = form->conindid;
		constraint->inherited = OidIsValid(form->conparentid);
		constraint->columns = column_names_datum(relation->oid, tuple,
												 RelationGetDescr(catalog),
												 Anum_pg_constraint_conkey);
		if (OidIsValid(form->confrelid))
			constraint->target_columns =
				column_names_datum(form->confrelid, tuple,
								   RelationGetDescr(catalog),
								   Anum_pg_constraint_confkey);
		bin = heap_getattr(tuple, Anum_pg_constraint_conbin,
						   RelationGetDescr(catalog), &isnull);
		if (!isnull)
			constraint->check = stringToNode(TextDatumGetCString(bin));
		relation->constraints = lappend(relation->constraints, constraint);

		/* PostgreSQL 18: a NOT NULL that is NOT VALID proves nothing yet */
		if (form->contype == 'n' && !form->convalidated &&
			constraint->columns != NIL)
		{
			SmigColumn *column = smig_view_column(relation,
												  linitial(constraint->columns));

			if (column)
				column->notnull = false;
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * Fills what only indexes have, from pg_index; heap is left to the caller.
 */
static void
load_index(SmigRelation *index, Oid *heap)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID,
										ObjectIdGetDatum(index->oid));
	Form_pg_index form;

	*heap = InvalidOid;
	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_index) GETSTRUCT(tuple);
	*heap = form->indrelid;
	index->unique = form->indisunique;
	index->primary = form->indisprimary;
	index->exclusion = form->indisexclusion;
	index->valid = form->indisvalid;
	index->clustered = form->indisclustered;
	index->nkeys = form->indnkeyatts;
	index->partial = !heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	index->keys = column_names(form->indrelid, form->indkey.values,
							   form->indnatts);
	index->from_constraint = false;
	ReleaseSysCache(tuple);
}

static void
load_indexes(SmigPending *pending, SmigRelation *relation)
{
	Relation	catalog = table_open(IndexRelationId, AccessShareLock);
	List	   *oids = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	ListCell   *lc;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relation->oid));
	scan = systable_beginscan(catalog, IndexIndrelidIndexId, true, NULL, 1,
							  &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);

		if (form->indislive)
			oids = lappend_oid(oids, form->indexrelid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	list_sort(oids, list_oid_cmp);

	foreach(lc, oids)
	{
		SmigRelation *index = smig_view_get(pending, lfirst_oid(lc));
		ListCell   *lc2;

		if (index == NULL)
			continue;
		index->heap = relation;
		foreach(lc2, relation->constraints)
		{
			SmigConstraint *constraint = lfirst(lc2);

			if (constraint->index == index->oid &&
				constraint->type != CONSTRAINT_FOREIGN)
			{
				index->from_constraint = true;
				constraint->index_name = index->name;
			}
		}
		relation->indexes = lappend(relation->indexes, index);
	}
}

/*
 * Reads what belongs to a relation, by its kind.  Runs in pending->context.
 */
void
smig_view_load(SmigPending *pending, SmigRelation *relation)
{
	relation->loaded = true;
	if (relation->kind == RELKIND_INDEX ||
		relation->kind == RELKIND_PARTITIONED_INDEX)
	{
		Oid			heap;

		load_index(relation, &heap);

		/* reading the table reads its indexes and sets our heap */
		if (OidIsValid(heap) &&
			!smig_view_is_loaded(pending, heap))
			relation->heap = smig_view_get(pending, heap);
		return;
	}
	if (relation->kind == RELKIND_SEQUENCE ||
		relation->kind == RELKIND_TOASTVALUE)
		return;
	load_columns(relation);
	if (relation->kind == RELKIND_VIEW ||
		relation->kind == RELKIND_COMPOSITE_TYPE)
		return;
	load_constraints(relation);
	load_indexes(pending, relation);
	if (relation->kind == RELKIND_PARTITIONED_TABLE)
		relation->default_partition = get_default_partition_oid(relation->oid);
}

/*
 * Foreign keys (SmigConstraint *) of other tables, and its own, that refer to
 * this relation.  The catalog has no index by referenced table, but every
 * such key has triggers on it.
 */
List *
smig_view_referencing(SmigPending *pending, SmigRelation *relation)
{
	List	   *tables = NIL;
	List	   *others;
	List	   *found = NIL;
	ListCell   *lc;

	if (OidIsValid(relation->oid) && !relation->created)
	{
		Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(relation->oid));
		scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true, NULL,
								  1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

			if (OidIsValid(form->tgconstraint) &&
				OidIsValid(form->tgconstrrelid))
				tables = list_append_unique_oid(tables, form->tgconstrrelid);
		}
		systable_endscan(scan);
		table_close(catalog, AccessShareLock);
	}
	others = list_copy(pending->keyed);
	foreach(lc, tables)
	{
		SmigRelation *other = smig_view_get(pending, lfirst_oid(lc));

		if (other)
			others = list_append_unique_ptr(others, other);
	}

	foreach(lc, others)
	{
		SmigRelation *other = lfirst(lc);
		ListCell   *lc2;

		if (other->dropped)
			continue;
		foreach(lc2, other->constraints)
		{
			SmigConstraint *constraint = lfirst(lc2);

			if (constraint->type == CONSTRAINT_FOREIGN &&
				(constraint->target == relation ||
				 (OidIsValid(relation->oid) &&
				  constraint->referenced == relation->oid)))
				found = lappend(found, constraint);
		}
	}
	return found;
}

/*
 * Sequences that belong to a column (attnum 0: to any column).  deptype is 'i'
 * for identity, 'a' for OWNED BY, 0 for both.
 */
List *
smig_view_owned_sequences(SmigPending *pending, SmigRelation *relation,
						  AttrNumber attnum, char deptype)
{
	Relation	catalog;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *oids = NIL;
	List	   *found = NIL;
	ListCell   *lc;

	if (!OidIsValid(relation->oid))
		return NIL;
	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relation->oid));
	scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL, 2,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == RelationRelationId && form->objsubid == 0 &&
			form->refobjsubid != 0 &&
			(attnum == 0 || form->refobjsubid == attnum) &&
			(form->deptype == DEPENDENCY_AUTO ||
			 form->deptype == DEPENDENCY_INTERNAL) &&
			(deptype == 0 || form->deptype == deptype) &&
			get_rel_relkind(form->objid) == RELKIND_SEQUENCE)
			oids = lappend_oid(oids, form->objid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	foreach(lc, oids)
	{
		SmigRelation *sequence = smig_view_get(pending, lfirst_oid(lc));

		if (sequence)
			found = lappend(found, sequence);
	}
	return found;
}

/*
 * What the columns of an index (IndexElem) are called in its name; an
 * expression by its function, or NULL.
 */
List *
smig_view_index_columns(List *elements)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, elements)
	{
		IndexElem  *element = lfirst(lc);

		names = lappend(names, element->name ? element->name :
						FigureIndexColname(element->expr));
	}
	return names;
}

/*
 * Columns (char *) of the partition key of a table and of those it is a
 * partition of; NIL when an expression is among them.
 */
List *
smig_view_partition_key(SmigPending *pending, SmigRelation *relation)
{
	List	   *names = NIL;

	for (; relation; relation = smig_view_parent(pending, relation))
	{
		HeapTuple	tuple = SearchSysCache1(PARTRELID,
											ObjectIdGetDatum(relation->oid));
		Form_pg_partitioned_table form;
		bool		expression = false;

		if (!HeapTupleIsValid(tuple))
			return NIL;
		form = (Form_pg_partitioned_table) GETSTRUCT(tuple);
		for (int i = 0; i < form->partnatts; i++)
		{
			char	   *name = form->partattrs.values[i] == 0 ? NULL :
				get_attname(relation->oid, form->partattrs.values[i], true);
			ListCell   *lc;

			if (name == NULL)
				expression = true;
			foreach(lc, names)
			{
				if (name && strcmp(lfirst(lc), name) == 0)
					name = NULL;
			}
			if (name)
				names = lappend(names, name);
		}
		ReleaseSysCache(tuple);
		if (expression)
			return NIL;
	}
	return names;
}
