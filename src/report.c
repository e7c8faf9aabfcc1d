/*-------------------------------------------------------------------------
 *
 * report.c
 *	  schemamig_report: a page for a review or a change ticket.
 *
 * The page needs nothing but itself: no network, no script.  Its content
 * security policy forbids both, should a text ever become markup.
 *
 * IDENTIFICATION
 *	  src/report.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "html.h"
#include "journal.h"
#include "report.h"
#include "result.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_report);

/* The parts of the page that the table of contents names. */
static const struct
{
	const char *id;
	const char *title;
	void		(*put) (SmigReport *report, StringInfo out);
}			sections[] = {
	{"graph", "Graph", smig_report_graph},
	{"plan", "Plan", smig_report_plan},
	{"drift", "Drift", smig_report_drift},
	{"history", "History", smig_report_history},
	{"runs", "Runs", smig_report_runs}
};

/*
 * Now, in UTC and to the second.
 */
static char *
now_text(void)
{
	TimestampTz now = GetCurrentTimestamp();
	fsec_t		fraction;
	struct pg_tm tm;

	if (timestamp2tm(now, NULL, &tm, &fraction, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return psprintf("%04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year,
					tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static char *
id_list(List *nodes)
{
	StringInfoData ids;
	ListCell   *lc;

	initStringInfo(&ids);
	foreach(lc, nodes)
		appendStringInfo(&ids, "%s%s", ids.len > 0 ? ", " : "",
						 ((SmigNode *) lfirst(lc))->id);
	return ids.len > 0 ? ids.data : "none";
}

static void
put_count(StringInfo out, int n, const char *class, const char *one,
		  const char *many)
{
	if (n > 0)
		smig_html_put(out, "<li><span class=\"badge %s\">%d %s</span></li>\n",
					  class, n, n == 1 ? one : many);
}

/*
 * The summary: what is planned, and the worst of it.
 */
static void
put_summary(SmigReport *report, StringInfo out)
{
	int			revisions = list_length(report->plan->nodes);
	SmigGraph  *graph = report->plan->graph;

	smig_html_put(out, "<ul class=\"summary\" aria-label=\"Summary\">\n"
				  "<li><span class=\"badge\">%d %s, %d %s</span></li>\n",
				  revisions, revisions == 1 ? "revision" : "revisions",
				  report->statements,
				  report->statements == 1 ? "statement" : "statements");
	put_count(out, report->losses, "error", "loss of data needs consent",
			  "losses of data need consent");
	put_count(out, report->findings[SMIG_SEVERITY_ERROR], "error",
			  "hazard of severity error", "hazards of severity error");
	put_count(out, report->findings[SMIG_SEVERITY_WARNING], "warning",
			  "warning", "warnings");
	put_count(out, report->findings[SMIG_SEVERITY_NOTE], "note", "note",
			  "notes");
	put_count(out, report->blocking, "warning",
			  "statement blocks writes of others or more",
			  "statements block writes of others or more");
	put_count(out, report->rewrites, "warning", "statement rewrites a table",
			  "statements rewrite tables");
	put_count(out, report->irreversible, "warning",
			  "revision cannot be undone", "revisions cannot be undone");
	if (report->losses + report->findings[SMIG_SEVERITY_ERROR] +
		report->findings[SMIG_SEVERITY_WARNING] == 0)
		smig_html_put(out, "<li><span class=\"badge good\">no hazard of severity warning or error</span></li>\n");
	smig_html_put(out, "</ul>\n<dl>\n"
				  "<dt>Database</dt><dd class=\"id\">%s</dd>\n"
				  "<dt>Server</dt><dd>PostgreSQL %s</dd>\n"
				  "<dt>Current</dt><dd class=\"id\">%s</dd>\n"
				  "<dt>Heads</dt><dd class=\"id\">%s</dd>\n"
				  "<dt>Made</dt><dd>%s by role <span class=\"id\">%s</span></dd>\n"
				  "</dl>\n",
				  get_database_name(MyDatabaseId),
				  GetConfigOption("server_version", false, false),
				  id_list(smig_graph_maximal(graph, report->plan->applied)),
				  id_list(smig_graph_heads(graph, false)),
				  now_text(), GetUserNameFromId(GetUserId(), false));
}

static void
put_head(SmigReport *report, StringInfo out)
{
	const char *direction = smig_direction_name(report->plan->direction);
	const char *database = get_database_name(MyDatabaseId);

	smig_html_put(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
				  "<meta charset=\"utf-8\"/>\n"
				  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;\"/>\n"
				  "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
				  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
				  "<meta name=\"generator\" content=\"schemamig %s\"/>\n"
				  "<title>%s %s in %s</title>\n<style>\n",
				  SMIG_EXTENSION_VERSION, direction, report->target, database);
	appendStringInfoString(out, smig_report_style);
	smig_html_put(out, "</style>\n</head>\n<body>\n<header>\n"
				  "<h1>%s <span class=\"id\">%s</span> in <span class=\"id\">%s</span></h1>\n"
				  "<nav aria-label=\"Contents\"><ul>\n",
				  report->plan->direction == SMIG_APPLY ? "Apply" : "Revert",
				  report->target, database);
	for (int i = 0; i < lengthof(sections); i++)
		smig_html_put(out, "<li><a href=\"#%s\">%s</a></li>\n",
					  sections[i].id, sections[i].title);
	smig_html_put(out, "</ul></nav>\n</header>\n<main>\n");
}

/*
 * schemamig_report(target): one HTML page about a run to the target, in the
 * direction that leads there.
 *
 * Errors: those of the target; 55000 where the journal keeps a run from going
 * this way, as for the run itself.
 */
Datum
schemamig_report(PG_FUNCTION_ARGS)
{
	SmigReport	report = {0};
	Bitmapset  *applied;
	SmigGraph  *graph;
	StringInfoData body;
	StringInfoData page;

	report.target = smig_result_argument(fcinfo, 0, "target");
	report.schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	graph = smig_store_load_graph(&applied);
	report.plan = smig_plan_make(report.target,
								 smig_target_direction(graph, applied,
													   report.target));
	report.journal = smig_journal_load();
	smig_journal_check_direction(report.journal, report.plan->direction);
	report.standing = smig_look_standings(report.plan->graph,
										  report.plan->applied);
	report.planned = smig_graph_set(report.plan->nodes);

	/* the summary, which comes first, is known when the rest is written */
	initStringInfo(&body);
	for (int i = 0; i < lengthof(sections); i++)
		sections[i].put(&report, &body);
	initStringInfo(&page);
	put_head(&report, &page);
	put_summary(&report, &page);
	appendBinaryStringInfo(&page, body.data, body.len);
	smig_html_put(&page, "</main>\n<footer><p class=\"quiet\">Made by schemamig. Nothing on this page has been executed.</p></footer>\n</body>\n</html>");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(page.data, page.len));
}
