/*-------------------------------------------------------------------------
 *
 * execute.c
 *	  One statement of a script, run as the server runs a client's.
 *
 * The statement goes through a portal as tcop/postgres.c does it, because
 * only so a CREATE INDEX CONCURRENTLY or a CALL with COMMIT is a top-level
 * statement; SPI would make it one inside a function.  What exec_simple_query
 * does besides, and a worker lacks, is done here: statement_timeout,
 * log_statement, log_min_duration_statement, activity and ps display.
 *
 * IDENTIFICATION
 *	  src/execute.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/ps_status.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "compat.h"
#include "execute.h"

/*
 * Whether log_statement asks for this statement.
 */
static bool
wants_statement_log(const RawStmt *raw)
{
	if (log_statement == LOGSTMT_NONE)
		return false;
	if (log_statement == LOGSTMT_ALL)
		return true;
	return GetCommandLogLevel(raw->stmt) <= log_statement;
}

/*
 * Logs the statement's duration where log_duration, log_min_duration_statement
 * or their like ask for it.
 */
static void
log_duration_of(const char *text, bool was_logged)
{
	char		ms[32];
	int			what = check_log_duration(ms, was_logged);

	if (what == 1)
		ereport(LOG,
				(errmsg("duration: %s ms", ms),
				 errhidestmt(true), errhidecontext(true)));
	else if (what == 2)
		ereport(LOG,
				(errmsg("duration: %s ms  statement: %s", ms, text),
				 errhidestmt(true), errhidecontext(true)));
}

/*
 * Analyses, plans and runs the statement through a portal of its own.
 *
 * Everything is allocated in "context", which outlives the transaction:
 * CONCURRENTLY commands and procedures commit under way, and the parse tree
 * must survive that.
 */
static void
run_portal(const SmigScript *script, RawStmt *raw, bool toplevel,
		   MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CommandTag	tag = CreateCommandTag(raw->stmt);
	bool		snapshot = false;
	List	   *queries;
	List	   *plans;
	Portal		portal;
	DestReceiver *receiver;
	QueryCompletion completion;
	int16		format = 0;

	if (analyze_requires_snapshot(raw))
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		snapshot = true;
	}
	queries = pg_analyze_and_rewrite_fixedparams(raw, script->text, NULL, 0,
												 NULL);
	plans = pg_plan_queries(queries, script->text, CURSOR_OPT_PARALLEL_OK, NULL);
	if (snapshot)
		PopActiveSnapshot();
	CHECK_FOR_INTERRUPTS();

	/* never the unnamed portal: that one may be our caller's */
	portal = CreateNewPortal();
	portal->visible = false;
	PortalDefineQuery(portal, NULL, script->text, tag, plans, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	PortalSetResultFormat(portal, 1, &format);
	receiver = CreateDestReceiver(DestNone);
	MemoryContextSwitchTo(old);

	(void) smig_portal_run(portal, toplevel, receiver, receiver, &completion);
	receiver->rDestroy(receiver);
	PortalDrop(portal, false);
}

/*
 * Runs one statement in the current transaction.
 *
 * The current memory context must outlive the transaction where toplevel is
 * true, and be reset by whoever catches an error.
 *
 * label: put in front of the statement in pg_stat_activity, as a comment, so
 *		that everybody sees which run, revision and step it belongs to
 * toplevel: whether the statement may commit under way; false inside the
 *		caller's own transaction
 *
 * Errors: whatever the statement raises; positions refer to script->text.
 */
void
smig_execute_statement(const SmigScript *script, const SmigStatement *statement,
					   const char *label, bool toplevel)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig statement",
												  ALLOCSET_DEFAULT_SIZES);
	const char *save_debug_query = debug_query_string;
	MemoryContext old = MemoryContextSwitchTo(context);
	char	   *text = smig_script_statement_text(script, statement);
	bool		logged;
	char	   *activity = psprintf("/* %s */ %s", label, text);

	/* analysis may scribble on the tree, and a step can be tried again */
	RawStmt    *raw = copyObject(statement->raw);

	MemoryContextSwitchTo(old);
	if (toplevel)
	{
		debug_query_string = text;
		SetCurrentStatementStartTimestamp();
		pgstat_report_activity(STATE_RUNNING, activity);
		set_ps_display(GetCommandTagName(CreateCommandTag(raw->stmt)));
		if (StatementTimeout > 0)
			enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
	}
	logged = wants_statement_log(raw);
	if (logged)
		ereport(LOG,
				(errmsg("statement: %s", text),
				 errhidestmt(true), errhidecontext(true)));

	run_portal(script, raw, toplevel, context);

	if (toplevel)
	{
		disable_timeout(STATEMENT_TIMEOUT, false);
		log_duration_of(text, logged);
		debug_query_string = save_debug_query;
		pgstat_report_activity(STATE_IDLEINTRANSACTION, NULL);
	}
	CommandCounterIncrement();
	MemoryContextDelete(context);
}
