/*-------------------------------------------------------------------------
 *
 * sqlx.c
 *	  sqlx: 20200101_init.sql, or .up.sql and .down.sql.
 *
 * A first line "-- no-transaction" makes the file run outside a transaction.
 *
 * IDENTIFICATION
 *	  src/import/sqlx.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "import.h"

#define NO_TRANSACTION	"-- no-transaction"

/*
 * What is behind the title in a file's name; NULL if it is no migration.
 */
static const char *
suffix_of(const char *name)
{
	static const char *const suffixes[] = {".up.sql", ".down.sql", ".sql"};

	for (int i = 0; i < lengthof(suffixes); i++)
	{
		if (smig_import_has_suffix(name, suffixes[i]))
			return suffixes[i];
	}
	return NULL;
}

static SmigTransactionMode
mode_of(const ImportFile *file)
{
	return strncmp(file->text, NO_TRANSACTION, strlen(NO_TRANSACTION)) == 0 ?
		SMIG_TRANSACTION_NONE : SMIG_TRANSACTION_REVISION;
}

/*
 * Reads the files of sqlx.
 */
void
smig_import_sqlx_read(Import *import)
{
	List	   *files = NIL;
	ListCell   *lc;

	foreach(lc, import->files)
	{
		ImportFile *file = lfirst(lc);
		char	   *digits = smig_import_digits(file->name);
		const char *suffix = suffix_of(file->name);
		const char *title;

		if (digits == NULL || suffix == NULL ||
			file->name[strlen(digits)] != '_')
			continue;
		title = file->name + strlen(digits) + 1;
		files = smig_import_numbered_add(files, digits,
										 pnstrdup(title, strlen(title) - strlen(suffix)),
										 file, suffix[1] == 'd');
	}
	foreach(lc, smig_import_numbered_pairs(import, files))
	{
		ImportNumbered *pair = lfirst(lc);
		ImportItem *item = smig_import_numbered_item(import, pair);

		smig_import_whole_file(import, item, pair->up, false,
							   mode_of(pair->up));
		if (pair->down)
			smig_import_whole_file(import, item, pair->down, true,
								   mode_of(pair->down));
	}
}
