/*-------------------------------------------------------------------------
 *
 * diesel.c
 *	  diesel: a directory 2020-01-01-120000_init with up.sql, down.sql and
 *	  perhaps metadata.toml.
 *
 * IDENTIFICATION
 *	  src/import/diesel.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "import.h"

/*
 * The version of a directory: what stands before "_", without "-"; mostly
 * digits, but diesel takes anything.  NULL for hidden directories.
 */
static char *
version_of(const char *directory, const char **title)
{
	const char *underscore = strchr(directory, '_');
	int			length = underscore ? underscore - directory : strlen(directory);
	char	   *version = palloc(length + 1);
	int			n = 0;

	for (int i = 0; i < length; i++)
	{
		if (directory[i] != '-')
			version[n++] = directory[i];
	}
	version[n] = '\0';
	*title = underscore ? underscore + 1 : directory;
	return n == 0 || version[0] == '.' ? NULL : version;
}

/*
 * metadata.toml can say that the migration runs outside a transaction.
 */
static SmigTransactionMode
mode_of(Import *import, const ImportFile *file)
{
	ImportFile *metadata = smig_import_find_file(import,
												 psprintf("%smetadata.toml",
														  smig_import_directory(file)));
	const char *value;

	if (metadata == NULL)
		return SMIG_TRANSACTION_REVISION;
	metadata->used = true;
	value = smig_import_variable(smig_import_settings(metadata),
								 "run_in_transaction");
	return value && strcmp(value, "false") == 0 ?
		SMIG_TRANSACTION_NONE : SMIG_TRANSACTION_REVISION;
}

/*
 * Reads the files of diesel.
 */
void
smig_import_diesel_read(Import *import)
{
	List	   *files = NIL;
	ListCell   *lc;

	foreach(lc, import->files)
	{
		ImportFile *file = lfirst(lc);
		bool		down = strcmp(file->name, "down.sql") == 0;
		char	   *directory = pstrdup(smig_import_directory(file));
		char	   *slash;
		const char *title;
		char	   *version;

		if ((!down && strcmp(file->name, "up.sql") != 0) || directory[0] == '\0')
			continue;
		directory[strlen(directory) - 1] = '\0';
		slash = strrchr(directory, '/');
		version = version_of(slash ? slash + 1 : directory, &title);
		if (version == NULL)
			continue;
		files = smig_import_numbered_add(files, version, pstrdup(title), file,
										 down);
		/* "2020-127" is after "2020-01-28" for diesel */
		((ImportNumbered *) llast(files))->text_order = true;
	}
	foreach(lc, smig_import_numbered_pairs(import, files))
	{
		ImportNumbered *pair = lfirst(lc);
		SmigTransactionMode mode = mode_of(import, pair->up);
		ImportItem *item = smig_import_numbered_item(import, pair);

		/* diesel keeps versions as text */
		item->version = pair->version;
		smig_import_whole_file(import, item, pair->up, false, mode);
		if (pair->down)
			smig_import_whole_file(import, item, pair->down, true, mode);
	}
}
