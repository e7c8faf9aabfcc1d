/*-------------------------------------------------------------------------
 *
 * effect_alter.c
 *	  What ALTER TABLE, and making and dropping parts of tables, changes.
 *
 * IDENTIFICATION
 *	  src/lint/effect_alter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"

#include "compat.h"
#include "lint/column.h"
#include "lint/expr.h"
#include "lint/facts_internal.h"

static List *
string_names(List *strings)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, strings)
		names = lappend(names, pstrdup(strVal(lfirst(lc))));
	return names;
}

/*
 * Adds an index to a table.
 */
SmigRelation *
smig_effect_add_index(SmigFactsContext *context, SmigRelation *relation, const char *name,
					  List *keys, bool unique, bool from_constraint)
{
	RangeVar   *range = makeRangeVar(relation->schema, pstrdup(name), -1);
	SmigRelation *index = smig_view_create(context->pending, range,
										   relation->kind == RELKIND_PARTITIONED_TABLE ?
										   RELKIND_PARTITIONED_INDEX :
										   RELKIND_INDEX);

	index->heap = relation;
	index->keys = keys;
	index->nkeys = list_length(keys);
	index->unique = unique;
	index->from_constraint = from_constraint;
	index->am = get_am_oid("btree", true);
	relation->indexes = lappend(relation->indexes, index);
	return index;
}

/*
 * Adds a column to a table.
 */
SmigColumn *
smig_effect_add_column(SmigFactsContext *context, SmigRelation *relation,
					   ColumnDef *definition)
{
	SmigColumn *column = palloc0(sizeof(SmigColumn));
	SmigNewColumn new;

	smig_column_analyse(context->pending, relation, definition, &new);
	column->name = pstrdup(definition->colname);
	column->attnum = relation->next_attnum++;
	smig_expr_type(context->pending, definition->typeName, &column->type,
				   &column->typmod);
	column->collation = smig_expr_collation(context->pending, definition,
											column->type);
	column->notnull = new.notnull;
	column->hasdefault = new.default_raw != NULL || new.serial ||
		new.generated_raw != NULL;
	column->identity = new.identity;
	column->generated = new.stored ? 's' : new.virtual ? 'v' : '\0';
	column->added = true;
	relation->columns = lappend(relation->columns, column);
	return column;
}

/*
 * Columns of a constraint become NOT NULL.
 */
static void
set_not_null(SmigRelation *relation, List *columns)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		SmigColumn *column = smig_view_column(relation, lfirst(lc));

		if (column)
			column->notnull = true;
	}
}

/*
 * PRIMARY KEY, UNIQUE and EXCLUDE: takes an index over or brings one.
 */
static void
add_index_constraint(SmigFactsContext *context, SmigConstraint *constraint,
					 Constraint *definition, const char *column)
{
	SmigRelation *relation = constraint->relation;
	bool		primary = definition->contype == CONSTR_PRIMARY;
	bool		exclusion = definition->contype == CONSTR_EXCLUSION;
	SmigRelation *index = definition->indexname ?
		smig_view_index(relation, definition->indexname) : NULL;

	constraint->type = primary ? CONSTRAINT_PRIMARY :
		exclusion ? CONSTRAINT_EXCLUSION : CONSTRAINT_UNIQUE;
	constraint->columns = column ? list_make1(pstrdup(column)) :
		string_names(definition->keys);
	if (index)
	{
		constraint->columns = index->keys;
		constraint->index = index->oid;
		if (constraint->name)
			index->name = constraint->name;
		else
			constraint->name = index->name;
		smig_view_remember(context->pending, index);
		index->from_constraint = true;
	}
	if (constraint->name == NULL)
		constraint->name =
			smig_view_new_name(context->pending, relation,
							   primary ? NIL : constraint->columns,
							   primary ? "pkey" : exclusion ? "excl" : "key");
	if (index == NULL)
		index = smig_effect_add_index(context, relation, constraint->name,
									  constraint->columns, !exclusion, true);
	index->primary = primary;
	constraint->index_name = index->name;
	if (primary)
		set_not_null(relation, constraint->columns);
}

static void
add_foreign_key(SmigFactsContext *context, SmigConstraint *constraint,
				Constraint *definition, const char *column, bool new_column)
{
	SmigRelation *target = smig_view_find(context->pending,
										  definition->pktable);

	constraint->type = CONSTRAINT_FOREIGN;
	constraint->columns = column ? list_make1(pstrdup(column)) :
		string_names(definition->fk_attrs);
	constraint->target_columns = string_names(definition->pk_attrs);
	constraint->target = target;
	constraint->on_delete = definition->fk_del_action;
	constraint->on_update = definition->fk_upd_action;
	if (target)
	{
		SmigConstraint *key = smig_view_primary_key(target);

		constraint->referenced = target->oid;
		if (constraint->target_columns == NIL && key)
			constraint->target_columns = key->columns;
	}
	context->pending->keyed =
		list_append_unique_ptr(context->pending->keyed, constraint->relation);
	if (new_column)
		constraint->valid = true;
	if (constraint->name == NULL)
		constraint->name = smig_view_new_name(context->pending,
											  constraint->relation,
											  constraint->columns, "fkey");
}

/*
 * Adds a constraint; "column" is the one it was written at, or NULL.
 * new_column: its rows are new, or have it NULL, so it is valid at once.
 */
void
smig_effect_add_constraint(SmigFactsContext *context, SmigRelation *relation,
						   Constraint *definition, const char *column,
						   bool new_column)
{
	SmigConstraint *constraint = palloc0(sizeof(SmigConstraint));
	List	   *named;

	constraint->relation = relation;
	constraint->added = true;
	constraint->transaction = context->pending->transaction;
	constraint->valid = !definition->skip_validation;
	constraint->name = definition->conname ? pstrdup(definition->conname) :
		NULL;
	switch (definition->contype)
	{
		case CONSTR_CHECK:
			constraint->type = CONSTRAINT_CHECK;
			constraint->columns = smig_expr_column_names(definition->raw_expr);
			constraint->check = smig_expr_check(context->pending, relation,
												definition->raw_expr);
			named = list_length(constraint->columns) == 1 ?
				constraint->columns : NIL;
			if (constraint->name == NULL)
				constraint->name = smig_view_new_name(context->pending,
													  relation, named,
													  "check");
			break;
		case CONSTR_NOTNULL:
			constraint->type = 'n';
			constraint->columns = string_names(definition->keys);
			if (constraint->valid)
				set_not_null(relation, constraint->columns);
			if (constraint->name == NULL)
				constraint->name = smig_view_new_name(context->pending,
													  relation,
													  constraint->columns,
													  "not_null");
			break;
		case CONSTR_PRIMARY:
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
			add_index_constraint(context, constraint, definition, column);
			break;
		case CONSTR_FOREIGN:
			add_foreign_key(context, constraint, definition, column,
							new_column);
			break;
		default:
			return;
	}
	relation->constraints = lappend(relation->constraints, constraint);
}

/*
 * Adds the constraints that a column definition brings.
 */
void
smig_effect_add_column_constraints(SmigFactsContext *context, SmigRelation *relation,
								   ColumnDef *definition)
{
	ListCell   *lc;

	foreach(lc, definition->constraints)
	{
		Constraint *constraint = lfirst(lc);

		if (constraint->contype != CONSTR_NOTNULL)
			smig_effect_add_constraint(context, relation, constraint, definition->colname,
									   true);
	}
}

/*
 * Makes a table a partition of another.
 */
void
smig_effect_make_partition(SmigFactsContext *context, SmigRelation *parent,
						   SmigRelation *child, PartitionBoundSpec *bound)
{
	(void) smig_view_children(context->pending, parent);
	parent->children = lappend(parent->children, child);
	child->parent = parent;
	child->parent_known = true;
	if (bound && bound->is_default)
		parent->new_default = child;
}

/*
 * Takes a relation out of the pending state.
 */
void
smig_effect_drop_relation(SmigRelation *relation)
{
	ListCell   *lc;

	relation->dropped = true;
	foreach(lc, relation->indexes)
		((SmigRelation *) lfirst(lc))->dropped = true;
	if (relation->heap)
		relation->heap->indexes = list_delete_ptr(relation->heap->indexes,
												  relation);
}

static void
drop_column(SmigRelation *relation, SmigColumn *column)
{
	ListCell   *lc;

	relation->columns = list_delete_ptr(relation->columns, column);
	foreach(lc, relation->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);

		if (smig_column_listed(constraint->columns, column->name))
			relation->constraints =
				foreach_delete_current(relation->constraints, lc);
	}
	foreach(lc, relation->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (smig_column_listed(index->keys, column->name))
			index->dropped = true;
	}
}

static void
drop_constraint(SmigPending *pending, SmigConstraint *constraint)
{
	SmigRelation *relation = constraint->relation;

	relation->constraints = list_delete_ptr(relation->constraints, constraint);
	if (constraint->index_name && constraint->type != CONSTRAINT_FOREIGN)
	{
		SmigRelation *index = smig_view_index(relation,
											  constraint->index_name);

		if (index)
			smig_effect_drop_relation(index);
	}
}

/*
 * Takes out of the pending state what a drop will have removed.
 */
void
smig_effect_drop_objects(SmigFactsContext *context, const ObjectAddress *start,
						 bool cascade)
{
	List	   *gone = smig_facts_drop_closure(context, start, 1, cascade);
	ListCell   *lc;

	foreach(lc, gone)
	{
		ObjectAddress *object = lfirst(lc);

		if (object->classId == RelationRelationId)
		{
			SmigRelation *relation = smig_view_get(context->pending,
												   object->objectId);
			ListCell   *lc2;

			if (relation == NULL)
				continue;
			if (object->objectSubId == 0)
			{
				smig_effect_drop_relation(relation);
				continue;
			}
			foreach(lc2, relation->columns)
			{
				SmigColumn *column = lfirst(lc2);

				if (column->attnum == object->objectSubId && !column->added)
				{
					drop_column(relation, column);
					break;
				}
			}
		}
		else if (object->classId == ConstraintRelationId)
		{
			ListCell   *lc2;

			foreach(lc2, context->pending->relations)
			{
				SmigRelation *relation = lfirst(lc2);
				ListCell   *lc3;

				foreach(lc3, relation->constraints)
				{
					SmigConstraint *constraint = lfirst(lc3);

					if (constraint->oid == object->objectId)
					{
						drop_constraint(context->pending, constraint);
						break;
					}
				}
			}
		}
	}
}

static void
alter_column_type(SmigFactsContext *context, SmigRelation *relation,
				  AlterTableCmd *cmd)
{
	SmigColumn *column = smig_view_column(relation, cmd->name);
	ColumnDef  *definition = castNode(ColumnDef, cmd->def);

	if (column == NULL)
		return;
	smig_expr_type(context->pending, definition->typeName, &column->type,
				   &column->typmod);
	column->collation = smig_expr_collation(context->pending, definition,
											column->type);
}

/*
 * Subcommands whose effect is on one relation, called for each heir.
 */
static void
alter_one(SmigFactsContext *context, SmigRelation *relation,
		  AlterTableCmd *cmd, bool self)
{
	SmigColumn *column = smig_view_column(relation, cmd->name);
	SmigConstraint *constraint;

	switch (cmd->subtype)
	{
		case AT_AddColumn:
			{
				ColumnDef  *definition = castNode(ColumnDef, cmd->def);

				if (smig_view_column(relation, definition->colname))
					break;
				(void) smig_effect_add_column(context, relation, definition);
				if (self)
					smig_effect_add_column_constraints(context, relation, definition);
				break;
			}
		case AT_DropColumn:
			if (column && (!OidIsValid(relation->oid) || column->added))
				drop_column(relation, column);
			else if (column)
			{
				ObjectAddress address;

				ObjectAddressSubSet(address, RelationRelationId, relation->oid,
									column->attnum);
				smig_effect_drop_objects(context, &address,
										 cmd->behavior == DROP_CASCADE);
			}
			break;
		case AT_SetNotNull:
			if (column)
				column->notnull = true;
			break;
		case AT_DropNotNull:
			if (column)
				column->notnull = false;
			break;
		case AT_ColumnDefault:
			if (column)
				column->hasdefault = cmd->def != NULL;
			break;
		case AT_AddIdentity:
			if (column)
				column->identity = 'd';
			break;
		case AT_DropIdentity:
			if (column)
				column->identity = '\0';
			break;
		case AT_DropExpression:
			if (column)
				column->generated = '\0';
			break;
		case AT_AlterColumnType:
			alter_column_type(context, relation, cmd);
			break;
		case AT_AddConstraint:
			{
				Constraint *definition = castNode(Constraint, cmd->def);

				if (self || definition->contype == CONSTR_CHECK ||
					definition->contype == CONSTR_NOTNULL)
					smig_effect_add_constraint(context, relation, definition,
											   NULL, false);
				break;
			}
		case AT_ValidateConstraint:
			constraint = smig_view_constraint(relation, cmd->name);
			if (constraint == NULL)
			{
				relation->validated = relation->unknown;
				break;
			}
			constraint->valid = true;
			if (constraint->type == 'n' && constraint->columns != NIL &&
				(column = smig_view_column(relation,
										   linitial(constraint->columns))))
				column->notnull = true;
			break;
		case AT_DropConstraint:
			constraint = smig_view_constraint(relation, cmd->name);
			if (constraint == NULL)
				break;
			if (OidIsValid(constraint->oid))
			{
				ObjectAddress address;

				ObjectAddressSet(address, ConstraintRelationId,
								 constraint->oid);
				smig_effect_drop_objects(context, &address,
										 cmd->behavior == DROP_CASCADE);
			}
			else
				drop_constraint(context->pending, constraint);
			break;
		default:
			break;
	}
}

static void
alter_self(SmigFactsContext *context, SmigRelation *relation,
		   AlterTableCmd *cmd)
{
	SmigPending *pending = context->pending;
	ListCell   *lc;

	switch (cmd->subtype)
	{
		case AT_AttachPartition:
			{
				PartitionCmd *partition = castNode(PartitionCmd, cmd->def);
				SmigRelation *child = smig_view_find(pending, partition->name);

				if (child)
					smig_effect_make_partition(context, relation, child,
											   partition->bound);
				break;
			}
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			{
				PartitionCmd *partition = castNode(PartitionCmd, cmd->def);
				SmigRelation *child = smig_view_find(pending, partition->name);

				if (child == NULL)
					break;
				(void) smig_view_children(pending, relation);
				relation->children = list_delete_ptr(relation->children,
													 child);
				child->parent = NULL;
				child->parent_known = true;
				foreach(lc, child->constraints)
				{
					SmigConstraint *constraint = lfirst(lc);

					if (constraint->inherited)
						constraint->added = true;
					constraint->inherited = false;
				}
				foreach(lc, child->indexes)
				{
					((SmigRelation *) lfirst(lc))->parent = NULL;
					((SmigRelation *) lfirst(lc))->parent_known = true;
				}
				break;
			}
		case AT_AddInherit:
			{
				SmigRelation *parent = smig_view_find(pending,
													  (RangeVar *) cmd->def);

				if (parent == NULL)
					break;
				(void) smig_view_children(pending, parent);
				parent->children = lappend(parent->children, relation);
				break;
			}
		case AT_DropInherit:
			{
				SmigRelation *parent = smig_view_find(pending,
													  (RangeVar *) cmd->def);

				if (parent == NULL)
					break;
				(void) smig_view_children(pending, parent);
				parent->children = list_delete_ptr(parent->children, relation);
				break;
			}
		case AT_SetLogged:
			relation->persistence = RELPERSISTENCE_PERMANENT;
			break;
		case AT_SetUnLogged:
			relation->persistence = RELPERSISTENCE_UNLOGGED;
			break;
		default:
			break;
	}
}

/*
 * Effects of ALTER TABLE and its relatives.
 */
void
smig_effect_alter_table(SmigFactsContext *context, AlterTableStmt *stmt)
{
	SmigRelation *relation = smig_view_find(context->pending, stmt->relation);
	List	   *targets;
	ListCell   *lc;

	if (relation == NULL)
		return;
	targets = stmt->relation->inh && relation->kind != RELKIND_VIEW &&
		relation->heap == NULL ?
		smig_view_inheritors(context->pending, relation) :
		list_make1(relation);
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst(lc);
		ListCell   *lc2;

		alter_self(context, relation, cmd);
		foreach(lc2, targets)
			alter_one(context, lfirst(lc2), cmd, lfirst(lc2) == relation);
	}
}
