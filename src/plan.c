/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  What a run would do: revisions in order, each with its steps.
 *
 * A plan holds ids; bodies are read ahead in chunks and parsed one revision
 * at a time.  What the check before a run has parsed is kept for the run, up
 * to a limit, so that memory does not grow with the length of the history.
 *
 * IDENTIFICATION
 *	  src/plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "approval.h"
#include "consent.h"
#include "plan.h"
#include "plan_lint.h"
#include "settings.h"
#include "target.h"

/* Bodies read at a time. */
#define CHUNK_REVISIONS 100

/* Memory that parsed scripts may keep between check and run (bytes). */
#define PARSED_LIMIT (32 * 1024 * 1024)

/* Losses and other findings listed in one error. */
#define MAX_LISTED 20

static const char *const transaction_names[] = {"revision", "all", "caller"};

/*
 * The value of the argument "transaction".
 *
 * Errors: 22023 for an unknown value.
 */
SmigRunTransaction
smig_plan_transaction(const char *name)
{
	for (int i = 0; i < lengthof(transaction_names); i++)
		if (strcmp(name, transaction_names[i]) == 0)
			return (SmigRunTransaction) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"transaction\": \"%s\"", name),
			 errhint("Available values: revision, all, caller.")));
}

/*
 * The spelling of a transaction mode.
 */
const char *
smig_plan_transaction_name(SmigRunTransaction transaction)
{
	return transaction_names[transaction];
}

/*
 * The value of the argument "direction".
 *
 * Errors: 22023 for an unknown value.
 */
SmigDirection
smig_plan_direction(const char *name)
{
	if (strcmp(name, "apply") == 0)
		return SMIG_APPLY;
	if (strcmp(name, "revert") == 0)
		return SMIG_REVERT;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"direction\": \"%s\"", name),
			 errhint("Available values: apply, revert.")));
}

/*
 * Makes the plan for "target" from the graph as it is now.
 *
 * Result: a plan in the current memory context; no nodes when there is
 * nothing to do.
 *
 * Errors: those of smig_target_path.
 */
SmigPlan *
smig_plan_make(const char *target, SmigDirection direction)
{
	SmigPlan   *plan = palloc0(sizeof(SmigPlan));

	plan->direction = direction;
	plan->graph = smig_store_load_graph(&plan->applied);
	plan->nodes = smig_target_path(plan->graph, plan->applied, target,
								   direction);
	return plan;
}

/*
 * Makes a plan that does exactly "nodes" (SmigNode), in that order.
 */
SmigPlan *
smig_plan_of_nodes(SmigGraph *graph, Bitmapset *applied, List *nodes,
				   SmigDirection direction)
{
	SmigPlan   *plan = palloc0(sizeof(SmigPlan));

	plan->direction = direction;
	plan->graph = graph;
	plan->applied = applied;
	plan->nodes = nodes;
	return plan;
}

/*
 * Body of the plan's nth revision, read ahead in chunks that the plan's graph
 * context owns.
 */
static SmigRevision *
fetch_revision(SmigPlan *plan, int n)
{
	MemoryContext old = MemoryContextSwitchTo(plan->graph->context);
	SmigRevision *revision;
	List	   *ids = NIL;

	if (plan->chunk == NIL || n < plan->chunk_start ||
		n >= plan->chunk_start + list_length(plan->chunk))
	{
		for (int i = n; i < Min(n + CHUNK_REVISIONS, list_length(plan->nodes)); i++)
			ids = lappend(ids, ((SmigNode *) list_nth(plan->nodes, i))->id);
		plan->chunk = smig_store_get_revisions(ids);
		plan->chunk_start = n;
		if (list_length(plan->chunk) != list_length(ids))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("a revision of the plan was removed meanwhile"),
					 errhint("Call the function again.")));
	}
	revision = list_nth(plan->chunk, n - plan->chunk_start);
	MemoryContextSwitchTo(old);
	return revision;
}

static SmigPlanned *
parse_revision(SmigPlan *plan, int n)
{
	SmigPlanned *planned = palloc0(sizeof(SmigPlanned));
	SmigRevision *revision = fetch_revision(plan, n);
	bool		apply = plan->direction == SMIG_APPLY;
	const char *text = apply ? revision->up : revision->down;

	planned->direction = plan->direction;
	planned->revision = revision;
	if (text != NULL)
		planned->script =
			smig_script_parse(text,
							  apply ? revision->up_mode : revision->down_mode,
							  psprintf("%s script of revision \"%s\"",
									   apply ? "up" : "down", revision->id));
	return planned;
}

/*
 * The plan's nth revision (from 0) with its script parsed, in the current
 * memory context or, where smig_plan_check has kept it, in the plan's.  Needs
 * a transaction.
 */
SmigPlanned *
smig_plan_revision(SmigPlan *plan, int n)
{
	if (n < list_length(plan->parsed))
		return list_nth(plan->parsed, n);
	return parse_revision(plan, n);
}

/*
 * Parses the next revision for the check and keeps it for the run.  Past the
 * limit it goes to the current memory context and is not kept.
 */
static SmigPlanned *
parse_and_keep(SmigPlan *plan, int n)
{
	MemoryContext old;
	SmigPlanned *planned;

	if (n != list_length(plan->parsed) ||
		MemoryContextMemAllocated(plan->parsed_context, true) > PARSED_LIMIT)
		return smig_plan_revision(plan, n);
	old = MemoryContextSwitchTo(plan->parsed_context);
	planned = parse_revision(plan, n);
	plan->parsed = lappend(plan->parsed, planned);
	MemoryContextSwitchTo(old);
	return planned;
}

/*
 * Whether a superuser's run may execute what "author" wrote.
 */
static bool
author_is_trusted(const char *author)
{
	Oid			role = get_role_oid(author, true);
	char	   *names;
	List	   *trusted;
	ListCell   *lc;

	if (OidIsValid(role) && superuser_arg(role))
		return true;
	names = pstrdup(smig_trusted_authors ? smig_trusted_authors : "");
	if (!SplitIdentifierString(names, ',', &trusted))
		return false;
	foreach(lc, trusted)
	{
		const char *name = lfirst(lc);

		if (strcmp(name, "*") == 0 || strcmp(name, author) == 0)
			return true;
	}
	return false;
}

/*
 * Whether scripts of this session can act as a superuser: RESET ROLE and RESET
 * SESSION AUTHORIZATION bring back whoever logged in.
 */
static bool
can_act_as_superuser(void)
{
	return superuser() || superuser_arg(GetSessionUserId()) ||
		superuser_arg(GetAuthenticatedUserId());
}

/*
 * The right to write revisions must not become the right to act as a
 * superuser: what a superuser's session executes was written by a superuser or
 * by a role that a superuser trusts.
 */
bool
smig_plan_trusts_author(const SmigRevision *revision)
{
	return !can_act_as_superuser() || author_is_trusted(revision->created_by);
}

/*
 * Refuses a revision whose author is not trusted.
 *
 * Errors: 42501.
 */
void
smig_plan_check_author(const SmigRevision *revision)
{
	if (smig_plan_trusts_author(revision))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("revision \"%s\" was written by role \"%s\", whose scripts a superuser's session does not execute",
					revision->id, revision->created_by),
			 errhint("Log in as a role with just the rights it needs, or let a superuser add the author to schemamig.trusted_authors after review.")));
}

/* What smig_plan_check collects over all revisions. */
typedef struct Findings
{
	StringInfoData losses;
	int			nlosses;
	StringInfoData misfits;
	int			nmisfits;
} Findings;

static void
append_finding(StringInfo buf, int *count, const char *line)
{
	if (++*count <= MAX_LISTED)
		appendStringInfo(buf, "%s%s", buf->len > 0 ? "\n" : "", line);
}

static void
find_losses(const SmigPlanned *planned, Findings *findings)
{
	const SmigRevision *revision = planned->revision;
	ListCell   *lc;

	if (planned->script == NULL)
	{
		append_finding(&findings->losses, &findings->nlosses,
					   psprintf("revision \"%s\": cannot be undone; reverting it changes nothing in the schema",
								revision->id));
		return;
	}
	foreach(lc, smig_consent_losses(planned->script))
	{
		SmigLoss   *loss = lfirst(lc);

		append_finding(&findings->losses, &findings->nlosses,
					   psprintf("revision \"%s\", statement %d (line %d): %s %s",
								revision->id, loss->statement->number,
								loss->statement->line, loss->action,
								loss->object));
	}
}

static void
find_misfits(const SmigPlanned *planned, Findings *findings)
{
	const SmigStatement *why = NULL;

	if (planned->script == NULL ||
		smig_script_fits_one_transaction(planned->script, &why))
		return;
	if (why)
		append_finding(&findings->misfits, &findings->nmisfits,
					   psprintf("revision \"%s\", statement %d (line %d): %s",
								planned->revision->id, why->number, why->line,
								smig_script_statement_text(planned->script, why)));
	else
		append_finding(&findings->misfits, &findings->nmisfits,
					   psprintf("revision \"%s\": its script commits in the middle",
								planned->revision->id));
}

static const char *
findings_detail(const StringInfoData *buf, int count)
{
	if (count <= MAX_LISTED)
		return buf->data;
	return psprintf("%s\nand %d more", buf->data, count - MAX_LISTED);
}

/*
 * Checks the whole plan before anything of it runs: authors, consent to loss,
 * hazards, and whether the steps fit the transaction mode.
 *
 * journal: what is done already of revisions half done (SmigJournalStep)
 *
 * Errors: 42501 for an author a superuser does not trust and for what is not
 * approved; 0A000 for a step
 * that cannot run in the one transaction asked for; 2F002 (modifying data not
 * permitted) when something would be lost without consent; 2F003 (prohibited
 * statement) for a hazard, where schemamig.lint says so.
 */
void
smig_plan_check(SmigPlan *plan, List *journal, SmigRunTransaction transaction,
				bool allow_destructive)
{
	SmigPlanLint *lint = smig_plan_lint_begin(allow_destructive);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig plan check",
												  ALLOCSET_DEFAULT_SIZES);
	Findings	findings = {0};

	smig_approval_check(plan);
	initStringInfo(&findings.losses);
	initStringInfo(&findings.misfits);
	if (plan->parsed_context == NULL)
		plan->parsed_context = AllocSetContextCreate(plan->graph->context,
													 "schemamig parsed",
													 ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < list_length(plan->nodes); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		SmigPlanned *planned = parse_and_keep(plan, i);

		CHECK_FOR_INTERRUPTS();
		smig_plan_check_author(planned->revision);
		if (!allow_destructive)
			find_losses(planned, &findings);
		if (transaction != SMIG_RUN_REVISION)
			find_misfits(planned, &findings);
		smig_plan_lint_revision(lint, planned, journal);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);

	if (findings.nmisfits > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the run does not fit into one transaction"),
				 errdetail("%s", findings_detail(&findings.misfits,
												 findings.nmisfits)),
				 errhint("Use transaction => 'revision'.")));
	if (findings.nlosses > 0)
		ereport(ERROR,
				(errcode(ERRCODE_S_R_E_MODIFYING_SQL_DATA_NOT_PERMITTED),
				 errmsg("the run would destroy what cannot be brought back"),
				 errdetail("%s", findings_detail(&findings.losses,
												 findings.nlosses)),
				 errhint("Nothing has been changed. Repeat the call with allow_destructive => true to consent.")));
	smig_plan_lint_end(lint);
}
