/*-------------------------------------------------------------------------
 *
 * lint_sql.c
 *	  schemamig_lint and schemamig_rules.
 *
 * IDENTIFICATION
 *	  src/lint/lint_sql.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "lint/rules.h"
#include "text_array.h"

PG_FUNCTION_INFO_V1(schemamig_lint);
PG_FUNCTION_INFO_V1(schemamig_rules);

#define LINT_COLUMNS 10

static void
put_finding(ReturnSetInfo *result, const SmigStatement *statement,
			const SmigFinding *finding, const SmigFacts *facts)
{
	Datum		values[LINT_COLUMNS] = {0};
	bool		nulls[LINT_COLUMNS] = {false};

	nulls[0] = statement == NULL;
	if (statement)
		values[0] = Int32GetDatum(statement->number);
	values[1] = Int32GetDatum(finding ? finding->line : statement->line);
	values[2] = Int32GetDatum(finding ? finding->column : statement->column);
	for (int i = 3; i <= 6; i++)
		nulls[i] = finding == NULL;
	if (finding)
	{
		values[3] = CStringGetTextDatum(finding->rule);
		values[4] = CStringGetTextDatum(smig_severity_name(finding->severity));
		values[5] = CStringGetTextDatum(finding->message);
		if (finding->suggestion)
			values[6] = CStringGetTextDatum(finding->suggestion);
		else
			nulls[6] = true;
	}
	for (int i = 7; i <= 9; i++)
		nulls[i] = facts == NULL;
	if (facts)
	{
		values[7] = JsonbPGetDatum(smig_lint_locks_json(facts));
		values[8] = smig_text_array(smig_lint_rewrites(facts));
		values[9] = smig_text_array(smig_lint_scans(facts));
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Byte offset of the n-th character, from 1.
 */
static int
character_offset(const char *text, int n)
{
	const char *at = text;

	while (*at && --n > 0)
		at += pg_mblen(at);
	return at - text;
}

/*
 * Parses the script.  One that is valid SQL but cannot be run (BEGIN in BEGIN,
 * COPY FROM STDIN, CREATE INDEX CONCURRENTLY between BEGIN and COMMIT) is a
 * finding, returned in *refused with NULL; a syntax error is an error.
 *
 * Parsing touches nothing but memory, so no subtransaction is needed to go on
 * after an error.
 */
static SmigScript *
parse_script(const char *text, SmigFinding **refused)
{
	MemoryContext context = CurrentMemoryContext;
	SmigScript *volatile script = NULL;
	ErrorData  *volatile error = NULL;
	SmigFinding *finding;

	PG_TRY();
	{
		script = smig_script_parse(text, SMIG_TRANSACTION_REVISION, "script");
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_ACTIVE_SQL_TRANSACTION &&
			error->sqlerrcode != ERRCODE_INVALID_TRANSACTION_STATE &&
			error->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error == NULL)
		return script;

	finding = palloc0(sizeof(SmigFinding));
	finding->rule = SMIG_RULE_CANNOT_RUN;
	finding->severity = SMIG_SEVERITY_ERROR;
	finding->message = error->hint ?
		psprintf("%s; %c%s", error->message,
				 pg_tolower((unsigned char) error->hint[0]),
				 error->hint + 1) : error->message;
	finding->message[strcspn(finding->message, "\n")] = '\0';
	smig_script_position(text, character_offset(text,
												Max(error->internalpos,
													error->cursorpos)),
						 &finding->line, &finding->column);
	*refused = finding;
	return NULL;
}

/*
 * schemamig_lint(sql): one row per finding, and one with rule NULL for each
 * statement without findings.
 */
Datum
schemamig_lint(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SmigScript *script;
	SmigFinding *refused;
	SmigLint   *lint;
	MemoryContext row;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	script = parse_script(text_to_cstring(PG_GETARG_TEXT_PP(0)), &refused);
	if (script == NULL)
	{
		put_finding(result, NULL, refused, NULL);
		return (Datum) 0;
	}
	lint = smig_lint_begin();
	row = AllocSetContextCreate(CurrentMemoryContext, "schemamig lint row",
								ALLOCSET_DEFAULT_SIZES);
	foreach(lc, smig_lint_script(lint, script))
		put_finding(result, NULL, lfirst(lc), NULL);
	foreach(lc, script->statements)
	{
		SmigStatement *statement = lfirst(lc);
		MemoryContext old = MemoryContextSwitchTo(row);
		SmigLinted *linted = smig_lint_statement(lint, statement);
		ListCell   *lc2;

		foreach(lc2, linted->findings)
			put_finding(result, statement, lfirst(lc2), linted->facts);
		if (linted->findings == NIL)
			put_finding(result, statement, NULL, linted->facts);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	smig_lint_end(lint);
	return (Datum) 0;
}

/*
 * schemamig_rules(): every rule with its description and examples.
 */
Datum
schemamig_rules(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const SmigRule *rule;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; (rule = smig_rule_nth(i)) != NULL; i++)
	{
		Datum		values[8];
		bool		nulls[8] = {false};

		values[0] = CStringGetTextDatum(rule->id);
		values[1] = CStringGetTextDatum(smig_severity_name(rule->severity));
		values[2] = PointerGetDatum(cstring_to_text_with_len(&rule->family, 1));
		values[3] = CStringGetTextDatum(rule->description);
		values[4] = CStringGetTextDatum(rule->example_bad);
		values[5] = CStringGetTextDatum(rule->example_good);
		values[6] = Int32GetDatum(rule->min_version);
		nulls[6] = rule->min_version == 0;
		values[7] = Int32GetDatum(rule->max_version);
		nulls[7] = rule->max_version == 0;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
