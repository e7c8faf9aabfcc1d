/*-------------------------------------------------------------------------
 *
 * numbered.c
 *	  Migrations in files whose names begin with a number.
 *
 * IDENTIFICATION
 *	  src/import/numbered.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"

#include "import.h"

/*
 * The digits a name begins with, or NULL.
 */
char *
smig_import_digits(const char *name)
{
	int			length = strspn(name, "0123456789");

	return length > 0 ? pnstrdup(name, length) : NULL;
}

/*
 * Compares two numbers of any length.
 */
int
smig_import_compare_numbers(const char *a, const char *b)
{
	size_t		length_a;
	size_t		length_b;

	a += strspn(a, "0");
	b += strspn(b, "0");
	length_a = strlen(a);
	length_b = strlen(b);
	if (length_a != length_b)
		return length_a < length_b ? -1 : 1;
	return strcmp(a, b);
}

/*
 * Adds a file to a list of ImportNumbered.
 *
 * title: the rest of the name, "_" for blanks.
 */
List *
smig_import_numbered_add(List *list, const char *version, const char *title,
						 ImportFile *file, bool down)
{
	ImportNumbered *numbered = palloc0(sizeof(ImportNumbered));

	numbered->version = version;
	numbered->title = title;
	if (down)
		numbered->down = file;
	else
		numbered->up = file;
	file->used = true;
	return lappend(list, numbered);
}

static int
compare_versions(const ImportNumbered *x, const ImportNumbered *y)
{
	return x->text_order ? strcmp(x->version, y->version) :
		smig_import_compare_numbers(x->version, y->version);
}

static int
compare_numbered(const ListCell *a, const ListCell *b)
{
	const ImportNumbered *x = lfirst(a);
	const ImportNumbered *y = lfirst(b);
	int			order = compare_versions(x, y);

	if (order != 0)
		return order;
	/* up before down, then by path, so that errors are always the same */
	if ((x->up == NULL) != (y->up == NULL))
		return x->up ? -1 : 1;
	return strcmp(x->up ? x->up->path : x->down->path,
				  y->up ? y->up->path : y->down->path);
}

static void
refuse_twice(Import *import, const ImportNumbered *numbered,
			 const ImportFile *a, const ImportFile *b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("two migrations of %s have the version \"%s\"",
					import->tool->name, numbered->version),
			 errdetail("They are in \"%s\" and \"%s\".", a->path, b->path),
			 errhint("Leave one of them out of the source.")));
}

/*
 * Sorts a list of ImportNumbered by version and joins the files of up and down
 * scripts of a version.
 */
List *
smig_import_numbered_pairs(Import *import, List *list)
{
	List	   *pairs = NIL;
	ImportNumbered *pair = NULL;
	ListCell   *lc;

	list_sort(list, compare_numbered);
	foreach(lc, list)
	{
		ImportNumbered *next = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (pair == NULL || compare_versions(pair, next) != 0)
		{
			pair = next;
			pairs = lappend(pairs, pair);
		}
		else if (next->up)
			refuse_twice(import, next, pair->up, next->up);
		else if (pair->down)
			refuse_twice(import, next, pair->down, next->down);
		else
			pair->down = next->down;
		if (pair->up == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("version \"%s\" has a down script and no up script",
							pair->version),
					 errhint("Pass the file of its up script too."),
					 smig_import_error_at(pair->down->path, 0)));
	}
	return pairs;
}

/*
 * Adds an item for a numbered migration, without scripts.
 */
ImportItem *
smig_import_numbered_item(Import *import, const ImportNumbered *pair)
{
	ImportItem *item;

	item = smig_import_item_add(import, pair->version,
								smig_import_words(pair->title));
	smig_import_item_origin(import, item, smig_import_number(pair->version),
							pair->up);
	return item;
}

/*
 * Makes a whole file the item's up or down script.
 */
void
smig_import_whole_file(Import *import, ImportItem *item, ImportFile *file,
					   bool down, SmigTransactionMode mode)
{
	ImportScript *script = smig_import_script_begin();

	smig_import_script_add(import, script, file, 1, file->text,
						   strlen(file->text));
	if (down)
		smig_import_item_down(item, script, mode);
	else
		smig_import_item_up(item, script, mode);
	file->used = true;
}
