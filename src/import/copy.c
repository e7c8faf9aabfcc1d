/*-------------------------------------------------------------------------
 *
 * copy.c
 *	  COPY ... FROM STDIN with its data, as INSERT.
 *
 * A revision has no client that could send data, so the rows become literals:
 *
 *		COPY t (a, b) FROM stdin;	INSERT INTO t (a, b) ... VALUES
 *		1	x						('1', 'x'),
 *		2	\N						('2', NULL)
 *		\.							;
 *
 * The server reads each literal by the column's input function, as COPY does.
 * Each line of data stays on its line.
 *
 * IDENTIFICATION
 *	  src/import/copy.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"

#include "import.h"

/* Rows of one INSERT: more make the parser's tree large. */
#define ROWS_PER_INSERT	500

typedef struct CopyRows
{
	ImportScript *script;
	const ImportFile *file;
	int			line;			/* of the current row */
	const char *data;
	int			length;
	int			at;
	char		delimiter;
	const char *null;
	bool		csv;
	bool		header;
	char		quote;
	char		escape;
	const char *insert;			/* INSERT INTO ... VALUES */
	int			rows;			/* of the open statement */
} CopyRows;

static void
refuse_option(CopyRows *copy, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot import COPY with %s", what),
			 errhint("Write the rows as INSERT statements."),
			 smig_import_error_at(copy->file->path, copy->line - 1)));
}

static char
one_character(CopyRows *copy, DefElem *option)
{
	const char *value = defGetString(option);

	if (strlen(value) != 1)
		refuse_option(copy, psprintf("option %s of other than one byte",
									 option->defname));
	return value[0];
}

/*
 * HEADER is a boolean or the word match.
 */
static bool
has_header(DefElem *option)
{
	return (option->arg && IsA(option->arg, String) &&
			pg_strcasecmp(defGetString(option), "match") == 0) ||
		defGetBoolean(option);
}

static void
read_option(CopyRows *copy, DefElem *option)
{
	const char *name = option->defname;

	if (strcmp(name, "format") == 0)
	{
		const char *format = defGetString(option);

		copy->csv = strcmp(format, "csv") == 0;
		if (!copy->csv && strcmp(format, "text") != 0)
			refuse_option(copy, psprintf("format %s", format));
	}
	else if (strcmp(name, "delimiter") == 0)
		copy->delimiter = one_character(copy, option);
	else if (strcmp(name, "quote") == 0)
		copy->quote = one_character(copy, option);
	else if (strcmp(name, "escape") == 0)
		copy->escape = one_character(copy, option);
	else if (strcmp(name, "null") == 0)
		copy->null = defGetString(option);
	else if (strcmp(name, "header") == 0)
		copy->header = has_header(option);
	else if (strcmp(name, "encoding") == 0)
	{
		int			encoding = pg_char_to_encoding(defGetString(option));

		if (encoding != PG_UTF8 && encoding != GetDatabaseEncoding())
			refuse_option(copy, "an encoding of its own");
	}
	else if (strcmp(name, "freeze") != 0)
		refuse_option(copy, psprintf("option %s", name));
}

/*
 * INSERT INTO ... VALUES for a COPY statement.
 */
static char *
insert_of(const CopyStmt *copy)
{
	StringInfoData insert;
	ListCell   *lc;

	initStringInfo(&insert);
	appendStringInfo(&insert, "INSERT INTO %s ",
					 quote_qualified_identifier(copy->relation->schemaname,
												copy->relation->relname));
	foreach(lc, copy->attlist)
		appendStringInfo(&insert, "%s%s", lc == list_head(copy->attlist) ?
						 "(" : ", ", quote_identifier(strVal(lfirst(lc))));
	if (copy->attlist != NIL)
		appendStringInfoString(&insert, ") ");
	/* COPY writes identity columns as they are given */
	appendStringInfoString(&insert, "OVERRIDING SYSTEM VALUE VALUES ");
	return insert.data;
}

/*
 * Reads the COPY statement.
 */
static void
read_statement(CopyRows *copy, const char *statement)
{
	List	   *raws = raw_parser(statement, RAW_PARSE_DEFAULT);
	CopyStmt   *stmt;
	ListCell   *lc;

	if (list_length(raws) != 1 ||
		!IsA(linitial_node(RawStmt, raws)->stmt, CopyStmt))
		refuse_option(copy, "other statements around it");
	stmt = (CopyStmt *) linitial_node(RawStmt, raws)->stmt;
	if (!stmt->is_from || stmt->filename || stmt->relation == NULL)
		refuse_option(copy, "a file");
	if (stmt->whereClause)
		refuse_option(copy, "WHERE");
	/* which format it is decides the defaults */
	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "format") == 0)
			read_option(copy, option);
	}
	copy->delimiter = copy->csv ? ',' : '\t';
	copy->null = copy->csv ? "" : "\\N";
	copy->quote = '"';
	foreach(lc, stmt->options)
		read_option(copy, lfirst_node(DefElem, lc));
	if (copy->escape == '\0')
		copy->escape = copy->quote;
	copy->insert = insert_of(stmt);
}

/*
 * A literal in one line, whatever is in the value.
 */
static void
append_literal(StringInfo out, const char *value, int length)
{
	static const char special[] = "\n\r\t\b\f\v\\";
	static const char letters[] = "nrtbfv\\";
	bool		escaped = false;

	if (memchr(value, '\0', length) == NULL)
		escaped = strpbrk(value, special) != NULL;
	appendStringInfoString(out, escaped ? "E'" : "'");
	for (int i = 0; i < length; i++)
	{
		const char *letter = strchr(special, value[i]);

		if (value[i] == '\'')
			appendStringInfoString(out, "''");
		else if (letter && *letter == '\v')
			appendStringInfoString(out, "\\x0b");
		else if (letter && *letter)
			appendStringInfo(out, "\\%c", letters[letter - special]);
		else
			appendStringInfoChar(out, value[i]);
	}
	appendStringInfoChar(out, '\'');
}

/*
 * The character that text[*at], behind a backslash, stands for.
 */
static char
unescape(const char *text, int end, int *at)
{
	static const char from[] = "bfnrtv";
	static const char to[] = "\b\f\n\r\t\v";
	char		c = text[(*at)++];
	const char *found = c ? strchr(from, c) : NULL;
	int			value = 0;

	if (found)
		return to[found - from];
	if (c >= '0' && c <= '7')
	{
		value = c - '0';
		for (int i = 0; i < 2 && *at < end && text[*at] >= '0' && text[*at] <= '7'; i++)
			value = value * 8 + (text[(*at)++] - '0');
		return (char) (value & 0xFF);
	}
	if (c == 'x' && *at < end && isxdigit((unsigned char) text[*at]))
	{
		for (int i = 0; i < 2 && *at < end && isxdigit((unsigned char) text[*at]); i++)
		{
			char		digit = pg_tolower((unsigned char) text[(*at)++]);

			value = value * 16 + (digit <= '9' ? digit - '0' : digit - 'a' + 10);
		}
		return (char) value;
	}
	return c;
}

/*
 * Appends the fields of a line of text format.
 */
static void
append_text_row(CopyRows *copy, StringInfo out, int end)
{
	const char *data = copy->data;
	int			at = copy->at;
	bool		more = true;

	for (int field = 0; more; field++)
	{
		int			start = at;
		StringInfoData value;

		initStringInfo(&value);
		while (at < end && data[at] != copy->delimiter)
		{
			if (data[at] == '\\' && at + 1 < end)
			{
				at++;
				appendStringInfoChar(&value, unescape(data, end, &at));
			}
			else
				appendStringInfoChar(&value, data[at++]);
		}
		if (field > 0)
			appendStringInfoString(out, ", ");
		if (at - start == strlen(copy->null) &&
			strncmp(data + start, copy->null, at - start) == 0)
			appendStringInfoString(out, "NULL");
		else
		{
			pg_verifymbstr(value.data, value.len, false);
			append_literal(out, value.data, value.len);
		}
		pfree(value.data);
		more = at < end;
		at++;
	}
}

/*
 * Appends the fields of a row of CSV, which may go over several lines.
 * Returns where the row ends.
 */
static int
append_csv_row(CopyRows *copy, StringInfo out)
{
	const char *data = copy->data;
	int			at = copy->at;
	bool		more = true;

	for (int field = 0; more; field++)
	{
		StringInfoData value;
		bool		quoted = false;
		bool		inside = false;

		initStringInfo(&value);
		for (; at < copy->length; at++)
		{
			char		c = data[at];

			if (inside && c == copy->escape && at + 1 < copy->length &&
				(data[at + 1] == copy->quote || data[at + 1] == copy->escape))
				appendStringInfoChar(&value, data[++at]);
			else if (c == copy->quote)
			{
				inside = !inside;
				quoted = true;
			}
			else if (!inside && (c == copy->delimiter || c == '\n'))
				break;
			else if (inside || c != '\r')
				appendStringInfoChar(&value, c);
		}
		if (inside)
			refuse_option(copy, "an unfinished quoted field");
		if (field > 0)
			appendStringInfoString(out, ", ");
		if (!quoted && strcmp(value.data, copy->null) == 0)
			appendStringInfoString(out, "NULL");
		else
			append_literal(out, value.data, value.len);
		pfree(value.data);
		more = at < copy->length && data[at] == copy->delimiter;
		if (more)
			at++;
	}
	return at;
}

/*
 * Where the line at "at" ends, without CR.
 */
static int
line_end(const CopyRows *copy, int at)
{
	const char *newline = memchr(copy->data + at, '\n', copy->length - at);
	int			end = newline ? newline - copy->data : copy->length;

	return (end > at && copy->data[end - 1] == '\r') ? end - 1 : end;
}

/*
 * Ends the script's line as the data's line ends, and those inside a row.
 */
static void
end_row(CopyRows *copy, int end)
{
	for (int i = copy->at; i < end; i++)
	{
		if (copy->data[i] == '\n')
		{
			smig_import_script_raw(copy->script, "\n", 1);
			copy->line++;
		}
	}
	if (end < copy->length && copy->data[end] == '\r')
		end++;
	if (end < copy->length)
	{
		smig_import_script_raw(copy->script, "\n", 1);
		copy->line++;
		end++;
	}
	copy->at = end;
}

static void
append_row(CopyRows *copy, int end)
{
	StringInfoData out;

	initStringInfo(&out);
	if (copy->rows == ROWS_PER_INSERT)
	{
		appendStringInfoString(&out, "; ");
		copy->rows = 0;
	}
	appendStringInfoString(&out, copy->rows == 0 ? copy->insert : ", ");
	appendStringInfoChar(&out, '(');
	if (copy->csv)
		end = append_csv_row(copy, &out);
	else
		append_text_row(copy, &out, end);
	appendStringInfoChar(&out, ')');
	copy->rows++;
	smig_import_script_raw(copy->script, out.data, out.len);
	end_row(copy, end);
	pfree(out.data);
}

/*
 * Adds INSERT statements for the rows behind a COPY statement to the script.
 *
 * line: of the data's first line in the file.  Returns how many bytes belong
 * to the data, its end mark included.
 */
int
smig_import_copy_rows(ImportScript *script, const ImportFile *file, int line,
					  const char *statement, const char *data, int length)
{
	CopyRows	copy = {0};

	copy.script = script;
	copy.file = file;
	copy.line = line;
	copy.data = data;
	copy.length = length;
	read_statement(&copy, statement);
	while (copy.at < length)
	{
		int			end = line_end(&copy, copy.at);

		CHECK_FOR_INTERRUPTS();
		if (end - copy.at == 2 && strncmp(data + copy.at, "\\.", 2) == 0)
		{
			if (copy.rows > 0)
				smig_import_script_raw(script, ";", 1);
			copy.rows = 0;
			return end;
		}
		if (copy.header)
		{
			copy.header = false;
			end_row(&copy, end);
		}
		else
			append_row(&copy, end);
	}
	if (copy.rows > 0)
		smig_import_script_raw(script, ";", 1);
	return length;
}
