/*-------------------------------------------------------------------------
 *
 * goose.c
 *	  goose: one file with "-- +goose Up" and "-- +goose Down".
 *
 * StatementBegin and StatementEnd tell goose where a statement ends, which the
 * server knows by itself; but a statement between them may lack its ";".
 *
 * IDENTIFICATION
 *	  src/import/goose.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "import.h"

#define MARK	"+goose"

typedef struct GooseFile
{
	Import	   *import;
	const ImportFile *file;
	List	   *environment;
	StringInfoData text[2];		/* of the up and down section */
	int			first_line[2];
	int			section;		/* 0: up, 1: down, -1: none yet */
	bool		in_statement;
	bool		envsub;
	SmigTransactionMode mode;
	int			line;
} GooseFile;

static void
refuse(GooseFile *goose, const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg_internal("%s", message),
			 errhint("%s", hint),
			 smig_import_error_at(goose->file->path, goose->line)));
}

static void
begin_up(GooseFile *goose)
{
	if (goose->section >= 0)
		refuse(goose, "second \"+goose Up\" in a file",
			   "A migration of goose has one section for each direction.");
	goose->section = 0;
	goose->first_line[0] = goose->line + 1;
}

static void
begin_down(GooseFile *goose)
{
	if (goose->section != 0 || goose->in_statement)
		refuse(goose, "\"+goose Down\" does not follow an up section",
			   "Write the up section before it, with all its StatementEnd.");
	goose->section = 1;
	goose->first_line[1] = goose->line + 1;
}

static void
begin_statement(GooseFile *goose)
{
	if (goose->section < 0 || goose->in_statement)
		refuse(goose, "misplaced \"+goose StatementBegin\"",
			   "It stands in a section, and not before the StatementEnd of another.");
	goose->in_statement = true;
}

static void
end_statement(GooseFile *goose)
{
	StringInfo	text = &goose->text[Max(goose->section, 0)];
	int			last = text->len;

	if (!goose->in_statement)
		refuse(goose, "\"+goose StatementEnd\" without StatementBegin",
			   "Write StatementBegin before the statement.");
	goose->in_statement = false;
	while (last > 0 && isspace((unsigned char) text->data[last - 1]))
		last--;
	if (last > 0 && text->data[last - 1] != ';')
		appendStringInfoChar(text, ';');
}

static void
no_transaction(GooseFile *goose)
{
	goose->mode = SMIG_TRANSACTION_NONE;
}

static void
envsub_on(GooseFile *goose)
{
	goose->envsub = true;
}

static void
envsub_off(GooseFile *goose)
{
	goose->envsub = false;
}

static const struct
{
	const char *name;
	void		(*act) (GooseFile *goose);
}			annotations[] =
{
	{"Up", begin_up},
	{"Down", begin_down},
	{"StatementBegin", begin_statement},
	{"StatementEnd", end_statement},
	{"NO TRANSACTION", no_transaction},
	{"ENVSUB ON", envsub_on},
	{"ENVSUB OFF", envsub_off},
};

/*
 * Acts on an annotation; false if the line is none.
 */
static bool
read_annotation(GooseFile *goose, const ImportLine *line)
{
	char	   *text = smig_import_line_text(line);
	char	   *name;

	if (strncmp(text, "--", 2) != 0)
		return false;
	name = text + strspn(text, "-");
	name += strspn(name, " \t");
	if (strncmp(name, MARK, strlen(MARK)) != 0)
		return false;
	name += strlen(MARK);
	name += strspn(name, " \t");
	for (int i = 0; i < lengthof(annotations); i++)
	{
		if (pg_strcasecmp(name, annotations[i].name) == 0)
		{
			annotations[i].act(goose);
			return true;
		}
	}
	refuse(goose, psprintf("unrecognized annotation \"+goose %s\"", name),
		   "Annotations are Up, Down, StatementBegin, StatementEnd, NO TRANSACTION, ENVSUB ON and ENVSUB OFF.");
	return false;
}

/*
 * Appends the value of the variable reference at *at, a "$" of "text", and
 * moves *at behind it; a "$" that is none is appended as it is.
 */
static void
substitute(GooseFile *goose, StringInfo out, const char *text, int *at)
{
	bool		braces = text[*at + 1] == '{';
	int			from = *at + (braces ? 2 : 1);
	int			to = from;
	char	   *name;
	const char *value;

	while (isalnum((unsigned char) text[to]) || text[to] == '_')
		to++;
	if (to == from || isdigit((unsigned char) text[from]))
	{
		appendStringInfoChar(out, text[(*at)++]);
		return;
	}
	name = pnstrdup(text + from, to - from);
	value = smig_import_variable(goose->environment, name);
	if (braces)
	{
		int			end = to + strcspn(text + to, "}");
		bool		fallback = text[to] == '-' ||
			(text[to] == ':' && text[to + 1] == '-');

		if (text[end] != '}' || (end > to && !fallback))
			refuse(goose, psprintf("cannot read the substitution of \"%s\"", name),
				   "Write ${NAME} or ${NAME:-default}.");
		if (value == NULL && fallback)
			value = pnstrdup(text + to + (text[to] == ':' ? 2 : 1),
							 end - to - (text[to] == ':' ? 2 : 1));
		to = end + 1;
	}
	if (value == NULL)
		refuse(goose, psprintf("environment variable \"%s\" has no value", name),
			   "Pass a file \".env\" with NAME=VALUE in the source.");
	appendStringInfoString(out, value);
	*at = to;
}

static void
add_line(GooseFile *goose, const ImportLine *line)
{
	StringInfo	out = &goose->text[goose->section];
	char	   *text;
	int			at = 0;

	if (!goose->envsub)
	{
		appendBinaryStringInfo(out, line->start, line->next - line->start);
		return;
	}
	text = pnstrdup(line->start, line->next - line->start);
	while (text[at])
	{
		if (text[at] == '$')
			substitute(goose, out, text, &at);
		else
			appendStringInfoChar(out, text[at++]);
	}
}

static void
read_file(GooseFile *goose, ImportItem *item)
{
	ImportLine	line;

	goose->section = -1;
	initStringInfo(&goose->text[0]);
	initStringInfo(&goose->text[1]);
	smig_import_line_begin(&line, goose->file->text);
	while (smig_import_line_next(&line))
	{
		int			section = goose->section;
		char	   *text;

		goose->line = line.number;
		if (read_annotation(goose, &line))
		{
			/* keeps the numbers of lines */
			if (section >= 0 && section == goose->section)
				appendStringInfoChar(&goose->text[section], '\n');
			continue;
		}
		if (goose->section >= 0)
		{
			add_line(goose, &line);
			continue;
		}
		text = smig_import_line_text(&line);
		if (text[0] != '\0' && strncmp(text, "--", 2) != 0)
			refuse(goose, "text before \"-- +goose Up\"",
				   "goose wants all statements in sections.");
	}
	if (goose->section < 0 || goose->in_statement)
		refuse(goose, goose->section < 0 ?
			   "no \"-- +goose Up\" in a migration of goose" :
			   "\"+goose StatementBegin\" without StatementEnd",
			   "Write it where goose wants it.");
	for (int i = 0; i <= goose->section; i++)
	{
		ImportScript *script = smig_import_script_begin();

		smig_import_script_add(goose->import, script, goose->file,
							   goose->first_line[i], goose->text[i].data,
							   goose->text[i].len);
		(i == 0 ? smig_import_item_up : smig_import_item_down)
			(item, script, goose->mode);
	}
}

/*
 * Environment variables from a file .env, for ENVSUB.
 */
static List *
read_environment(Import *import)
{
	List	   *environment = NIL;
	ListCell   *lc;

	foreach(lc, import->files)
	{
		ImportFile *file = lfirst(lc);

		if (strcmp(file->name, ".env") != 0)
			continue;
		file->used = true;
		environment = list_concat(environment, smig_import_settings(file));
	}
	return environment;
}

/*
 * Reads the files of goose.
 */
void
smig_import_goose_read(Import *import)
{
	List	   *environment = read_environment(import);
	List	   *files = NIL;
	ListCell   *lc;

	foreach(lc, import->files)
	{
		ImportFile *file = lfirst(lc);
		char	   *digits = smig_import_digits(file->name);
		const char *title;

		if (digits == NULL || file->name[strlen(digits)] != '_')
			continue;
		if (smig_import_has_suffix(file->name, ".go") &&
			!smig_import_has_suffix(file->name, "_test.go"))
			smig_import_not_sql(file, "goose");
		if (!smig_import_has_suffix(file->name, ".sql"))
			continue;
		title = file->name + strlen(digits) + 1;
		files = smig_import_numbered_add(files, digits,
										 pnstrdup(title, strlen(title) - 4),
										 file, false);
	}
	foreach(lc, smig_import_numbered_pairs(import, files))
	{
		ImportNumbered *numbered = lfirst(lc);
		GooseFile	goose = {import, numbered->up};

		goose.environment = environment;
		read_file(&goose, smig_import_numbered_item(import, numbered));
	}
}
