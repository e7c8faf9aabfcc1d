/*-------------------------------------------------------------------------
 *
 * lint.c
 *	  Runs the rules over the statements of a script.
 *
 * IDENTIFICATION
 *	  src/lint/lint.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "lint/rules.h"

static const SmigRuleFamily *const families[] = {
	&smig_rules_rewrite,
	&smig_rules_scan,
	&smig_rules_lock,
	&smig_rules_transaction,
	&smig_rules_compat,
	&smig_rules_robust,
	&smig_rules_design,
};

/*
 * The n-th rule of all, from 0, in the order of families; NULL after the last.
 */
const SmigRule *
smig_rule_nth(int n)
{
	for (int i = 0; i < lengthof(families); i++)
	{
		if (n < families[i]->nrules)
			return &families[i]->rules[n];
		n -= families[i]->nrules;
	}
	return NULL;
}

/*
 * The rule of that id, or NULL.
 */
const SmigRule *
smig_rule_find(const char *id)
{
	const SmigRule *rule;

	for (int i = 0; (rule = smig_rule_nth(i)) != NULL; i++)
	{
		if (strcmp(rule->id, id) == 0)
			return rule;
	}
	return NULL;
}

/*
 * Name of a severity: note, warning, error.
 */
const char *
smig_severity_name(SmigSeverity severity)
{
	static const char *const names[] = {"note", "warning", "error"};

	return names[severity];
}

/*
 * Adds a finding of the rule being checked.  location is a byte offset into
 * the script, or -1 for the statement; suggestion is SQL or NULL.
 */
void
smig_rule_report(SmigRuleContext *context, int location, char *suggestion,
				 const char *format,...)
{
	SmigFinding *finding = palloc0(sizeof(SmigFinding));
	StringInfoData message;

	finding->rule = context->rule->id;
	finding->severity = context->rule->severity;
	finding->line = context->statement->line;
	finding->column = context->statement->column;
	if (location >= 0)
		smig_script_position(context->script->text, location,
							 &finding->line, &finding->column);
	finding->suggestion = suggestion;
	initStringInfo(&message);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&message, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}
	finding->message = message.data;
	context->findings = lappend(context->findings, finding);
}

/*
 * Starts linting the scripts of a plan.  The state lives in a child of the
 * current memory context until smig_lint_end.
 */
SmigLint *
smig_lint_begin(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig lint",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SmigLint   *lint = palloc0(sizeof(SmigLint));

	lint->context = context;
	lint->pending = smig_pending_create();
	MemoryContextSwitchTo(old);
	return lint;
}

/*
 * Frees all state of linting.
 */
void
smig_lint_end(SmigLint *lint)
{
	MemoryContextDelete(lint->context);
}

static void
check_ignored(List *names, int line, int column, List **findings)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		SmigFinding *finding;

		if (smig_rule_find(lfirst(lc)) != NULL)
			continue;
		finding = palloc0(sizeof(SmigFinding));
		finding->rule = "unknown-ignore";
		finding->severity = SMIG_SEVERITY_WARNING;
		finding->line = line;
		finding->column = column;
		finding->message = psprintf("there is no rule \"%s\" to ignore",
									(char *) lfirst(lc));
		*findings = lappend(*findings, finding);
	}
}

/*
 * Begins a script, whose statements follow one by one; the script must live
 * until the last of them.  Returns findings (SmigFinding *) about the script
 * itself: ignored rules that do not exist.
 */
List *
smig_lint_script(SmigLint *lint, const SmigScript *script)
{
	List	   *findings = NIL;

	lint->script = script;
	lint->step = NULL;
	check_ignored(script->ignore, 1, 1, &findings);
	return findings;
}

static const SmigStep *
step_of(const SmigScript *script, const SmigStatement *statement)
{
	ListCell   *lc;

	foreach(lc, script->steps)
	{
		const SmigStep *step = lfirst(lc);

		if (list_member_ptr(step->statements, statement))
			return step;
	}
	return NULL;
}

/*
 * A new step is a new transaction: locks are gone, what came before has
 * committed.
 */
static void
enter_step(SmigLint *lint, const SmigStep *step)
{
	if (step == lint->step)
		return;
	lint->step = step;
	lint->held = NIL;
	lint->altered = NIL;
	smig_pending_next_transaction(lint->pending);
}

static bool
is_ignored(const SmigScript *script, const SmigStatement *statement,
		   const char *rule)
{
	ListCell   *lc;

	foreach(lc, script->ignore)
	{
		if (strcmp(lfirst(lc), rule) == 0)
			return true;
	}
	foreach(lc, statement->ignore)
	{
		if (strcmp(lfirst(lc), rule) == 0)
			return true;
	}
	return false;
}

static bool
rule_applies(const SmigRule *rule)
{
	int			version = SMIG_SERVER_MAJOR;

	return rule->check != NULL &&
		(rule->min_version == 0 || version >= rule->min_version) &&
		(rule->max_version == 0 || version <= rule->max_version);
}

static void
remember_locks(SmigLint *lint, const SmigStatement *statement,
			   const SmigFacts *facts)
{
	MemoryContext old = MemoryContextSwitchTo(lint->context);
	ListCell   *lc;

	foreach(lc, facts->relations)
	{
		SmigFact   *fact = lfirst(lc);
		SmigFact   *held = NULL;
		ListCell   *lc2;

		foreach(lc2, lint->held)
		{
			if (((SmigFact *) lfirst(lc2))->relation == fact->relation)
				held = lfirst(lc2);
		}
		if (held == NULL)
		{
			held = palloc(sizeof(SmigFact));
			*held = *fact;
			lint->held = lappend(lint->held, held);
			continue;
		}
		held->mode = Max(held->mode, fact->mode);
		held->rewrite |= fact->rewrite;
		held->scan |= fact->scan;
	}
	if (IsA(statement->raw->stmt, AlterTableStmt))
	{
		SmigRelation *relation =
			smig_view_find(lint->pending,
					   ((AlterTableStmt *) statement->raw->stmt)->relation);

		if (relation)
			lint->altered = list_append_unique_ptr(lint->altered, relation);
	}
	MemoryContextSwitchTo(old);
}

static int
compare_findings(const ListCell *a, const ListCell *b)
{
	const SmigFinding *fa = lfirst(a);
	const SmigFinding *fb = lfirst(b);

	if (fa->line != fb->line)
		return fa->line - fb->line;
	if (fa->column != fb->column)
		return fa->column - fb->column;
	return strcmp(fa->rule, fb->rule);
}

/*
 * Facts and findings of the next statement of the script.  The pending state
 * is then moved on, so each statement must be given once, in order.
 */
SmigLinted *
smig_lint_statement(SmigLint *lint, const SmigStatement *statement)
{
	SmigLinted *linted = palloc0(sizeof(SmigLinted));
	const SmigStep *step = step_of(lint->script, statement);
	SmigRuleContext context = {lint, lint->pending, lint->script, statement};
	const SmigRule *rule;

	CHECK_FOR_INTERRUPTS();
	enter_step(lint, step);
	linted->facts = smig_facts_read(statement->raw, lint->script->text,
									lint->pending);
	context.stmt = statement->raw->stmt;
	context.facts = linted->facts;
	context.transaction = step && step->kind == SMIG_STEP_TRANSACTION;
	for (int i = 0; (rule = smig_rule_nth(i)) != NULL; i++)
	{
		if (!rule_applies(rule) ||
			is_ignored(lint->script, statement, rule->id))
			continue;
		context.rule = rule;
		rule->check(&context);
	}
	check_ignored(statement->ignore, statement->line, statement->column,
				  &context.findings);
	list_sort(context.findings, compare_findings);
	linted->findings = context.findings;
	linted->suggestion = context.suggestion;
	remember_locks(lint, statement, linted->facts);
	smig_facts_apply(statement->raw, lint->script->text, lint->pending);
	return linted;
}

static JsonbValue *
push_string(JsonbParseState **state, JsonbIteratorToken token,
			const char *string)
{
	JsonbValue	value;

	if (string == NULL)
		value.type = jbvNull;
	else
	{
		value.type = jbvString;
		value.val.string.val = pstrdup(string);
		value.val.string.len = strlen(string);
	}
	return pushJsonbValue(state, token, &value);
}

/*
 * {"schema.relation": "AccessExclusiveLock", ...} for the relations that are
 * in the catalog.
 */
Jsonb *
smig_lint_locks_json(const SmigFacts *facts)
{
	JsonbParseState *state = NULL;
	ListCell   *lc;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	foreach(lc, facts->relations)
	{
		SmigFact   *fact = lfirst(lc);

		if (!OidIsValid(fact->relid) || fact->mode == NoLock)
			continue;
		push_string(&state, WJB_KEY, fact->name);
		push_string(&state, WJB_VALUE, smig_facts_mode_name(fact->mode));
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * [{"rule": ..., "severity": ..., "message": ..., "suggestion": ...}, ...]
 */
Jsonb *
smig_lint_hazards_json(const List *findings)
{
	JsonbParseState *state = NULL;
	ListCell   *lc;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, findings)
	{
		SmigFinding *finding = lfirst(lc);

		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_string(&state, WJB_KEY, "rule");
		push_string(&state, WJB_VALUE, finding->rule);
		push_string(&state, WJB_KEY, "severity");
		push_string(&state, WJB_VALUE, smig_severity_name(finding->severity));
		push_string(&state, WJB_KEY, "message");
		push_string(&state, WJB_VALUE, finding->message);
		push_string(&state, WJB_KEY, "suggestion");
		push_string(&state, WJB_VALUE, finding->suggestion);
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * Names (char *) of the relations in the catalog that get new storage.
 */
List *
smig_lint_rewrites(const SmigFacts *facts)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, facts->relations)
	{
		SmigFact   *fact = lfirst(lc);

		if (OidIsValid(fact->relid) && fact->rewrite)
			names = lappend(names, (char *) fact->name);
	}
	return names;
}

/*
 * Names (char *) of the relations in the catalog that are read end to end.
 */
List *
smig_lint_scans(const SmigFacts *facts)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, facts->relations)
	{
		SmigFact   *fact = lfirst(lc);

		if (OidIsValid(fact->relid) && fact->scan)
			names = lappend(names, (char *) fact->name);
	}
	return names;
}
