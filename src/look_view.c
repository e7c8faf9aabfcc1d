/*-------------------------------------------------------------------------
 *
 * look_view.c
 *	  What is behind the views schemamig.lock and schemamig.progress.
 *
 * Who may read one of these views need not be allowed to read the activity of
 * other sessions, nor to execute a function: a function in a view is called
 * with the rights of whoever reads the view, but a relation is read with those
 * of the view's owner.  So the rows come from foreign tables, whose scan reads
 * a private view as the owner of the tables.  No text of a query leaves them.
 *
 * The foreign tables, their server and this wrapper are the extension's own;
 * only the two views named here can be read through them.
 *
 * IDENTIFICATION
 *	  src/look_view.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "store.h"

PG_FUNCTION_INFO_V1(schemamig_view_handler);

/* Rows that the planner expects, and the cost it sees. */
#define EXPECTED_ROWS	1
#define EXPECTED_COST	10

/* Foreign tables, and what they read. */
static const struct
{
	const char *table;
	const char *query;
}			sources[] =
{
	{"lock_now", "SELECT * FROM schemamig.lock_source"},
	{"progress_now",
		"SELECT run, revision, step, relation, rows_done, rows_total,"
		" percent, rows_per_second, eta, batch_size, workers, throttled_by,"
	" state FROM schemamig.activity ORDER BY run"},
};

/* A scan in progress; NULL in ForeignScanState.fdw_state before the first row. */
typedef struct ViewScan
{
	Tuplestorestate *rows;
	TupleTableSlot *row;		/* of the kind that a tuplestore fills */
} ViewScan;

static void
view_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relation)
{
	rel->rows = EXPECTED_ROWS;
}

static void
view_paths(PlannerInfo *root, RelOptInfo *rel, Oid relation)
{
	add_path(rel, smig_foreignscan_path(root, rel, EXPECTED_ROWS,
										EXPECTED_COST));
}

static ForeignScan *
view_plan(PlannerInfo *root, RelOptInfo *rel, Oid relation, ForeignPath *path,
		  List *targets, List *clauses, Plan *outer)
{
	return make_foreignscan(targets, extract_actual_clauses(clauses, false),
							rel->relid, NIL, NIL, NIL, NIL, outer);
}

static void
view_begin(ForeignScanState *node, int flags)
{
	node->fdw_state = NULL;
}

/*
 * The query for a foreign table of ours.
 *
 * Errors: 55000 for a table that somebody else has made.
 */
static const char *
view_query(Relation relation)
{
	const char *schema = get_namespace_name(RelationGetNamespace(relation));

	if (schema && strcmp(schema, SMIG_SCHEMA) == 0)
		for (int i = 0; i < lengthof(sources); i++)
			if (strcmp(RelationGetRelationName(relation),
					   sources[i].table) == 0)
				return sources[i].query;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("foreign table \"%s\" is not part of extension \"%s\"",
					RelationGetRelationName(relation), SMIG_EXTENSION_NAME),
			 errhint("Read the views schemamig.lock and schemamig.progress.")));
}

/*
 * Reads all rows, in the memory of the query.
 */
static ViewScan *
view_read(ForeignScanState *node)
{
	TupleDesc	desc = RelationGetDescr(node->ss.ss_currentRelation);
	const char *query = view_query(node->ss.ss_currentRelation);
	MemoryContext old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	ViewScan   *scan = palloc0(sizeof(ViewScan));
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	SmigStoreScope scope;

	scan->rows = tuplestore_begin_heap(true, false, work_mem);
	scan->row = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	smig_store_begin(&scope);
	SPI_execute(query, true, 0);
	if (SPI_tuptable->tupdesc->natts != desc->natts)
		elog(ERROR, "query for \"%s\" has %d columns instead of %d",
			 RelationGetRelationName(node->ss.ss_currentRelation),
			 SPI_tuptable->tupdesc->natts, desc->natts);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						  values, nulls);
		tuplestore_putvalues(scan->rows, desc, values, nulls);
	}
	smig_store_end(&scope);
	MemoryContextSwitchTo(old);
	return scan;
}

static TupleTableSlot *
view_next(ForeignScanState *node)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	ViewScan   *scan;

	if (node->fdw_state == NULL)
		node->fdw_state = view_read(node);
	scan = node->fdw_state;
	if (!tuplestore_gettupleslot(scan->rows, true, false, scan->row))
		return ExecClearTuple(slot);
	return ExecCopySlot(slot, scan->row);
}

static void
view_rescan(ForeignScanState *node)
{
	if (node->fdw_state)
		tuplestore_rescan(((ViewScan *) node->fdw_state)->rows);
}

static void
view_end(ForeignScanState *node)
{
	ViewScan   *scan = node->fdw_state;

	if (scan == NULL)
		return;
	ExecDropSingleTupleTableSlot(scan->row);
	tuplestore_end(scan->rows);
}

/*
 * The handler of the foreign data wrapper "schemamig".
 */
Datum
schemamig_view_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = view_rel_size;
	routine->GetForeignPaths = view_paths;
	routine->GetForeignPlan = view_plan;
	routine->BeginForeignScan = view_begin;
	routine->IterateForeignScan = view_next;
	routine->ReScanForeignScan = view_rescan;
	routine->EndForeignScan = view_end;
	PG_RETURN_POINTER(routine);
}
