/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Scripts put together from parts of files.
 *
 * Each line knows the file and line it comes from, so that an error in a
 * script is reported where its author sees it.
 *
 * IDENTIFICATION
 *	  src/import/build.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "import.h"

/*
 * An empty script.
 */
ImportScript *
smig_import_script_begin(void)
{
	ImportScript *script = palloc0(sizeof(ImportScript));

	initStringInfo(&script->text);
	script->line = 1;
	return script;
}

/*
 * What is added from here on comes from that line of that file.
 */
void
smig_import_script_from(ImportScript *script, const char *file, int line)
{
	SmigSourceLine *last = script->source ? llast(script->source) : NULL;

	if (last == NULL || last->line != script->line)
	{
		last = palloc(sizeof(SmigSourceLine));
		script->source = lappend(script->source, last);
	}
	last->line = script->line;
	last->file = file;
	last->file_line = line;
}

/*
 * Adds text as it is.
 */
void
smig_import_script_raw(ImportScript *script, const char *text, int length)
{
	appendBinaryStringInfo(&script->text, text, length);
	for (int i = 0; i < length; i++)
	{
		if (text[i] == '\n')
			script->line++;
	}
}

/*
 * What psql would do with a text.  An error about the text is kept in the
 * script: whether it matters is for who knows if the script is up or down.
 * Nothing but memory is taken, so no subtransaction is needed.
 */
static void
translate(Import *import, ImportScript *script, const ImportFile *file,
		  int line, const char *text, int length)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		smig_import_psql_translate(import, script, file, line, text, length);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (!smig_import_error_of_script(error->sqlerrcode))
			ReThrowError(error);
	}
	PG_END_TRY();
	if (error && script->error == NULL)
		script->error = error;
}

/*
 * Adds a part of a file, without the blank lines around it and with what
 * psql, not the server, would do with it.
 *
 * line: of the part's first line in the file, from 1.
 */
void
smig_import_script_add(Import *import, ImportScript *script,
					   const ImportFile *file, int line,
					   const char *text, int length)
{
	const char *end = text + length;
	List	   *variables = import->variables;

	while (end > text && strchr(" \t\r\n\f\v", end[-1]))
		end--;
	for (;;)
	{
		const char *newline = memchr(text, '\n', end - text);

		if (newline == NULL || !smig_import_is_blank(text, newline - text))
			break;
		text = newline + 1;
		line++;
	}
	if (text == end)
		return;
	if (script->text.len > 0)
		smig_import_script_raw(script, "\n", 1);
	smig_import_script_from(script, file->path, line);
	translate(import, script, file, line, text, end - text);
	/* each file is a session of its own */
	import->variables = variables;
}
