/*-------------------------------------------------------------------------
 *
 * snapshot_copy.c
 *	  Copies of snapshots in which texts are translated.
 *
 * IDENTIFICATION
 *	  src/model/snapshot_copy.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "diff/kind.h"
#include "model/snapshot.h"

const char	smig_map_id[] = "id";
const char	smig_map_name[] = "name";

static SmigObject *
copy_object(SmigSnapshot *copy, const SmigObject *object, SmigTextMap map,
			void *arg)
{
	List	   *attrs = NIL;

	for (int i = 0; i < object->nattrs; i++)
	{
		const char *name = object->attrs[i].name;

		/* what is made up from other attributes and names: kind->complete */
		if (object->kind->complete && strcmp(name, "not_null_name") == 0 &&
			smig_attr(object, "_not_null_name"))
			continue;
		attrs = lappend(attrs,
						unconstify(char *, smig_room_text(copy->room, name)));
		attrs = lappend(attrs,
						unconstify(char *, map(object, name,
											   object->attrs[i].value, arg)));
	}
	return smig_snapshot_add(copy, object->kind,
							 map(object, smig_map_id, object->id, arg),
							 map(object, smig_map_name, object->name, arg),
							 attrs);
}

/*
 * A copy of a snapshot, objects at the same places, each text as "map" makes
 * it; names that PostgreSQL makes up from others are compared anew.  Where
 * that gives two objects the same identity, the second is put into "clash" and
 * the copy is not complete.
 */
SmigSnapshot *
smig_snapshot_copy(const SmigSnapshot *snapshot, SmigTextMap map, void *arg,
				   SmigObject **clash)
{
	SmigSnapshot *copy = smig_snapshot_create(NULL);
	MemoryContext old;
	ListCell   *lc;

	*clash = NULL;
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (copy_object(copy, snapshot->objects[i], map, arg) == NULL)
		{
			*clash = snapshot->objects[i];
			return copy;
		}
	}
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];
		SmigObject *made = copy->objects[i];

		if (object->parent)
			made->parent = copy->objects[object->parent->index];
		if (object->origin)
			made->origin = copy->objects[object->origin->index];
		foreach(lc, object->deps)
			smig_object_depend(made,
							   copy->objects[((SmigObject *) lfirst(lc))->index]);
		if (made->kind->complete)
			made->kind->complete(made);
	}
	copy->whole = snapshot->whole;
	old = MemoryContextSwitchTo(copy->context);
	foreach(lc, snapshot->schemas)
		copy->schemas = lappend(copy->schemas, pstrdup(lfirst(lc)));
	MemoryContextSwitchTo(old);
	smig_snapshot_link(copy);
	return copy;
}
