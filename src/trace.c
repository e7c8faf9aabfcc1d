/*-------------------------------------------------------------------------
 *
 * trace.c
 *	  Executes a plan, takes it back, and says what it did.
 *
 * Everything runs in a subtransaction of the caller's transaction that is
 * always rolled back, with the caller's rights, each statement in one of its
 * own, so that a failure costs the rest of its step and not the trace.  What a
 * step has done stays visible to the next one, hence its locks stay too: they
 * are held until the end, and a budget bounds that.
 *
 * IDENTIFICATION
 *	  src/trace.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "portability/instr_time.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "approval.h"
#include "caller.h"
#include "execute.h"
#include "journal.h"
#include "lint/facts.h"
#include "lock.h"
#include "plan.h"
#include "result.h"
#include "settings.h"
#include "step.h"
#include "text_array.h"
#include "trace_measure.h"

PG_FUNCTION_INFO_V1(schemamig_trace);

/* How often all is begun anew when a lock was not to be had, and pauses (ms). */
#define LOCK_TRIES 3
#define LOCK_PAUSE 300

/* Columns of schemamig_trace. */
enum
{
	TRACE_SEQ,
	TRACE_REVISION,
	TRACE_DIRECTION,
	TRACE_STEP,
	TRACE_KIND,
	TRACE_STATEMENT,
	TRACE_LINE,
	TRACE_SQL,
	TRACE_TRACED,
	TRACE_REASON,
	TRACE_LOCKS,
	TRACE_REWRITES,
	TRACE_SCANS,
	TRACE_ROWS,
	TRACE_DURATION,
	TRACE_COLUMNS
};

typedef struct Trace
{
	ReturnSetInfo *result;
	MemoryContext context;		/* owns what one try allocates */
	SmigPlan   *plan;
	List	   *journal;		/* of SmigJournalStep * */
	bool		all;			/* steps that are not cheap as well */
	int64		budget_us;		/* -1: none */
	TimestampTz begin;			/* of this try */
	SmigMeasure *measure;
	List	   *rows;			/* of Row * */
	bool		lock_failed;
} Trace;

/* A row of the result. */
typedef struct Row
{
	Datum		values[TRACE_COLUMNS];
	bool		nulls[TRACE_COLUMNS];
} Row;

static TimeoutId budget_timeout;
static volatile sig_atomic_t budget_over = false;

static void
end_of_budget(void)
{
	budget_over = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static int64
budget_left(const Trace *trace)
{
	int64		left = trace->budget_us - (GetCurrentTimestamp() - trace->begin);

	return trace->budget_us < 0 ? INT64_MAX : Max(left, 0);
}

static Row *
add_row(Trace *trace, const SmigPlanned *planned, const SmigStep *step,
		const SmigStatement *statement, const char *reason)
{
	Row		   *row = palloc0(sizeof(Row));

	memset(row->nulls, true, sizeof(row->nulls));
#define PUT(column, datum) \
	(row->values[column] = (datum), row->nulls[column] = false)
	PUT(TRACE_SEQ, Int32GetDatum(list_length(trace->rows) + 1));
	PUT(TRACE_REVISION, CStringGetTextDatum(planned->revision->id));
	PUT(TRACE_DIRECTION,
		CStringGetTextDatum(smig_direction_name(planned->direction)));
	PUT(TRACE_STEP, Int32GetDatum(step->number));
	PUT(TRACE_KIND, CStringGetTextDatum(smig_script_kind_name(step->kind)));
	PUT(TRACE_STATEMENT, Int32GetDatum(statement->number));
	PUT(TRACE_LINE, Int32GetDatum(statement->line));
	PUT(TRACE_SQL,
		CStringGetTextDatum(smig_script_statement_text(planned->script,
													   statement)));
	PUT(TRACE_TRACED, BoolGetDatum(reason == NULL));
	if (reason)
		PUT(TRACE_REASON, CStringGetTextDatum(reason));
	trace->rows = lappend(trace->rows, row);
	return row;
}

static void
fill_row(Row *row, const SmigMeasured *measured, int64 duration_us)
{
	Interval   *duration = palloc0(sizeof(Interval));

	duration->time = duration_us;
	PUT(TRACE_LOCKS, JsonbPGetDatum(measured->locks));
	PUT(TRACE_REWRITES, smig_text_array(measured->rewrites));
	PUT(TRACE_SCANS, JsonbPGetDatum(measured->scans));
	PUT(TRACE_ROWS, Int64GetDatum(measured->rows));
	PUT(TRACE_DURATION, IntervalPGetDatum(duration));
#undef PUT
}

/* Why steps of these kinds are not traced; NULL for transactions. */
static const char *
reason_of_kind(SmigStepKind kind)
{
	switch (kind)
	{
		case SMIG_STEP_TRANSACTION:
			return NULL;
		case SMIG_STEP_CONCURRENT:
			return "works in several transactions, which cannot be taken back";
		case SMIG_STEP_AUTOCOMMIT:
			return "runs outside of transaction blocks, so it cannot be taken back";
		case SMIG_STEP_CALL:
			return "can commit, which cannot be taken back";
		case SMIG_STEP_BACKFILL:
			return "is a backfill, which commits batch by batch";
	}
	return NULL;
}

/* Statements that change the session in a way that no rollback undoes. */
static bool
changes_session(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_PrepareStmt:
		case T_DeallocateStmt:
		case T_LoadStmt:
		case T_DiscardStmt:
		case T_ClosePortalStmt:
		case T_CheckPointStmt:
			return true;
		case T_CopyStmt:
			/* a file or a program */
			return ((const CopyStmt *) stmt)->filename != NULL;
		default:
			return false;
	}
}

static bool
calls_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
		return true;
	return raw_expression_tree_walker(node, calls_function, context);
}

static bool
is_query(const Node *stmt)
{
	return IsA(stmt, SelectStmt) || IsA(stmt, InsertStmt) ||
		IsA(stmt, UpdateStmt) || IsA(stmt, DeleteStmt) ||
		IsA(stmt, MergeStmt);
}

/*
 * Why a statement is not cheap: it would take long, or one cannot know what it
 * does.  NULL when it is.
 */
static const char *
reason_not_cheap(const SmigStatement *statement, const SmigFacts *facts)
{
	Node	   *stmt = statement->raw->stmt;
	ListCell   *lc;

	if (facts->opaque)
		return "runs code nobody can look into";
	foreach(lc, facts->relations)
	{
		const SmigFact *fact = lfirst(lc);

		if (fact->rewrite && smig_view_has_storage(fact->relation))
			return psprintf("would write %s anew", fact->name);
		if (fact->scan)
			return psprintf("would read all of %s", fact->name);
	}
	if (is_query(stmt) && calls_function(stmt, NULL))
		return "calls functions, which could do what cannot be taken back";
	return NULL;
}

/*
 * Facts (SmigFacts) of the statements of a step, as the catalog is now.
 */
static List *
foresee(const SmigPlanned *planned, const SmigStep *step)
{
	SmigPending *pending = smig_pending_create();
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, step->statements)
	{
		RawStmt    *raw = ((SmigStatement *) lfirst(lc))->raw;

		result = lappend(result, smig_facts_read(raw, planned->script->text,
												 pending));
		smig_facts_apply(raw, planned->script->text, pending);
	}
	return result;
}

/*
 * Why a step is not traced; NULL when it is to be.  The first reason of any
 * of its statements counts for all.
 */
static const char *
reason_of_step(const Trace *trace, const SmigStep *step, const List *foreseen)
{
	const char *reason = reason_of_kind(step->kind);
	ListCell   *lc;
	ListCell   *lc2;

	if (reason)
		return reason;
	if (budget_left(trace) == 0)
		return "the budget is used up";
	forboth(lc, step->statements, lc2, foreseen)
	{
		const SmigStatement *statement = lfirst(lc);

		if (changes_session(statement->raw->stmt))
			return psprintf("statement %d does what cannot be taken back",
							statement->number);
		reason = trace->all ? NULL : reason_not_cheap(statement, lfirst(lc2));
		if (reason)
			return psprintf("not cheap: statement %d %s", statement->number,
							reason);
	}
	return NULL;
}

/*
 * Executes the statement in a subtransaction of its own.
 *
 * Result: NULL when it succeeded, else its error.
 *
 * Errors: a cancel or the like that was not for the statement.
 */
static ErrorData *
execute(Trace *trace, const SmigPlanned *planned,
		const SmigStatement *statement)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	int64		left = budget_left(trace);

	budget_over = false;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	if (trace->budget_us >= 0)
		enable_timeout_after(budget_timeout, (int) Max(left / 1000, 1));
	PG_TRY();
	{
		smig_execute_statement(planned->script, statement, "schemamig trace",
							   false);
		disable_timeout(budget_timeout, false);
	}
	PG_CATCH();
	{
		disable_timeout(budget_timeout, false);
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error)
		RollbackAndReleaseCurrentSubTransaction();
	else
		ReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	/* used up, also where the clock has not quite come there */
	if (budget_over)
		trace->budget_us = 0;
	/* it may have struck when the statement was just done */
	if (budget_over && error == NULL)
		QueryCancelPending = false;
	if (error && !(budget_over &&
				   error->sqlerrcode == ERRCODE_QUERY_CANCELED) &&
		(ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
		 ERRCODE_OPERATOR_INTERVENTION ||
		 ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
		 ERRCODE_INSUFFICIENT_RESOURCES))
		ReThrowError(error);
	return error;
}

/*
 * What is said of a statement that failed; who is in the way, for a lock.
 */
static const char *
reason_of_error(Trace *trace, const ErrorData *error, const SmigFacts *facts)
{
	List	   *wanted = NIL;
	ListCell   *lc;
	char	   *blockers;

	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		return "the budget is used up";
	if (!smig_step_is_lock_failure(error))
		return psprintf("failed: %s", error->message);
	trace->lock_failed = true;
	foreach(lc, facts->relations)
	{
		const SmigFact *fact = lfirst(lc);
		SmigWanted *entry = palloc(sizeof(SmigWanted));

		entry->relation = fact->relid;
		entry->mode = fact->mode;
		if (OidIsValid(fact->relid) && fact->mode != NoLock)
			wanted = lappend(wanted, entry);
	}
	blockers = smig_lock_blocker_text(smig_lock_blockers(wanted));
	return psprintf("failed: %s%s%s", error->message,
					blockers[0] ? "; in the way: " : "", blockers);
}

/*
 * Traces the statements of a step; after a failure the others are not.
 */
static void
trace_step(Trace *trace, const SmigPlanned *planned, const SmigStep *step)
{
	List	   *foreseen = foresee(planned, step);
	const char *reason = reason_of_step(trace, step, foreseen);
	ListCell   *lc;
	ListCell   *lc2;

	forboth(lc, step->statements, lc2, foreseen)
	{
		const SmigStatement *statement = lfirst(lc);
		const SmigFacts *facts = lfirst(lc2);
		SmigMeasured measured;
		instr_time	start;
		instr_time	duration;
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (reason)
		{
			add_row(trace, planned, step, statement, reason);
			continue;
		}
		INSTR_TIME_SET_CURRENT(start);
		error = execute(trace, planned, statement);
		INSTR_TIME_SET_CURRENT(duration);
		INSTR_TIME_SUBTRACT(duration, start);
		if (error)
		{
			add_row(trace, planned, step, statement,
					reason_of_error(trace, error, facts));
			reason = psprintf("statement %d was not traced",
							  statement->number);
			smig_measure_skip(trace->measure);
			continue;
		}
		smig_measure_look(trace->measure, facts->relations, &measured);
		fill_row(add_row(trace, planned, step, statement, NULL), &measured,
				 INSTR_TIME_GET_MICROSEC(duration));
	}
}

/*
 * Traces what is left to do of a revision.
 */
static void
trace_revision(Trace *trace, const SmigPlanned *planned)
{
	int			nestlevel = NewGUCNestLevel();
	ListCell   *lc;

	foreach(lc, planned->script ? planned->script->steps : NIL)
	{
		SmigStep   *step = lfirst(lc);

		if (!smig_journal_step_is_done(trace->journal, planned->revision->id,
									   planned->direction, step))
			trace_step(trace, planned, step);
	}
	/* settings end with the revision */
	AtEOXact_GUC(false, nestlevel);
}

/*
 * Advisory locks of this session: tags, as LOCKTAG *.
 */
static List *
advisory_locks(void)
{
	LockData   *data = GetLockStatusData();
	List	   *tags = NIL;

	for (int i = 0; i < data->nelements; i++)
	{
		LockInstanceData *instance = &data->locks[i];

		if (instance->pid == MyProcPid && instance->holdMask != 0 &&
			instance->locktag.locktag_type == LOCKTAG_ADVISORY)
			tags = lappend(tags, instance);
	}
	return tags;
}

/*
 * Gives back the advisory locks that scripts took for the session.
 */
static void
release_advisory_locks(List *before)
{
	ListCell   *lc;

	foreach(lc, advisory_locks())
	{
		LockInstanceData *now = lfirst(lc);
		LOCKMASK	kept = 0;
		ListCell   *lc2;

		foreach(lc2, before)
		{
			LockInstanceData *then = lfirst(lc2);

			if (memcmp(&then->locktag, &now->locktag, sizeof(LOCKTAG)) == 0)
				kept |= then->holdMask;
		}
		for (LOCKMODE mode = AccessShareLock; mode <= AccessExclusiveLock; mode++)
		{
			if (now->holdMask & ~kept & LOCKBIT_ON(mode))
				(void) LockRelease(&now->locktag, mode, true);
		}
	}
}

static void
trace_plan(Trace *trace)
{
	char		timeout[32];

	smig_lock_run_for_writing("trace");
	smig_lock_run_begin();
	snprintf(timeout, sizeof(timeout), "%d", smig_lock_timeout);
	(void) set_config_option("lock_timeout", timeout, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	trace->begin = GetCurrentTimestamp();
	trace->lock_failed = false;
	trace->rows = NIL;
	trace->measure = smig_measure_begin();
	for (int i = 0; i < list_length(trace->plan->nodes); i++)
		trace_revision(trace, smig_plan_revision(trace->plan, i));
}

/*
 * One try: everything in a subtransaction, which is rolled back.
 */
static void
try_trace(Trace *trace)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext old = MemoryContextSwitchTo(trace->context);
	List	   *advisory = advisory_locks();
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(trace->context);
	PG_TRY();
	{
		trace_plan(trace);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	smig_lock_run_end();
	RollbackAndReleaseCurrentSubTransaction();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(trace->context);
	release_advisory_locks(advisory);
	if (error)
		ReThrowError(error);
	MemoryContextSwitchTo(old);
}

/*
 * The argument "steps".
 *
 * Errors: 22023 for an unknown value.
 */
static bool
wants_all(const char *steps)
{
	if (strcmp(steps, "all") == 0)
		return true;
	if (strcmp(steps, "cheap") == 0)
		return false;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"steps\": \"%s\"", steps),
			 errhint("Available values: cheap, all.")));
}

/*
 * The argument "budget" in microseconds; -1 for NULL.
 *
 * Errors: 22023 when it is not positive, or longer than a day.
 */
static int64
budget_argument(FunctionCallInfo fcinfo, int n)
{
	Interval   *interval;

	if (PG_ARGISNULL(n))
		return -1;
	interval = PG_GETARG_INTERVAL_P(n);
	if (interval->month != 0 || interval->day != 0 || interval->time <= 0 ||
		interval->time > USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"budget\" must be more than 0 and at most 24 hours"),
				 errhint("NULL is for no limit.")));
	return interval->time;
}

/*
 * schemamig_trace(target, direction, steps, budget): executes the plan, takes
 * it back, and returns what each statement did.
 *
 * Errors: those of the target and of smig_caller_check; 42501 for an author a
 * superuser does not trust and for what is not approved; 55006 while a run is
 * in progress.
 */
Datum
schemamig_trace(PG_FUNCTION_ARGS)
{
	char	   *target = smig_result_argument(fcinfo, 0, "target");
	char	   *direction = smig_result_argument(fcinfo, 1, "direction");
	Trace		trace = {0};
	ListCell   *lc;

	trace.all = wants_all(smig_result_argument(fcinfo, 2, "steps"));
	trace.budget_us = budget_argument(fcinfo, 3);
	smig_caller_check("schemamig_trace");
	InitMaterializedSRF(fcinfo, 0);
	trace.result = (ReturnSetInfo *) fcinfo->resultinfo;
	trace.plan = smig_plan_make(target, smig_plan_direction(direction));
	trace.journal = smig_journal_load();
	smig_journal_check_direction(trace.journal, trace.plan->direction);
	for (int i = 0; i < list_length(trace.plan->nodes); i++)
		smig_plan_check_author(smig_plan_revision(trace.plan, i)->revision);
	smig_approval_check(trace.plan);
	if (budget_timeout == 0)
		budget_timeout = RegisterTimeout(USER_TIMEOUT, end_of_budget);

	trace.context = AllocSetContextCreate(CurrentMemoryContext,
										  "schemamig trace",
										  ALLOCSET_DEFAULT_SIZES);
	for (int tries = 1;; tries++)
	{
		try_trace(&trace);
		if (!trace.lock_failed || tries == LOCK_TRIES)
			break;
		MemoryContextReset(trace.context);
		smig_step_wait(LOCK_PAUSE);
	}
	foreach(lc, trace.rows)
	{
		Row		   *row = lfirst(lc);

		tuplestore_putvalues(trace.result->setResult, trace.result->setDesc,
							 row->values, row->nulls);
	}
	MemoryContextDelete(trace.context);
	return (Datum) 0;
}
