/*-------------------------------------------------------------------------
 *
 * trace_measure.c
 *	  What a statement has really done to the relations that were there.
 *
 * Locks come from the lock table, new storage from pg_class, scans, pages and
 * rows from the transaction's own statistics.  Nothing is asked by SQL, which
 * would take locks and count scans itself.
 *
 * IDENTIFICATION
 *	  src/trace_measure.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "lint/facts.h"
#include "trace_measure.h"

/* The counters of a table, in the order of "counters". */
enum
{
	COUNT_SCANS,
	COUNT_PAGES,
	COUNT_INSERTED,
	COUNT_UPDATED,
	COUNT_DELETED,
	COUNTERS
};

static const PGFunction counters[COUNTERS] = {
	pg_stat_get_xact_numscans,
	pg_stat_get_xact_blocks_fetched,
	pg_stat_get_xact_tuples_inserted,
	pg_stat_get_xact_tuples_updated,
	pg_stat_get_xact_tuples_deleted
};

/* A relation that was there when measuring began. */
typedef struct Measured
{
	Oid			oid;			/* hash key */
	char	   *name;			/* quoted schema.name of then */
	char		kind;
	Oid			filenode;
	LOCKMASK	held;			/* modes this session holds */
	LOCKMASK	seen;			/* what the look in progress has found */
	int64		counts[COUNTERS];
} Measured;

struct SmigMeasure
{
	HTAB	   *relations;		/* of Measured */
};

static bool
has_rows(const Measured *relation)
{
	return relation->kind == RELKIND_RELATION ||
		relation->kind == RELKIND_MATVIEW;
}

static void
read_counters(const Measured *relation, int64 *counts)
{
	for (int i = 0; i < COUNTERS; i++)
		counts[i] = DatumGetInt64(DirectFunctionCall1(counters[i],
													  ObjectIdGetDatum(relation->oid)));
}

/*
 * Sets "seen" of all relations to the modes this session holds now.
 */
static void
look_at_locks(SmigMeasure *measure)
{
	LockData   *data = GetLockStatusData();

	for (int i = 0; i < data->nelements; i++)
	{
		const LockInstanceData *instance = &data->locks[i];
		Oid			oid = instance->locktag.locktag_field2;
		Measured   *relation;

		if (instance->pid != MyProcPid || instance->holdMask == 0 ||
			instance->locktag.locktag_type != LOCKTAG_RELATION ||
			instance->locktag.locktag_field1 != MyDatabaseId)
			continue;
		relation = hash_search(measure->relations, &oid, HASH_FIND, NULL);
		if (relation)
			relation->seen |= instance->holdMask;
	}
}

static void
remember_relation(SmigMeasure *measure, Form_pg_class form)
{
	char	   *schema = get_namespace_name(form->relnamespace);
	Measured   *relation;

	if (schema == NULL)
		return;
	relation = hash_search(measure->relations, &form->oid, HASH_ENTER, NULL);
	relation->name = pstrdup(quote_qualified_identifier(schema,
														NameStr(form->relname)));
	relation->kind = form->relkind;
	relation->filenode = form->relfilenode;
	relation->held = 0;
	relation->seen = 0;
	memset(relation->counts, 0, sizeof(relation->counts));
	pfree(schema);
}

/*
 * Remembers all relations as they are now.  In the current memory context.
 */
SmigMeasure *
smig_measure_begin(void)
{
	SmigMeasure *measure = palloc0(sizeof(SmigMeasure));
	HASHCTL		control = {0};
	Relation	catalog;
	SysScanDesc scan;
	HeapTuple	tuple;

	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(Measured);
	control.hcxt = CurrentMemoryContext;
	measure->relations = hash_create("schemamig measured relations", 256,
									 &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	catalog = table_open(RelationRelationId, AccessShareLock);
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->oid >= FirstNormalObjectId &&
			form->relnamespace != PG_TOAST_NAMESPACE)
			remember_relation(measure, form);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);

	smig_measure_skip(measure);
	return measure;
}

/*
 * Takes things as they are now for the beginning, as after a statement that
 * failed: its locks are gone, what it has read stays counted.
 */
void
smig_measure_skip(SmigMeasure *measure)
{
	HASH_SEQ_STATUS status;
	Measured   *relation;

	look_at_locks(measure);
	hash_seq_init(&status, measure->relations);
	while ((relation = hash_seq_search(&status)) != NULL)
	{
		relation->held = relation->seen;
		relation->seen = 0;
		if (has_rows(relation))
			read_counters(relation, relation->counts);
	}
}

/*
 * The strongest lock the statement has taken: one that was not held before,
 * or one that was, and that it was foreseen to take again.
 */
static LOCKMODE
taken_mode(const Measured *relation, const List *foreseen)
{
	LOCKMASK	fresh = relation->seen & ~relation->held;
	LOCKMODE	mode = NoLock;
	ListCell   *lc;

	for (LOCKMODE i = AccessShareLock; i <= AccessExclusiveLock; i++)
	{
		if (fresh & LOCKBIT_ON(i))
			mode = i;
	}
	foreach(lc, foreseen)
	{
		const SmigFact *fact = lfirst(lc);

		if (fact->relid == relation->oid && fact->mode != NoLock &&
			(relation->held & LOCKBIT_ON(fact->mode)))
			mode = Max(mode, fact->mode);
	}
	return mode;
}

static bool
was_rewritten(Measured *relation)
{
	HeapTuple	tuple;
	Oid			filenode;

	/* only under that lock */
	if ((relation->seen & LOCKBIT_ON(AccessExclusiveLock)) == 0 &&
		relation->kind != RELKIND_SEQUENCE)
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation->oid));
	if (!HeapTupleIsValid(tuple))
		return false;			/* dropped */
	filenode = ((Form_pg_class) GETSTRUCT(tuple))->relfilenode;
	ReleaseSysCache(tuple);
	if (filenode == relation->filenode)
		return false;
	relation->filenode = filenode;
	return true;
}

static void
push_key(JsonbParseState **state, const char *name)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, name);
	value.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &value);
}

static void
push_scan(JsonbParseState **state, const char *name, int64 pages)
{
	JsonbValue	value;

	push_key(state, name);
	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(pages);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_lock(JsonbParseState **state, const char *name, LOCKMODE mode)
{
	JsonbValue	value;

	push_key(state, name);
	value.type = jbvString;
	value.val.string.val = unconstify(char *, smig_facts_mode_name(mode));
	value.val.string.len = strlen(value.val.string.val);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/*
 * Says what has been done since the look before, in the current memory
 * context.
 *
 * foreseen: what the statement was expected to do, of SmigFact *
 */
void
smig_measure_look(SmigMeasure *measure, const List *foreseen,
				  SmigMeasured *result)
{
	JsonbParseState *locks = NULL;
	JsonbParseState *scans = NULL;
	HASH_SEQ_STATUS status;
	Measured   *relation;

	result->rewrites = NIL;
	result->rows = 0;
	pushJsonbValue(&locks, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&scans, WJB_BEGIN_OBJECT, NULL);
	look_at_locks(measure);
	hash_seq_init(&status, measure->relations);
	while ((relation = hash_seq_search(&status)) != NULL)
	{
		int64		counts[COUNTERS];
		LOCKMODE	mode;

		if (relation->seen == 0)
		{
			relation->held = 0;
			continue;
		}
		mode = taken_mode(relation, foreseen);
		if (mode != NoLock)
			push_lock(&locks, relation->name, mode);
		if (was_rewritten(relation))
			result->rewrites = lappend(result->rewrites, relation->name);
		if (has_rows(relation))
		{
			read_counters(relation, counts);
			if (counts[COUNT_SCANS] > relation->counts[COUNT_SCANS])
				push_scan(&scans, relation->name,
						  counts[COUNT_PAGES] - relation->counts[COUNT_PAGES]);
			for (int i = COUNT_INSERTED; i < COUNTERS; i++)
				result->rows += counts[i] - relation->counts[i];
			memcpy(relation->counts, counts, sizeof(counts));
		}
		relation->held = relation->seen;
		relation->seen = 0;
	}
	list_sort(result->rewrites, compare_names);
	result->locks = JsonbValueToJsonb(pushJsonbValue(&locks, WJB_END_OBJECT,
													 NULL));
	result->scans = JsonbValueToJsonb(pushJsonbValue(&scans, WJB_END_OBJECT,
													 NULL));
}
