/*-------------------------------------------------------------------------
 *
 * delta.h
 *	  From two snapshots to ordered actions, in one direction.
 *
 * delta.c decides the fate of each object; order.c makes actions of the fates
 * and orders them; diff.c runs this once for each direction and pairs the
 * results.  The snapshots are not changed.
 *
 * IDENTIFICATION
 *	  src/diff/delta.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_DELTA_H
#define SMIG_DELTA_H

#include "diff/kind.h"
#include "model/snapshot.h"

typedef enum SmigFate
{
	SMIG_FATE_KEEP,
	SMIG_FATE_CREATE,			/* only in the target */
	SMIG_FATE_ALTER,			/* in place */
	SMIG_FATE_REPLACE,			/* dropped and created */
	SMIG_FATE_DROP				/* only in the source */
} SmigFate;

typedef enum SmigActionType
{
	SMIG_ACTION_DROP,
	SMIG_ACTION_ASIDE,			/* a type is renamed to make room */
	SMIG_ACTION_ALTER,
	SMIG_ACTION_CREATE
} SmigActionType;

/* What happens to one object of either snapshot. */
typedef struct SmigState
{
	SmigObject *other;			/* counterpart in the other snapshot */
	const char *unsupported;	/* a constant: what there is no DDL for */
	int			drop;			/* actions, or -1 */
	int			aside;
	int			alter;
	int			create;
	SmigFate	fate:8;
	bool		renamed:1;		/* the counterpart has another name */
	bool		swap:1;			/* a type that columns keep using */
	bool		retype:1;		/* a column of a swapped type */
	bool		unfold:1;		/* gets a statement of its own */
	bool		folded:1;		/* part of the parent's statement */
	bool		implied:1;		/* done by another object's statement */
	bool		lets_go:1;		/* a change of a domain waits for this column */
	bool		unchecked:1;	/* a function whose body cannot be checked yet */
} SmigState;

typedef struct SmigEdge
{
	int			to;
	bool		soft;
	struct SmigEdge *next;
} SmigEdge;

typedef struct SmigAction
{
	SmigActionType type;
	SmigObject *object;			/* of the target; of the source for drops */
	SmigObject *old;			/* for alter and aside: of the source */
	SmigEdge   *edges;			/* actions that come later */
	int			waits;			/* edges into this one not yet satisfied */
	int			group;			/* strongly connected component */
	int			rank;			/* place where nothing else decides */
} SmigAction;

typedef struct SmigDelta
{
	SmigSnapshot *from;
	SmigSnapshot *to;
	SmigState  *from_states;	/* by SmigObject.index */
	SmigState  *to_states;
	const char *user;			/* who will run it and own what is created */
	bool		backward;		/* ties are broken the other way round */
	bool		online;			/* write the form that keeps tables in use */
	List	   *default_privileges; /* of SmigObject * of the source */
	int			nactions;
	int			maxactions;
	SmigAction *actions;
	int		   *order;			/* actions in execution order */
	const char *refusal;		/* why it cannot be planned, or NULL */
	const char *refusal_detail;
} SmigDelta;

/* delta.c */
extern SmigDelta *smig_delta_make(SmigSnapshot *from, SmigSnapshot *to,
								  bool backward);
extern SmigState *smig_delta_state(SmigDelta *delta, const SmigObject *object);
extern bool smig_delta_inherits_both(SmigDelta *delta, const SmigObject *object);
extern List *smig_delta_heirs(const SmigObject *object);
extern bool smig_delta_is_attached(const SmigObject *object);
extern bool smig_delta_has_attached_twin(const SmigObject *index);
extern bool smig_delta_spares(SmigDelta *delta, const SmigObject *object);
extern void smig_delta_refuse(SmigDelta *delta, const char *detail,
							  const char *reason);

extern void smig_delta_set_fate(SmigDelta *delta, SmigObject *old,
								SmigFate fate);

/* spread.c */
extern bool smig_delta_type_changes(SmigDelta *delta,
									const SmigObject *column);
extern void smig_delta_spread(SmigDelta *delta);

/* contained.c */
extern void smig_contained_mark(SmigDelta *delta);
extern void smig_contained_edges(SmigDelta *delta);

/* edges.c */
extern void smig_delta_add_edge(SmigDelta *delta, int before, int after);
extern void smig_delta_make_edges(SmigDelta *delta);

/* order.c */
extern void smig_delta_order(SmigDelta *delta);

/* left_out.c */
extern void smig_left_out_flag(SmigDelta *delta, const SmigAction *action,
							   SmigCell *cell);
extern bool smig_left_out_partitions(SmigDelta *delta, const SmigObject *table,
									 bool *others);

/* write.c */
extern void smig_delta_write(SmigDelta *delta, const SmigAction *action,
							 SmigCell *cell);

/* kind_table.c, kind_column.c, kind_constraint.c */
extern char *smig_column_definition(SmigDelta *delta, const SmigObject *column);
extern char *smig_column_bare_definition(SmigDelta *delta,
										 const SmigObject *column);
extern void smig_column_after(SmigDelta *delta, const SmigObject *column,
							  SmigCell *cell);
extern void smig_column_inherited(SmigDelta *delta, const SmigObject *column,
								  bool added, SmigCell *cell);
extern char *smig_constraint_definition(const SmigObject *constraint);
extern void smig_constraint_after(SmigDelta *delta, const SmigObject *constraint,
								  SmigCell *cell);
extern void smig_index_properties(const SmigObject *old, const SmigObject *new,
								  const char *id, SmigCell *cell);
extern bool smig_takes_left_out(SmigDelta *delta, const SmigObject *table,
								const char *id, SmigCell *cell);
extern const SmigObject *smig_child_of_kind(const SmigObject *parent,
											const char *kind);

/* not_null.c */
extern char *smig_not_null_clause(const SmigObject *object);
extern char *smig_not_null_element(const SmigObject *column);
extern void smig_not_null_after(const SmigObject *object, SmigCell *cell);
extern void smig_not_null_inherited(const SmigObject *column, bool added,
									SmigCell *cell);
extern void smig_not_null_set(const SmigObject *object, SmigCell *cell);
extern void smig_not_null_drop(SmigDelta *delta, const SmigObject *old,
							   SmigCell *cell);
extern void smig_not_null_alter(SmigDelta *delta, const SmigObject *old,
								const SmigObject *new, SmigCell *cell);
extern void smig_not_null_heirs(SmigDelta *delta, const SmigObject *column,
								SmigCell *cell);
extern bool smig_not_null_named_heirs(SmigDelta *delta,
									  const SmigObject *column);
extern const char *smig_not_null_name(const SmigObject *object);
extern const char *smig_not_null_unsupported(SmigDelta *delta,
											 const SmigObject *old,
											 const SmigObject *new);
extern bool smig_not_null_from_parent(const SmigObject *key);
extern void smig_not_null_align(SmigSnapshot *a, SmigSnapshot *b);

/* cast.c */
extern bool smig_cast_is_array(const char *type);
extern char *smig_cast_expression(SmigDelta *delta, const SmigObject *old,
								  const SmigObject *new);
extern bool smig_cast_rewrites(const char *from, const char *to);
extern bool smig_cast_loses(const char *from, const char *to);

/* online.c */
extern bool smig_online(SmigDelta *delta, const SmigObject *object);
extern void smig_online_create_key(SmigDelta *delta, const SmigObject *key,
								   SmigCell *cell);
extern void smig_online_set_not_null(const SmigObject *column, SmigCell *cell);
extern bool smig_online_add_column(SmigDelta *delta, const SmigObject *column,
								   SmigCell *cell);

static inline bool
smig_delta_is_new(SmigDelta *delta, const SmigObject *object)
{
	SmigState  *state = smig_delta_state(delta, object);

	return state->fate == SMIG_FATE_CREATE ||
		state->fate == SMIG_FATE_REPLACE;
}

#endif							/* SMIG_DELTA_H */
