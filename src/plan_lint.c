/*-------------------------------------------------------------------------
 *
 * plan_lint.c
 *	  Hazards of a plan, told before a run starts.
 *
 * The same rules and facts as in schemamig_plan and schemamig_lint; they see
 * the plan as a whole, so that what one revision makes and the next one
 * changes is in nobody's way.  Scripts are parsed by the check of the plan
 * anyway, so looking costs a run little.
 *
 * IDENTIFICATION
 *	  src/plan_lint.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "journal.h"
#include "lint/lint.h"
#include "plan_lint.h"
#include "settings.h"

/* Hazards told one by one; of the others the number. */
#define MAX_TOLD 20

/* Rules that say no more than what the caller has consented to. */
static const char *const consented[] = {
	"drop-column", "drop-table", "drop-schema", "drop-database", "truncate"
};

/* What is kept of a finding until all are known. */
typedef struct Hazard
{
	bool		error;
	char	   *text;			/* where, which rule and what */
	char	   *suggestion;		/* SQL, or NULL */
} Hazard;

/* Lives in "context", which smig_plan_lint_end deletes. */
struct SmigPlanLint
{
	MemoryContext context;
	SmigLint   *lint;
	bool		allow_destructive;
	List	   *hazards;		/* of Hazard *, the first MAX_TOLD */
	List	   *refused;		/* of Hazard *: errors, the same number */
	int			nhazards;
	int			nrefused;
};

/*
 * Begins to look at a plan.
 *
 * allow_destructive: the caller has consented to loss, so that is not told
 *
 * Result: NULL where schemamig.lint is off.
 */
SmigPlanLint *
smig_plan_lint_begin(bool allow_destructive)
{
	MemoryContext context;
	MemoryContext old;
	SmigPlanLint *lint;

	if (smig_lint_mode == SMIG_LINT_OFF)
		return NULL;
	context = AllocSetContextCreate(CurrentMemoryContext,
									"schemamig plan lint",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	lint = palloc0(sizeof(SmigPlanLint));
	lint->context = context;
	lint->allow_destructive = allow_destructive;
	lint->lint = smig_lint_begin();
	MemoryContextSwitchTo(old);
	return lint;
}

static bool
is_consented(const SmigPlanLint *lint, const SmigFinding *finding)
{
	for (int i = 0; lint->allow_destructive && i < lengthof(consented); i++)
	{
		if (strcmp(finding->rule, consented[i]) == 0)
			return true;
	}
	return false;
}

static void
strip_newlines(char *text)
{
	int			length = strlen(text);

	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
}

static void
keep_finding(SmigPlanLint *lint, const SmigPlanned *planned,
			 const SmigStatement *statement, const SmigFinding *finding)
{
	bool		error = finding->severity == SMIG_SEVERITY_ERROR;
	bool		refuses = error && smig_lint_mode == SMIG_LINT_ERROR;
	List	  **list = refuses ? &lint->refused : &lint->hazards;
	int		   *count = refuses ? &lint->nrefused : &lint->nhazards;
	MemoryContext old;
	Hazard	   *hazard;
	char	   *where;

	if (finding->severity < SMIG_SEVERITY_WARNING ||
		is_consented(lint, finding) || ++*count > MAX_TOLD)
		return;
	old = MemoryContextSwitchTo(lint->context);
	hazard = palloc0(sizeof(Hazard));
	hazard->error = error;
	where = statement ?
		psprintf("statement %d (line %d)", statement->number, finding->line) :
		psprintf("line %d", finding->line);
	hazard->text = psprintf("%s: revision \"%s\", %s: %s", finding->rule,
							planned->revision->id, where, finding->message);
	if (finding->suggestion)
	{
		hazard->suggestion = pstrdup(finding->suggestion);
		strip_newlines(hazard->suggestion);
	}
	*list = lappend(*list, hazard);
	MemoryContextSwitchTo(old);
}

static void
lint_context(void *arg)
{
	const SmigPlanned *planned = arg;

	errcontext("lint of revision \"%s\"; without it: SET schemamig.lint = off",
			   planned->revision->id);
}

/*
 * Looks at the next revision of the plan: at what is left to do of it.
 *
 * lint: may be NULL
 */
void
smig_plan_lint_revision(SmigPlanLint *lint, const SmigPlanned *planned,
						List *journal)
{
	ErrorContextCallback callback;
	ListCell   *lc;

	if (lint == NULL || planned->script == NULL)
		return;
	callback.callback = lint_context;
	callback.arg = unconstify(SmigPlanned *, planned);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	foreach(lc, smig_lint_script(lint->lint, planned->script))
		keep_finding(lint, planned, NULL, lfirst(lc));
	foreach(lc, planned->script->steps)
	{
		SmigStep   *step = lfirst(lc);
		ListCell   *lc2;

		if (smig_journal_step_is_done(journal, planned->revision->id,
									  planned->direction, step))
			continue;
		foreach(lc2, step->statements)
		{
			SmigStatement *statement = lfirst(lc2);
			SmigLinted *linted = smig_lint_statement(lint->lint, statement);
			ListCell   *lc3;

			foreach(lc3, linted->findings)
				keep_finding(lint, planned, statement, lfirst(lc3));
		}
	}
	error_context_stack = callback.previous;
}

static void
tell(const SmigPlanLint *lint)
{
	ListCell   *lc;

	foreach(lc, lint->hazards)
	{
		const Hazard *hazard = lfirst(lc);

		ereport(NOTICE,
				(errmsg("lint %s %s", hazard->error ? "error" : "warning",
						hazard->text),
				 hazard->suggestion ?
				 errhint("Safer:\n%s", hazard->suggestion) : 0,
				 errhidecontext(true)));
	}
	if (lint->nhazards > MAX_TOLD)
		ereport(NOTICE,
				(errmsg("lint has found %d more; schemamig_plan lists them",
						lint->nhazards - MAX_TOLD),
				 errhidecontext(true)));
}

static void
refuse(const SmigPlanLint *lint)
{
	StringInfoData detail;
	ListCell   *lc;

	initStringInfo(&detail);
	foreach(lc, lint->refused)
	{
		const Hazard *hazard = lfirst(lc);

		appendStringInfo(&detail, "%s%s", detail.len > 0 ? "\n" : "",
						 hazard->text);
		if (hazard->suggestion)
			appendStringInfo(&detail, "\nSafer:\n%s", hazard->suggestion);
	}
	if (lint->nrefused > MAX_TOLD)
		appendStringInfo(&detail, "\nand %d more", lint->nrefused - MAX_TOLD);
	ereport(ERROR,
			(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
			 errmsg_plural("lint has found %d error in what would run",
						   "lint has found %d errors in what would run",
						   lint->nrefused, lint->nrefused),
			 errdetail("%s", detail.data),
			 errhint("Nothing has been changed. Use the safer form, silence a rule by \"-- schemamig:ignore RULE\" before the statement, or SET schemamig.lint = warn.")));
}

/*
 * Tells what was found and ends.
 *
 * lint: may be NULL
 *
 * Errors: 2F003 when there are errors and schemamig.lint is "error".
 */
void
smig_plan_lint_end(SmigPlanLint *lint)
{
	if (lint == NULL)
		return;
	tell(lint);
	if (lint->nrefused > 0)
		refuse(lint);
	smig_lint_end(lint->lint);
	MemoryContextDelete(lint->context);
}
