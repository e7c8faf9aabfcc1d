/*-------------------------------------------------------------------------
 *
 * script_error.c
 *	  Positions in scripts: line and column, and errors that point there.
 *
 * An error of the parser carries the position of a character in the text that
 * was parsed.  Passed on as it is, a client would draw it into the query it
 * sent (SELECT schemamig_apply(...)); so it becomes an internal position, as
 * PL/pgSQL and SQL functions do, with the query clipped to what a person wants
 * to see even when the script is a megabyte long.
 *
 * IDENTIFICATION
 *	  src/script_error.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"

#include "script_private.h"

/* Of a text that is too long to show: this much on each side of the place. */
#define CLIP_LINES	5
#define CLIP_BYTES	1000

/* A statement up to this size is shown whole. */
#define CLIP_WHOLE	4000

/*
 * Line and column, both from 1, of a byte offset.  The column counts
 * characters.  Reads the text from its start, so it is for error paths.
 */
void
smig_script_position(const char *text, int offset, int *line, int *column)
{
	int			start = 0;

	*line = 1;
	for (int i = 0; i < offset && text[i] != '\0'; i++)
	{
		if (text[i] == '\n')
		{
			(*line)++;
			start = i + 1;
		}
	}
	*column = pg_mbstrlen_with_len(text + start, offset - start) + 1;
}

/*
 * Byte offset of the character with number "position", from 1.
 */
static int
character_offset(const char *text, int position)
{
	int			encoding = GetDatabaseEncoding();
	int			offset = 0;

	while (--position > 0 && text[offset] != '\0')
		offset += pg_encoding_mblen(encoding, text + offset);
	return offset;
}

/*
 * The part of text[start, end) around "offset" that is worth showing: all of
 * it, or some lines.  Sets *shown to where the part begins.
 */
static char *
clip(const char *text, int start, int end, int offset, int *shown)
{
	int			encoding = GetDatabaseEncoding();
	int			from = offset;
	int			to = offset;
	int			lines;

	if (end - start <= CLIP_WHOLE)
	{
		*shown = start;
		return pnstrdup(text + start, end - start);
	}

	lines = 0;
	while (from > start && offset - from < CLIP_BYTES)
	{
		if (text[from - 1] == '\n' && ++lines > CLIP_LINES)
			break;
		from--;
	}
	/* not into the middle of a character: walk whole ones from a sure place */
	if (from > start && text[from - 1] != '\n')
	{
		int			sure = from;

		while (sure > start && IS_HIGHBIT_SET(text[sure - 1]))
			sure--;
		while (sure < from)
			sure += pg_encoding_mblen(encoding, text + sure);
		from = sure;
	}

	lines = 0;
	while (to < end && to - offset < CLIP_BYTES)
	{
		if (text[to] == '\n' && ++lines > CLIP_LINES)
			break;
		to += pg_encoding_mblen(encoding, text + to);
	}
	*shown = from;
	return pnstrdup(text + from, Min(to, end) - from);
}

/*
 * Gives the error under way an internal position.
 */
static void
set_internal_position(const char *text, int start, int end, int offset)
{
	int			shown;
	char	   *query = clip(text, start, end, offset, &shown);

	errposition(0);
	internalerrquery(query);
	internalerrposition(pg_mbstrlen_with_len(text + shown, offset - shown) + 1);
	pfree(query);
}

/* Of the last error in a script that was being parsed. */
static int	error_line = 0;

/*
 * Line of the error under way, for error context callbacks around
 * smig_script_parse that know where a script's lines come from; 0 when it has
 * none.
 */
int
smig_script_error_line(void)
{
	return error_line;
}

/*
 * To be called before a script is parsed.
 */
void
smig_script_error_reset(void)
{
	error_line = 0;
}

/*
 * For use inside ereport(): makes the error point at a byte of the script
 * that is being parsed.
 */
int
smig_script_error_at(const ScriptParse *parse, int offset)
{
	int			line;
	int			column;

	smig_script_position(parse->script->text, offset, &line, &column);
	error_line = line;
	set_internal_position(parse->script->text, 0, parse->length, offset);
	errcontext("%s, line %d, column %d", parse->what, line, column);
	return 0;
}

/*
 * Whether the lines just before "offset" say COPY ... FROM STDIN: then the
 * syntax error is in the data that psql would have sent.
 */
static bool
follows_copy_data(const char *text, int offset)
{
	static const char sign[] = "from stdin";
	int			from = Max(0, offset - CLIP_BYTES);

	for (int i = from; i < offset; i++)
	{
		if (pg_strncasecmp(text + i, sign, sizeof(sign) - 1) == 0)
			return true;
	}
	return false;
}

/*
 * Whether the backslash at "offset", where the parser found a syntax error,
 * looks like the beginning of a psql command: not inside a literal.
 */
static bool
begins_psql_command(const char *text, int offset)
{
	return text[offset] == '\\' &&
		(offset == 0 || strchr(" \t\r\n;", text[offset - 1])) &&
		text[offset + 1] != '\0' && !isdigit((unsigned char) text[offset + 1]);
}

/*
 * What to say about a syntax error at "offset"; NULL if nothing special.
 */
static const char *
syntax_error_hint(const char *text, int offset)
{
	if (geterrcode() != ERRCODE_SYNTAX_ERROR)
		return NULL;
	if (begins_psql_command(text, offset))
		return "psql commands do not work in revisions.";
	if (follows_copy_data(text, offset))
		return "COPY FROM STDIN does not work in revisions; write the rows as INSERT statements.";
	if (text[offset] == ':')
		return "psql variables do not work in revisions.";
	return NULL;
}

/*
 * Error context callback around the raw parser; arg is a ScriptParse.
 */
void
smig_script_parse_callback(void *arg)
{
	ScriptParse *parse = (ScriptParse *) arg;
	const char *text = parse->script->text;
	int			position = geterrposition();
	int			offset;
	const char *hint;

	if (position <= 0)
	{
		errcontext("%s", parse->what);
		return;
	}
	offset = character_offset(text, position);
	hint = syntax_error_hint(text, offset);
	if (hint)
		errhint("%s", hint);
	smig_script_error_at(parse, offset);
}

/*
 * To be called from an ErrorContextCallback while "statement" is analysed or
 * runs with script->text as its query string.  An error position, which is a
 * character of the whole script, becomes an internal position in the
 * statement's own text, clipped.  *line and *column are set to the exact place
 * in the script, or to the statement's first token when the error has none.
 *
 * After sql_inline_error_callback of PostgreSQL's functions.c.
 */
void
smig_script_map_error(const SmigScript *script, const SmigStatement *statement,
					  int *line, int *column)
{
	int			position = geterrposition();
	int			offset;

	*line = statement->line;
	*column = statement->column;
	if (position <= 0)
		return;
	offset = character_offset(script->text, position);
	if (offset < statement->start ||
		offset > statement->start + statement->length)
	{
		/* a place in some other text: nothing to draw it into */
		errposition(0);
		return;
	}
	set_internal_position(script->text, statement->start,
						  statement->start + statement->length, offset);
	smig_script_position(script->text, offset, line, column);
}
