/*-------------------------------------------------------------------------
 *
 * item.c
 *	  What a tool's migration is as a revision.
 *
 * IDENTIFICATION
 *	  src/import/item.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "import.h"
#include "target.h"

/*
 * A name as an id: characters that targets give a meaning become "_".
 */
char *
smig_import_legal_id(const char *name)
{
	static const char *const words[] = {"head", "heads", "base", "current"};
	char	   *id = pstrdup(name);

	for (char *c = id; *c; c++)
	{
		if ((unsigned char) *c <= ' ' || *c == 0x7f ||
			strchr("@+-:,;'\"`\\", *c))
			*c = '_';
	}
	for (int i = 0; i < lengthof(words); i++)
	{
		if (pg_strcasecmp(id, words[i]) == 0)
			return psprintf("%s_", id);
	}
	return id;
}

/*
 * Digits without zeros in front, as tools store versions that are numbers.
 */
char *
smig_import_number(const char *digits)
{
	while (digits[0] == '0' && digits[1] != '\0')
		digits++;
	return pstrdup(digits);
}

/*
 * Adds a revision without scripts, its parents to be found out.
 */
ImportItem *
smig_import_item_add(Import *import, const char *id, const char *message)
{
	ImportItem *item = palloc0(sizeof(ImportItem));

	item->revision = palloc0(sizeof(SmigRevision));
	item->revision->id = smig_import_legal_id(id);
	item->revision->message = pstrdup(message);
	item->revision->up = pstrdup("");
	import->items = lappend(import->items, item);
	return item;
}

/*
 * Gives the item its up script, or raises its error.
 */
void
smig_import_item_up(ImportItem *item, ImportScript *script,
					SmigTransactionMode mode)
{
	if (script->error)
		ReThrowError(script->error);
	item->revision->up = script->text.data;
	item->revision->up_source = script->source;
	item->revision->up_mode = mode;
}

/*
 * Gives the item its down script; smig_import_check_downs sees to its error.
 */
void
smig_import_item_down(ImportItem *item, ImportScript *script,
					  SmigTransactionMode mode)
{
	item->down_error = script->error;
	item->revision->down = script->text.data;
	item->revision->down_source = script->source;
	item->revision->down_mode = mode;
}

/*
 * Remembers where the item is from.
 *
 * version: as the tool's own table has it, or NULL.  file: the one its
 * checksum is of.
 */
void
smig_import_item_origin(Import *import, ImportItem *item, const char *version,
						const ImportFile *file)
{
	item->version = version;
	item->file = file;
	item->checksum = import->tool->checksum(file->text);
}

typedef struct SeenId
{
	char		id[256];		/* hash key */
	const ImportItem *item;
} SeenId;

/*
 * Refuses two items with the same id: the tool could not tell them apart.
 */
void
smig_import_check_versions(Import *import)
{
	HASHCTL		control = {0};
	HTAB	   *seen;
	ListCell   *lc;

	control.keysize = sizeof(((SeenId *) NULL)->id);
	control.entrysize = sizeof(SeenId);
	control.hcxt = CurrentMemoryContext;
	seen = hash_create("schemamig imported ids", 1024, &control,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	foreach(lc, import->items)
	{
		ImportItem *item = lfirst(lc);
		const ImportItem *other;
		SeenId	   *entry;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		smig_target_check_name(item->revision->id, "revision id");
		entry = hash_search(seen, item->revision->id, HASH_ENTER, &found);
		if (!found)
		{
			entry->item = item;
			continue;
		}
		other = entry->item;
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("two migrations of %s have the version \"%s\"",
						import->tool->name, item->revision->id),
				 other->file && item->file ?
				 errdetail("They are in \"%s\" and \"%s\".",
						   other->file->path, item->file->path) : 0,
				 errhint("Leave one of them out of the source.")));
	}
	hash_destroy(seen);
}
