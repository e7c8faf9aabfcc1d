/*-------------------------------------------------------------------------
 *
 * psql.c
 *	  What psql does with a file before the server sees it.
 *
 * Tools that run files by psql, and dumps, rely on psql: its commands,
 * variables, and COPY with the data behind it.  The server's scanner finds
 * them here, so that nothing in a literal or comment is taken for one.  Lines
 * stay lines, so that errors have the place the author knows.
 *
 * The scanner's buffer is blanked where it must not look: the rest of a psql
 * command, and data.
 *
 * IDENTIFICATION
 *	  src/import/psql.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "psql.h"

/*
 * Line of the file that a byte of the text is in.
 */
int
smig_psql_line(const PsqlTranslation *t, int offset)
{
	int			line = t->line;

	for (int i = 0; i < offset; i++)
	{
		if (t->text[i] == '\n')
			line++;
	}
	return line;
}

/*
 * For use inside ereport(): the error is at this byte of the text.
 */
int
smig_psql_error_at(const PsqlTranslation *t, int offset)
{
	return smig_import_error_at(t->file->path, smig_psql_line(t, offset));
}

/*
 * Error context callback of the scanner: an unfinished literal, for instance.
 */
static void
scan_callback(void *arg)
{
	const PsqlTranslation *t = (const PsqlTranslation *) arg;
	int			position = geterrposition();
	int			offset = 0;

	if (position <= 0)
		return;
	errposition(0);
	while (--position > 0 && t->text[offset] != '\0')
		offset += pg_mblen(t->text + offset);
	smig_psql_error_at(t, offset);
}

/*
 * Brings the text up to "to" into the script, or only its line ends.
 */
void
smig_psql_take(PsqlTranslation *t, int to, bool all)
{
	if (all)
		smig_import_script_raw(t->script, t->text + t->copied, to - t->copied);
	else
	{
		for (int i = t->copied; i < to; i++)
		{
			if (t->text[i] == '\n')
				smig_import_script_raw(t->script, "\n", 1);
		}
	}
	t->copied = to;
}

/*
 * Makes the scanner pass over text[from, to).  Of what it has read already the
 * character behind the current token cannot be reached: flex puts it back.
 */
void
smig_psql_blank(PsqlTranslation *t, int from, int to)
{
	for (int i = Max(from, t->scan.end + 1); i < to; i++)
	{
		if (t->scan.extra.scanbuf[i] != '\n')
			t->scan.extra.scanbuf[i] = ' ';
	}
	t->blanked = Max(t->blanked, to);
}

/*
 * Where the line of a byte ends.
 */
int
smig_psql_line_end(const PsqlTranslation *t, int at)
{
	while (at < t->length && t->text[at] != '\n')
		at++;
	return at;
}

static bool
is_name(unsigned char c)
{
	return isalnum(c) || c == '_' || IS_HIGHBIT_SET(c);
}

/*
 * Variables that psql sets by itself, from its connection.
 */
static bool
is_connection_variable(const char *name)
{
	static const char *const names[] = {
		"DBNAME", "USER", "HOST", "PORT", "ENCODING", "LASTOID", "ROW_COUNT",
		"SERVER_VERSION_NUM", "SERVER_VERSION_NAME", "VERSION",
		"VERSION_NAME", "VERSION_NUM", "ERROR", "SQLSTATE",
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/*
 * The text that stands for the variable reference at text[at], which is a
 * colon, with *end set behind it; NULL where psql would leave it alone.
 */
char *
smig_psql_expand(PsqlTranslation *t, int at, int *end)
{
	const char *text = t->text;
	int			from = at + 1;
	char		quote = text[from];
	bool		quoted = quote == '\'' || quote == '"';
	bool		test = strncmp(text + from, "{?", 2) == 0;
	int			to;
	char	   *name;
	const char *value;

	from += quoted ? 1 : test ? 2 : 0;
	for (to = from; is_name(text[to]); to++)
		;
	if (to == from || (quoted && text[to] != quote) ||
		(test && text[to] != '}'))
		return NULL;
	name = pnstrdup(text + from, to - from);
	*end = to + (quoted || test ? 1 : 0);
	value = smig_import_variable(t->import->variables, name);
	if (test)
		return pstrdup(value ? "TRUE" : "FALSE");
	if (value == NULL && is_connection_variable(name))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("psql variable \"%s\" has no value in an import", name),
				 errhint("Use current_user, current_database() or current_setting() instead."),
				 smig_psql_error_at(t, at)));
	if (value == NULL)
		return NULL;
	if (quote == '\'')
		return quote_literal_cstr(value);
	if (quote == '"')
		return pstrdup(quote_identifier(value));
	return pstrdup(value);
}

/*
 * Replaces COPY ... FROM STDIN, whose end is text[at], and the data in the
 * lines behind it.  Sets *at to where the text goes on.
 */
void
smig_psql_replace_copy(PsqlTranslation *t, const char *statement, int *at)
{
	int			newline = smig_psql_line_end(t, *at);
	int			data = Min(newline + 1, t->length);
	int			line = smig_psql_line(t, data);

	if (!smig_import_is_blank(t->text + *at, newline - *at))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM STDIN is not the last of its line"),
				 errhint("Begin what follows in a new line."),
				 smig_psql_error_at(t, *at)));
	smig_psql_take(t, data, false);
	*at = data + smig_import_copy_rows(t->script, t->file, line, statement,
									   t->text + data, t->length - data);
	t->copied = *at;
	smig_psql_blank(t, newline, *at);
}

static void
run_variable(PsqlTranslation *t)
{
	int			end;
	char	   *value = smig_psql_expand(t, t->scan.location, &end);

	if (value == NULL || !smig_psql_active(t))
		return;
	smig_psql_take(t, t->scan.location, true);
	smig_import_script_raw(t->script, value, strlen(value));
	t->copied = end;
	t->blanked = end;
}

static void
end_statement(PsqlTranslation *t)
{
	if (t->from_stdin)
	{
		int			start = Max(t->statement, t->copied);
		int			at = t->scan.end;
		char	   *statement = pnstrdup(t->text + t->statement,
										 t->scan.location - t->statement);

		smig_psql_take(t, start, true);
		smig_psql_replace_copy(t, statement, &at);
	}
	t->statement = -1;
}

/*
 * Follows the statements as far as COPY ... FROM STDIN needs it.
 */
static void
follow_statement(PsqlTranslation *t)
{
	const char *token = t->scan.token;

	if (t->statement < 0)
	{
		if (strcmp(token, ";") == 0)
			return;
		t->statement = t->scan.location;
		t->tokens = 0;
		t->parens = 0;
		t->is_copy = pg_strcasecmp(token, "copy") == 0;
		t->from = t->from_stdin = false;
	}
	t->tokens++;
	if (strcmp(token, "(") == 0)
		t->parens++;
	else if (strcmp(token, ")") == 0)
		t->parens--;
	else if (strcmp(token, ";") == 0 && t->parens <= 0)
	{
		end_statement(t);
		return;
	}
	if (t->is_copy && t->parens == 0)
	{
		if (t->from && pg_strcasecmp(token, "stdin") == 0)
			t->from_stdin = true;
		t->from = pg_strcasecmp(token, "from") == 0;
	}
}

/*
 * Brings a text into the script; t says which, and where it stands.
 */
void
smig_psql_translate(PsqlTranslation *t)
{
	ErrorContextCallback callback = {error_context_stack, scan_callback, t};

	error_context_stack = &callback;
	smig_scan_begin(&t->scan, t->text);
	t->statement = -1;
	while (!t->ended && smig_scan_next(&t->scan))
	{
		CHECK_FOR_INTERRUPTS();
		if (t->scan.location < t->blanked)
			continue;
		if (strcmp(t->scan.token, "\\") == 0)
			smig_psql_run(t);
		else if (strcmp(t->scan.token, ":") == 0)
			run_variable(t);
		else if (smig_psql_active(t))
			follow_statement(t);
	}
	if (!t->ended)
		smig_psql_take(t, t->length, smig_psql_active(t));
	smig_scan_end(&t->scan);
	error_context_stack = callback.previous;
	if (t->conditions != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\\if without \\endif"),
				 errhint("Write \\endif at the end of the branch."),
				 smig_psql_error_at(t, t->length)));
}

/*
 * Without the scanner's NOTICEs, which the raw parser gives later.
 */
static void
translate_quietly(PsqlTranslation *t)
{
	int			save_client = client_min_messages;
	int			save_log = log_min_messages;

	client_min_messages = ERROR;
	log_min_messages = ERROR;
	PG_TRY();
	{
		smig_psql_translate(t);
	}
	PG_FINALLY();
	{
		client_min_messages = save_client;
		log_min_messages = save_log;
	}
	PG_END_TRY();
}

/*
 * Whether there can be something in a text for psql to do.
 */
static bool
may_concern_psql(const Import *import, const char *text)
{
	if (strchr(text, '\\') != NULL)
		return true;
	if (import->variables != NIL && strchr(text, ':') != NULL)
		return true;
	for (const char *c = text; (c = strpbrk(c, "sS")) != NULL; c++)
	{
		if (pg_strncasecmp(c, "stdin", 5) == 0)
			return true;
	}
	return false;
}

/*
 * Adds a part of a file to a script, in the form in which the server can have
 * it: without psql's commands, with values for its variables, with INSERT for
 * COPY and its data.
 *
 * line: of the part's first line in the file, from 1.  What has no such form
 * is an error with file and line.
 */
void
smig_import_psql_translate(Import *import, ImportScript *script,
						   const ImportFile *file, int line,
						   const char *text, int length)
{
	PsqlTranslation t = {0};

	t.import = import;
	t.script = script;
	t.file = file;
	t.line = line;
	t.text = pnstrdup(text, length);
	t.length = length;
	if (may_concern_psql(import, t.text))
		translate_quietly(&t);
	else
		smig_import_script_raw(script, text, length);
}
