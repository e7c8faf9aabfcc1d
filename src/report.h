/*-------------------------------------------------------------------------
 *
 * report.h
 *	  The parts of the page that schemamig_report makes.
 *
 * IDENTIFICATION
 *	  src/report.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_REPORT_H
#define SMIG_REPORT_H

#include "lib/stringinfo.h"

#include "lint/lint.h"
#include "look.h"
#include "plan.h"

/* One report in the making. */
typedef struct SmigReport
{
	const char *target;			/* as the caller wrote it */
	SmigPlan   *plan;
	List	   *journal;		/* of SmigJournalStep * */
	SmigStanding *standing;		/* by node index */
	Bitmapset  *planned;		/* nodes of the plan */
	Oid			schema;			/* of the extension's functions */

	/* counted while the plan is written */
	int			statements;
	int			findings[SMIG_SEVERITY_ERROR + 1];	/* by severity */
	int			losses;			/* things that would be destroyed */
	int			irreversible;	/* revisions that cannot be undone */
	int			blocking;		/* statements that block reads or writes */
	int			rewrites;		/* statements that rewrite a table */
} SmigReport;

/* report_style.c */
extern const char *const smig_report_style;

/* report_graph.c */
extern void smig_report_graph(SmigReport *report, StringInfo out);

/* report_plan.c */
extern void smig_report_plan(SmigReport *report, StringInfo out);

/* report_state.c */
extern void smig_report_drift(SmigReport *report, StringInfo out);
extern void smig_report_history(SmigReport *report, StringInfo out);
extern void smig_report_runs(SmigReport *report, StringInfo out);

#endif							/* SMIG_REPORT_H */
