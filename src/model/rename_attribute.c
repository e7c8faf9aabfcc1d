/*-------------------------------------------------------------------------
 *
 * rename_attribute.c
 *	  A snapshot as it is after an attribute of a composite type has been renamed.
 *
 * PostgreSQL records who selects an attribute.  Such objects, and queries that
 * read the type by way of a function, are not rewritten but marked, so that the
 * caller recreates them around the rename.
 *
 * IDENTIFICATION
 *	  src/model/rename_attribute.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "diff/kind.h"
#include "model/rename_private.h"

typedef struct Renamed
{
	const SmigObject *attribute;
	const char *name;			/* the new one, unquoted */
} Renamed;

static bool
is_kind(const SmigObject *object, const char *name)
{
	return strcmp(object->kind->name, name) == 0;
}

/*
 * Marks an object as one to be recreated.  Errors: 0A000 when it holds data.
 */
static void
doubt(SmigRenaming *work, const SmigHint *hint, const SmigObject *object)
{
	if (object->kind->flags & SMIG_KIND_DATA)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot follow rename \"%s\": %s %s would have to be recreated, and holds data",
						hint->text, object->kind->name, object->id),
				 errhint("Write the rename by hand, in a revision of its own.")));
	work->doubtful[object->index] = true;
}

/*
 * Marks the queries among those that need "needed", and, where that is a
 * function, among those that call it.
 */
static void
doubt_queries(SmigRenaming *work, const SmigHint *hint,
			  const SmigObject *needed, bool calls)
{
	static const char *const kinds[] = {
		"view", "materialized view", "rule", "function", "procedure"
	};
	ListCell   *lc;

	foreach(lc, needed->rdeps)
	{
		const SmigObject *user = lfirst(lc);
		const char *text = smig_attr(user, "def");
		bool		function = is_kind(user, "function");

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < lengthof(kinds); i++)
			if (is_kind(user, kinds[i]) && text && !smig_attr(user, "_body") &&
				strstr(text, hint->parts[hint->nparts - 1]))
				doubt(work, hint, user);
		if (function && calls)
			doubt_queries(work, hint, user, false);
	}
}

/*
 * Marks functions whose quoted bodies may name the attribute and change with
 * it: PostgreSQL checks them when they are created.
 */
static void
doubt_bodies(SmigRenaming *work, const SmigHint *hint)
{
	for (int i = 0; i < work->from->nobjects; i++)
	{
		const SmigObject *object = work->from->objects[i];
		const char *body = smig_attr(object, "_body");
		const SmigObject *target;

		CHECK_FOR_INTERRUPTS();
		if (body == NULL ||
			strstr(body, hint->parts[hint->nparts - 1]) == NULL ||
			strstr(smig_attr(object, "def"), "\n LANGUAGE sql\n") == NULL)
			continue;
		target = smig_snapshot_find(work->to, object->key);
		if (target == NULL || !smig_attr_same(object, target, "def"))
			doubt(work, hint, object);
	}
}

/*
 * Marks what may name the attribute.  Errors: 0A000 where data would have to be
 * recreated, and for what PostgreSQL does not rename alone.
 */
static void
find_doubt(SmigRenaming *work, const SmigHint *hint,
		   const SmigObject *attribute)
{
	ListCell   *lc;

	if (attribute->children != NIL)
		smig_rename_refuse(hint, ERRCODE_FEATURE_NOT_SUPPORTED,
						   "the attribute has a security label",
						   "Write the rename by hand, in a revision of its own.");
	foreach(lc, attribute->parent->rdeps)
	{
		const SmigObject *user = lfirst(lc);

		if (smig_attr(user, "of_type"))
			smig_rename_refuse(hint, ERRCODE_FEATURE_NOT_SUPPORTED,
							   psprintf("it is a column of the typed table %s, too",
										user->id),
							   "Write the rename by hand, in a revision of its own.");
	}
	foreach(lc, attribute->rdeps)
		doubt(work, hint, lfirst(lc));
	doubt_queries(work, hint, attribute->parent, true);
	doubt_bodies(work, hint);
}

/*
 * The attributes of the type, in their order.
 */
static char *
renamed_list(const Renamed *renamed, const SmigObject *type)
{
	List	   *names = smig_attr_list(type, "attributes");
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ArrayType  *array;
	int			n = 0;
	ListCell   *lc;

	foreach(lc, names)
		elements[n++] =
			CStringGetTextDatum(strcmp(lfirst(lc), renamed->attribute->name) == 0 ?
								renamed->name : (char *) lfirst(lc));
	array = construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT);
	return OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(array));
}

static const char *
map_text(const SmigObject *object, const char *what, const char *text,
		 void *arg)
{
	const Renamed *renamed = arg;

	if (object == renamed->attribute)
	{
		if (what == smig_map_name)
			return renamed->name;
		if (what == smig_map_id)
			return psprintf("%s.%s", object->parent->id,
							quote_identifier(renamed->name));
	}
	if (object == renamed->attribute->parent &&
		strcmp(what, "attributes") == 0)
		return renamed_list(renamed, object);
	return text;
}

/*
 * The snapshot as it is when an attribute has got another name; marks objects
 * that must be recreated around that.  NULL when another attribute has it.
 */
SmigSnapshot *
smig_rename_attribute(SmigRenaming *work, const SmigHint *hint,
					  const SmigObject *attribute, const char *name)
{
	Renamed		renamed = {attribute, name};
	SmigSnapshot *copy;
	SmigObject *clash;

	find_doubt(work, hint, attribute);
	copy = smig_snapshot_copy(work->from, map_text, &renamed, &clash);
	return clash ? NULL : copy;
}
