/*-------------------------------------------------------------------------
 *
 * golang_migrate.c
 *	  golang-migrate: 000001_init.up.sql and 000001_init.down.sql.
 *
 * The tool sends a file as one query, which is one transaction unless it has
 * its own BEGIN and COMMIT, or is a single statement that refuses one.
 *
 * IDENTIFICATION
 *	  src/import/golang_migrate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "import.h"

/*
 * Reads the files of golang-migrate.
 */
void
smig_import_golang_migrate_read(Import *import)
{
	List	   *files = NIL;
	ListCell   *lc;

	foreach(lc, import->files)
	{
		ImportFile *file = lfirst(lc);
		char	   *digits = smig_import_digits(file->name);
		bool		down = smig_import_has_suffix(file->name, ".down.sql");
		int			cut = strlen(down ? ".down.sql" : ".up.sql");
		const char *title;

		if (digits == NULL || file->name[strlen(digits)] != '_' ||
			!(down || smig_import_has_suffix(file->name, ".up.sql")))
			continue;
		title = file->name + strlen(digits) + 1;
		files = smig_import_numbered_add(files, digits,
										 pnstrdup(title, strlen(title) - cut),
										 file, down);
	}
	foreach(lc, smig_import_numbered_pairs(import, files))
	{
		ImportNumbered *pair = lfirst(lc);
		ImportItem *item = smig_import_numbered_item(import, pair);

		smig_import_whole_file(import, item, pair->up, false,
							   SMIG_TRANSACTION_REVISION);
		if (pair->down)
			smig_import_whole_file(import, item, pair->down, true,
								   SMIG_TRANSACTION_REVISION);
	}
}
