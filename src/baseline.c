/*-------------------------------------------------------------------------
 *
 * baseline.c
 *	  schemamig_baseline: a history that begins with the schema as it is.
 *
 * IDENTIFICATION
 *	  src/baseline.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "result.h"
#include "revision.h"
#include "stamp.h"

PG_FUNCTION_INFO_V1(schemamig_baseline);

/* Columns of schemamig_diff. */
enum
{
	DIFF_KIND = 2,
	DIFF_OBJECT,
	DIFF_ACTION,
	DIFF_UP,
	DIFF_DOWN,
	DIFF_HAZARDS = 9
};

/* The rows of schemamig_diff('empty', 'live') as scripts. */
typedef struct Baseline
{
	StringInfoData up;
	StringInfoData down;
	List	   *downs;			/* of char *: the last row's first */
	List	   *unsupported;	/* of char * */
	List	   *needs;			/* of char *: what needs what is left out */
} Baseline;

static char *
slot_text(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/*
 * Calls schemamig_diff('empty', 'live') of our schema, for whoever may call us.
 *
 * Result: its rows, in the tuplestore of "result"
 */
static void
read_live_schema(Oid schema, ReturnSetInfo *result)
{
	LOCAL_FCINFO(call, 2);
	Oid			types[2] = {TEXTOID, TEXTOID};
	List	   *name = list_make2(makeString(get_namespace_name(schema)),
								  makeString("schemamig_diff"));
	ExprContext *econtext = CreateStandaloneExprContext();
	FmgrInfo	flinfo;

	fmgr_info(LookupFuncName(name, 2, types, false), &flinfo);
	econtext->ecxt_per_query_memory = CurrentMemoryContext;
	result->type = T_ReturnSetInfo;
	result->econtext = econtext;
	result->allowedModes = SFRM_Materialize;
	InitFunctionCallInfoData(*call, &flinfo, 2, InvalidOid, NULL,
							 (Node *) result);
	call->args[0].value = CStringGetTextDatum("empty");
	call->args[0].isnull = false;
	call->args[1].value = CStringGetTextDatum("live");
	call->args[1].isnull = false;
	(void) FunctionCallInvoke(call);
	FreeExprContext(econtext, true);
}

/*
 * Whether a row has the hazard that something is needed which a filter leaves
 * out.
 */
static bool
needs_left_out(TupleTableSlot *slot)
{
	bool		isnull;
	Jsonb	   *hazards = DatumGetJsonbP(slot_getattr(slot, DIFF_HAZARDS,
													  &isnull));

	return strstr(JsonbToCString(NULL, &hazards->root, VARSIZE(hazards)),
				  "\"rule\": \"left_out\"") != NULL;
}

/*
 * Puts a row into the scripts: "up" in the order of rows, "down" against it.
 */
static void
take_row(Baseline *baseline, TupleTableSlot *slot)
{
	char	   *up = slot_text(slot, DIFF_UP);
	char	   *down = slot_text(slot, DIFF_DOWN);

	if (strcmp(slot_text(slot, DIFF_ACTION), "unsupported") == 0)
		baseline->unsupported =
			lappend(baseline->unsupported,
					psprintf("%s %s", slot_text(slot, DIFF_KIND),
							 slot_text(slot, DIFF_OBJECT)));
	if (needs_left_out(slot))
		baseline->needs = lappend(baseline->needs,
								  psprintf("%s %s", slot_text(slot, DIFF_KIND),
										   slot_text(slot, DIFF_OBJECT)));
	if (up)
		appendStringInfo(&baseline->up, "%s\n", up);
	if (down)
		baseline->downs = lcons(down, baseline->downs);
}

/*
 * Makes the scripts that make the live schema and take it away.
 */
static void
read_scripts(Baseline *baseline, Oid schema)
{
	ReturnSetInfo result = {0};
	TupleTableSlot *slot;
	ListCell   *lc;

	initStringInfo(&baseline->up);
	initStringInfo(&baseline->down);
	read_live_schema(schema, &result);
	slot = MakeSingleTupleTableSlot(result.setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(result.setResult, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		take_row(baseline, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(result.setResult);
	foreach(lc, baseline->downs)
		appendStringInfo(&baseline->down, "%s\n", (char *) lfirst(lc));
}

/*
 * The objects, one a line.
 */
static char *
listed(List *objects)
{
	StringInfoData lines;
	ListCell   *lc;

	initStringInfo(&lines);
	foreach(lc, objects)
		appendStringInfo(&lines, "%s%s", lines.len > 0 ? "\n" : "",
						 (char *) lfirst(lc));
	return lines.data;
}

static void
warn_of_gaps(const Baseline *baseline)
{
	if (baseline->unsupported != NIL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the baseline is not the whole schema"),
				 errdetail("No statements are known for:\n%s",
						   listed(baseline->unsupported)),
				 errhint("Add them with schemamig_replace() after SELECT schemamig_stamp('base').")));
	if (baseline->needs != NIL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the baseline needs what filters leave out"),
				 errdetail("It must be there before:\n%s",
						   listed(baseline->needs)),
				 errhint("SELECT * FROM schemamig_filters() lists the filters.")));
}

/*
 * schemamig_baseline(message, revision): a first revision that makes the live
 * schema, marked as applied here.  Returns its id.
 *
 * Errors: object_not_in_prerequisite_state when there are revisions, or no
 * schema to begin with; those of smig_stamp_begin.
 */
Datum
schemamig_baseline(PG_FUNCTION_ARGS)
{
	SmigRevision *revision = palloc0(sizeof(SmigRevision));
	Baseline	baseline = {0};
	SmigWriter *writer;
	Bitmapset  *applied;
	SmigGraph  *graph;

	revision->message = smig_result_argument(fcinfo, 0, "message");
	smig_stamp_begin("schemamig_baseline()", "write a baseline");
	writer = smig_writer_begin("schemamig_baseline()");
	if (writer->graph->nnodes > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there are revisions already"),
				 errdetail("A baseline is the first revision of a history."),
				 errhint("SELECT schemamig_revision('message', 'script') writes the next one.")));
	read_scripts(&baseline, get_func_namespace(fcinfo->flinfo->fn_oid));
	if (baseline.up.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is nothing to begin with: the schema is empty"),
				 errhint("SELECT schemamig_revision('message', 'script') writes the first revision.")));
	warn_of_gaps(&baseline);
	revision->up = baseline.up.data;
	revision->down = baseline.down.data;
	revision->parents_given = true;
	revision->id = PG_ARGISNULL(1) ? smig_writer_new_id(writer) :
		text_to_cstring(PG_GETARG_TEXT_PP(1));
	smig_writer_write(writer, list_make1(revision));

	graph = smig_store_load_graph(&applied);
	smig_stamp_write(graph, applied, smig_graph_all(graph), NULL,
					 revision->id);
	PG_RETURN_TEXT_P(cstring_to_text(revision->id));
}
