/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Revisions run in a scratch database.
 *
 * The checks of a run hold here too: a superuser's session does not execute
 * what untrusted roles have written, in whatever database.
 *
 * IDENTIFICATION
 *	  src/build.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "build.h"
#include "caller.h"

/* What build_work is to do, and its result. */
typedef struct Build
{
	SmigPlan   *plan;
	char	   *json;
} Build;

/*
 * The plan that applies these nodes and all they need, from base.
 *
 * Errors: 42501 for revisions whose author is not trusted.
 */
SmigPlan *
smig_build_plan(SmigGraph *graph, List *nodes)
{
	Bitmapset  *set = smig_graph_close(graph, nodes);
	SmigPlan   *plan = smig_plan_of_nodes(graph, NULL,
										  smig_graph_order(graph, set, false),
										  SMIG_APPLY);

	for (int i = 0; i < list_length(plan->nodes); i++)
	{
		CHECK_FOR_INTERRUPTS();
		smig_plan_check_author(smig_plan_revision(plan, i)->revision);
	}
	return plan;
}

/*
 * Runs the up script of a revision; NULL, or its error.
 */
ErrorData *
smig_build_up(SmigScratch *scratch, const SmigRevision *revision)
{
	return smig_scratch_run(scratch,
							psprintf("up script of revision \"%s\"",
									 revision->id),
							revision->up, revision->up_mode, 0);
}

/*
 * Runs the down script of a revision, which must have one; NULL, or its error.
 */
ErrorData *
smig_build_down(SmigScratch *scratch, const SmigRevision *revision)
{
	return smig_scratch_run(scratch,
							psprintf("down script of revision \"%s\"",
									 revision->id),
							revision->down, revision->down_mode, 0);
}

static void
build_work(SmigScratch *scratch, void *arg)
{
	Build	   *build = (Build *) arg;

	for (int i = 0; i < list_length(build->plan->nodes); i++)
	{
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		error = smig_build_up(scratch,
							  smig_plan_revision(build->plan, i)->revision);
		if (error)
			ThrowErrorData(error);
	}
	(void) smig_scratch_fingerprint(scratch, 0);
	build->json = smig_scratch_snapshot(scratch, 0);
}

/*
 * The snapshot of what a revision and all it needs build, as JSON.
 *
 * Errors: those of the scripts, and of scratch databases.
 */
char *
smig_build_revision(SmigGraph *graph, SmigNode *node)
{
	Build		build = {0};

	smig_caller_check("schemamig_diff() of a revision");
	build.plan = smig_build_plan(graph, list_make1(node));
	smig_scratch_use("A revision whose snapshot is not kept", build_work,
					 &build);
	return build.json;
}
