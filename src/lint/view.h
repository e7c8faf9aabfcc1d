/*-------------------------------------------------------------------------
 *
 * view.h
 *	  The catalog as a statement of a script will find it.
 *
 * A SmigPending is the live catalog, read without locking any relation, plus
 * what the earlier statements of the same script (or plan) will have changed.
 * Relations are read when first asked for and changed in place afterwards, so
 * one structure serves both for what is there and for what will be there.
 *
 * A pending belongs to one moment: make a fresh one after statements have
 * really been executed.  Everything lives in its memory context.
 *
 * IDENTIFICATION
 *	  src/lint/view.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LINT_VIEW_H
#define SMIG_LINT_VIEW_H

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "storage/block.h"
#include "utils/hsearch.h"

struct SmigRelation;

typedef struct SmigColumn
{
	char	   *name;
	AttrNumber	attnum;			/* invented for columns of this script */
	Oid			type;			/* InvalidOid: not known */
	int32		typmod;
	Oid			collation;
	bool		notnull;		/* and known to hold for all rows */
	bool		hasdefault;
	char		identity;		/* as pg_attribute.attidentity */
	char		generated;		/* as pg_attribute.attgenerated */
	bool		added;			/* by an earlier statement */
} SmigColumn;

typedef struct SmigConstraint
{
	struct SmigRelation *relation;
	char	   *name;			/* NULL: the server will choose it */
	Oid			oid;			/* InvalidOid when added by this script */
	char		type;			/* as pg_constraint.contype */
	bool		valid;
	bool		added;			/* by an earlier statement */
	int			transaction;	/* number of the transaction that added it */
	List	   *columns;		/* of char *; may be NIL for a CHECK */
	Node	   *check;			/* CHECK: condition over varno 1, or NULL */
	Oid			referenced;		/* FOREIGN KEY: relation, or InvalidOid */
	struct SmigRelation *target;	/* the same, once loaded */
	List	   *target_columns; /* of char *; NIL: the primary key */
	char		on_delete;		/* FOREIGN KEY: as pg_constraint.confdeltype */
	char		on_update;
	Oid			index;			/* UNIQUE, PRIMARY KEY, EXCLUDE */
	char	   *index_name;
	bool		inherited;		/* is the clone of a parent's constraint */
} SmigConstraint;

typedef struct SmigRelation
{
	Oid			oid;			/* InvalidOid when not in the catalog */
	char	   *schema;			/* as it will be called */
	char	   *name;
	char	   *label;			/* quoted schema.name, as it is called now */
	char		kind;			/* as pg_class.relkind */
	char		persistence;
	bool		created;		/* by an earlier statement of this script */
	bool		unknown;		/* named in the script, but found nowhere */
	bool		validated;		/* unknown, and the script has validated some
								 * constraint of it */
	bool		dropped;
	bool		named;			/* its name or schema is the script's doing */
	bool		filled;			/* made by this script, which puts rows in */
	bool		loaded;			/* columns, constraints, indexes are here */
	int			transaction;	/* number of the transaction that made it */
	Oid			owner;
	Oid			tablespace;
	Oid			am;
	double		tuples;			/* -1 when never analysed */
	BlockNumber pages;
	List	   *columns;		/* of SmigColumn *, live ones only */
	List	   *constraints;	/* of SmigConstraint * */
	List	   *indexes;		/* of SmigRelation * */
	AttrNumber	next_attnum;

	struct SmigRelation *parent;	/* partition of */
	bool		parent_known;
	List	   *children;		/* of SmigRelation *: direct heirs */
	bool		children_known;
	Oid			default_partition;	/* as in the catalog */
	struct SmigRelation *new_default;	/* made by this script */

	/* private to facts.c: its fact in the list with that serial number */
	void	   *fact;
	uint64		fact_serial;

	/* indexes only */
	struct SmigRelation *heap;
	bool		unique;
	bool		primary;
	bool		exclusion;
	bool		valid;
	bool		partial;
	bool		clustered;
	bool		from_constraint;	/* backs a constraint */
	List	   *keys;			/* of char *; an element is NULL for an
								 * expression */
	int			nkeys;			/* without INCLUDE columns */
} SmigRelation;

/* A type made or changed by the script. */
typedef struct SmigPendingType
{
	char	   *name;			/* without schema */
	char		kind;			/* as pg_type.typtype */
	bool		constrained;	/* a domain with constraints */
	List	   *new_values;		/* of char *: enum values added */
	int			transaction;
} SmigPendingType;

typedef struct SmigPending
{
	MemoryContext context;		/* owns everything */
	HTAB	   *by_oid;			/* loaded relations */
	List	   *relations;		/* of SmigRelation *: every one known */
	HTAB	   *by_name;		/* those made, renamed or moved here */
	List	   *keyed;			/* of SmigRelation *: given foreign keys here */
	List	   *settings;		/* of SmigPendingSetting * */
	List	   *types;			/* of SmigPendingType * */
	List	   *functions;		/* of SmigPendingFunction * */
	List	   *schemas;		/* of char *: made here */
	List	   *schema_renames; /* of two-element lists: old, new */
	bool		untrusted;		/* the script is by somebody whose code must
								 * not run here: expressions stay unknown */
	bool		search_path_set;
	List	   *search_path;	/* of char *, when set by the script */
	int			transaction;	/* number of the current transaction */
	uint64		facts_serial;	/* private to facts.c */
} SmigPending;

typedef struct SmigPendingSetting
{
	char	   *name;
	char	   *value;			/* NULL: reset */
	bool		local;
	int			transaction;
} SmigPendingSetting;

typedef struct SmigPendingFunction
{
	char	   *name;			/* without schema */
	char		volatility;		/* as pg_proc.provolatile */
} SmigPendingFunction;

extern SmigPending *smig_pending_create(void);
extern void smig_pending_free(SmigPending *pending);
extern void smig_pending_next_transaction(SmigPending *pending);
extern const char *smig_pending_setting(SmigPending *pending, const char *name);
extern SmigPendingType *smig_pending_type(SmigPending *pending,
										  TypeName *type);

extern char *smig_view_quote(const char *schema, const char *name);
extern SmigRelation *smig_view_find(SmigPending *pending, RangeVar *name);
extern SmigRelation *smig_view_find_or_unknown(SmigPending *pending,
											   RangeVar *name);
extern SmigRelation *smig_view_find_names(SmigPending *pending, List *names);
extern SmigRelation *smig_view_get(SmigPending *pending, Oid oid);
extern bool smig_view_is_loaded(SmigPending *pending, Oid oid);
extern void smig_view_load(SmigPending *pending, SmigRelation *relation);
extern SmigRelation *smig_view_create(SmigPending *pending, RangeVar *name,
									  char kind);
extern char *smig_view_creation_schema(SmigPending *pending, RangeVar *name);
extern SmigColumn *smig_view_column(SmigRelation *relation, const char *name);
extern SmigConstraint *smig_view_constraint(SmigRelation *relation,
											const char *name);
extern SmigRelation *smig_view_index(SmigRelation *relation, const char *name);
extern SmigConstraint *smig_view_primary_key(SmigRelation *relation);
extern SmigRelation *smig_view_target(SmigPending *pending,
									  SmigConstraint *constraint);
extern SmigRelation *smig_view_parent(SmigPending *pending,
									  SmigRelation *relation);
extern List *smig_view_children(SmigPending *pending, SmigRelation *relation);
extern List *smig_view_inheritors(SmigPending *pending, SmigRelation *relation);
extern SmigRelation *smig_view_default_partition(SmigPending *pending,
												 SmigRelation *relation);
extern List *smig_view_referencing(SmigPending *pending,
								   SmigRelation *relation);
extern char *smig_view_new_name(SmigPending *pending, SmigRelation *relation,
								List *columns, const char *suffix);
extern List *smig_view_index_columns(List *elements);
extern List *smig_view_partition_key(SmigPending *pending,
									 SmigRelation *relation);
extern List *smig_view_owned_sequences(SmigPending *pending,
									   SmigRelation *relation,
									   AttrNumber attnum, char deptype);
extern bool smig_view_has_storage(const SmigRelation *relation);
extern void smig_view_remember(SmigPending *pending, SmigRelation *relation);

#endif							/* SMIG_LINT_VIEW_H */
