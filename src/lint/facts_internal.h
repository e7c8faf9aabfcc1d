/*-------------------------------------------------------------------------
 *
 * facts_internal.h
 *	  Between the files that know the facts of each kind of statement.
 *
 * IDENTIFICATION
 *	  src/lint/facts_internal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LINT_FACTS_INTERNAL_H
#define SMIG_LINT_FACTS_INTERNAL_H

#include "catalog/objectaddress.h"

#include "lint/facts.h"

typedef struct SmigFactsContext
{
	SmigPending *pending;
	const char *text;
	SmigFacts  *facts;
} SmigFactsContext;

extern SmigFact *smig_fact_lock(SmigFactsContext *context,
								SmigRelation *relation, LOCKMODE mode);
extern void smig_fact_scan(SmigFactsContext *context, SmigRelation *relation);
extern void smig_fact_rewrite(SmigFactsContext *context,
							  SmigRelation *relation);
extern void smig_fact_rewrite_table(SmigFactsContext *context,
									SmigRelation *relation);
extern void smig_fact_lock_indexes(SmigFactsContext *context,
								   SmigRelation *relation, LOCKMODE mode);

/* facts_alter.c */
extern void smig_facts_alter_table(SmigFactsContext *context,
								   AlterTableStmt *stmt);
extern void smig_facts_foreign_key(SmigFactsContext *context,
								   SmigRelation *relation, RangeVar *target,
								   bool scan);

/* facts_create.c */
extern bool smig_facts_same_names(List *a, List *b);
extern void smig_facts_create_table(SmigFactsContext *context,
									CreateStmt *stmt);
extern void smig_facts_create_index(SmigFactsContext *context,
									IndexStmt *stmt);
extern void smig_facts_create_trigger(SmigFactsContext *context,
									  CreateTrigStmt *stmt);
extern void smig_facts_attach(SmigFactsContext *context, SmigRelation *parent,
							  SmigRelation *child, PartitionBoundSpec *bound);

/* facts_drop.c */
extern void smig_facts_drop(SmigFactsContext *context, DropStmt *stmt);
extern List *smig_facts_drop_closure(SmigFactsContext *context,
									 const ObjectAddress *start, int nstart,
									 bool cascade);
extern List *smig_facts_drop_addresses(SmigPending *pending, DropStmt *stmt);

/* facts_query.c */
extern void smig_facts_query(SmigFactsContext *context, Node *query,
							 bool executes);
extern void smig_facts_expression(SmigFactsContext *context, Node *raw);
extern void smig_facts_view_query(SmigFactsContext *context,
								  SmigRelation *view);
extern void smig_facts_rows_come(SmigFactsContext *context,
								 SmigRelation *relation);

/* facts_misc.c */
extern void smig_facts_rename(SmigFactsContext *context, RenameStmt *stmt);
extern void smig_facts_set_schema(SmigFactsContext *context,
								  AlterObjectSchemaStmt *stmt);
extern void smig_facts_truncate(SmigFactsContext *context, TruncateStmt *stmt);
extern void smig_facts_reindex(SmigFactsContext *context, ReindexStmt *stmt);
extern void smig_facts_cluster(SmigFactsContext *context, ClusterStmt *stmt);
extern void smig_facts_grant(SmigFactsContext *context, Node *stmt);
extern void smig_facts_vacuum(SmigFactsContext *context, VacuumStmt *stmt);
extern void smig_facts_domain(SmigFactsContext *context, AlterDomainStmt *stmt);
extern bool smig_facts_option(List *options, const char *name);

/* facts_type.c */
extern void smig_facts_alter_type(SmigFactsContext *context,
								  AlterTableCmd *cmd, List *targets);

/* effect_alter.c */
extern SmigRelation *smig_effect_add_index(SmigFactsContext *context,
										   SmigRelation *relation,
										   const char *name, List *keys,
										   bool unique, bool from_constraint);
extern SmigColumn *smig_effect_add_column(SmigFactsContext *context,
										  SmigRelation *relation,
										  ColumnDef *definition);
extern void smig_effect_add_constraint(SmigFactsContext *context,
									   SmigRelation *relation,
									   Constraint *definition,
									   const char *column, bool new_column);
extern void smig_effect_add_column_constraints(SmigFactsContext *context,
											   SmigRelation *relation,
											   ColumnDef *definition);
extern void smig_effect_make_partition(SmigFactsContext *context,
									   SmigRelation *parent,
									   SmigRelation *child,
									   PartitionBoundSpec *bound);
extern void smig_effect_drop_relation(SmigRelation *relation);
extern void smig_effect_drop_objects(SmigFactsContext *context,
									 const ObjectAddress *start,
									 bool cascade);
extern void smig_effect_alter_table(SmigFactsContext *context,
									AlterTableStmt *stmt);

/* facts_effect.c */
extern void smig_effect_statement(SmigFactsContext *context, Node *stmt);

#endif							/* SMIG_LINT_FACTS_INTERNAL_H */
