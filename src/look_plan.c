/*-------------------------------------------------------------------------
 *
 * look_plan.c
 *	  SQL functions that look at scripts: plan and show.
 *
 * IDENTIFICATION
 *	  src/look_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "consent.h"
#include "journal.h"
#include "lint/lint.h"
#include "plan.h"
#include "result.h"
#include "target.h"
#include "text_array.h"

PG_FUNCTION_INFO_V1(schemamig_plan);
PG_FUNCTION_INFO_V1(schemamig_show);

/* Columns of schemamig_plan. */
enum
{
	PLAN_SEQ,
	PLAN_REVISION,
	PLAN_DIRECTION,
	PLAN_STEP,
	PLAN_KIND,
	PLAN_STATEMENT,
	PLAN_LINE,
	PLAN_SQL,
	PLAN_LOCKS,
	PLAN_REWRITES,
	PLAN_SCANS,
	PLAN_DESTRUCTIVE,
	PLAN_HAZARDS,
	PLAN_COLUMNS
};

/* State of one call of schemamig_plan. */
typedef struct PlanOutput
{
	ReturnSetInfo *result;
	List	   *journal;		/* of SmigJournalStep * */
	SmigLint   *lint;			/* over all scripts of the plan */
	List	   *file_findings;	/* about the script at hand, for its first row */
	int			seq;			/* of the last row */
} PlanOutput;

static bool
statement_loses(List *losses, const SmigStatement *statement)
{
	ListCell   *lc;

	foreach(lc, losses)
	{
		if (((SmigLoss *) lfirst(lc))->statement == statement)
			return true;
	}
	return false;
}

/*
 * Adds a row; step and statement are NULL for a revision that has nothing to
 * run, which is still recorded as done.
 */
static void
put_plan_row(PlanOutput *output, const SmigPlanned *planned,
			 const SmigStep *step, const SmigStatement *statement,
			 bool destructive)
{
	Datum		values[PLAN_COLUMNS] = {0};
	bool		nulls[PLAN_COLUMNS];
	SmigLinted *linted;

	memset(nulls, true, sizeof(nulls));
#define PUT(column, datum) (values[column] = (datum), nulls[column] = false)
	PUT(PLAN_SEQ, Int32GetDatum(++output->seq));
	PUT(PLAN_REVISION, CStringGetTextDatum(planned->revision->id));
	PUT(PLAN_DIRECTION,
		CStringGetTextDatum(smig_direction_name(planned->direction)));
	PUT(PLAN_DESTRUCTIVE, BoolGetDatum(destructive));
	if (statement)
	{
		PUT(PLAN_STEP, Int32GetDatum(step->number));
		PUT(PLAN_KIND, CStringGetTextDatum(smig_script_kind_name(step->kind)));
		PUT(PLAN_STATEMENT, Int32GetDatum(statement->number));
		PUT(PLAN_LINE, Int32GetDatum(statement->line));
		PUT(PLAN_SQL,
			CStringGetTextDatum(smig_script_statement_text(planned->script,
														   statement)));
		linted = smig_lint_statement(output->lint, statement);
		PUT(PLAN_LOCKS, JsonbPGetDatum(smig_lint_locks_json(linted->facts)));
		PUT(PLAN_REWRITES,
			smig_text_array(smig_lint_rewrites(linted->facts)));
		PUT(PLAN_SCANS, smig_text_array(smig_lint_scans(linted->facts)));
		PUT(PLAN_HAZARDS,
			JsonbPGetDatum(smig_lint_hazards_json(list_concat(output->file_findings,
															  linted->findings))));
		output->file_findings = NIL;
	}
#undef PUT
	tuplestore_putvalues(output->result->setResult, output->result->setDesc,
						 values, nulls);
}

/*
 * Adds the rows of a revision: what is left to do of it.
 */
static void
put_revision(PlanOutput *output, const SmigPlanned *planned)
{
	int			before = output->seq;
	List	   *losses;
	ListCell   *lc;

	if (planned->script == NULL)
	{
		put_plan_row(output, planned, NULL, NULL, true);
		return;
	}
	/* to look at what somebody wrote must not run it */
	output->lint->pending->untrusted =
		!smig_plan_trusts_author(planned->revision);
	losses = smig_consent_losses(planned->script);
	output->file_findings = smig_lint_script(output->lint, planned->script);
	foreach(lc, planned->script->steps)
	{
		SmigStep   *step = lfirst(lc);
		ListCell   *lc2;

		if (smig_journal_step_is_done(output->journal, planned->revision->id,
									  planned->direction, step))
			continue;
		foreach(lc2, step->statements)
		{
			SmigStatement *statement = lfirst(lc2);

			CHECK_FOR_INTERRUPTS();
			put_plan_row(output, planned, step, statement,
						 statement_loses(losses, statement));
		}
	}
	if (output->seq == before)
		put_plan_row(output, planned, NULL, NULL, false);
}

/*
 * schemamig_plan(target, direction): what a run would do, a row for each
 * statement, in the order of execution.  Steps that an interrupted run has
 * done already are left out, as the next run leaves them out.
 *
 * Errors: those of the target; 55000 where the journal keeps a run from
 * going this way, as for the run itself.
 */
Datum
schemamig_plan(PG_FUNCTION_ARGS)
{
	char	   *target = smig_result_argument(fcinfo, 0, "target");
	char	   *direction = smig_result_argument(fcinfo, 1, "direction");
	PlanOutput	output = {0};
	SmigPlan   *plan;
	MemoryContext context;

	InitMaterializedSRF(fcinfo, 0);
	output.result = (ReturnSetInfo *) fcinfo->resultinfo;
	plan = smig_plan_make(target, smig_plan_direction(direction));
	output.journal = smig_journal_load();
	smig_journal_check_direction(output.journal, plan->direction);
	output.lint = smig_lint_begin();
	context = AllocSetContextCreate(CurrentMemoryContext, "schemamig plan row",
									ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < list_length(plan->nodes); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		put_revision(&output, smig_plan_revision(plan, i));
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	smig_lint_end(output.lint);
	return (Datum) 0;
}

/*
 * schemamig_show(revision): one row with all that is known of a revision.
 *
 * Errors: those of a target that does not name exactly one revision.
 */
Datum
schemamig_show(PG_FUNCTION_ARGS)
{
	char	   *target = smig_result_argument(fcinfo, 0, "revision");
	Bitmapset  *applied;
	SmigGraph  *graph = smig_store_load_graph(&applied);
	SmigNode   *node = smig_target_resolve_one(graph, applied, target);
	Bitmapset  *current;
	SmigStoreScope scope;
	Oid			types[3] = {TEXTOID, BOOLOID, BOOLOID};
	Datum		args[3];

	InitMaterializedSRF(fcinfo, 0);
	current = smig_graph_set(smig_graph_maximal(graph, applied));
	args[0] = CStringGetTextDatum(node->id);
	args[1] = BoolGetDatum(node->children == NIL);
	args[2] = BoolGetDatum(bms_is_member(node->index, current));

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT r.id, r.message, r.parents, r.depends_on, r.labels,"
						  " CASE WHEN EXISTS (SELECT FROM schemamig.step s"
						  "  WHERE s.revision = r.id) THEN 'partial'"
						  "  WHEN a.revision IS NOT NULL THEN 'applied'"
						  "  ELSE 'pending' END,"
						  " $2, $3, r.up, r.down, r.up_transaction, r.down_transaction,"
						  " r.checksum, r.created_at, r.created_by, a.applied_at,"
						  " a.applied_by, a.run, a.checksum"
						  " FROM schemamig.revision r"
						  " LEFT JOIN schemamig.applied a ON a.revision = r.id"
						  " WHERE r.id = $1",
						  3, types, args, NULL, true, 0);
	smig_result_copy_rows(fcinfo);
	smig_store_end(&scope);
	return (Datum) 0;
}
