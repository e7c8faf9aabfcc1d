/*-------------------------------------------------------------------------
 *
 * rewrite.c
 *	  A script in its online-safe form.
 *
 * What stands between the statements stays, so that comments survive.  BEGIN
 * is taken out, for it is implied and some of what is put in cannot be in a
 * block; COMMIT stays and cuts.
 *
 * IDENTIFICATION
 *	  src/lint/rewrite.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "compat.h"
#include "lint/rules.h"
#include "lint/source.h"

PG_FUNCTION_INFO_V1(schemamig_rewrite);

/* A piece of the script's text and what comes in its place. */
typedef struct Replacement
{
	int			start;
	int			end;
	char	   *text;
} Replacement;

static Replacement *
make_replacement(int start, int end, char *text)
{
	Replacement *replacement = palloc(sizeof(Replacement));

	replacement->start = start;
	replacement->end = end;
	replacement->text = text;
	return replacement;
}

static int
compare_replacements(const ListCell *a, const ListCell *b)
{
	return ((Replacement *) lfirst(a))->start -
		((Replacement *) lfirst(b))->start;
}

/* Offset behind the semicolon that ends a statement, if there is one. */
static int
behind_semicolon(const char *text, int end)
{
	int			at = end;

	while (text[at] && strchr(" \t\r\n\f\v", text[at]) != NULL)
		at++;
	return text[at] == ';' ? at + 1 : end;
}

/*
 * Adds a replacement by nothing for each BEGIN.
 */
static void
remove_begins(SmigLint *lint, const SmigScript *script, List **replacements)
{
	ListCell   *lc;

	foreach(lc, smig_expr_parse(lint->pending, script->text))
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);
		TransactionStmt *stmt = (TransactionStmt *) raw->stmt;
		SmigStatement statement = {raw};
		SmigSource *source;

		if (!IsA(stmt, TransactionStmt) ||
			(stmt->kind != TRANS_STMT_BEGIN && stmt->kind != TRANS_STMT_START) ||
			stmt->options != NIL)
			continue;
		statement.start = raw->stmt_location;
		statement.length = raw->stmt_len ? raw->stmt_len :
			strlen(script->text) - raw->stmt_location;
		source = smig_source_read(script, &statement);
		if (source->ntokens > 0)
		{
			int			end = behind_semicolon(script->text, source->end);

			*replacements =
				lappend(*replacements,
						make_replacement(source->tokens[0].start, end, ""));
		}
	}
}

/*
 * Reasons why a statement that will hurt is left as it is, as comment lines in
 * front of it; NULL when there are none.
 */
static char *
statement_reasons(const SmigScript *script, const SmigStatement *statement,
				  const SmigLinted *linted)
{
	StringInfoData reasons;
	ListCell   *lc;

	initStringInfo(&reasons);
	foreach(lc, linted->findings)
	{
		SmigFinding *finding = lfirst(lc);
		char	   *message;

		if (finding->severity < SMIG_SEVERITY_ERROR)
			continue;
		message = pstrdup(finding->message);
		for (char *c = message; *c; c++)
		{
			if (*c == '\n' || *c == '\r')
				*c = ' ';
		}
		appendStringInfo(&reasons, "-- left as it is (%s): %s\n",
						 finding->rule, message);
	}
	if (reasons.len == 0)
		return NULL;
	appendStringInfoString(&reasons,
						   smig_script_statement_text(script, statement));
	return reasons.data;
}

/*
 * What replaces a statement, or NULL to leave it as it is.
 */
static char *
statement_replacement(const SmigScript *script,
					  const SmigStatement *statement,
					  const SmigLinted *linted)
{
	const char *better = NULL;
	bool		cut = false;
	ListCell   *lc;

	foreach(lc, linted->findings)
	{
		SmigFinding *finding = lfirst(lc);
		const SmigRule *rule = smig_rule_find(finding->rule);

		if (finding->suggestion == NULL || rule == NULL ||
			rule->family > 'D' || finding->severity < SMIG_SEVERITY_WARNING)
			continue;
		if (strcmp(finding->rule, "statement-after-strong-lock") == 0)
			cut = true;
		else if (better == NULL || finding->suggestion == linted->suggestion)
			better = finding->suggestion;
	}
	if (better == NULL && cut)
	{
		better = statement_reasons(script, statement, linted);
		if (better == NULL)
			better = smig_script_statement_text(script, statement);
		better = psprintf("%s;", better);
	}
	if (better == NULL)
		return NULL;
	if (cut && strncmp(better, "COMMIT;", strlen("COMMIT;")) != 0)
		better = psprintf("COMMIT;\n%s", better);
	return pstrdup(better);
}

/*
 * schemamig_rewrite(sql): the script with each statement that has a better
 * form replaced by it.
 */
Datum
schemamig_rewrite(PG_FUNCTION_ARGS)
{
	SmigScript *script;
	SmigLint   *lint;
	List	   *replacements = NIL;
	StringInfoData out;
	bool		changed = false;
	int			at = 0;
	ListCell   *lc;

	script = smig_script_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)),
							   SMIG_TRANSACTION_REVISION, "script");
	lint = smig_lint_begin();
	(void) smig_lint_script(lint, script);
	foreach(lc, script->statements)
	{
		SmigStatement *statement = lfirst(lc);
		SmigLinted *linted = smig_lint_statement(lint, statement);
		char	   *text = statement_replacement(script, statement, linted);
		int			end = statement->start + statement->length;

		if (text)
		{
			size_t		length = strlen(text);

			while (length > 0 && text[length - 1] == '\n')
				text[--length] = '\0';
			end = behind_semicolon(script->text, end);
			changed = true;
		}
		else
			text = statement_reasons(script, statement, linted);
		if (text)
			replacements = lappend(replacements,
								   make_replacement(statement->start, end,
													text));
	}
	if (changed)
		remove_begins(lint, script, &replacements);
	list_sort(replacements, compare_replacements);
	initStringInfo(&out);
	foreach(lc, replacements)
	{
		Replacement *replacement = lfirst(lc);

		appendBinaryStringInfo(&out, script->text + at,
							   replacement->start - at);
		appendStringInfoString(&out, replacement->text);
		at = replacement->end;
	}
	appendStringInfoString(&out, script->text + at);
	smig_lint_end(lint);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
