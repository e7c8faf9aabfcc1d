/*-------------------------------------------------------------------------
 *
 * look_run.c
 *	  schemamig_status: where the database stands and what to do next.
 *
 * IDENTIFICATION
 *	  src/look_run.c
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

#include "journal.h"
#include "result.h"
#include "state.h"
#include "store.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_status);

/* INVALID indexes named in one sentence. */
#define MAX_NAMED "5"

/* What the tables and the catalog say, besides the graph. */
typedef struct RunFacts
{
	Datum		running;		/* jsonb, see the query */
	bool		is_running;
	char	   *run;			/* its id, NULL when unknown */
	char	   *run_state;		/* as in schemamig.progress, NULL when unknown */
	Datum		last_error;		/* jsonb */
	bool		failed;
	char	   *failed_run;		/* its id */
	char	   *failed_state;	/* failed, cancelled or interrupted */
	char	   *failed_kind;	/* apply or revert */
	char	   *failed_target;
	char	   *invalid;		/* INVALID indexes, NULL when there are none */
	char	   *detaching;		/* partitions whose detachment is pending */
} RunFacts;

/* Columns of the query below. */
enum
{
	FACT_RUNNING,
	FACT_RUN,
	FACT_RUN_STATE,
	FACT_LAST_ERROR,
	FACT_FAILED_RUN,
	FACT_FAILED_STATE,
	FACT_FAILED_KIND,
	FACT_FAILED_TARGET,
	FACT_INVALID,
	FACT_DETACHING,
	FACT_COLUMNS
};

/*
 * One row.  "held" is the run in progress: the holder of the migration lock,
 * with what is known of its run.  "ended" is the last run that is over.
 */
static const char facts_query[] =
"WITH held AS ("
" SELECT l.run, l.pid, l.role, l.acquired_at, l.target, l.waiting_callers,"
"  r.kind, a.revision, a.step, a.steps, a.statement, a.statements,"
"  a.relation, a.percent, a.throttled_by, a.state,"
"  (SELECT pg_catalog.count(*) FROM schemamig.log_entry e"
"   WHERE e.run = l.run AND e.event IN ('apply', 'revert')) AS revisions_done"
" FROM schemamig.lock_source l"
" LEFT JOIN schemamig.run r ON r.id = l.run"
" LEFT JOIN schemamig.activity a ON a.run = l.run),"
" ended AS ("
" SELECT r.*, CASE WHEN r.state IN ('waiting', 'running')"
"  THEN 'interrupted' ELSE r.state END AS outcome"
" FROM schemamig.run r"
" WHERE NOT EXISTS (SELECT FROM schemamig.activity a WHERE a.run = r.id)"
" AND NOT EXISTS (SELECT FROM held h WHERE h.run = r.id)"
" ORDER BY r.id DESC LIMIT 1),"
" failed AS (SELECT * FROM ended e"
"  WHERE e.outcome IN ('failed', 'cancelled', 'interrupted'))"
"SELECT (SELECT pg_catalog.jsonb_build_object('run', h.run, 'pid', h.pid,"
"  'role', h.role, 'since', h.acquired_at, 'direction', h.kind,"
"  'target', h.target, 'revision', h.revision, 'step', h.step,"
"  'steps', h.steps, 'statement', h.statement, 'statements', h.statements,"
"  'state', h.state, 'waits_for', h.throttled_by,"
"  'waiting_callers', h.waiting_callers,"
"  'progress', pg_catalog.jsonb_build_object("
"   'revisions_done', h.revisions_done, 'relation', h.relation,"
"   'percent', h.percent)) FROM held h),"
" (SELECT h.run::text FROM held h), (SELECT h.state FROM held h),"
" (SELECT pg_catalog.jsonb_build_object('run', f.id, 'state', f.outcome,"
"  'at', f.ended_at, 'role', f.role, 'direction', f.kind,"
"  'target', f.target, 'revision', f.revision, 'step', f.step,"
"  'sqlstate', f.sqlstate, 'message', f.error) FROM failed f),"
" (SELECT f.id::text FROM failed f), (SELECT f.outcome FROM failed f),"
" (SELECT f.kind FROM failed f), (SELECT f.target FROM failed f),"
" (SELECT pg_catalog.string_agg(i.name, ', ') FROM ("
"  SELECT i.indexrelid::regclass::text AS name"
"  FROM pg_catalog.pg_index i"
"  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'"
"  WHERE NOT i.indisvalid AND c.relpersistence <> 't'"
"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p"
"   WHERE p.index_relid = i.indexrelid"
"   AND p.datname = pg_catalog.current_database())"
"  ORDER BY 1 LIMIT " MAX_NAMED ") i),"
" (SELECT pg_catalog.string_agg(h.inhrelid::regclass::text, ', ')"
"  FROM pg_catalog.pg_inherits h WHERE h.inhdetachpending)";

static char *
fact_text(Datum *values, bool *nulls, int column)
{
	return nulls[column] ? NULL : TextDatumGetCString(values[column]);
}

/* A value that outlives the query. */
static Datum
fact_copy(Datum *values, bool *nulls, int column)
{
	if (nulls[column])
		return (Datum) 0;
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(values[column]));
}

/*
 * Reads the facts into the current memory context.
 */
static void
read_facts(RunFacts *facts)
{
	SmigStoreScope scope;
	Datum		values[FACT_COLUMNS];
	bool		nulls[FACT_COLUMNS];

	smig_store_begin(&scope);
	SPI_execute(facts_query, true, 1);
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values,
					  nulls);
	MemoryContextSwitchTo(scope.caller_context);
	facts->is_running = !nulls[FACT_RUNNING];
	facts->running = fact_copy(values, nulls, FACT_RUNNING);
	facts->failed = !nulls[FACT_LAST_ERROR];
	facts->last_error = fact_copy(values, nulls, FACT_LAST_ERROR);
	facts->run = fact_text(values, nulls, FACT_RUN);
	facts->run_state = fact_text(values, nulls, FACT_RUN_STATE);
	facts->failed_run = fact_text(values, nulls, FACT_FAILED_RUN);
	facts->failed_state = fact_text(values, nulls, FACT_FAILED_STATE);
	facts->failed_kind = fact_text(values, nulls, FACT_FAILED_KIND);
	facts->failed_target = fact_text(values, nulls, FACT_FAILED_TARGET);
	facts->invalid = fact_text(values, nulls, FACT_INVALID);
	facts->detaching = fact_text(values, nulls, FACT_DETACHING);
	smig_store_end(&scope);
}

/*
 * What to do while a run is in progress.
 */
static void
advise_running(StringInfo next, const RunFacts *facts)
{
	const char *run = facts->run ? psprintf("run %s", facts->run) :
		"a run inside a session's own transaction";

	if (facts->run_state && strcmp(facts->run_state, "paused") == 0)
		appendStringInfo(next, "%s is paused: SELECT schemamig_resume() lets it go on, SELECT schemamig_cancel() stops it.",
						 run);
	else if (facts->run == NULL)
		appendStringInfo(next, "%s is in progress: wait until that transaction has ended.",
						 run);
	else
		appendStringInfo(next, "%s is in progress: SELECT * FROM schemamig_wait() waits for it, SELECT schemamig_cancel() stops it.",
						 run);
}

/*
 * What to do about an interrupted or failed run, or a half done revision.
 *
 * Result: false when there is none.
 */
static bool
advise_unfinished(StringInfo next, const RunFacts *facts, List *journal)
{
	const SmigJournalStep *half = NULL;
	ListCell   *lc;

	foreach(lc, journal)
	{
		SmigJournalStep *row = lfirst(lc);

		half = row;
		if (row->state == SMIG_STATE_PARTIAL)
		{
			appendStringInfo(next, "step %d of revision \"%s\" was interrupted after it had committed a part of its work: look what is there, then SELECT schemamig_settle(%s, 'retry') runs it again, 'done' goes on behind it.",
							 row->step, row->revision,
							 quote_literal_cstr(row->revision));
			return true;
		}
	}
	if (half)
		appendStringInfo(next, "revision \"%s\" is half %s: %s continues it.",
						 half->revision,
						 half->direction == SMIG_APPLY ? "applied" : "reverted",
						 smig_journal_continue(half));
	else if (facts->failed && facts->failed_target)
		appendStringInfo(next, "run %s %s: SELECT schemamig_%s(%s) continues where it stopped.",
						 facts->failed_run,
						 strcmp(facts->failed_state, "failed") == 0 ? "failed" :
						 psprintf("was %s", facts->failed_state),
						 facts->failed_kind,
						 quote_literal_cstr(facts->failed_target));
	return half != NULL || facts->failed;
}

/*
 * What to do about revisions that are not applied yet.
 */
static void
advise_pending(StringInfo next, SmigGraph *graph, int heads, int pending)
{
	if (graph->nnodes == 0)
		appendStringInfoString(next, "there are no revisions: SELECT schemamig_revision('message', 'script') writes one, SELECT schemamig_load('file') loads them.");
	else if (pending > 0)
		appendStringInfo(next, "%d %s pending: SELECT * FROM schemamig_plan(%s) shows what would run, SELECT * FROM schemamig_apply(%s) runs it.",
						 pending, pending == 1 ? "revision is" : "revisions are",
						 heads > 1 ? "'heads'" : "", heads > 1 ? "'heads'" : "");
	else
		appendStringInfoString(next, "nothing to do: all revisions are applied.");
	if (heads > 1)
		appendStringInfo(next, " There are %d heads: SELECT schemamig_merge() joins them.",
						 heads);
}

/*
 * What to do next, in one or more sentences with the commands.
 */
static char *
advise(const RunFacts *facts, List *journal, SmigGraph *graph, int heads,
	   int pending, SmigDrifted drifted)
{
	StringInfoData next;

	initStringInfo(&next);
	if (facts->is_running)
	{
		advise_running(&next, facts);
		return next.data;
	}
	if (!advise_unfinished(&next, facts, journal))
		advise_pending(&next, graph, heads, pending);

	if (drifted == SMIG_DRIFT_SOME)
		appendStringInfoString(&next, " The schema has drifted: SELECT * FROM schemamig_drift() shows how, SELECT schemamig_repair() makes a revision of it.");

	/* with a journal, the next run cleans up after itself */
	if (facts->invalid && journal == NIL)
		appendStringInfo(&next, " INVALID indexes: %s; REINDEX INDEX CONCURRENTLY completes one, DROP INDEX CONCURRENTLY removes it.",
						 facts->invalid);
	if (facts->detaching && journal == NIL)
		appendStringInfo(&next, " Half detached partitions: %s; ALTER TABLE ... DETACH PARTITION ... FINALIZE completes one.",
						 facts->detaching);
	return next.data;
}

/*
 * schemamig_status(): one row: where the database stands, what runs, what
 * went wrong last, and what to do next.
 */
Datum
schemamig_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RunFacts	facts = {0};
	Bitmapset  *applied;
	SmigGraph  *graph;
	List	   *heads;
	List	   *journal;
	int			pending;
	SmigDrifted drifted;
	Datum		values[7] = {0};
	bool		nulls[7] = {false};

	InitMaterializedSRF(fcinfo, 0);
	graph = smig_store_load_graph(&applied);
	heads = smig_graph_heads(graph, false);
	pending = graph->nnodes - bms_num_members(applied);
	journal = smig_journal_load();
	read_facts(&facts);

	values[0] = smig_result_ids(smig_graph_maximal(graph, applied));
	values[1] = smig_result_ids(heads);
	values[2] = Int32GetDatum(pending);
	values[3] = facts.running;
	nulls[3] = !facts.is_running;
	values[4] = facts.last_error;
	nulls[4] = !facts.failed;
	drifted = facts.is_running ? SMIG_DRIFT_UNKNOWN : smig_state_drifted_soon();
	values[5] = BoolGetDatum(drifted == SMIG_DRIFT_SOME);
	nulls[5] = drifted == SMIG_DRIFT_UNKNOWN;
	values[6] = CStringGetTextDatum(advise(&facts, journal, graph,
										   list_length(heads), pending,
										   drifted));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
