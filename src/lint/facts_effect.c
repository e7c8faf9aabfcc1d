/*-------------------------------------------------------------------------
 *
 * facts_effect.c
 *	  What a statement changes, for the statements after it.
 *
 * Keeps as much of a catalog as facts and rules ask for: relations, columns,
 * constraints, indexes, partitions, types, functions, settings.
 *
 * IDENTIFICATION
 *	  src/lint/facts_effect.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "lint/column.h"
#include "lint/expr.h"
#include "lint/facts_internal.h"

typedef void (*EffectFunction) (SmigFactsContext *context, Node *stmt);

static void
copy_columns(SmigFactsContext *context, SmigRelation *from, SmigRelation *to)
{
	ListCell   *lc;

	if (from == NULL)
		return;
	foreach(lc, from->columns)
	{
		SmigColumn *column = palloc(sizeof(SmigColumn));

		*column = *(SmigColumn *) lfirst(lc);
		if (smig_view_column(to, column->name))
			continue;
		column->attnum = to->next_attnum++;
		column->added = true;
		to->columns = lappend(to->columns, column);
	}
}

static void
effect_create_table(SmigFactsContext *context, Node *node)
{
	CreateStmt *stmt = (CreateStmt *) node;
	SmigRelation *relation;
	ListCell   *lc;

	if (stmt->if_not_exists &&
		smig_view_find(context->pending, stmt->relation) != NULL)
		return;
	relation = smig_view_create(context->pending, stmt->relation,
								stmt->partspec ? RELKIND_PARTITIONED_TABLE :
								IsA(node, CreateForeignTableStmt) ?
								RELKIND_FOREIGN_TABLE : RELKIND_RELATION);
	foreach(lc, stmt->inhRelations)
	{
		SmigRelation *parent = smig_view_find(context->pending, lfirst(lc));

		if (parent == NULL)
			continue;
		copy_columns(context, parent, relation);
		if (stmt->partbound)
			smig_effect_make_partition(context, parent, relation, stmt->partbound);
		else
		{
			(void) smig_view_children(context->pending, parent);
			parent->children = lappend(parent->children, relation);
		}
	}
	foreach(lc, stmt->tableElts)
	{
		Node	   *element = lfirst(lc);

		if (IsA(element, ColumnDef) && ((ColumnDef *) element)->typeName)
			(void) smig_effect_add_column(context, relation, (ColumnDef *) element);
		else if (IsA(element, TableLikeClause))
			copy_columns(context,
						 smig_view_find(context->pending,
										((TableLikeClause *) element)->relation),
						 relation);
	}
	foreach(lc, stmt->tableElts)
	{
		Node	   *element = lfirst(lc);

		if (IsA(element, ColumnDef))
			smig_effect_add_column_constraints(context, relation, (ColumnDef *) element);
		else if (IsA(element, Constraint))
			smig_effect_add_constraint(context, relation, (Constraint *) element, NULL,
									   true);
	}
}

static void
effect_create_as(SmigFactsContext *context, Node *node)
{
	CreateTableAsStmt *stmt = (CreateTableAsStmt *) node;

	if (smig_view_find(context->pending, stmt->into->rel) == NULL ||
		!stmt->if_not_exists)
		smig_view_create(context->pending, stmt->into->rel,
						 stmt->objtype == OBJECT_MATVIEW ? RELKIND_MATVIEW :
						 RELKIND_RELATION)->filled = true;
}

static void
effect_select(SmigFactsContext *context, Node *node)
{
	SelectStmt *stmt = (SelectStmt *) node;

	if (stmt->intoClause)
		smig_view_create(context->pending, stmt->intoClause->rel,
						 RELKIND_RELATION)->filled = true;
}

/*
 * Rows go into a relation: what the script makes is not empty any more.
 */
static void
fill_relation(SmigFactsContext *context, RangeVar *name)
{
	SmigRelation *relation = smig_view_find(context->pending, name);

	if (relation)
		relation->filled = true;
}

static void
effect_insert(SmigFactsContext *context, Node *node)
{
	fill_relation(context, ((InsertStmt *) node)->relation);
}

static void
effect_copy(SmigFactsContext *context, Node *node)
{
	if (((CopyStmt *) node)->is_from)
		fill_relation(context, ((CopyStmt *) node)->relation);
}

static void
effect_view(SmigFactsContext *context, Node *node)
{
	ViewStmt   *stmt = (ViewStmt *) node;

	if (smig_view_find(context->pending, stmt->view) == NULL)
		(void) smig_view_create(context->pending, stmt->view, RELKIND_VIEW);
}

static void
effect_create_sequence(SmigFactsContext *context, Node *node)
{
	CreateSeqStmt *stmt = (CreateSeqStmt *) node;

	if (smig_view_find(context->pending, stmt->sequence) == NULL)
		(void) smig_view_create(context->pending, stmt->sequence,
								RELKIND_SEQUENCE);
}

static void
effect_create_index(SmigFactsContext *context, Node *node)
{
	IndexStmt  *stmt = (IndexStmt *) node;
	SmigRelation *relation = smig_view_find_or_unknown(context->pending,
													   stmt->relation);
	SmigRelation *index;
	List	   *keys = NIL;
	const char *name = stmt->idxname;
	ListCell   *lc;

	foreach(lc, stmt->indexParams)
	{
		IndexElem  *element = lfirst(lc);

		keys = lappend(keys, element->name ? pstrdup(element->name) : NULL);
	}
	if (name == NULL)
		name = smig_view_new_name(context->pending, relation,
								  smig_view_index_columns(stmt->indexParams),
								  "idx");
	if (smig_view_index(relation, name))
		return;
	index = smig_effect_add_index(context, relation, name, keys, stmt->unique, false);
	index->partial = stmt->whereClause != NULL;
	index->am = get_am_oid(stmt->accessMethod ? stmt->accessMethod : "btree",
						   true);
}

static void
effect_drop(SmigFactsContext *context, Node *node)
{
	DropStmt   *stmt = (DropStmt *) node;
	ListCell   *lc;

	foreach(lc, smig_facts_drop_addresses(context->pending, stmt))
		smig_effect_drop_objects(context, lfirst(lc), stmt->behavior == DROP_CASCADE);
	switch (stmt->removeType)
	{
		case OBJECT_TABLE:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_FOREIGN_TABLE:
			foreach(lc, stmt->objects)
			{
				SmigRelation *relation =
					smig_view_find_names(context->pending, lfirst(lc));

				if (relation && !OidIsValid(relation->oid))
					smig_effect_drop_relation(relation);
			}
			break;
		default:
			break;
	}
}

static void
effect_rename(SmigFactsContext *context, Node *node)
{
	RenameStmt *stmt = (RenameStmt *) node;
	SmigRelation *relation = stmt->relation ?
		smig_view_find(context->pending, stmt->relation) : NULL;
	ListCell   *lc;

	switch (stmt->renameType)
	{
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_INDEX:
		case OBJECT_FOREIGN_TABLE:
			if (relation == NULL)
				break;
			if (relation->heap)
			{
				foreach(lc, relation->heap->constraints)
				{
					SmigConstraint *constraint = lfirst(lc);

					if (constraint->index_name &&
						strcmp(constraint->index_name, relation->name) == 0)
					{
						constraint->name = pstrdup(stmt->newname);
						constraint->index_name = constraint->name;
					}
				}
			}
			relation->name = pstrdup(stmt->newname);
			smig_view_remember(context->pending, relation);
			break;
		case OBJECT_COLUMN:
			if (relation == NULL)
				break;
			foreach(lc, smig_view_inheritors(context->pending, relation))
			{
				SmigRelation *heir = lfirst(lc);
				SmigColumn *column = smig_view_column(heir, stmt->subname);
				ListCell   *lc2;

				if (column)
					column->name = pstrdup(stmt->newname);
				foreach(lc2, heir->indexes)
				{
					SmigRelation *index = lfirst(lc2);
					ListCell   *lc3;

					foreach(lc3, index->keys)
					{
						if (lfirst(lc3) &&
							strcmp(lfirst(lc3), stmt->subname) == 0)
							lfirst(lc3) = pstrdup(stmt->newname);
					}
				}
				foreach(lc2, heir->constraints)
				{
					SmigConstraint *constraint = lfirst(lc2);
					ListCell   *lc3;

					foreach(lc3, constraint->columns)
					{
						if (lfirst(lc3) &&
							strcmp(lfirst(lc3), stmt->subname) == 0)
							lfirst(lc3) = pstrdup(stmt->newname);
					}
				}
			}
			break;
		case OBJECT_TABCONSTRAINT:
			if (relation)
			{
				SmigConstraint *constraint =
					smig_view_constraint(relation, stmt->subname);

				if (constraint == NULL)
					break;
				constraint->name = pstrdup(stmt->newname);
				if (constraint->index_name)
				{
					SmigRelation *index =
						smig_view_index(relation, constraint->index_name);

					if (index)
					{
						index->name = constraint->name;
						smig_view_remember(context->pending, index);
					}
					constraint->index_name = constraint->name;
				}
			}
			break;
		case OBJECT_SCHEMA:
			context->pending->schema_renames =
				lappend(context->pending->schema_renames,
						list_make2(pstrdup(stmt->subname),
								   pstrdup(stmt->newname)));
			break;
		default:
			break;
	}
}

static void
effect_set_schema(SmigFactsContext *context, Node *node)
{
	AlterObjectSchemaStmt *stmt = (AlterObjectSchemaStmt *) node;
	SmigRelation *relation = stmt->relation ?
		smig_view_find(context->pending, stmt->relation) : NULL;
	ListCell   *lc;

	if (relation == NULL)
		return;
	relation->schema = pstrdup(stmt->newschema);
	smig_view_remember(context->pending, relation);
	foreach(lc, relation->indexes)
	{
		((SmigRelation *) lfirst(lc))->schema = relation->schema;
		smig_view_remember(context->pending, lfirst(lc));
	}
}

static void
effect_set(SmigFactsContext *context, Node *node)
{
	VariableSetStmt *stmt = (VariableSetStmt *) node;
	SmigPending *pending = context->pending;
	SmigPendingSetting *setting;

	if (stmt->kind != VAR_SET_VALUE && stmt->kind != VAR_SET_DEFAULT &&
		stmt->kind != VAR_RESET)
		return;
	setting = palloc0(sizeof(SmigPendingSetting));
	setting->name = pstrdup(stmt->name);
	setting->local = stmt->is_local;
	setting->transaction = pending->transaction;
	if (stmt->kind == VAR_SET_VALUE)
		setting->value = smig_expr_setting(pending, stmt);
	pending->settings = lappend(pending->settings, setting);
	if (pg_strcasecmp(stmt->name, "search_path") == 0)
	{
		ListCell   *lc;

		pending->search_path_set = stmt->kind == VAR_SET_VALUE;
		pending->search_path = NIL;
		foreach(lc, stmt->args)
		{
			Node	   *arg = lfirst(lc);

			if (IsA(arg, A_Const) && IsA(&((A_Const *) arg)->val, String))
				pending->search_path =
					lappend(pending->search_path,
							pstrdup(((A_Const *) arg)->val.sval.sval));
		}
	}
}

static SmigPendingType *
add_type(SmigFactsContext *context, List *names, char kind)
{
	SmigPendingType *type = palloc0(sizeof(SmigPendingType));

	type->name = pstrdup(strVal(llast(names)));
	type->kind = kind;
	type->transaction = context->pending->transaction;
	context->pending->types = lappend(context->pending->types, type);
	return type;
}

static void
effect_create_domain(SmigFactsContext *context, Node *node)
{
	CreateDomainStmt *stmt = (CreateDomainStmt *) node;
	SmigPendingType *type = add_type(context, stmt->domainname,
									 TYPTYPE_DOMAIN);
	ListCell   *lc;

	foreach(lc, stmt->constraints)
	{
		Constraint *constraint = lfirst(lc);

		if (constraint->contype == CONSTR_CHECK ||
			constraint->contype == CONSTR_NOTNULL)
			type->constrained = true;
	}
}

static void
effect_alter_domain(SmigFactsContext *context, Node *node)
{
	AlterDomainStmt *stmt = (AlterDomainStmt *) node;
	SmigPendingType *type;

	if (stmt->subtype != 'C' && stmt->subtype != 'O')
		return;
	type = smig_pending_type(context->pending,
							 makeTypeNameFromNameList(stmt->typeName));
	if (type == NULL)
		type = add_type(context, stmt->typeName, '\0');
	type->constrained = true;
}

static void
effect_create_enum(SmigFactsContext *context, Node *node)
{
	(void) add_type(context, ((CreateEnumStmt *) node)->typeName,
					TYPTYPE_ENUM);
}

static void
effect_composite(SmigFactsContext *context, Node *node)
{
	CompositeTypeStmt *stmt = (CompositeTypeStmt *) node;

	(void) add_type(context, list_make1(makeString(stmt->typevar->relname)),
					TYPTYPE_COMPOSITE);
}

static void
effect_alter_enum(SmigFactsContext *context, Node *node)
{
	AlterEnumStmt *stmt = (AlterEnumStmt *) node;
	SmigPendingType *type;

	if (stmt->oldVal != NULL || stmt->newVal == NULL)
		return;
	type = smig_pending_type(context->pending,
							 makeTypeNameFromNameList(stmt->typeName));
	if (type == NULL)
		type = add_type(context, stmt->typeName, '\0');
	if (type->transaction != context->pending->transaction)
		type->new_values = NIL;
	type->transaction = context->pending->transaction;
	type->new_values = lappend(type->new_values, pstrdup(stmt->newVal));
}

static void
effect_function(SmigFactsContext *context, Node *node)
{
	CreateFunctionStmt *stmt = (CreateFunctionStmt *) node;
	SmigPendingFunction *function = palloc0(sizeof(SmigPendingFunction));
	ListCell   *lc;

	function->name = pstrdup(strVal(llast(stmt->funcname)));
	function->volatility = PROVOLATILE_VOLATILE;
	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "volatility") == 0)
			function->volatility = strVal(option->arg)[0];
	}
	context->pending->functions = lcons(function,
										context->pending->functions);
}

static void
effect_schema(SmigFactsContext *context, Node *node)
{
	CreateSchemaStmt *stmt = (CreateSchemaStmt *) node;
	ListCell   *lc;

	if (stmt->schemaname)
		context->pending->schemas = lappend(context->pending->schemas,
											pstrdup(stmt->schemaname));
	foreach(lc, stmt->schemaElts)
	{
		Node	   *element = copyObject(lfirst(lc));

		if (IsA(element, CreateStmt) && stmt->schemaname &&
			((CreateStmt *) element)->relation->schemaname == NULL)
			((CreateStmt *) element)->relation->schemaname = stmt->schemaname;
		smig_effect_statement(context, element);
	}
}

static void
effect_alter_table(SmigFactsContext *context, Node *stmt)
{
	smig_effect_alter_table(context, (AlterTableStmt *) stmt);
}

static const struct
{
	NodeTag		tag;
	EffectFunction effect;
}			effects[] =
{
	{T_CreateStmt, effect_create_table},
	{T_CreateForeignTableStmt, effect_create_table},
	{T_CreateTableAsStmt, effect_create_as},
	{T_SelectStmt, effect_select},
	{T_InsertStmt, effect_insert},
	{T_CopyStmt, effect_copy},
	{T_ViewStmt, effect_view},
	{T_CreateSeqStmt, effect_create_sequence},
	{T_IndexStmt, effect_create_index},
	{T_DropStmt, effect_drop},
	{T_AlterTableStmt, effect_alter_table},
	{T_RenameStmt, effect_rename},
	{T_AlterObjectSchemaStmt, effect_set_schema},
	{T_VariableSetStmt, effect_set},
	{T_CreateDomainStmt, effect_create_domain},
	{T_AlterDomainStmt, effect_alter_domain},
	{T_CreateEnumStmt, effect_create_enum},
	{T_CompositeTypeStmt, effect_composite},
	{T_AlterEnumStmt, effect_alter_enum},
	{T_CreateFunctionStmt, effect_function},
	{T_CreateSchemaStmt, effect_schema},
};

/*
 * Changes context->pending to what it will be after "stmt".  Runs in the
 * pending state's memory context.
 */
void
smig_effect_statement(SmigFactsContext *context, Node *stmt)
{
	for (int i = 0; i < lengthof(effects); i++)
	{
		if (effects[i].tag == nodeTag(stmt))
		{
			effects[i].effect(context, stmt);
			return;
		}
	}
}
