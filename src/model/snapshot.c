/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  Snapshots in memory: objects, attributes, links between them.
 *
 * IDENTIFICATION
 *	  src/model/snapshot.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "diff/kind.h"
#include "model/snapshot.h"

typedef struct KeyEntry
{
	const char *key;
	SmigObject *object;
} KeyEntry;

static uint32
key_hash(const void *key, Size size)
{
	const char *text = *(const char *const *) key;

	return hash_bytes((const unsigned char *) text, (int) strlen(text));
}

static int
key_match(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static HTAB *
make_key_table(MemoryContext context)
{
	HASHCTL		control = {
		.keysize = sizeof(char *),
		.entrysize = sizeof(KeyEntry),
		.hash = key_hash,
		.match = key_match,
		.hcxt = context
	};

	return hash_create("schemamig objects by key", 1024, &control,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE |
					   HASH_CONTEXT);
}

/*
 * Makes an empty snapshot in a memory context of its own below the current.
 *
 * beside: a snapshot much like this one, or NULL; see snapshot.h
 */
SmigSnapshot *
smig_snapshot_create(SmigSnapshot *beside)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig snapshot",
												  ALLOCSET_DEFAULT_SIZES);
	SmigSnapshot *snapshot = MemoryContextAllocZero(context,
													sizeof(SmigSnapshot));

	snapshot->context = context;
	snapshot->beside = beside;
	snapshot->room = smig_room_create(context);
	snapshot->maxobjects = 256;
	snapshot->objects = MemoryContextAlloc(context, sizeof(SmigObject *) *
										   snapshot->maxobjects);
	snapshot->by_key = make_key_table(context);
	return snapshot;
}

static int
attr_compare(const void *a, const void *b)
{
	return strcmp(((const SmigAttr *) a)->name, ((const SmigAttr *) b)->name);
}

/*
 * The own name of an object, which most often is the end of its identity.
 */
static const char *
own_name(SmigSnapshot *snapshot, const char *id, const char *name)
{
	size_t		length = strlen(name);
	size_t		whole = strlen(id);

	if (length <= whole && strcmp(id + whole - length, name) == 0)
		return id + whole - length;
	return smig_room_text(snapshot->room, name);
}

static bool
same_attrs(const SmigAttr *a, const SmigAttr *b, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(a[i].name, b[i].name) != 0 ||
			strcmp(a[i].value, b[i].value) != 0)
			return false;
	return true;
}

/*
 * Gives an object its attributes (sorted), those of its twin where they are
 * the same.
 */
static void
set_attrs(SmigObject *object, SmigAttr *attrs, int n, const SmigObject *twin)
{
	SmigRoom   *room = object->snapshot->room;

	object->nattrs = n;
	if (twin && twin->nattrs == n && same_attrs(attrs, twin->attrs, n))
	{
		object->attrs = twin->attrs;
		return;
	}
	for (int i = 0; i < n; i++)
		attrs[i].value = smig_room_text(room, attrs[i].value);
	object->attrs = smig_room_attrs(room, attrs, n);
}

/*
 * The attributes in a list of names and values, sorted.
 */
static SmigAttr *
attrs_of(List *list, int n)
{
	SmigAttr   *attrs = palloc(sizeof(SmigAttr) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		attrs[i].name = list_nth(list, 2 * i);
		attrs[i].value = list_nth(list, 2 * i + 1);
	}
	qsort(attrs, n, sizeof(SmigAttr), attr_compare);
	return attrs;
}

static void
append_object(SmigSnapshot *snapshot, SmigObject *object)
{
	if (snapshot->nobjects == snapshot->maxobjects)
	{
		snapshot->maxobjects *= 2;
		snapshot->objects = repalloc_huge(snapshot->objects,
										  sizeof(SmigObject *) *
										  snapshot->maxobjects);
	}
	object->index = snapshot->nobjects;
	snapshot->objects[snapshot->nobjects++] = object;
}

/*
 * Adds an object.  "attrs" is a list of alternating char * names and values;
 * the names must live as long as the snapshot, values and the rest are copied.
 * Returns NULL when an object with the same kind and identity exists.
 */
SmigObject *
smig_snapshot_add(SmigSnapshot *snapshot, const SmigKind *kind, const char *id,
				  const char *name, List *attrs)
{
	int			n = list_length(attrs) / 2;
	char	   *key = psprintf("%s %s", kind->name, id);
	SmigAttr   *sorted;
	SmigObject *object;
	SmigObject *twin = NULL;
	KeyEntry   *entry;
	bool		found;

	(void) hash_search(snapshot->by_key, &key, HASH_FIND, &found);
	if (found)
		return NULL;
	if (snapshot->beside)
		twin = smig_snapshot_find(snapshot->beside, key);
	object = smig_room_alloc(snapshot->room, sizeof(SmigObject));
	memset(object, 0, sizeof(SmigObject));
	object->snapshot = snapshot;
	object->kind = kind;
	object->key = twin ? twin->key : smig_room_text(snapshot->room, key);
	object->id = object->key + strlen(kind->name) + 1;
	object->name = twin && strcmp(twin->name, name) == 0 ? twin->name :
		own_name(snapshot, object->id, name);
	sorted = attrs_of(attrs, n);
	set_attrs(object, sorted, n, twin);
	pfree(sorted);
	pfree(key);
	entry = hash_search(snapshot->by_key, &object->key, HASH_ENTER, NULL);
	entry->object = object;
	append_object(snapshot, object);
	return object;
}

/*
 * The object with this key (kind, space, identity), or NULL.
 */
SmigObject *
smig_snapshot_find(SmigSnapshot *snapshot, const char *key)
{
	KeyEntry   *entry = hash_search(snapshot->by_key, &key, HASH_FIND, NULL);

	return entry ? entry->object : NULL;
}

/*
 * Sets one more attribute of an object while the snapshot is being read.
 */
void
smig_object_set(SmigObject *object, const char *name, const char *value)
{
	int			n = object->nattrs;
	SmigAttr   *attrs = palloc(sizeof(SmigAttr) * (n + 1));

	if (n > 0)
		memcpy(attrs, object->attrs, sizeof(SmigAttr) * n);
	attrs[n].name = name;
	attrs[n].value = value;
	qsort(attrs, n + 1, sizeof(SmigAttr), attr_compare);
	set_attrs(object, attrs, n + 1, NULL);
	pfree(attrs);
}

/*
 * Takes an attribute away from an object while snapshots are made comparable.
 */
void
smig_object_unset(SmigObject *object, const char *name)
{
	for (int i = 0; i < object->nattrs; i++)
		if (strcmp(object->attrs[i].name, name) == 0)
		{
			SmigAttr   *attrs = palloc(sizeof(SmigAttr) * object->nattrs);

			/* others may have the same */
			memcpy(attrs, object->attrs, sizeof(SmigAttr) * i);
			memcpy(&attrs[i], &object->attrs[i + 1],
				   sizeof(SmigAttr) * (object->nattrs - i - 1));
			object->nattrs--;
			object->attrs = smig_room_attrs(object->snapshot->room, attrs,
											object->nattrs);
			pfree(attrs);
			return;
		}
}

/*
 * Records that "object" needs "on"; to itself or twice in a row is ignored.
 */
void
smig_object_depend(SmigObject *object, SmigObject *on)
{
	MemoryContext old;

	if (object == on ||
		(object->deps != NIL && llast(object->deps) == (void *) on))
		return;
	old = MemoryContextSwitchTo(object->snapshot->context);
	object->deps = lappend(object->deps, on);
	MemoryContextSwitchTo(old);
}

/*
 * Finds what an inherited column or check constraint comes from: the child of
 * the same kind and name of one of the table's parents.
 */
static SmigObject *
origin_by_name(SmigObject *object)
{
	ListCell   *lc;

	if (object->parent == NULL || smig_attr(object, "_inherited") == NULL)
		return NULL;
	foreach(lc, object->parent->children)
	{
		SmigObject *link = lfirst(lc);
		ListCell   *dep;

		if (!(link->kind->flags & SMIG_KIND_INHERITS))
			continue;
		foreach(dep, link->deps)
		{
			SmigObject *table = lfirst(dep);
			ListCell   *child;

			if (table == object->parent || table->parent != NULL)
				continue;
			foreach(child, table->children)
			{
				SmigObject *candidate = lfirst(child);

				if (candidate->kind == object->kind &&
					strcmp(candidate->name, object->name) == 0)
					return candidate;
			}
		}
	}
	return NULL;
}

/*
 * Completes a snapshot when all objects, parents and dependencies are in it:
 * children, reverse dependencies, origins.
 */
void
smig_snapshot_link(SmigSnapshot *snapshot)
{
	MemoryContext old = MemoryContextSwitchTo(snapshot->context);

	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];
		ListCell   *lc;

		if (object->parent)
			object->parent->children = lappend(object->parent->children,
											   object);
		foreach(lc, object->deps)
		{
			SmigObject *on = lfirst(lc);

			on->rdeps = lappend(on->rdeps, object);
		}
	}
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];

		if (object->origin == NULL)
			object->origin = origin_by_name(object);
	}
	MemoryContextSwitchTo(old);
}

static int
compare_by_key(const ListCell *a, const ListCell *b)
{
	return strcmp(((SmigObject *) lfirst(a))->key,
				  ((SmigObject *) lfirst(b))->key);
}

/*
 * Those of a list of objects that stay; the others are added to "left", if
 * that is not NULL, in the order of their keys.
 */
static List *
kept_of(List *objects, const bool *out, List **left)
{
	List	   *kept = NIL;
	bool		all = true;
	ListCell   *lc;

	foreach(lc, objects)
		all = all && !out[((SmigObject *) lfirst(lc))->index];
	if (all)
		return objects;
	foreach(lc, objects)
	{
		SmigObject *object = lfirst(lc);

		if (!out[object->index])
			kept = lappend(kept, object);
		else if (left)
			*left = lappend(*left, object);
	}
	if (left)
		list_sort(*left, compare_by_key);
	return kept;
}

static void
move_out(SmigSnapshot *snapshot, SmigObject *object)
{
	KeyEntry   *entry;

	(void) hash_search(snapshot->by_key, &object->key, HASH_REMOVE, NULL);
	if (snapshot->left_out == NULL)
		return;
	entry = hash_search(snapshot->left_out, &object->key, HASH_ENTER, NULL);
	entry->object = object;
}

/*
 * Takes objects out of a linked snapshot.
 *
 * out: by index, whether an object goes; with each also its children
 * remember: those that stay remember which of them they need and are needed by
 */
void
smig_snapshot_leave_out(SmigSnapshot *snapshot, const bool *out, bool remember)
{
	MemoryContext old = MemoryContextSwitchTo(snapshot->context);
	int			kept = 0;

	if (remember && snapshot->left_out == NULL)
		snapshot->left_out = make_key_table(snapshot->context);
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];

		CHECK_FOR_INTERRUPTS();
		if (out[i])
		{
			move_out(snapshot, object);
			continue;
		}
		object->children = kept_of(object->children, out, NULL);
		object->deps = kept_of(object->deps, out,
							   remember ? &object->left_deps : NULL);
		object->rdeps = kept_of(object->rdeps, out,
								remember ? &object->left_rdeps : NULL);
		if (object->origin && out[object->origin->index])
			object->origin = NULL;
	}
	/* only now, because "out" goes by the old places */
	for (int i = 0; i < snapshot->nobjects; i++)
		if (!out[i])
		{
			snapshot->objects[kept] = snapshot->objects[i];
			snapshot->objects[kept]->index = kept;
			kept++;
		}
	snapshot->nobjects = kept;
	MemoryContextSwitchTo(old);
}

/*
 * Whether an object with this key was taken out.
 */
bool
smig_snapshot_left_out(SmigSnapshot *snapshot, const char *key)
{
	return snapshot->left_out &&
		hash_search(snapshot->left_out, &key, HASH_FIND, NULL) != NULL;
}

/*
 * Value of an attribute, or NULL when the object does not have it.
 */
const char *
smig_attr(const SmigObject *object, const char *name)
{
	int			low = 0;
	int			high = object->nattrs - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			order = strcmp(name, object->attrs[middle].name);

		if (order == 0)
			return object->attrs[middle].value;
		if (order < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return NULL;
}

/*
 * Value of an attribute that is a small number; 0 when absent.
 */
int
smig_attr_number(const SmigObject *object, const char *name)
{
	const char *value = smig_attr(object, name);

	return value ? (int) strtol(value, NULL, 10) : 0;
}

/*
 * Elements (char *) of an attribute that holds an array; NIL when absent.
 */
List *
smig_attr_list(const SmigObject *object, const char *name)
{
	const char *value = smig_attr(object, name);
	List	   *result = NIL;
	Datum		array;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (value == NULL)
		return NIL;
	array = OidInputFunctionCall(F_ARRAY_IN, pstrdup(value), TEXTOID, -1);
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		result = lappend(result,
						 nulls[i] ? NULL : TextDatumGetCString(elements[i]));
	return result;
}

/*
 * Whether two objects agree in one attribute.
 */
bool
smig_attr_same(const SmigObject *a, const SmigObject *b, const char *name)
{
	const char *x = smig_attr(a, name);
	const char *y = smig_attr(b, name);

	return (x == NULL || y == NULL) ? x == y : strcmp(x, y) == 0;
}

/*
 * Whether two objects agree in all attributes that are compared.
 */
bool
smig_object_same(const SmigObject *a, const SmigObject *b)
{
	int			i = 0;
	int			j = 0;

	if (a->attrs == b->attrs && a->nattrs == b->nattrs)
		return true;
	for (;;)
	{
		while (i < a->nattrs && a->attrs[i].name[0] == '_')
			i++;
		while (j < b->nattrs && b->attrs[j].name[0] == '_')
			j++;
		if (i == a->nattrs || j == b->nattrs)
			return i == a->nattrs && j == b->nattrs;
		if (strcmp(a->attrs[i].name, b->attrs[j].name) != 0 ||
			strcmp(a->attrs[i].value, b->attrs[j].value) != 0)
			return false;
		i++;
		j++;
	}
}
