/*-------------------------------------------------------------------------
 *
 * script_psql.c
 *	  A statement in the form in which psql sends it unchanged.
 *
 * psql cuts its input into statements by a scanner of its own, which follows
 * the server's but knows less, and it replaces :name, :'name' and :"name".
 * Inside quotes nothing happens to a text; outside of them:
 *
 * - A colon is a token of SQL only in array slices, where a blank may follow:
 *	 behind it no variable begins, whatever variables are set.
 * - A statement with ";" in it is cut unless psql counts itself inside
 *	 parentheses or in the BEGIN ... END of a function.  Its counting is
 *	 repeated here; a statement that it would get wrong is sent by \gexec.
 *
 * Backslashes outside of quotes do not occur in a script that the server's
 * parser has accepted.
 *
 * IDENTIFICATION
 *	  src/script_psql.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "lib/stringinfo.h"

#include "script_private.h"

/* What psql counts while it reads a statement (fe_utils/psqlscan.l). */
typedef struct PsqlCount
{
	bool		function;		/* CREATE FUNCTION or PROCEDURE */
	int			parens;
	int			begins;
	bool		cut;			/* a ";" that psql takes for the end */
} PsqlCount;

static void
count_token(PsqlCount *count, const char *token)
{
	if (strcmp(token, "(") == 0)
		count->parens++;
	else if (strcmp(token, ")") == 0 && count->parens > 0)
		count->parens--;
	else if (count->parens > 0)
		return;
	else if (strcmp(token, ";") == 0)
		count->cut = count->cut || count->begins == 0;
	else if (!count->function)
		return;
	else if (pg_strcasecmp(token, "begin") == 0)
		count->begins++;
	else if (pg_strcasecmp(token, "case") == 0 && count->begins > 0)
		count->begins++;
	else if (pg_strcasecmp(token, "end") == 0 && count->begins > 0)
		count->begins--;
}

/*
 * Whether what stands behind a colon makes psql look for a variable.
 */
static bool
begins_variable(unsigned char c)
{
	return isalnum(c) || c == '_' || IS_HIGHBIT_SET(c) || c == '\'' ||
		c == '"' || c == '{';
}

/*
 * The text in dollar quotes with a tag that does not occur in it.
 */
char *
smig_script_dollar_quote(const char *text)
{
	char	   *tag = pstrdup("$schemamig$");

	for (int n = 1; strstr(text, tag) != NULL; n++)
		tag = psprintf("$schemamig%d$", n);
	return psprintf("%s%s%s", tag, text, tag);
}

/*
 * Text of one statement for psql, its end (";" or \gexec) included, without a
 * newline behind it.
 */
char *
smig_script_psql_text(const SmigScript *script, const SmigStatement *statement)
{
	char	   *text = smig_script_statement_text(script, statement);
	PsqlCount	count = {IsA(statement->raw->stmt, CreateFunctionStmt)};
	SmigScan	scan;
	StringInfoData buf;
	int			copied = 0;

	initStringInfo(&buf);
	smig_scan_begin(&scan, text);
	while (smig_scan_next(&scan))
	{
		count_token(&count, scan.token);
		if (strcmp(scan.token, ":") == 0 && begins_variable(text[scan.end]))
		{
			appendBinaryStringInfo(&buf, text + copied, scan.end - copied);
			appendStringInfoChar(&buf, ' ');
			copied = scan.end;
		}
	}
	smig_scan_end(&scan);
	if (count.cut || count.parens > 0 || count.begins > 0)
		return psprintf("SELECT %s \\gexec",
						smig_script_dollar_quote(text));
	appendStringInfo(&buf, "%s;", text + copied);
	return buf.data;
}
