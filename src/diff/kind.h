/*-------------------------------------------------------------------------
 *
 * kind.h
 *	  Descriptors of object kinds, and what they write DDL with.
 *
 * One descriptor says how objects of a kind are read (one query for all of
 * them), created, altered and dropped.  Owner, privileges and comments are
 * handled alike for all kinds by emit.c.
 *
 * A kind's query returns, in this order: oid, subid, class of the parent,
 * oid of the parent, subid of the parent, identity (valid SQL), own name; then
 * its attributes, named by the columns.  NULL and false mean "absent".
 * Columns named dep_* and origin hold an address "class.oid.subid" instead.
 * $1 is the array of the schemas' oids.
 *
 * IDENTIFICATION
 *	  src/diff/kind.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_KIND_H
#define SMIG_KIND_H

#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"

#include "model/snapshot.h"

struct SmigDelta;

/* What one action does, in one direction. */
typedef struct SmigCell
{
	StringInfoData text;		/* complete statements */
	bool		transactional;
	bool		destructive;
	StringInfoData hazards;		/* elements of a JSON array */
	List	   *earlier;		/* of SmigCell *: what is executed before */
} SmigCell;

/* The object holds rows or state that recreating it would lose. */
#define SMIG_KIND_DATA			0x0001
/* Created by the statement that creates the parent. */
#define SMIG_KIND_FOLD			0x0002
/* ... unless a cycle asks for a statement of its own. */
#define SMIG_KIND_UNFOLD		0x0004
/* A rename is recognised when all else is equal. */
#define SMIG_KIND_RENAME		0x0008
/* Lives outside schemas: read only for snapshots of a whole database. */
#define SMIG_KIND_GLOBAL		0x0010
/* Shares the name space of relations and types. */
#define SMIG_KIND_RELATION		0x0020
/* Makes its parent inherit from, or be a partition of, another table. */
#define SMIG_KIND_INHERITS		0x0040
/* A type: replaced aside, then swapped, when columns use it. */
#define SMIG_KIND_TYPE			0x0080
/* Must be recreated around a change of the type of a column it uses. */
#define SMIG_KIND_COLUMN_BOUND	0x0100
/* The parent is recreated instead when this one must be. */
#define SMIG_KIND_PART			0x0200
/* Dropping the parent does not drop it. */
#define SMIG_KIND_KEEP			0x0400
/* Says something of what it needs: left out where that is. */
#define SMIG_KIND_LINK			0x0800
/* May belong to what is no object here: an extension's, or PostgreSQL's. */
#define SMIG_KIND_ANYWHERE		0x1000

typedef struct SmigKind
{
	const char *name;			/* "materialized view": the column "kind" */
	const char *sql;			/* "MATERIALIZED VIEW": what DDL calls it */
	Oid			classid;		/* catalog of the oid; 0: not addressable */
	int			order;			/* creation order where nothing else tells */
	int			flags;
	ObjectType	acl_type;		/* for acldefault; 0: no privileges */
	const char *acl_sql;		/* what GRANT calls it */
	const char *query;
	const char *superuser_query;	/* instead, for superusers; or NULL */
	/* What the query cannot tell by itself; may be NULL. */
	void		(*complete) (SmigObject *object);
	/* Any of these may be NULL: the plain form is used, or it is recreated. */
	void		(*create) (struct SmigDelta *delta, const SmigObject *object,
						   SmigCell *cell);
	bool		(*alter) (struct SmigDelta *delta, const SmigObject *old,
						  const SmigObject *new, SmigCell *cell);
	void		(*drop) (struct SmigDelta *delta, const SmigObject *object,
						 SmigCell *cell);
	void		(*rename) (struct SmigDelta *delta, const SmigObject *old,
						   const SmigObject *new, SmigCell *cell);
} SmigKind;

/* kind.c */
extern int	smig_kind_count(void);
extern const SmigKind *smig_kind_nth(int n);
extern const SmigKind *smig_kind_find(const char *name);

/* Families of descriptors, each ended by one without a name. */
extern const SmigKind smig_kinds_schema[];
extern const SmigKind smig_kinds_type[];
extern const SmigKind smig_kinds_base_type[];
extern const SmigKind smig_kinds_sequence[];
extern const SmigKind smig_kinds_table[];
extern const SmigKind smig_kinds_column[];
extern const SmigKind smig_kinds_constraint[];
extern const SmigKind smig_kinds_index[];
extern const SmigKind smig_kinds_view[];
extern const SmigKind smig_kinds_function[];
extern const SmigKind smig_kinds_trigger[];
extern const SmigKind smig_kinds_operator[];
extern const SmigKind smig_kinds_textsearch[];
extern const SmigKind smig_kinds_foreign[];
extern const SmigKind smig_kinds_publication[];
extern const SmigKind smig_kinds_misc[];

/* emit.c */
extern void smig_cell_init(SmigCell *cell);
extern void smig_cell_add(SmigCell *cell, const char *format,...)
			pg_attribute_printf(2, 3);
extern void smig_cell_break(SmigCell *cell);
extern void smig_cell_alone(SmigCell *cell, const char *format,...)
			pg_attribute_printf(2, 3);
extern List *smig_cell_parts(SmigCell *cell);
extern void smig_cell_hazard(SmigCell *cell, const char *rule,
							 const char *severity, const char *message,
							 const char *suggestion);
extern void smig_emit_create(struct SmigDelta *delta, const SmigObject *object,
							 SmigCell *cell);
extern void smig_emit_extras(struct SmigDelta *delta, const SmigObject *old,
							 const SmigObject *new, SmigCell *cell);

/* not_null.c */
extern void smig_not_null_complete(SmigObject *object);

/* text.c */
extern void smig_text_stabilize(StringInfo text, int start);

/* grant.c */
extern void smig_emit_privileges(struct SmigDelta *delta,
								 const SmigObject *old, const SmigObject *new,
								 const char *before, SmigCell *cell);
extern void smig_emit_default_grants(const SmigObject *object,
									 SmigCell *cell);
extern void smig_emit_member_privileges(const SmigObject *old,
										const SmigObject *new,
										SmigCell *cell);
extern void smig_emit_revoke_all(struct SmigDelta *delta,
								 const SmigObject *object, SmigCell *cell);
extern void smig_emit_default_privileges(const SmigObject *old,
										 const SmigObject *new,
										 SmigCell *cell);
extern void smig_emit_drop(struct SmigDelta *delta, const SmigObject *object,
						   SmigCell *cell);
extern bool smig_emit_alter(struct SmigDelta *delta, const SmigObject *old,
							const SmigObject *new, SmigCell *cell);
extern void smig_emit_rename(struct SmigDelta *delta, const SmigObject *old,
							 const SmigObject *new, SmigCell *cell);
extern void smig_emit_options(SmigCell *cell, const char *alter,
							  const SmigObject *old, const SmigObject *new,
							  const char *attr);
extern void smig_emit_foreign_options(SmigCell *cell, const char *alter,
									  const SmigObject *old,
									  const SmigObject *new, const char *attr);
extern char *smig_option_list(const SmigObject *object, const char *attr);
extern char *smig_foreign_option_list(const SmigObject *object,
									  const char *attr);
extern char *smig_join(List *strings, const char *separator);
extern bool smig_only_differs(const SmigObject *old, const SmigObject *new,
							  const char *const *attrs);

/*
 * Pieces of queries.  SMIG_ACL is the column "acl": NULL when the privileges
 * are the built-in ones, else the sorted list.
 */
#define SMIG_ACL(column, type, owner) \
	" CASE WHEN " column " IS NOT NULL THEN (SELECT nullif(" \
	"x.a, (SELECT array_agg(d::text ORDER BY d::text COLLATE \"C\")" \
	" FROM unnest(acldefault('" type "', " owner ")) d)) FROM" \
	" (SELECT coalesce(array_agg(i::text ORDER BY i::text COLLATE \"C\")," \
	" '{}') AS a FROM unnest(" column ") i) x) END AS acl"
#define SMIG_ADDRESS(class, oid, sub) \
	"'" class "'::regclass::oid || '.' || " oid " || '.' || " sub

#endif							/* SMIG_KIND_H */
