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
#include "utils/memutils.h"

#include "checksum.h"
#include "diff/kind.h"
#include "model/json_pull.h"
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

/*
 * The names of attributes, which are few, once for all objects.
 */
typedef struct NameEntry
{
	char		name[NAMEDATALEN];
} NameEntry;

/* One object of the document. */
typedef struct ObjectText
{
	char	   *kind;
	char	   *id;
	char	   *name;
	char	   *parent;
	char	   *origin;
	List	   *attrs;			/* names and values by turns */
	List	   *deps;			/* of char *: keys */
	bool		has_attrs;
	bool		has_deps;
} ObjectText;

/* A reference to an object that has not been read yet, with those after it. */
typedef struct Forward
{
	SmigObject *object;
	char	   *parent;
	char	   *origin;
	List	   *deps;			/* of char *: keys */
} Forward;

typedef struct Reading
{
	SmigSnapshot *snapshot;
	HTAB	   *names;
	SmigJson   *json;
	const SmigKind *kind;		/* of the last object */
	MemoryContext scratch;		/* of one object */
	MemoryContext forward_context;
	List	   *forward;		/* of Forward * */
} Reading;

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
shared_name(HTAB *names, const char *name)
{
	NameEntry  *entry;

	if (strlen(name) >= NAMEDATALEN)
		bad_snapshot("The name of an attribute is too long.");
	entry = hash_search(names, name, HASH_ENTER, NULL);
	return entry->name;
}

static char *
read_string(SmigJson *json)
{
	char	   *value = smig_json_string(json);

	if (value == NULL)
		bad_snapshot("A field that must be a string is something else.");
	return value;
}

/*
 * A string, or NULL.
 */
static char *
read_reference(SmigJson *json)
{
	if (json->token_type != JSON_TOKEN_NULL)
		return read_string(json);
	smig_json_skip(json);
	return NULL;
}

/*
 * Enters a field that must be an object or array.
 */
static void
enter_field(SmigJson *json, JsonTokenType start, const char *name)
{
	if (!smig_json_enter(json, start))
		bad_snapshot(psprintf("Field \"%s\" is missing or has another type.",
							  name));
}

/*
 * Attributes as alternating names and values; where a name is there twice, the
 * last value counts.
 */
static List *
read_attrs(Reading *reading)
{
	SmigJson   *json = reading->json;
	List	   *attrs = NIL;
	char	   *member;

	while ((member = smig_json_member(json, attrs == NIL)) != NULL)
	{
		char	   *name = shared_name(reading->names, member);
		char	   *value = read_string(json);
		int			at = 0;

		while (at < list_length(attrs) && list_nth(attrs, at) != name)
			at += 2;
		if (at < list_length(attrs))
			lfirst(list_nth_cell(attrs, at + 1)) = value;
		else
			attrs = lappend(lappend(attrs, name), value);
	}
	return attrs;
}

static List *
read_strings(SmigJson *json)
{
	List	   *result = NIL;

	while (smig_json_element(json, result == NIL))
		result = lappend(result, read_string(json));
	return result;
}

/*
 * The fields of one object, in whatever order.
 */
static ObjectText
read_fields(Reading *reading)
{
	SmigJson   *json = reading->json;
	ObjectText	text;
	char	   *field;
	bool		first = true;

	memset(&text, 0, sizeof(text));
	enter_field(json, JSON_TOKEN_OBJECT_START, "objects");
	while ((field = smig_json_member(json, first)) != NULL)
	{
		first = false;
		if (strcmp(field, "kind") == 0)
			text.kind = read_reference(json);
		else if (strcmp(field, "id") == 0)
			text.id = read_reference(json);
		else if (strcmp(field, "name") == 0)
			text.name = read_reference(json);
		else if (strcmp(field, "parent") == 0)
			text.parent = read_reference(json);
		else if (strcmp(field, "origin") == 0)
			text.origin = read_reference(json);
		else if (strcmp(field, "attrs") == 0)
		{
			enter_field(json, JSON_TOKEN_OBJECT_START, field);
			text.attrs = read_attrs(reading);
			text.has_attrs = true;
		}
		else if (strcmp(field, "deps") == 0)
		{
			enter_field(json, JSON_TOKEN_ARRAY_START, field);
			text.deps = read_strings(json);
			text.has_deps = true;
		}
		else
			smig_json_skip(json);
	}
	return text;
}

static void
set_references(SmigObject *object, const char *parent, const char *origin,
			   List *deps)
{
	ListCell   *lc;

	if (parent)
		object->parent = smig_snapshot_find(object->snapshot, parent);
	if (parent && object->parent == NULL)
		bad_snapshot(psprintf("The parent of %s is missing.", object->key));
	if (origin)
		object->origin = smig_snapshot_find(object->snapshot, origin);
	foreach(lc, deps)
	{
		SmigObject *on = smig_snapshot_find(object->snapshot, lfirst(lc));

		if (on)
			smig_object_depend(object, on);
	}
}

static bool
are_read(SmigSnapshot *snapshot, const ObjectText *text)
{
	ListCell   *lc;

	if (text->parent && smig_snapshot_find(snapshot, text->parent) == NULL)
		return false;
	if (text->origin && smig_snapshot_find(snapshot, text->origin) == NULL)
		return false;
	foreach(lc, text->deps)
		if (smig_snapshot_find(snapshot, lfirst(lc)) == NULL)
			return false;
	return true;
}

/*
 * Puts off the references of an object until all have been read.
 */
static void
put_off(Reading *reading, SmigObject *object, const ObjectText *text)
{
	MemoryContext old = MemoryContextSwitchTo(reading->forward_context);
	Forward    *forward = palloc0(sizeof(Forward));
	ListCell   *lc;

	forward->object = object;
	if (text->parent)
		forward->parent = pstrdup(text->parent);
	if (text->origin)
		forward->origin = pstrdup(text->origin);
	foreach(lc, text->deps)
		forward->deps = lappend(forward->deps, pstrdup(lfirst(lc)));
	reading->forward = lappend(reading->forward, forward);
	MemoryContextSwitchTo(old);
}

static const SmigKind *
kind_of(Reading *reading, const char *name)
{
	if (name && (reading->kind == NULL ||
				 strcmp(reading->kind->name, name) != 0))
		reading->kind = smig_kind_find(name);
	if (name == NULL || reading->kind == NULL)
		bad_snapshot(psprintf("Kind \"%s\" is not known.", name ? name : ""));
	return reading->kind;
}

static void
read_object(Reading *reading)
{
	SmigSnapshot *snapshot = reading->snapshot;
	ObjectText	text = read_fields(reading);
	const SmigKind *kind = kind_of(reading, text.kind);
	SmigObject *object;

	if (text.id == NULL || text.name == NULL)
		bad_snapshot("An object has no identity.");
	if (!text.has_attrs || !text.has_deps)
		bad_snapshot(psprintf("Field \"%s\" is missing or has another type.",
							  text.has_attrs ? "deps" : "attrs"));
	object = smig_snapshot_add(snapshot, kind, text.id, text.name, text.attrs);
	if (object == NULL)
		bad_snapshot(psprintf("%s %s is there twice.", text.kind, text.id));
	if (are_read(snapshot, &text))
		set_references(object, text.parent, text.origin, text.deps);
	else
		put_off(reading, object, &text);
}

static void
read_objects(Reading *reading)
{
	MemoryContext old = MemoryContextSwitchTo(reading->scratch);
	ListCell   *lc;

	for (bool first = true; smig_json_element(reading->json, first);
		 first = false)
	{
		read_object(reading);
		MemoryContextReset(reading->scratch);
	}
	foreach(lc, reading->forward)
	{
		Forward    *forward = lfirst(lc);

		set_references(forward->object, forward->parent, forward->origin,
					   forward->deps);
	}
	MemoryContextSwitchTo(old);
}

static void
read_document(Reading *reading)
{
	SmigSnapshot *snapshot = reading->snapshot;
	SmigJson   *json = reading->json;
	bool		has_objects = false;
	bool		has_schemas = false;
	bool		first = true;
	char	   *field;

	if (!smig_json_enter(json, JSON_TOKEN_OBJECT_START))
	{
		smig_json_skip(json);
		smig_json_end(json);
		bad_snapshot("The document is not an object.");
	}
	while ((field = smig_json_member(json, first)) != NULL)
	{
		first = false;
		if (strcmp(field, "whole") == 0)
			snapshot->whole = smig_json_true(json);
		else if (strcmp(field, "schemas") == 0)
		{
			MemoryContext old = MemoryContextSwitchTo(snapshot->context);

			enter_field(json, JSON_TOKEN_ARRAY_START, field);
			snapshot->schemas = read_strings(json);
			has_schemas = true;
			MemoryContextSwitchTo(old);
		}
		else if (strcmp(field, "objects") == 0)
		{
			enter_field(json, JSON_TOKEN_ARRAY_START, field);
			read_objects(reading);
			has_objects = true;
		}
		else
			smig_json_skip(json);
	}
	smig_json_end(json);
	if (!has_objects || !has_schemas)
		bad_snapshot(psprintf("Field \"%s\" is missing or has another type.",
							  has_objects ? "schemas" : "objects"));
}

/*
 * Reads a snapshot from JSON text, as it comes: the document never is in memory
 * as a tree.  Errors: 22P02 when it is no JSON, 22023 when it is no snapshot.
 *
 * beside: see smig_snapshot_create
 */
SmigSnapshot *
smig_snapshot_from_json_beside(const char *json, SmigSnapshot *beside)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller,
												  "schemamig snapshot text",
												  ALLOCSET_DEFAULT_SIZES);
	Reading		reading;

	memset(&reading, 0, sizeof(reading));
	reading.snapshot = smig_snapshot_create(beside);
	MemoryContextSwitchTo(context);
	reading.names = make_names(reading.snapshot);
	reading.json = smig_json_begin(json);
	reading.scratch = AllocSetContextCreate(context,
											"schemamig snapshot object",
											ALLOCSET_DEFAULT_SIZES);
	reading.forward_context = context;
	read_document(&reading);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	smig_snapshot_link(reading.snapshot);
	return reading.snapshot;
}

/*
 * The same of a snapshot that stands alone.
 */
SmigSnapshot *
smig_snapshot_from_json(const char *json)
{
	return smig_snapshot_from_json_beside(json, NULL);
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
