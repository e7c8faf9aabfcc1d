/*-------------------------------------------------------------------------
 *
 * report_plan.c
 *	  The plan of a report: what would run, and what it would do.
 *
 * The statements, their locks and their hazards are those of schemamig_plan,
 * from the same functions.
 *
 * IDENTIFICATION
 *	  src/report_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "consent.h"
#include "html.h"
#include "journal.h"
#include "report.h"

/* Bytes of one statement or script that are shown. */
#define MAX_SQL 20000

/* The revision being written. */
typedef struct PlanWriter
{
	SmigReport *report;
	StringInfo	out;
	SmigLint   *lint;
	const SmigPlanned *planned;
	List	   *losses;			/* of SmigLoss * */
	List	   *file_findings;	/* of SmigFinding *: about the whole script */
} PlanWriter;

/*
 * A text in a box, at most MAX_SQL bytes of it.
 */
static void
put_sql(StringInfo out, const char *text, const char *revision)
{
	int			length = strlen(text);
	char	   *shown;

	if (length <= MAX_SQL)
	{
		smig_html_put(out, "<pre><code>%s</code></pre>\n", text);
		return;
	}
	shown = pnstrdup(text, pg_mbcliplen(text, length, MAX_SQL));
	smig_html_put(out, "<pre><code>%s</code></pre>\n"
				  "<p class=\"quiet\">The rest is left out: schemamig_show(%s) has all %d bytes.</p>\n",
				  shown, quote_literal_cstr(revision), length);
	pfree(shown);
}

/*
 * What a lock keeps others from, in words.
 */
static const char *
lock_effect(LOCKMODE mode)
{
	if (mode >= AccessExclusiveLock)
		return "nobody can read or write it";
	if (mode >= ShareLock)
		return "nobody can write it";
	return "others read and write it";
}

static const char *
size_of(const SmigRelation *relation)
{
	Datum		bytes = Int64GetDatum((int64) relation->pages * BLCKSZ);
	char	   *size = TextDatumGetCString(DirectFunctionCall1(pg_size_pretty,
															   bytes));

	if (relation->tuples < 0)
		return "never analysed, so its size is not known";
	return psprintf("about %.0f %s, %s", relation->tuples,
					relation->tuples == 1 ? "row" : "rows", size);
}

/*
 * The cell with locks, rewrites and scans.
 */
static void
put_effects(PlanWriter *writer, const SmigFacts *facts)
{
	StringInfo	out = writer->out;
	bool		blocking = false;
	bool		rewrite = false;
	ListCell   *lc;

	if (facts->opaque)
		smig_html_put(out, "<p>Runs code that cannot be looked into.</p>\n");
	if (facts->relations == NIL && !facts->opaque)
		smig_html_put(out, "<p class=\"quiet\">locks nothing that exists before</p>\n");
	if (facts->relations != NIL)
		smig_html_put(out, "<ul class=\"plain\">\n");
	foreach(lc, facts->relations)
	{
		const SmigFact *fact = lfirst(lc);

		blocking |= fact->mode >= ShareLock;
		rewrite |= fact->rewrite;
		smig_html_put(out, "<li><span class=\"id\">%s</span>", fact->name);
		if (fact->mode != NoLock)
			smig_html_put(out, "<br/>%s: %s", smig_facts_mode_name(fact->mode),
						  lock_effect(fact->mode));
		if (fact->rewrite)
			smig_html_put(out, "<br/><span class=\"badge warning\">rewrites it</span>");
		if (fact->scan)
			smig_html_put(out, "<br/><span class=\"badge note\">reads all of it</span>");
		if (fact->relation && fact->kind != RELKIND_VIEW &&
			OidIsValid(fact->relid))
			smig_html_put(out, "<br/><span class=\"quiet\">%s</span>",
						  size_of(fact->relation));
		smig_html_put(out, "</li>\n");
	}
	if (facts->relations != NIL)
		smig_html_put(out, "</ul>\n");
	writer->report->blocking += blocking;
	writer->report->rewrites += rewrite;
}

/*
 * The cell with losses and findings of one statement.
 */
static void
put_hazards(PlanWriter *writer, const SmigStatement *statement,
			const List *findings)
{
	StringInfo	out = writer->out;
	const char *suggested = NULL;
	bool		none = true;
	ListCell   *lc;

	smig_html_put(out, "<ul class=\"plain\">\n");
	foreach(lc, writer->losses)
	{
		const SmigLoss *loss = lfirst(lc);

		if (loss->statement != statement)
			continue;
		none = false;
		writer->report->losses++;
		smig_html_put(out, "<li><span class=\"badge error\">destroys</span> %s <span class=\"id\">%s</span></li>\n",
					  loss->action, loss->object);
	}
	foreach(lc, findings)
	{
		const SmigFinding *finding = lfirst(lc);
		const char *severity = smig_severity_name(finding->severity);

		none = false;
		writer->report->findings[finding->severity]++;
		smig_html_put(out, "<li><span class=\"badge %s\">%s</span> <span class=\"id\">%s</span>: %s",
					  severity, severity, finding->rule, finding->message);
		/* all findings about a statement share one form without them */
		if (finding->suggestion &&
			(suggested == NULL || strcmp(suggested, finding->suggestion) != 0))
			smig_html_put(out, "<p>Safer:</p><pre><code>%s</code></pre>",
						  finding->suggestion);
		suggested = finding->suggestion ? finding->suggestion : suggested;
		smig_html_put(out, "</li>\n");
	}
	if (none)
		smig_html_put(out, "<li class=\"quiet\">none known</li>\n");
	smig_html_put(out, "</ul>\n");
}

static void
put_statement(PlanWriter *writer, const SmigStep *step,
			  const SmigStatement *statement)
{
	StringInfo	out = writer->out;
	SmigLinted *linted = smig_lint_statement(writer->lint, statement);
	List	   *findings = list_concat(writer->file_findings,
									   linted->findings);

	writer->file_findings = NIL;
	writer->report->statements++;
	smig_html_put(out, "<tr>\n<th scope=\"row\">%d.%d<br/><span class=\"quiet\">line %d</span></th>\n"
				  "<td>%s</td>\n<td>",
				  step->number, statement->number, statement->line,
				  smig_script_kind_name(step->kind));
	put_sql(out, smig_script_statement_text(writer->planned->script,
											statement),
			writer->planned->revision->id);
	smig_html_put(out, "</td>\n<td>");
	put_effects(writer, linted->facts);
	smig_html_put(out, "</td>\n<td>");
	put_hazards(writer, statement, findings);
	smig_html_put(out, "</td>\n</tr>\n");
}

/*
 * The table with the statements that are left to do of a revision.
 */
static void
put_statements(PlanWriter *writer)
{
	const SmigPlanned *planned = writer->planned;
	StringInfo	out = writer->out;
	bool		begun = false;
	ListCell   *lc;

	foreach(lc, planned->script->steps)
	{
		SmigStep   *step = lfirst(lc);
		ListCell   *lc2;

		if (smig_journal_step_is_done(writer->report->journal,
									  planned->revision->id,
									  planned->direction, step))
			continue;
		foreach(lc2, step->statements)
		{
			CHECK_FOR_INTERRUPTS();
			if (!begun)
				smig_html_put(out, "<div class=\"scroll\" role=\"region\" aria-label=\"Statements of %s\" tabindex=\"0\">\n"
							  "<table>\n<caption>What runs, in order. Statements of one step of kind transaction commit together.</caption>\n"
							  "<thead><tr><th scope=\"col\">Step</th><th scope=\"col\">Kind</th><th scope=\"col\">SQL</th>"
							  "<th scope=\"col\">Locks</th><th scope=\"col\">Hazards</th></tr></thead>\n<tbody>\n",
							  planned->revision->id);
			begun = true;
			put_statement(writer, step, lfirst(lc2));
		}
	}
	if (begun)
		smig_html_put(out, "</tbody>\n</table>\n</div>\n");
	else
		smig_html_put(out, "<p>Nothing is left to run; it is recorded as done.</p>\n");
}

/*
 * What undoes a revision, folded away.
 */
static void
put_way_back(PlanWriter *writer)
{
	const SmigRevision *revision = writer->planned->revision;
	StringInfo	out = writer->out;

	if (writer->planned->direction == SMIG_REVERT)
		return;
	if (revision->down == NULL)
	{
		writer->report->irreversible++;
		smig_html_put(out, "<p><span class=\"badge warning\">cannot be undone</span> There is no down script.</p>\n");
	}
	else if (revision->down[0] == '\0')
		smig_html_put(out, "<p class=\"quiet\">There is nothing to undo: the down script is empty.</p>\n");
	else
	{
		smig_html_put(out, "<details>\n<summary>Down script</summary>\n");
		put_sql(out, revision->down, revision->id);
		smig_html_put(out, "</details>\n");
	}
}

static void
put_revision(PlanWriter *writer, int place)
{
	const SmigPlanned *planned = writer->planned;
	const SmigRevision *revision = planned->revision;
	StringInfo	out = writer->out;

	smig_html_put(out, "<article aria-labelledby=\"plan-%d\">\n<h3 id=\"plan-%d\">%d. %s <span class=\"id\">%s</span>",
				  place, place, place,
				  planned->direction == SMIG_APPLY ? "Apply" : "Revert",
				  revision->id);
	if (revision->message[0])
		smig_html_put(out, ": %s", revision->message);
	smig_html_put(out, "</h3>\n<p class=\"quiet\">written by %s, checksum <span class=\"id\">%s</span></p>\n",
				  revision->created_by, revision->checksum);
	if (planned->script == NULL)
	{
		writer->report->losses++;
		smig_html_put(out, "<p><span class=\"badge error\">cannot be undone</span> There is no down script: reverting it changes nothing in the schema.</p>\n");
	}
	else
	{
		writer->losses = smig_consent_losses(planned->script);
		writer->file_findings = smig_lint_script(writer->lint,
												 planned->script);
		put_statements(writer);
		put_way_back(writer);
	}
	smig_html_put(out, "</article>\n");
}

/*
 * Appends the section with the plan, and counts what the summary says.
 */
void
smig_report_plan(SmigReport *report, StringInfo out)
{
	PlanWriter	writer = {report, out};
	MemoryContext context;

	smig_html_put(out, "<section id=\"plan\" aria-labelledby=\"plan-title\">\n"
				  "<h2 id=\"plan-title\">Plan</h2>\n");
	if (report->plan->nodes == NIL)
		smig_html_put(out, "<p>There is nothing to do.</p>\n");
	writer.lint = smig_lint_begin();
	context = AllocSetContextCreate(CurrentMemoryContext,
									"schemamig report revision",
									ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < list_length(report->plan->nodes); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		writer.planned = smig_plan_revision(report->plan, i);
		writer.losses = NIL;
		writer.file_findings = NIL;
		put_revision(&writer, i + 1);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	smig_lint_end(writer.lint);
	smig_html_put(out, "</section>\n");
}
