/*-------------------------------------------------------------------------
 *
 * look_graph.c
 *	  SQL functions that look at the graph: current, heads, branches,
 *	  history, path, resolve.
 *
 * IDENTIFICATION
 *	  src/look_graph.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "look.h"
#include "result.h"
#include "store.h"
#include "target.h"
#include "text_array.h"

PG_FUNCTION_INFO_V1(schemamig_current);
PG_FUNCTION_INFO_V1(schemamig_heads);
PG_FUNCTION_INFO_V1(schemamig_branches);
PG_FUNCTION_INFO_V1(schemamig_history);
PG_FUNCTION_INFO_V1(schemamig_path);
PG_FUNCTION_INFO_V1(schemamig_resolve);

/* Memory for the rows of a result, in kB, where work_mem is less. */
#define RESULT_MEM			32768

/*
 * A text argument as a C string, or NULL.
 */
static char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

SMIG_NORETURN static void missing_argument(const char *function,
										   const char *argument);

static void
missing_argument(const char *function, const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" of %s() must not be null",
					argument, function)));
}

/*
 * Adds a row to the result of a set returning function and forgets what was
 * allocated for it.
 */
static void
put_row(FunctionCallInfo fcinfo, MemoryContext row, Datum *values, bool *nulls)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	MemoryContextReset(row);
}

/*
 * Begins the result of a set returning function that has a row for every
 * revision at most: one of a common size is kept in memory, also where
 * work_mem is at its default.
 */
static void
begin_rows(FunctionCallInfo fcinfo)
{
	int			nestlevel = NewGUCNestLevel();

	if (work_mem < RESULT_MEM)
		(void) set_config_option("work_mem", psprintf("%d", RESULT_MEM),
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	InitMaterializedSRF(fcinfo, 0);
	AtEOXact_GUC(true, nestlevel);
}

static MemoryContext
row_context(void)
{
	return AllocSetContextCreate(CurrentMemoryContext, "schemamig result row",
								 ALLOCSET_SMALL_SIZES);
}

/* Where the rows of smig_look_facts go. */
typedef struct FactReader
{
	SmigGraph  *graph;
	SmigRevisionFacts *facts;
} FactReader;

/*
 * The place for what a row says of the revision in its first column; NULL for
 * one that was written since the graph was read.
 */
static SmigRevisionFacts *
fact_of(Datum *values, void *arg)
{
	FactReader *reader = (FactReader *) arg;
	SmigNode   *node = smig_graph_find(reader->graph,
									   TextDatumGetCString(values[0]));

	return node ? &reader->facts[node->index] : NULL;
}

static void
read_created(Datum *values, bool *nulls, void *arg)
{
	SmigRevisionFacts *fact = fact_of(values, arg);

	if (fact)
	{
		fact->found = true;
		fact->created_at = DatumGetTimestampTz(values[1]);
	}
}

static void
read_applied(Datum *values, bool *nulls, void *arg)
{
	SmigRevisionFacts *fact = fact_of(values, arg);

	if (fact)
	{
		fact->applied = true;
		fact->applied_at = DatumGetTimestampTz(values[1]);
	}
}

static void
read_partial(Datum *values, bool *nulls, void *arg)
{
	SmigRevisionFacts *fact = fact_of(values, arg);

	if (fact)
		fact->partial = true;
}

/*
 * Reads what the tables know of all revisions, by node index.
 */
SmigRevisionFacts *
smig_look_facts(SmigGraph *graph)
{
	FactReader	reader = {graph};
	SmigStoreScope scope;

	reader.facts = palloc_extended(sizeof(SmigRevisionFacts) * (graph->nnodes + 1),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	smig_store_begin(&scope);
	smig_store_scan("SELECT id, created_at FROM schemamig.revision",
					read_created, &reader);
	smig_store_scan("SELECT revision, applied_at FROM schemamig.applied",
					read_applied, &reader);
	smig_store_scan("SELECT revision FROM schemamig.step",
					read_partial, &reader);
	smig_store_end(&scope);
	return reader.facts;
}

/*
 * schemamig_current(): the revisions that are current here, in creation order.
 */
Datum
schemamig_current(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SmigStoreScope scope;
	Bitmapset  *applied;
	SmigGraph  *graph;
	Oid			types[1] = {TEXTARRAYOID};
	Datum		args[1];

	InitMaterializedSRF(fcinfo, 0);
	graph = smig_store_load_graph(&applied);
	args[0] = smig_result_ids(smig_graph_maximal(graph, applied));

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT r.id, r.message, a.applied_at, a.applied_by"
						  " FROM pg_catalog.unnest($1) WITH ORDINALITY w(id, n)"
						  " JOIN schemamig.revision r ON r.id = w.id"
						  " JOIN schemamig.applied a ON a.revision = r.id"
						  " ORDER BY w.n",
						  1, types, args, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		values[4];
		bool		nulls[4];

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						  values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc,
							 values, nulls);
	}
	smig_store_end(&scope);
	return (Datum) 0;
}

/*
 * schemamig_heads(effective): heads in creation order.
 */
Datum
schemamig_heads(PG_FUNCTION_ARGS)
{
	SmigGraph  *graph;
	MemoryContext row;
	ListCell   *lc;

	if (PG_ARGISNULL(0))
		missing_argument("schemamig_heads", "effective");
	InitMaterializedSRF(fcinfo, 0);
	graph = smig_store_load_graph(NULL);
	row = row_context();
	foreach(lc, smig_graph_heads(graph, PG_GETARG_BOOL(0)))
	{
		SmigNode   *node = (SmigNode *) lfirst(lc);
		MemoryContext old = MemoryContextSwitchTo(row);
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(node->id);
		values[1] = CStringGetTextDatum(node->message);
		values[2] = smig_text_array(node->labels);
		MemoryContextSwitchTo(old);
		put_row(fcinfo, row, values, nulls);
	}
	return (Datum) 0;
}

/*
 * schemamig_branches(): revisions with several children, in creation order.
 */
Datum
schemamig_branches(PG_FUNCTION_ARGS)
{
	SmigGraph  *graph;
	MemoryContext row;

	InitMaterializedSRF(fcinfo, 0);
	graph = smig_store_load_graph(NULL);
	row = row_context();
	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];
		MemoryContext old;
		Datum		values[2];
		bool		nulls[2] = {false};

		CHECK_FOR_INTERRUPTS();
		if (list_length(node->children) < 2)
			continue;
		old = MemoryContextSwitchTo(row);
		values[0] = CStringGetTextDatum(node->id);
		values[1] = smig_result_ids(node->children);
		MemoryContextSwitchTo(old);
		put_row(fcinfo, row, values, nulls);
	}
	return (Datum) 0;
}

/*
 * schemamig_history(range): the revisions of a range, newest first.
 */
Datum
schemamig_history(PG_FUNCTION_ARGS)
{
	char	   *range = text_argument(fcinfo, 0);
	Bitmapset  *applied;
	Bitmapset  *current;
	SmigGraph  *graph;
	SmigRevisionFacts *facts;
	MemoryContext row;
	ListCell   *lc;

	begin_rows(fcinfo);
	graph = smig_store_load_graph(&applied);
	current = smig_graph_set(smig_graph_maximal(graph, applied));
	facts = smig_look_facts(graph);
	row = row_context();
	foreach(lc, smig_target_range(graph, applied, range))
	{
		SmigNode   *node = (SmigNode *) lfirst(lc);
		SmigRevisionFacts *fact = &facts[node->index];
		MemoryContext old = MemoryContextSwitchTo(row);
		Datum		values[10];
		bool		nulls[10] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = CStringGetTextDatum(node->id);
		values[1] = smig_result_ids(node->parents);
		values[2] = smig_result_ids(node->depends_on);
		values[3] = smig_text_array(node->labels);
		values[4] = CStringGetTextDatum(node->message);
		values[5] = CStringGetTextDatum(fact->partial ? "partial" :
										fact->applied ? "applied" : "pending");
		values[6] = BoolGetDatum(node->children == NIL);
		values[7] = BoolGetDatum(bms_is_member(node->index, current));
		values[8] = TimestampTzGetDatum(fact->created_at);
		nulls[8] = !fact->found;
		values[9] = TimestampTzGetDatum(fact->applied_at);
		nulls[9] = !fact->applied;
		MemoryContextSwitchTo(old);
		put_row(fcinfo, row, values, nulls);
	}
	return (Datum) 0;
}

/*
 * The direction that "name" means.
 */
static SmigDirection
parse_direction(const char *name)
{
	if (strcmp(name, "apply") == 0)
		return SMIG_APPLY;
	if (strcmp(name, "revert") == 0)
		return SMIG_REVERT;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("direction \"%s\" is not valid", name),
			 errhint("Write apply or revert.")));
	return SMIG_APPLY;			/* keep compiler quiet */
}

/*
 * schemamig_path(target, direction): what would be applied or reverted, in
 * the order of execution.
 */
Datum
schemamig_path(PG_FUNCTION_ARGS)
{
	char	   *target = text_argument(fcinfo, 0);
	char	   *name = text_argument(fcinfo, 1);
	SmigDirection direction;
	Bitmapset  *applied;
	SmigGraph  *graph;
	MemoryContext row;
	int			seq = 0;
	ListCell   *lc;

	if (target == NULL)
		missing_argument("schemamig_path", "target");
	if (name == NULL)
		missing_argument("schemamig_path", "direction");
	direction = parse_direction(name);
	begin_rows(fcinfo);
	graph = smig_store_load_graph(&applied);
	row = row_context();
	foreach(lc, smig_target_path(graph, applied, target, direction))
	{
		MemoryContext old = MemoryContextSwitchTo(row);
		Datum		values[3];
		bool		nulls[3] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = Int32GetDatum(++seq);
		values[1] = CStringGetTextDatum(((SmigNode *) lfirst(lc))->id);
		values[2] = CStringGetTextDatum(smig_direction_name(direction));
		MemoryContextSwitchTo(old);
		put_row(fcinfo, row, values, nulls);
	}
	return (Datum) 0;
}

/*
 * schemamig_resolve(target): the ids a target names; none for base.
 */
Datum
schemamig_resolve(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *target = text_argument(fcinfo, 0);
	Bitmapset  *applied;
	SmigGraph  *graph;
	ListCell   *lc;

	if (target == NULL)
		missing_argument("schemamig_resolve", "target");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	graph = smig_store_load_graph(&applied);
	foreach(lc, smig_target_resolve(graph, applied, target))
	{
		Datum		value = CStringGetTextDatum(((SmigNode *) lfirst(lc))->id);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc,
							 &value, &isnull);
	}
	return (Datum) 0;
}
