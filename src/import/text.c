/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Lines, names and settings of other tools' files.
 *
 * IDENTIFICATION
 *	  src/import/text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"

#include "import.h"

#define BLANKS " \t\r\f\v"

/*
 * Starts to read a NUL-terminated text line by line.
 */
void
smig_import_line_begin(ImportLine *line, const char *text)
{
	memset(line, 0, sizeof(*line));
	line->next = text;
}

/*
 * Moves to the next line; false at the end of the text.
 */
bool
smig_import_line_next(ImportLine *line)
{
	const char *end;

	CHECK_FOR_INTERRUPTS();
	if (*line->next == '\0')
		return false;
	line->start = line->next;
	line->number++;
	end = strchr(line->start, '\n');
	line->length = end ? end - line->start : strlen(line->start);
	line->next = line->start + line->length + (end ? 1 : 0);
	if (line->length > 0 && line->start[line->length - 1] == '\r')
		line->length--;
	return true;
}

/*
 * The line without blanks around it, palloc'd.
 */
char *
smig_import_line_text(const ImportLine *line)
{
	const char *from = line->start;
	const char *to = line->start + line->length;

	while (from < to && strchr(BLANKS, *from))
		from++;
	while (to > from && strchr(BLANKS, to[-1]))
		to--;
	return pnstrdup(from, to - from);
}

/*
 * Whether there are only blanks and line ends.
 */
bool
smig_import_is_blank(const char *text, int length)
{
	for (int i = 0; i < length; i++)
	{
		if (text[i] == '\0' || strchr(BLANKS "\n", text[i]) == NULL)
			return false;
	}
	return true;
}

/*
 * A part of a file name as a message: "_" are blanks.
 */
char *
smig_import_words(const char *name)
{
	char	   *words = pstrdup(name);

	for (char *c = words; *c; c++)
	{
		if (*c == '_')
			*c = ' ';
	}
	return words;
}

/*
 * Value of a variable, or NULL.
 */
const char *
smig_import_variable(List *variables, const char *name)
{
	ListCell   *lc;

	foreach(lc, variables)
	{
		ImportVariable *variable = lfirst(lc);

		if (strcmp(variable->name, name) == 0)
			return variable->value;
	}
	return NULL;
}

/*
 * Adds a variable to a list, before others of that name.
 */
List *
smig_import_variable_add(List *variables, const char *name, const char *value)
{
	ImportVariable *variable = palloc(sizeof(ImportVariable));

	variable->name = pstrdup(name);
	variable->value = value ? pstrdup(value) : NULL;
	return lcons(variable, variables);
}

/*
 * A list with a variable set; value NULL unsets it.  The list that is given
 * stays as it is.
 */
List *
smig_import_variable_set(List *variables, const char *name, const char *value)
{
	return smig_import_variable_add(list_copy(variables), name, value);
}

/*
 * Takes quotes around a value away, or a comment behind it.
 */
static char *
plain_value(char *value)
{
	char		quote = value[0];
	char	   *end;

	if (quote == '"' || quote == '\'')
	{
		end = strchr(value + 1, quote);
		if (end)
		{
			*end = '\0';
			return value + 1;
		}
	}
	end = strstr(value, " #");
	if (end == NULL)
		end = strstr(value, "\t#");
	if (end)
		*end = '\0';
	end = value + strlen(value);
	while (end > value && strchr(BLANKS, end[-1]))
		*--end = '\0';
	return value;
}

/*
 * The name of a section, as "[a.b]" and git's [a "b"] write it: a.b.
 */
static char *
section_name(char *text)
{
	char	   *to = text;

	for (const char *from = text + 1; *from && *from != ']'; from++)
	{
		if (*from == '"')
			continue;
		*to++ = (*from == ' ' || *from == '\t') ? '.' : *from;
	}
	*to = '\0';
	return text;
}

/*
 * Reads a file of settings: NAME=VALUE in lines, sections in brackets, as
 * properties, TOML, git's configuration and .env have them.  Returns a list of
 * ImportVariable, sections as part of the name: [a.b] c=d is a.b.c.
 */
List *
smig_import_settings(const ImportFile *file)
{
	List	   *settings = NIL;
	const char *section = "";
	ImportLine	line;

	smig_import_line_begin(&line, file->text);
	while (smig_import_line_next(&line))
	{
		char	   *text = smig_import_line_text(&line);
		char	   *value;
		char	   *end;

		if (text[0] == '\0' || text[0] == '#' || text[0] == ';')
			continue;
		if (text[0] == '[')
		{
			section = psprintf("%s.", section_name(text));
			continue;
		}
		if (strncmp(text, "export ", 7) == 0)
			text += 7;
		value = strchr(text, '=');
		if (value == NULL)
			continue;
		end = value;
		while (end > text && strchr(BLANKS "\"", end[-1]))
			end--;
		*end = '\0';
		value++;
		while (*value && strchr(BLANKS, *value))
			value++;
		if (text[0] == '"')
			text++;
		settings = smig_import_variable_add(settings,
											psprintf("%s%s", section, text),
											plain_value(value));
	}
	return settings;
}
