/*-------------------------------------------------------------------------
 *
 * snapshot_json.c
 *	  Snapshots as JSON, and their fingerprint.
 *
 * {"format": 1, "whole": true, "schemas": [...], "objects": [{"kind": ...,
 *  "id": ..., "name": ..., "parent": key, "origin": key, "attrs": {...},
 *  "deps": [keys]}]}.  A key is the kind, a space and the id.
 *
 * IDENTIFICATION
 *	  src/model/snapshot_json.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "checksum.h"
#include "diff/kind.h"
#include "model/snapshot.h"

#define SNAPSHOT_FORMAT 1

static void
append_field(StringInfo buf, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(buf, ", \"%s\": ", name);
	escape_json(buf, value);
}

static int
key_compare(const void *a, const void *b)
{
	return strcmp((*(SmigObject *const *) a)->key,
				  (*(SmigObject *const *) b)->key);
}

/*
 * Objects in the order of their keys.
 */
static SmigObject **
sorted_objects(SmigSnapshot *snapshot)
{
	Size		size = sizeof(SmigObject *) * Max(snapshot->nobjects, 1);
	SmigObject **sorted = palloc_extended(size, MCXT_ALLOC_HUGE);

	memcpy(sorted, snapshot->objects,
		   sizeof(SmigObject *) * snapshot->nobjects);
	qsort(sorted, snapshot->nobjects, sizeof(SmigObject *), key_compare);
	return sorted;
}

static void
append_object(StringInfo buf, const SmigObject *object)
{
	ListCell   *lc;
	bool		first = true;

	appendStringInfoString(buf, "{\"kind\": ");
	escape_json(buf, object->kind->name);
	append_field(buf, "id", object->id);
	append_field(buf, "name", object->name);
	append_field(buf, "parent", object->parent ? object->parent->key : NULL);
	append_field(buf, "origin", object->origin ? object->origin->key : NULL);
	appendStringInfoString(buf, ", \"attrs\": {");
	for (int i = 0; i < object->nattrs; i++)
	{
		if (i > 0)
			appendStringInfoString(buf, ", ");
		escape_json(buf, object->attrs[i].name);
		appendStringInfoString(buf, ": ");
		escape_json(buf, object->attrs[i].value);
	}
	appendStringInfoString(buf, "}, \"deps\": [");
	foreach(lc, object->deps)
	{
		if (!first)
			appendStringInfoString(buf, ", ");
		first = false;
		escape_json(buf, ((SmigObject *) lfirst(lc))->key);
	}
	appendStringInfoString(buf, "]}");
}

/*
 * The snapshot as JSON text.  Children keep the order in which they were read
 * (that of columns), so objects are written as they stand.
 */
char *
smig_snapshot_to_json(SmigSnapshot *snapshot)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"format\": %d, \"whole\": %s, \"schemas\": [",
					 SNAPSHOT_FORMAT, snapshot->whole ? "true" : "false");
	foreach(lc, snapshot->schemas)
	{
		if (lc != list_head(snapshot->schemas))
			appendStringInfoString(&buf, ", ");
		escape_json(&buf, lfirst(lc));
	}
	appendStringInfoString(&buf, "], \"objects\": [");
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		CHECK_FOR_INTERRUPTS();
		appendStringInfoString(&buf, i > 0 ? ",\n" : "\n");
		append_object(&buf, snapshot->objects[i]);
	}
	appendStringInfoString(&buf, "]}");
	return buf.data;
}

SMIG_NORETURN static void
bad_snapshot(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the text is not a snapshot made by schemamig_snapshot()"),
			 errdetail("%s", detail)));
}

static JsonbValue *
member(JsonbContainer *container, const char *name)
{
	return getKeyJsonValueFromContainer(container, name, (int) strlen(name),
										NULL);
}

static char *
string_of(const JsonbValue *value)
{
	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type != jbvString)
		bad_snapshot("A field that must be a string is something else.");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static JsonbContainer *
container_of(const JsonbValue *value, bool array, const char *name)
{
	if (value == NULL || value->type != jbvBinary ||
		JsonContainerIsArray(value->val.binary.data) != array)
		bad_snapshot(psprintf("Field \"%s\" is missing or has another type.",
							  name));
	return value->val.binary.data;
}

/*
 * The names of attributes, which are few, once for all objects.
 */
typedef struct NameEntry
{
	char		name[NAMEDATALEN];
} NameEntry;

static HTAB *
make_names(SmigSnapshot *snapshot)
{
	HASHCTL		control = {
		.keysize = NAMEDATALEN,
		.entrysize = sizeof(NameEntry),
		.hcxt = snapshot->context
	};

	return hash_create("schemamig attribute names", 128, &control,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static char *
shared_name(HTAB *names, const JsonbValue *value)
{
	char	   *name = string_of(value);
	NameEntry  *entry;

	if (strlen(name) >= NAMEDATALEN)
		bad_snapshot("The name of an attribute is too long.");
	entry = hash_search(names, name, HASH_ENTER, NULL);
	return entry->name;
}

/*
 * Attributes as alternating names and values.
 */
static List *
read_attrs(HTAB *names, JsonbContainer *container)
{
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue	value;
	List	   *attrs = NIL;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			attrs = lappend(attrs, shared_name(names, &value));
		else if (token == WJB_VALUE)
			attrs = lappend(attrs, string_of(&value));
	}
	return attrs;
}

static List *
read_strings(JsonbContainer *container)
{
	List	   *result = NIL;

	for (uint32 i = 0; i < JsonContainerSize(container); i++)
		result = lappend(result,
						 string_of(getIthJsonbValueFromContainer(container, i)));
	return result;
}

static void
read_object(SmigSnapshot *snapshot, HTAB *names, JsonbContainer *container)
{
	char	   *name = string_of(member(container, "kind"));
	char	   *id = string_of(member(container, "id"));
	char	   *own = string_of(member(container, "name"));
	const SmigKind *kind = name ? smig_kind_find(name) : NULL;
	List	   *attrs;

	if (kind == NULL)
		bad_snapshot(psprintf("Kind \"%s\" is not known.", name ? name : ""));
	if (id == NULL || own == NULL)
		bad_snapshot("An object has no identity.");
	attrs = read_attrs(names, container_of(member(container, "attrs"),
										   false, "attrs"));
	if (smig_snapshot_add(snapshot, kind, id, own, attrs) == NULL)
		bad_snapshot(psprintf("%s %s is there twice.", name, id));
}

static void
read_references(SmigSnapshot *snapshot, SmigObject *object,
				JsonbContainer *container)
{
	char	   *parent = string_of(member(container, "parent"));
	char	   *origin = string_of(member(container, "origin"));
	List	   *deps = read_strings(container_of(member(container, "deps"),
												 true, "deps"));
	ListCell   *lc;

	object->parent = parent ? smig_snapshot_find(snapshot, parent) : NULL;
	object->origin = origin ? smig_snapshot_find(snapshot, origin) : NULL;
	if (parent && object->parent == NULL)
		bad_snapshot(psprintf("The parent of %s is missing.", object->key));
	foreach(lc, deps)
	{
		SmigObject *on = smig_snapshot_find(snapshot, lfirst(lc));

		if (on)
			smig_object_depend(object, on);
	}
}

/*
 * Reads a snapshot from JSON text.  Errors: 22P02 when it is no JSON, 22023
 * when it is no snapshot.
 */
SmigSnapshot *
smig_snapshot_from_json(const char *json)
{
	SmigSnapshot *snapshot = smig_snapshot_create();
	Jsonb	   *document;
	JsonbContainer *objects;
	JsonbContainer *root;
	JsonbValue *whole;
	uint32		n;
	HTAB	   *names;
	MemoryContext scratch;
	MemoryContext old;

	document = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
												  CStringGetDatum(json)));
	root = &document->root;
	if (!JsonContainerIsObject(root))
		bad_snapshot("The document is not an object.");
	objects = container_of(member(root, "objects"), true, "objects");
	whole = member(root, "whole");
	snapshot->whole = whole && whole->type == jbvBool && whole->val.boolean;
	old = MemoryContextSwitchTo(snapshot->context);
	snapshot->schemas = read_strings(container_of(member(root, "schemas"),
												  true, "schemas"));
	MemoryContextSwitchTo(old);
	n = JsonContainerSize(objects);
	names = make_names(snapshot);
	scratch = AllocSetContextCreate(CurrentMemoryContext,
									"schemamig snapshot object",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_object(snapshot, names,
					container_of(getIthJsonbValueFromContainer(objects, i),
								 false, "objects"));
		MemoryContextReset(scratch);
	}
	for (uint32 i = 0; i < n; i++)
	{
		read_references(snapshot, snapshot->objects[i],
						container_of(getIthJsonbValueFromContainer(objects, i),
									 false, "objects"));
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	pfree(document);
	smig_snapshot_link(snapshot);
	return snapshot;
}

/* The zero byte keeps neighbours apart. */
static void
append_hashed(StringInfo buf, const char *text)
{
	appendBinaryStringInfo(buf, text, strlen(text) + 1);
}

/*
 * SHA-256, in hexadecimal, of what is compared of all objects: the same for
 * equal schemas, whatever their history.
 */
char *
smig_snapshot_fingerprint(SmigSnapshot *snapshot)
{
	SmigObject **sorted = sorted_objects(snapshot);
	SmigChecksum *checksum = smig_checksum_begin();
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = sorted[i];

		resetStringInfo(&buf);
		append_hashed(&buf, object->key);
		append_hashed(&buf, object->parent ? object->parent->key : "");
		for (int j = 0; j < object->nattrs; j++)
			if (object->attrs[j].name[0] != '_')
			{
				append_hashed(&buf, object->attrs[j].name);
				append_hashed(&buf, object->attrs[j].value);
			}
		smig_checksum_add(checksum, "object", buf.data, buf.len);
	}
	pfree(buf.data);
	pfree(sorted);
	return smig_checksum_end(checksum);
}
