/*-------------------------------------------------------------------------
 *
 * down.c
 *	  Down scripts that never ran.
 *
 * Nobody notices an error in a down script before it is needed, and real
 * histories have many.  They are no reason to refuse the history: such a
 * revision cannot be undone, and a warning says why.
 *
 * IDENTIFICATION
 *	  src/import/down.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "import.h"

/*
 * Whether an error is about the script, and not about us.
 */
bool
smig_import_error_of_script(int sqlstate)
{
	static const int states[] = {
		ERRCODE_SYNTAX_ERROR, ERRCODE_FEATURE_NOT_SUPPORTED,
		ERRCODE_UNDEFINED_FILE,
		ERRCODE_ACTIVE_SQL_TRANSACTION, ERRCODE_INVALID_TRANSACTION_STATE,
		ERRCODE_INVALID_TABLE_DEFINITION, ERRCODE_INVALID_OBJECT_DEFINITION,
		ERRCODE_INVALID_ESCAPE_SEQUENCE, ERRCODE_INVALID_PARAMETER_VALUE,
	};

	for (int i = 0; i < lengthof(states); i++)
	{
		if (states[i] == sqlstate)
			return true;
	}
	return false;
}

/*
 * The error that parsing the down script raises; NULL if it is well-formed.
 * Nothing but memory is taken by the parser, so no subtransaction is needed.
 */
static ErrorData *
parse_error(const SmigRevision *revision)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		(void) smig_script_parse(revision->down, revision->down_mode,
								 "down script");
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
	return error;
}

/*
 * Where an error is in the files, and what it is: "File x, line 1: ...".
 */
static char *
error_text(const SmigRevision *revision, const ImportItem *item,
		   const ErrorData *error)
{
	const char *file;
	int			line;

	if (item->down_error && error->context)
		return psprintf("F%.*s: %s",
						(int) strcspn(error->context, "\n") - 1,
						error->context + 1, error->message);
	line = smig_revision_source_line(revision->down_source,
									 smig_script_error_line(), &file);
	return psprintf("File \"%s\", line %d: %s", file, line, error->message);
}

/*
 * Takes away the down scripts that neither psql's part here nor the server
 * could run, with a WARNING for each.
 */
void
smig_import_check_downs(Import *import)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig down scripts",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ListCell   *lc;

	foreach(lc, import->items)
	{
		ImportItem *item = lfirst(lc);
		SmigRevision *revision = item->revision;
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (revision->down == NULL ||
			(revision->down_source == NIL && item->down_error == NULL))
			continue;
		error = item->down_error ? item->down_error : parse_error(revision);
		if (error)
		{
			char	   *detail = error_text(revision, item, error);

			revision->down = NULL;
			revision->down_mode = SMIG_TRANSACTION_REVISION;
			ereport(WARNING,
					(errmsg("revision \"%s\" cannot be undone: its down script is not valid",
							revision->id),
					 errdetail("%s.", detail),
					 errhint("Correct the file and import again.")));
		}
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}
