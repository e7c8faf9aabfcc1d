/*-------------------------------------------------------------------------
 *
 * report_state.c
 *	  What a report says of the database as it is: drift, history, runs.
 *
 * IDENTIFICATION
 *	  src/report_state.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "html.h"
#include "report.h"

/* Rows of the tables. */
#define MAX_REVISIONS	"200"
#define MAX_RUNS		"20"

/* A column of a table, which has the values of a query's column. */
typedef struct Column
{
	const char *title;
	const char *tag;			/* around the value; NULL: none */
} Column;

static void
put_cell(StringInfo out, int n, const char *tag, const char *value)
{
	/* the first names the row */
	smig_html_put(out, n == 0 ? "<th scope=\"row\">" : "<td>");
	if (value == NULL || value[0] == '\0')
		smig_html_put(out, "<span class=\"quiet\">-</span>");
	else if (tag && strcmp(tag, "id") == 0)
		smig_html_put(out, "<span class=\"id\">%s</span>", value);
	else if (tag && strcmp(tag, "pre") == 0)
		smig_html_put(out, "<pre><code>%s</code></pre>", value);
	else
		smig_html_put(out, "%s", value);
	smig_html_put(out, n == 0 ? "</th>" : "</td>");
}

/*
 * Appends the rows that SPI has just read, as texts, as a table.
 */
static void
put_table(StringInfo out, const char *label, const char *caption,
		  const Column *columns, int ncolumns)
{
	smig_html_put(out, "<div class=\"scroll\" role=\"region\" aria-label=\"%s\" tabindex=\"0\">\n"
				  "<table>\n<caption>%s</caption>\n<thead><tr>", label, caption);
	for (int i = 0; i < ncolumns; i++)
		smig_html_put(out, "<th scope=\"col\">%s</th>", columns[i].title);
	smig_html_put(out, "</tr></thead>\n<tbody>\n");
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		CHECK_FOR_INTERRUPTS();
		smig_html_put(out, "<tr>");
		for (int i = 0; i < ncolumns; i++)
			put_cell(out, i, columns[i].tag,
					 SPI_getvalue(SPI_tuptable->vals[row],
								  SPI_tuptable->tupdesc, i + 1));
		smig_html_put(out, "</tr>\n");
	}
	smig_html_put(out, "</tbody>\n</table>\n</div>\n");
}

/* What schemamig_drift says. */
typedef struct Drift
{
	char	   *query;
	StringInfo	out;			/* gets the table */
	int			rows;
} Drift;

static void
read_drift(Drift *drift)
{
	static const Column columns[] = {
		{"Object", "id"}, {"Kind"}, {"Action"}, {"SQL", "pre"}
	};

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_execute(drift->query, true, 0);
	drift->rows = (int) SPI_processed;
	if (drift->rows > 0)
		put_table(drift->out, "Drift",
				  "What differs between the schema that the current revisions left and the live one",
				  columns, lengthof(columns));
	PopActiveSnapshot();
	SPI_finish();
}

/*
 * Runs schemamig_drift with the caller's rights, in a subtransaction: a page
 * about what is planned is worth having where drift cannot be checked.
 *
 * Result: NULL, or why it could not be checked.
 */
static char *
try_drift(Drift *drift)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		read_drift(drift);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error == NULL)
		return NULL;
	/* what the user or an administrator wants to end ends here too */
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	return error->message;
}

/*
 * Appends the section with what has been changed outside of revisions.
 */
void
smig_report_drift(SmigReport *report, StringInfo out)
{
	StringInfoData table;
	Drift		drift = {NULL, &table};
	char	   *problem;

	initStringInfo(&table);
	drift.query = psprintf("SELECT object, kind, action, up FROM %s()",
						   quote_qualified_identifier(get_namespace_name(report->schema),
													  "schemamig_drift"));
	problem = try_drift(&drift);
	smig_html_put(out, "<section id=\"drift\" aria-labelledby=\"drift-title\">\n"
				  "<h2 id=\"drift-title\">Drift</h2>\n");
	if (problem)
		smig_html_put(out, "<p><span class=\"badge note\">not checked</span> %s</p>\n",
					  problem);
	else if (drift.rows == 0)
		smig_html_put(out, "<p><span class=\"badge good\">none</span> The live schema is what the current revisions left.</p>\n");
	else
	{
		smig_html_put(out, "<p><span class=\"badge warning\">%d %s</span> Changed outside of revisions.</p>\n",
					  drift.rows, drift.rows == 1 ? "difference" : "differences");
		appendBinaryStringInfo(out, table.data, table.len);
	}
	smig_html_put(out, "</section>\n");
}

/* The time of day is the same in every time zone: that of UTC. */
#define UTC(expression) \
	"pg_catalog.to_char(" expression " AT TIME ZONE 'UTC'," \
	" 'YYYY-MM-DD HH24:MI:SS \"UTC\"')"

/*
 * Appends the section with the revisions, newest first.
 */
void
smig_report_history(SmigReport *report, StringInfo out)
{
	static const Column columns[] = {
		{"Revision", "id"}, {"Message"}, {"Parents", "id"},
		{"Depends on", "id"}, {"Labels", "id"}, {"State"}, {"Written"},
		{"Applied"}
	};
	SmigStoreScope scope;

	smig_html_put(out, "<section id=\"history\" aria-labelledby=\"history-title\">\n"
				  "<h2 id=\"history-title\">History</h2>\n");
	smig_store_begin(&scope);
	SPI_execute("SELECT r.id, r.message,"
				" pg_catalog.array_to_string(r.parents, ', '),"
				" pg_catalog.array_to_string(r.depends_on, ', '),"
				" pg_catalog.array_to_string(r.labels, ', '),"
				" CASE WHEN EXISTS (SELECT FROM schemamig.step s"
				"  WHERE s.revision = r.id) THEN 'half done'"
				"  WHEN a.revision IS NOT NULL THEN 'applied'"
				"  ELSE 'pending' END,"
				" pg_catalog.concat_ws(', ', " UTC("r.created_at") ", r.created_by),"
				" pg_catalog.concat_ws(', ', " UTC("a.applied_at") ", a.applied_by)"
				" FROM schemamig.revision r"
				" LEFT JOIN schemamig.applied a ON a.revision = r.id"
				" ORDER BY r.ordinal DESC LIMIT " MAX_REVISIONS, true, 0);
	if (SPI_processed == 0)
		smig_html_put(out, "<p>There are no revisions.</p>\n");
	else
		put_table(out, "History", "Revisions, newest first", columns,
				  lengthof(columns));
	if (SPI_processed < report->plan->graph->nnodes)
		smig_html_put(out, "<p>%d older revisions are left out.</p>\n",
					  report->plan->graph->nnodes - (int) SPI_processed);
	smig_store_end(&scope);
	smig_html_put(out, "</section>\n");
}

/*
 * Appends the section with the last runs.
 */
void
smig_report_runs(SmigReport *report, StringInfo out)
{
	static const Column columns[] = {
		{"Run"}, {"Kind"}, {"Target", "id"}, {"State"}, {"Role"},
		{"Started"}, {"Took"}, {"Failed at", "id"}, {"Error"}
	};
	SmigStoreScope scope;

	smig_html_put(out, "<section id=\"runs\" aria-labelledby=\"runs-title\">\n"
				  "<h2 id=\"runs-title\">Runs</h2>\n");
	smig_store_begin(&scope);
	SPI_execute("SELECT r.id::text, r.kind, r.target, r.state, r.role, "
				UTC("r.started_at") ","
				" pg_catalog.round(EXTRACT(epoch FROM r.ended_at - r.started_at), 1)"
				"  || ' s',"
				" r.revision || coalesce(', step ' || r.step, ''),"
				" pg_catalog.concat_ws(' ', r.sqlstate, r.error)"
				" FROM schemamig.run r ORDER BY r.id DESC LIMIT " MAX_RUNS,
				true, 0);
	if (SPI_processed == 0)
		smig_html_put(out, "<p>Nothing has run here yet.</p>\n");
	else
		put_table(out, "Runs", "The last runs in this database, newest first",
				  columns, lengthof(columns));
	smig_store_end(&scope);
	smig_html_put(out, "</section>\n");
}
