/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  The canonical description of one or several schemas.
 *
 * A snapshot is a list of objects.  Each has a kind (a descriptor, see
 * kind.h), an identity that is valid SQL, attributes (name and text, sorted by
 * name, absent where the value is the default) and dependencies.  Attributes
 * whose name begins with an underscore help to write DDL but are no part of
 * the comparison or the fingerprint.  A snapshot never changes after it has
 * been read; everything is allocated in one memory context.
 *
 * IDENTIFICATION
 *	  src/model/snapshot.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SNAPSHOT_H
#define SMIG_SNAPSHOT_H

#include "nodes/pg_list.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "compat.h"

struct SmigKind;
struct SmigSnapshot;

typedef struct SmigRoom SmigRoom;

typedef struct SmigAttr
{
	const char *name;
	const char *value;
} SmigAttr;

typedef struct SmigObject
{
	struct SmigSnapshot *snapshot;
	const struct SmigKind *kind;
	int			index;			/* place in SmigSnapshot.objects */
	int			nattrs;
	const char *id;				/* quoted, qualified: valid SQL */
	const char *key;			/* kind and id: unique in a snapshot */
	const char *name;			/* own name, unquoted */
	const SmigAttr *attrs;		/* sorted by name; may be shared */
	struct SmigObject *parent;	/* NULL for objects that stand alone */
	struct SmigObject *origin;	/* what this one is inherited from, or NULL */
	List	   *children;		/* of SmigObject * */
	List	   *deps;			/* of SmigObject *: what this one needs */
	List	   *rdeps;			/* of SmigObject *: who needs this one */
	List	   *left_deps;		/* the same, of what filters leave out */
	List	   *left_rdeps;
} SmigObject;

/* A statement that comes before all others, and what undoes it. */
typedef struct SmigRename
{
	const struct SmigKind *kind;
	const char *old_id;
	const char *new_id;
	const char *part;			/* what of it is renamed; NULL: itself */
	char	   *up;
	char	   *down;
} SmigRename;

typedef struct SmigSnapshot
{
	MemoryContext context;
	int			nobjects;
	int			maxobjects;
	SmigObject **objects;
	HTAB	   *by_key;
	HTAB	   *left_out;		/* by key: what filters leave out, or NULL */
	SmigRoom   *room;			/* what objects and texts are cut from */
	struct SmigSnapshot *beside;	/* whose texts this one may use, or NULL */
	bool		whole;			/* all schemas and the objects without one */
	List	   *schemas;		/* of char *: unquoted names */

	/* where hints have renamed objects (rename_hint.c) */
	List	   *renames;		/* of SmigRename *, in order; or NIL */
	struct SmigSnapshot *original;	/* before that */
	struct SmigSnapshot *reduced;	/* the same without what is recreated */
} SmigSnapshot;

/* snapshot.c */
extern SmigSnapshot *smig_snapshot_create(SmigSnapshot *beside);
extern SmigObject *smig_snapshot_add(SmigSnapshot *snapshot,
									 const struct SmigKind *kind,
									 const char *id, const char *name,
									 List *attrs);
extern SmigObject *smig_snapshot_find(SmigSnapshot *snapshot, const char *key);
extern void smig_object_set(SmigObject *object, const char *name,
							const char *value);
extern void smig_object_unset(SmigObject *object, const char *name);
extern void smig_object_depend(SmigObject *object, SmigObject *on);
extern void smig_snapshot_link(SmigSnapshot *snapshot);
extern void smig_snapshot_leave_out(SmigSnapshot *snapshot, const bool *out,
									bool remember);
extern bool smig_snapshot_left_out(SmigSnapshot *snapshot, const char *key);
extern const char *smig_attr(const SmigObject *object, const char *name);
extern int	smig_attr_number(const SmigObject *object, const char *name);
extern List *smig_attr_list(const SmigObject *object, const char *name);
extern bool smig_attr_same(const SmigObject *a, const SmigObject *b,
						   const char *name);
extern bool smig_object_same(const SmigObject *a, const SmigObject *b);

/* snapshot_room.c */
extern SmigRoom *smig_room_create(MemoryContext context);
extern void *smig_room_alloc(SmigRoom *room, Size size);
extern const char *smig_room_text(SmigRoom *room, const char *text);
extern const SmigAttr *smig_room_attrs(SmigRoom *room, const SmigAttr *attrs,
									   int n);

/* snapshot_read.c */
extern SmigSnapshot *smig_snapshot_read(List *schemas);
extern SmigSnapshot *smig_snapshot_read_beside(List *schemas,
											   SmigSnapshot *beside);
extern void smig_snapshot_pin_settings(void);

/* snapshot_json.c */
extern char *smig_snapshot_to_json(SmigSnapshot *snapshot);
extern SmigSnapshot *smig_snapshot_from_json(const char *json);
extern SmigSnapshot *smig_snapshot_from_json_beside(const char *json,
													SmigSnapshot *beside);
extern char *smig_snapshot_fingerprint(SmigSnapshot *snapshot);

/* snapshot_copy.c */

/* What a map is asked to translate, besides attributes. */
extern const char smig_map_id[];
extern const char smig_map_name[];

typedef const char *(*SmigTextMap) (const SmigObject *object,
									const char *what, const char *text,
									void *arg);

extern SmigSnapshot *smig_snapshot_copy(const SmigSnapshot *snapshot,
										SmigTextMap map, void *arg,
										SmigObject **clash);

/* rename_hint.c */
extern List *smig_rename_hints_of_setting(void);
extern List *smig_rename_hints_of_model(const char *name, const char *source,
										bool inverse);
extern void smig_rename_check(const List *lines);
extern SmigSnapshot *smig_rename_apply(SmigSnapshot *from, SmigSnapshot *to,
									   List *hints);

/* snapshot_rename.c */
extern bool smig_attr_is_plain(const char *attr);
extern SmigSnapshot *smig_snapshot_rename_schema(SmigSnapshot *snapshot,
												 const char *from,
												 const char *to);

/* snapshot_remote.c */
extern SmigSnapshot *smig_snapshot_read_database(const char *database,
												 List *schemas,
												 SmigSnapshot *beside);

/* source.c */
extern void smig_source_pair(const char *source, const char *target,
							 SmigSnapshot **from, SmigSnapshot **to);

#endif							/* SMIG_SNAPSHOT_H */
