/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Deparsed expressions that PostgreSQL reads back as they were.
 *
 * The deparser prints a cast of an array constructor as (ARRAY['a'::varchar,
 * ...])::text[].  Read again, the parser pushes the cast down to the elements,
 * and what is stored differs from what was printed: pg_dump suffers from it
 * too.  With the constructor's own type written out, ((ARRAY[...])::varchar[])
 * ::text[], nothing is pushed down.
 *
 * IDENTIFICATION
 *	  src/diff/text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "diff/kind.h"

/*
 * The end of a string, quoted name or dollar-quoted body that begins here;
 * "text" itself when none does.
 */
static const char *
skip_quoted(const char *text)
{
	const char *end;

	if (*text == '\'' || *text == '"')
	{
		for (end = text + 1; *end; end++)
			if (*end == *text && *++end != *text)
				break;
		return end;
	}
	if ((text[0] == 'E' || text[0] == 'e') && text[1] == '\'')
	{
		for (end = text + 2; *end; end++)
		{
			if (*end == '\\' && end[1])
				end++;
			else if (*end == '\'' && *++end != '\'')
				break;
		}
		return end;
	}
	if (*text == '$')
	{
		char	   *tag;
		size_t		length = 1;

		while (isalnum((unsigned char) text[length]) ||
			   text[length] == '_' || IS_HIGHBIT_SET(text[length]))
			length++;
		if (text[length++] != '$')
			return text;
		tag = pnstrdup(text, length);
		end = strstr(text + length, tag);
		pfree(tag);
		return end ? end + length : text + strlen(text);
	}
	return text;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char) c) || c == '_' || IS_HIGHBIT_SET(c);
}

/*
 * For the text behind "(ARRAY[": where the constructor's "]" is, and where the
 * type of its last element begins and ends.  False when there is no cast on
 * the last element, or no cast to another array type behind.
 */
static bool
find_parts(const char *text, const char **bracket, const char **type,
		   const char **type_end)
{
	int			depth = 0;
	const char *cast = NULL;
	const char *at = text;

	for (; *at; at++)
	{
		const char *next = skip_quoted(at);

		if (next != at)
		{
			at = next - 1;
			continue;
		}
		if (*at == '(' || *at == '[')
			depth++;
		else if (*at == ')' || *at == ']')
		{
			if (depth == 0)
				break;
			depth--;
		}
		else if (depth == 0 && *at == ',')
			cast = NULL;
		else if (depth == 0 && at[0] == ':' && at[1] == ':')
		{
			cast = at + 2;
			at++;
		}
	}
	if (at[0] != ']' || at[1] != ')' || at[2] != ':' || at[3] != ':' ||
		cast == NULL)
		return false;
	*bracket = at;
	*type = cast;
	*type_end = at;
	/* only an array constructor is cast to an array type */
	for (at += 4; *at && *at != '[' && *at != ')' && *at != ','; at++)
		;
	return at[0] == '[' && at[1] == ']';
}

/*
 * Appends a type without its modifier, which the array itself has not.
 */
static void
append_plain_type(StringInfo buf, const char *type, const char *end)
{
	const char *open = memchr(type, '(', end - type);
	const char *close = open ? memchr(open, ')', end - open) : NULL;

	if (close == NULL)
	{
		appendBinaryStringInfo(buf, type, (int) (end - type));
		return;
	}
	appendBinaryStringInfo(buf, type, (int) (open - type));
	appendBinaryStringInfo(buf, close + 1, (int) (end - close) - 1);
}

/*
 * Rewrites the statement that begins at "start" of the text, where needed.
 */
void
smig_text_stabilize(StringInfo text, int start)
{
	static const char pattern[] = "(ARRAY[";
	StringInfoData buf;
	const char *at = text->data + start;
	char		before = ' ';

	if (strstr(at, pattern) == NULL)
		return;
	initStringInfo(&buf);
	while (*at)
	{
		const char *next = is_word(before) && *at != '\'' ? at :
			skip_quoted(at);
		const char *bracket;
		const char *type;
		const char *type_end;

		if (next != at)
		{
			appendBinaryStringInfo(&buf, at, (int) (next - at));
			before = next[-1];
			at = next;
			continue;
		}
		if (strncmp(at, pattern, strlen(pattern)) == 0 && !is_word(before) &&
			find_parts(at + strlen(pattern), &bracket, &type, &type_end))
		{
			appendStringInfo(&buf, "((%.*s])::",
							 (int) (bracket - at) - 1, at + 1);
			append_plain_type(&buf, type, type_end);
			appendStringInfoString(&buf, "[])");
			at = bracket + 2;
			before = ')';
			continue;
		}
		before = *at;
		appendStringInfoChar(&buf, *at++);
	}
	text->len = start;
	text->data[start] = '\0';
	appendBinaryStringInfo(text, buf.data, buf.len);
	pfree(buf.data);
}
