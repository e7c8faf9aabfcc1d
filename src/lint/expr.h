/*-------------------------------------------------------------------------
 *
 * expr.h
 *	  What PostgreSQL's analyser says about expressions of a statement that
 *	  has not run yet.
 *
 * IDENTIFICATION
 *	  src/lint/expr.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LINT_EXPR_H
#define SMIG_LINT_EXPR_H

#include "lint/view.h"

/* What a column's default is, as far as ADD COLUMN cares. */
typedef enum SmigDefaultKind
{
	SMIG_DEFAULT_NONE,			/* absent, or the constant NULL */
	SMIG_DEFAULT_STABLE,		/* computed once: no rewrite */
	SMIG_DEFAULT_VOLATILE		/* differs from row to row: rewrite */
} SmigDefaultKind;

typedef void (*SmigTryCallback) (void *arg);

extern bool smig_expr_try(SmigPending *pending, SmigTryCallback callback,
						  void *arg);
extern bool smig_expr_type(SmigPending *pending, TypeName *name, Oid *type,
						   int32 *typmod);
extern Oid	smig_expr_collation(SmigPending *pending, ColumnDef *column,
								Oid type);
extern bool smig_expr_constrained_domain(SmigPending *pending, TypeName *name);
extern SmigDefaultKind smig_expr_default(SmigPending *pending,
										 SmigRelation *relation,
										 ColumnDef *column, Node *raw);
extern bool smig_expr_type_rewrites(SmigPending *pending,
									SmigRelation *relation,
									SmigColumn *column, TypeName *type,
									Node *using_raw);
extern Node *smig_expr_check(SmigPending *pending, SmigRelation *relation,
							 Node *raw);
extern bool smig_expr_proves_not_null(SmigPending *pending,
									  SmigRelation *relation,
									  const char *column);
extern bool smig_expr_partition_proved(SmigPending *pending,
									   SmigRelation *parent,
									   SmigRelation *child,
									   PartitionBoundSpec *bound,
									   bool for_default);
extern char *smig_expr_partition_condition(SmigPending *pending,
										   SmigRelation *parent,
										   SmigRelation *child,
										   PartitionBoundSpec *bound,
										   bool for_default);
extern char *smig_expr_setting(SmigPending *pending, VariableSetStmt *stmt);
extern List *smig_expr_parse(SmigPending *pending, const char *text);
extern List *smig_expr_column_names(Node *raw);
extern bool smig_expr_calls_volatile(SmigPending *pending, Node *raw);

#endif							/* SMIG_LINT_EXPR_H */
