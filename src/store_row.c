/*-------------------------------------------------------------------------
 *
 * store_row.c
 *	  Inserting one row into a bookkeeping table without a query.
 *
 * A run of a thousand revisions writes two rows for each of them, which as
 * queries would cost a sixth of its time.  The executor's own entry point for
 * rows that come without a plan, made for logical replication, does the same
 * for a fifth: constraints, indexes and triggers included.
 *
 * IDENTIFICATION
 *	  src/store_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "schemamig.h"
#include "store.h"

static Oid
store_relation(const char *name)
{
	Oid			namespace = get_namespace_oid(SMIG_SCHEMA, true);
	Oid			relation = OidIsValid(namespace) ?
		get_relname_relid(name, namespace) : InvalidOid;

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" of extension \"%s\" is missing",
						SMIG_SCHEMA, name, SMIG_EXTENSION_NAME),
				 errhint("Create the extension again.")));
	return relation;
}

/*
 * The next value of one of our sequences.
 */
int64
smig_store_next_value(const char *sequence)
{
	return nextval_internal(store_relation(sequence), false);
}

/*
 * Fills the slot from the fields; columns that are not among them are NULL.
 */
static void
fill_slot(TupleTableSlot *slot, const SmigField *fields, int nfields)
{
	TupleDesc	tupdesc = slot->tts_tupleDescriptor;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, tupdesc->natts * sizeof(bool));
	for (int i = 0; i < nfields; i++)
	{
		int			attnum = SPI_fnumber(tupdesc, fields[i].column);

		if (attnum <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of a table of extension \"%s\" is missing",
							fields[i].column, SMIG_EXTENSION_NAME),
					 errhint("Create the extension again.")));
		slot->tts_values[attnum - 1] = fields[i].value;
		slot->tts_isnull[attnum - 1] = fields[i].isnull;
	}
	ExecStoreVirtualTuple(slot);
}

static void
insert_slot(Relation rel, const SmigField *fields, int nfields)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	TupleTableSlot *slot;

	InitResultRelInfo(result, rel, 0, NULL, 0);
	ExecOpenIndices(result, false);
	slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(rel),
								  &TTSOpsVirtual);
	fill_slot(slot, fields, nfields);
	AfterTriggerBeginQuery();
	ExecSimpleRelationInsert(result, estate, slot);
	AfterTriggerEndQuery(estate);
	ExecCloseIndices(result);
	ExecCloseResultRelations(estate);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
	CommandCounterIncrement();
}

/*
 * Inserts a row into a table of the extension.  Defaults are not looked at:
 * the fields say all that is not NULL.
 *
 * table: name within schema schemamig
 *
 * Errors: those of constraints, indexes and of triggers that a superuser may
 * have added, which run as the table's owner.
 */
void
smig_store_insert_row(const char *table, const SmigField *fields, int nfields)
{
	Relation	rel;

	PreventCommandIfReadOnly("INSERT");
	rel = table_open(store_relation(table), RowExclusiveLock);
	if (rel->trigdesc != NULL)
	{
		SmigStoreScope scope;

		smig_store_begin(&scope);
		insert_slot(rel, fields, nfields);
		smig_store_end(&scope);
	}
	else
	{
		/* the executor wants one even where it does not look at it */
		PushActiveSnapshot(GetTransactionSnapshot());
		insert_slot(rel, fields, nfields);
		PopActiveSnapshot();
	}
	table_close(rel, NoLock);
}
