/*-------------------------------------------------------------------------
 *
 * pattern.c
 *	  Patterns of names: *, ?, double quotes and dots, as in psql.
 *
 * IDENTIFICATION
 *	  src/model/pattern.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "parser/scansup.h"

#include "model/filter.h"

SMIG_NORETURN static void
bad_pattern(const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME),
			 errmsg("invalid pattern \"%s\"", text),
			 errdetail_internal("%s", detail),
			 errhint("Write name, schema.name or schema.parent.name, with * for any characters and ? for one; in double quotes what has capitals or other characters.")));
}

/*
 * Adds characters that mean themselves.
 */
static void
append_literal(StringInfo buf, const char *from, int length)
{
	for (int i = 0; i < length; i++)
	{
		if (from[i] == '*' || from[i] == '?' || from[i] == '\\')
			appendStringInfoChar(buf, '\\');
		appendStringInfoChar(buf, from[i]);
	}
}

/*
 * Reads a quoted piece; returns what follows it.
 */
static const char *
read_quoted(StringInfo buf, const char *at, const char *text)
{
	for (at++;; at++)
	{
		if (*at == '\0')
			bad_pattern(text, "A double quote is not closed.");
		if (*at == '"' && *++at != '"')
			return at;
		append_literal(buf, at, 1);
	}
}

/*
 * Reads one part, up to a dot or the end; returns what follows it.  Empty
 * parts are errors, so that a slip does not match everything.
 */
static const char *
read_part(StringInfo buf, const char *at, const char *text)
{
	if (*at == '\0' || *at == '.')
		bad_pattern(text, "A part of it is empty.");
	while (*at && *at != '.')
	{
		int			length = 0;
		char	   *folded;

		if (*at == '"')
		{
			at = read_quoted(buf, at, text);
			continue;
		}
		if (*at == '*' || *at == '?')
		{
			appendStringInfoChar(buf, *at++);
			continue;
		}
		while (at[length] && strchr(".\"*?", at[length]) == NULL)
			length++;
		folded = downcase_identifier(at, length, false, false);
		append_literal(buf, folded, (int) strlen(folded));
		at += length;
	}
	return at;
}

/*
 * Reads a pattern: name, schema.name or schema.parent.name.  In the result
 * each part has its wildcards, and \ before a character that is none.
 *
 * Errors: 42602.
 */
void
smig_pattern_parse(SmigPattern *pattern, const char *text)
{
	const char *at = text;

	pattern->nparts = 0;
	for (;;)
	{
		StringInfoData buf;

		if (pattern->nparts == SMIG_PATTERN_PARTS)
			bad_pattern(text, "It has too many parts.");
		initStringInfo(&buf);
		at = read_part(&buf, at, text);
		pattern->parts[pattern->nparts++] = buf.data;
		if (*at == '\0')
			return;
		at++;
	}
}

/*
 * Whether a name matches one part.  A star that fails is tried again one
 * character further on; only the last one must be, so the time is bounded by
 * the product of the lengths.
 */
static bool
match_part(const char *part, const char *name)
{
	const char *star = NULL;
	const char *retry = NULL;

	while (*name)
	{
		const char *literal = *part == '\\' ? part + 1 : part;

		if (*part == '*')
		{
			star = ++part;
			retry = name;
		}
		else if (*part == '?')
		{
			part++;
			name += pg_mblen(name);
		}
		else if (*part && *literal == *name)
		{
			part = literal + 1;
			name++;
		}
		else if (star)
		{
			part = star;
			retry += pg_mblen(retry);
			name = retry;
		}
		else
			return false;
	}
	while (*part == '*')
		part++;
	return *part == '\0';
}

/*
 * Whether an object matches.  "schema" and "parent" are NULL where it has
 * none; then a pattern that has such a part does not match.
 */
bool
smig_pattern_match(const SmigPattern *pattern, const char *schema,
				   const char *parent, const char *name)
{
	int			n = pattern->nparts;

	if (!match_part(pattern->parts[n - 1], name))
		return false;
	if (n > 1 && !(schema && match_part(pattern->parts[0], schema)))
		return false;
	return n < 3 || (parent && match_part(pattern->parts[1], parent));
}
