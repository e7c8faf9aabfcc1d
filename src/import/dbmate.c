/*-------------------------------------------------------------------------
 *
 * dbmate.c
 *	  dbmate: one file with "-- migrate:up" and "-- migrate:down".
 *
 * A file may have several pairs of sections.  dbmate runs the down sections
 * from the first to the last, and so do we.
 *
 * IDENTIFICATION
 *	  src/import/dbmate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "import.h"

#define PREFIX	"migrate:"

typedef struct DbmateFile
{
	Import	   *import;
	const ImportFile *file;
	ImportScript *scripts[2];	/* up, down */
	SmigTransactionMode modes[2];
	int			section;		/* 0: up, 1: down, -1: none yet */
	int			first_line;		/* of the section's text */
	const char *start;
} DbmateFile;

/*
 * The rest of a line that is "-- migrate:..."; NULL for others.
 */
static char *
directive_of(const ImportLine *line)
{
	char	   *text = pnstrdup(line->start, line->length);
	char	   *at = text + 2;

	if (strncmp(text, "--", 2) != 0)
		return NULL;
	at += strspn(at, " \t");
	if (strncmp(at, PREFIX, strlen(PREFIX)) != 0)
		return NULL;
	return at + strlen(PREFIX);
}

static void
end_section(DbmateFile *dbmate, const char *end)
{
	if (dbmate->section < 0)
		return;
	smig_import_script_add(dbmate->import, dbmate->scripts[dbmate->section],
						   dbmate->file, dbmate->first_line, dbmate->start,
						   end - dbmate->start);
}

static void
read_options(DbmateFile *dbmate, char *options, int line)
{
	char	   *state;

	for (char *option = strtok_r(options, " \t", &state); option != NULL;
		 option = strtok_r(NULL, " \t", &state))
	{
		if (strcmp(option, "transaction:false") == 0)
			dbmate->modes[dbmate->section] = SMIG_TRANSACTION_NONE;
		else if (strcmp(option, "transaction:true") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("unrecognized option \"%s\" of dbmate", option),
					 errhint("The option is transaction:false."),
					 smig_import_error_at(dbmate->file->path, line)));
	}
}

static void
begin_section(DbmateFile *dbmate, const ImportLine *line, char *directive)
{
	static const char *const names[] = {"up", "down"};
	int			length = strcspn(directive, " \t");
	int			section = 0;

	while (section < 2 && !(strlen(names[section]) == length &&
							strncmp(directive, names[section], length) == 0))
		section++;
	if (section == 2)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("unrecognized directive \"migrate:%.*s\"", length,
						directive),
				 errhint("Directives are migrate:up and migrate:down."),
				 smig_import_error_at(dbmate->file->path, line->number)));
	if (section == 1 && dbmate->section != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"migrate:down\" does not follow a \"migrate:up\""),
				 errhint("Write the up section before it."),
				 smig_import_error_at(dbmate->file->path, line->number)));
	end_section(dbmate, line->start);
	dbmate->section = section;
	if (dbmate->scripts[section] == NULL)
		dbmate->scripts[section] = smig_import_script_begin();
	read_options(dbmate, directive + length, line->number);
	dbmate->start = line->next;
	dbmate->first_line = line->number + 1;
}

static void
read_file(Import *import, ImportItem *item, ImportFile *file)
{
	DbmateFile	dbmate = {import, file};
	ImportLine	line;

	dbmate.section = -1;
	smig_import_line_begin(&line, file->text);
	while (smig_import_line_next(&line))
	{
		char	   *directive = directive_of(&line);
		char	   *text;

		if (directive)
		{
			begin_section(&dbmate, &line, directive);
			continue;
		}
		if (dbmate.section >= 0)
			continue;
		text = smig_import_line_text(&line);
		if (text[0] != '\0' && strncmp(text, "--", 2) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("text before \"-- migrate:up\""),
					 errhint("dbmate wants all statements in sections."),
					 smig_import_error_at(file->path, line.number)));
	}
	end_section(&dbmate, line.next);
	if (dbmate.scripts[0] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("no \"-- migrate:up\" in a migration of dbmate"),
				 errhint("Write it before the first statement."),
				 smig_import_error_at(file->path, 1)));
	smig_import_item_up(item, dbmate.scripts[0], dbmate.modes[0]);
	if (dbmate.scripts[1])
		smig_import_item_down(item, dbmate.scripts[1], dbmate.modes[1]);
}

/*
 * dbmate's order is that of the names, as text.
 */
static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((const ImportNumbered *) lfirst(a))->up->name,
				  ((const ImportNumbered *) lfirst(b))->up->name);
}

/*
 * Reads the files of dbmate.
 */
void
smig_import_dbmate_read(Import *import)
{
	List	   *files = NIL;
	ListCell   *lc;

	foreach(lc, import->files)
	{
		ImportFile *file = lfirst(lc);
		char	   *digits = smig_import_digits(file->name);
		const char *title;

		if (digits == NULL || !smig_import_has_suffix(file->name, ".sql"))
			continue;
		title = file->name + strlen(digits);
		title += strspn(title, "_- ");
		files = smig_import_numbered_add(files, digits,
										 pnstrdup(title, Max(0, (int) strlen(title) - 4)),
										 file, false);
	}
	list_sort(files, compare_names);
	foreach(lc, files)
	{
		ImportNumbered *numbered = lfirst(lc);
		ImportItem *item = smig_import_numbered_item(import, numbered);

		/* dbmate keeps versions as text */
		item->version = numbered->version;
		read_file(import, item, numbered->up);
	}
}
