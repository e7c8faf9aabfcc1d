/*-------------------------------------------------------------------------
 *
 * html.c
 *	  Writing HTML in which no text can become markup.
 *
 * Markup comes from format strings of this library only; everything that is
 * put into it is escaped, in text and in quoted attribute values alike.  What
 * comes out is plain ASCII, so that the page is the same whatever encoding
 * the database, the client and the file have.
 *
 * Characters that change how the text around them is displayed, or that are
 * not displayed at all, are written by their number: who reviews a script
 * must see what the server will see (https://trojansource.codes).
 *
 * IDENTIFICATION
 *	  src/html.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "html.h"

#define REPLACEMENT_CHARACTER 0xFFFD

/* Ranges of characters that are not what they look like. */
static const struct
{
	pg_wchar	first;
	pg_wchar	last;
}			hidden[] = {
	{0x0001, 0x0008},			/* controls, but for tab, newline, return */
	{0x000B, 0x000C},
	{0x000E, 0x001F},
	{0x007F, 0x009F},
	{0x00AD, 0x00AD},			/* soft hyphen */
	{0x061C, 0x061C},			/* direction marks */
	{0x180E, 0x180E},
	{0x200B, 0x200F},			/* zero width, direction marks */
	{0x2028, 0x202E},			/* separators, overrides of direction */
	{0x2060, 0x206F},			/* joiners, isolates */
	{0x3164, 0x3164},			/* Hangul filler */
	{0xD800, 0xDFFF},			/* no characters */
	{0xFEFF, 0xFEFF},			/* byte order mark */
	{0xFFF9, 0xFFFB},			/* annotations */
	{0xE0000, 0xE007F}			/* tags */
};

static bool
is_hidden(pg_wchar c)
{
	for (int i = 0; i < lengthof(hidden); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return true;
	return false;
}

static void
put_character(StringInfo out, pg_wchar c)
{
	switch (c)
	{
		case '&':
			appendStringInfoString(out, "&amp;");
			return;
		case '<':
			appendStringInfoString(out, "&lt;");
			return;
		case '>':
			appendStringInfoString(out, "&gt;");
			return;
		case '"':
			appendStringInfoString(out, "&quot;");
			return;
		case '\'':
			appendStringInfoString(out, "&#39;");
			return;
		default:
			break;
	}
	if (is_hidden(c))
		appendStringInfo(out, "[U+%04X]", c);
	else if (c < 0x80)
		appendStringInfoCharMacro(out, (char) c);
	else
		appendStringInfo(out, "&#x%X;", c);
}

/*
 * Appends a text of the database, escaped.
 */
void
smig_html_text(StringInfo out, const char *text)
{
	const unsigned char *c;
	int			left = strlen(text);
	char	   *converted = NULL;

	/* SQL_ASCII has no meaning beyond 127; UTF-8 is the best guess */
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		converted = pg_server_to_any(text, left, PG_UTF8);
	c = (const unsigned char *) (converted ? converted : text);
	left = strlen((const char *) c);
	while (left > 0)
	{
		int			length = pg_encoding_mblen(PG_UTF8, (const char *) c);

		if (*c == '\r' && left > 1 && c[1] == '\n')
		{
			length = 1;
		}
		else if (*c == '\r')
		{
			appendStringInfoChar(out, '\n');
			length = 1;
		}
		else if (length > left || !pg_utf8_islegal(c, length))
		{
			put_character(out, REPLACEMENT_CHARACTER);
			length = 1;
		}
		else
			put_character(out, utf8_to_unicode(c));
		c += length;
		left -= length;
	}
	if (converted && converted != text)
		pfree(converted);
}

/*
 * Appends markup.  In "format" stands %s for a text, which is escaped, %d for
 * an int, and %% for the character; attribute values must be quoted there.
 */
void
smig_html_put(StringInfo out, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	for (const char *c = format; *c; c++)
	{
		const char *text;

		if (*c != '%')
		{
			appendStringInfoCharMacro(out, *c);
			continue;
		}
		switch (*++c)
		{
			case 's':
				text = va_arg(arguments, const char *);
				smig_html_text(out, text);
				break;
			case 'd':
				appendStringInfo(out, "%d", va_arg(arguments, int));
				break;
			case '%':
				appendStringInfoChar(out, '%');
				break;
			default:
				elog(ERROR, "unrecognized conversion \"%%%c\" in HTML", *c);
		}
	}
	va_end(arguments);
}
