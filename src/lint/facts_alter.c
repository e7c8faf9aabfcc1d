/*-------------------------------------------------------------------------
 *
 * facts_alter.c
 *	  Facts of ALTER TABLE and its relatives (INDEX, VIEW, SEQUENCE, TYPE).
 *
 * The lock of the statement itself is what the server's own
 * AlterTableGetLockLevel says; one descriptor per subcommand says who else is
 * locked, rewritten and scanned.
 *
 * IDENTIFICATION
 *	  src/lint/facts_alter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "lint/column.h"
#include "lint/expr.h"
#include "lint/facts_internal.h"

/* How far a subcommand goes down the inheritance tree. */
typedef enum AlterReach
{
	REACH_SELF,
	REACH_PARTITIONS,			/* of partitioned tables only */
	REACH_HEIRS					/* partitions and children */
} AlterReach;

typedef struct AlterState
{
	SmigFactsContext *context;
	AlterTableStmt *stmt;
	SmigRelation *relation;
	LOCKMODE	mode;
	bool		has_default;	/* some ADD COLUMN has one */
} AlterState;

typedef struct AlterRule
{
	AlterTableType subtype;
	AlterReach	reach;
	void		(*facts) (AlterState *state, AlterTableCmd *cmd,
						  List *targets);
} AlterRule;

/*
 * Facts of a new foreign key on "relation": both sides are locked against
 * writes, partitions of either included; "scan" when rows are checked.
 */
void
smig_facts_foreign_key(SmigFactsContext *context, SmigRelation *relation,
					   RangeVar *target_name, bool scan)
{
	SmigRelation *target = smig_view_find(context->pending, target_name);
	ListCell   *lc;

	if (target == NULL)
		return;
	if (relation && relation->created && !relation->filled)
		scan = false;			/* no rows to look for */
	foreach(lc, smig_view_inheritors(context->pending, target))
	{
		SmigRelation *member = lfirst(lc);

		if (member != target && target->kind != RELKIND_PARTITIONED_TABLE)
			continue;
		smig_fact_lock(context, member, ShareRowExclusiveLock);
		if (scan)
			smig_fact_scan(context, member);
	}
	if (relation == NULL || !scan)
		return;
	foreach(lc, smig_view_inheritors(context->pending, relation))
	{
		if (lfirst(lc) == relation ||
			relation->kind == RELKIND_PARTITIONED_TABLE)
			smig_fact_scan(context, lfirst(lc));
	}
}

static void
scan_all(AlterState *state, List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
		smig_fact_scan(state->context, lfirst(lc));
}

static void
rewrite_all(AlterState *state, List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
		smig_fact_rewrite_table(state->context, lfirst(lc));
}

static void
facts_add_column(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	SmigFactsContext *context = state->context;
	ColumnDef  *definition = castNode(ColumnDef, cmd->def);
	SmigNewColumn column;
	ListCell   *lc;

	if (cmd->missing_ok && smig_view_column(state->relation,
											definition->colname))
		return;
	smig_column_analyse(context->pending, state->relation, definition,
						&column);
	if (column.default_raw)
		smig_facts_expression(context, column.default_raw);
	if (column.rewrites)
		rewrite_all(state, targets);
	else if (column.check || (column.notnull && !column.constant))
		scan_all(state, targets);
	if (column.unique)
	{
		foreach(lc, targets)
		{
			if (lfirst(lc) == state->relation ||
				state->relation->kind == RELKIND_PARTITIONED_TABLE)
				smig_fact_scan(context, lfirst(lc));
		}
	}
	foreach(lc, column.foreign_keys)
	{
		Constraint *key = lfirst(lc);

		smig_facts_foreign_key(context, state->relation, key->pktable,
							   state->has_default);
	}
}

static void
facts_column_default(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	if (cmd->def)
		smig_facts_expression(state->context, cmd->def);
}

static void
facts_drop_column(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		SmigRelation *target = lfirst(lc);
		SmigColumn *column = smig_view_column(target, cmd->name);
		ListCell   *lc2;

		if (column == NULL)
			continue;
		if (OidIsValid(target->oid) && !column->added)
		{
			ObjectAddress address;

			ObjectAddressSubSet(address, RelationRelationId, target->oid,
								column->attnum);
			smig_facts_drop_closure(state->context, &address, 1,
									cmd->behavior == DROP_CASCADE);
		}
		foreach(lc2, target->constraints)
		{
			SmigConstraint *constraint = lfirst(lc2);

			if (constraint->added && constraint->type == CONSTRAINT_FOREIGN &&
				list_length(constraint->columns) > 0 &&
				strcmp(linitial(constraint->columns), cmd->name) == 0)
				smig_fact_lock(state->context,
							   smig_view_target(state->context->pending,
												constraint),
							   AccessExclusiveLock);
		}
	}
}

static void
facts_set_not_null(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		if (!smig_expr_proves_not_null(state->context->pending, lfirst(lc),
									   cmd->name))
			smig_fact_scan(state->context, lfirst(lc));
	}
}

static void
facts_alter_type(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	smig_facts_alter_type(state->context, cmd, targets);
}

/*
 * ADD PRIMARY KEY, UNIQUE or EXCLUDE.
 */
static void
facts_add_index(AlterState *state, Constraint *constraint, List *targets)
{
	SmigFactsContext *context = state->context;
	SmigRelation *relation = state->relation;
	List	   *columns = NIL;
	ListCell   *lc;

	if (constraint->indexname)
	{
		SmigRelation *index = smig_view_index(relation, constraint->indexname);

		smig_fact_lock(context, index, ShareUpdateExclusiveLock);
		if (index)
			columns = index->keys;
	}
	else
	{
		foreach(lc, constraint->keys)
			columns = lappend(columns, strVal(lfirst(lc)));
		foreach(lc, targets)
		{
			SmigRelation *target = lfirst(lc);

			if (target != relation &&
				relation->kind != RELKIND_PARTITIONED_TABLE)
				continue;
			smig_fact_lock(context, target, target != relation ?
						   SMIG_PARTITION_CONSTRAINT_LOCK : ShareLock);
			smig_fact_scan(context, target);
		}
	}
	if (constraint->contype != CONSTR_PRIMARY)
		return;

	/* the columns become NOT NULL, in children too */
	foreach(lc, targets)
	{
		ListCell   *lc2;

		foreach(lc2, columns)
		{
			SmigColumn *column = smig_view_column(relation, lfirst(lc2));

			if (column && column->notnull)
				continue;
			smig_fact_lock(context, lfirst(lc), state->mode);
			if (!smig_expr_proves_not_null(context->pending, lfirst(lc),
										   lfirst(lc2)))
				smig_fact_scan(context, lfirst(lc));
		}
	}
}

static void
facts_add_constraint(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	SmigFactsContext *context = state->context;
	Constraint *constraint = castNode(Constraint, cmd->def);
	ListCell   *lc;

	switch (constraint->contype)
	{
		case CONSTR_CHECK:
		case CONSTR_NOTNULL:
			if (constraint->is_no_inherit)
				targets = list_make1(state->relation);
			foreach(lc, targets)
				smig_fact_lock(context, lfirst(lc), state->mode);
			if (constraint->raw_expr)
				smig_facts_expression(context, constraint->raw_expr);
			if (!constraint->skip_validation)
				scan_all(state, targets);
			break;
		case CONSTR_PRIMARY:
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
			facts_add_index(state, constraint, targets);
			break;
		case CONSTR_FOREIGN:
			foreach(lc, targets)
			{
				if (lfirst(lc) == state->relation ||
					state->relation->kind == RELKIND_PARTITIONED_TABLE)
					smig_fact_lock(context, lfirst(lc), state->mode);
			}
			smig_facts_foreign_key(context, state->relation,
								   constraint->pktable,
								   !constraint->skip_validation);
			break;
		default:
			break;
	}
}

static void
facts_validate(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	SmigFactsContext *context = state->context;
	SmigConstraint *constraint = smig_view_constraint(state->relation,
													  cmd->name);
	SmigRelation *other;
	ListCell   *lc;

	if (constraint == NULL)
	{
		smig_fact_scan(context, state->relation);
		return;
	}
	if (constraint->valid)
		return;
	if (constraint->type != CONSTRAINT_FOREIGN)
	{
		foreach(lc, targets)
		{
			SmigConstraint *own = smig_view_constraint(lfirst(lc), cmd->name);

			smig_fact_lock(context, lfirst(lc), state->mode);
			if (own && !own->valid)
				smig_fact_scan(context, lfirst(lc));
		}
		return;
	}
	other = smig_view_target(context->pending, constraint);
	smig_fact_scan(context, state->relation);
	if (other)
	{
		smig_fact_lock(context, other, RowShareLock);
		smig_fact_scan(context, other);
	}
}

static void
facts_drop_constraint(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	SmigFactsContext *context = state->context;
	SmigConstraint *first = smig_view_constraint(state->relation, cmd->name);
	ListCell   *lc;

	if (first == NULL)
		return;
	foreach(lc, targets)
	{
		SmigRelation *target = lfirst(lc);
		SmigConstraint *constraint = smig_view_constraint(target, cmd->name);

		if (target != state->relation && first->type != CONSTRAINT_CHECK &&
			first->type != 'n')
			continue;			/* clones go by their dependency */
		smig_fact_lock(context, target, state->mode);
		if (constraint == NULL)
			continue;
		if (OidIsValid(constraint->oid))
		{
			ObjectAddress address;

			ObjectAddressSet(address, ConstraintRelationId, constraint->oid);
			smig_facts_drop_closure(context, &address, 1,
									cmd->behavior == DROP_CASCADE);
		}
		else if (constraint->type == CONSTRAINT_FOREIGN)
			smig_fact_lock(context, smig_view_target(context->pending,
													 constraint),
						   AccessExclusiveLock);
	}
}

static void
facts_change_owner(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	Oid			role = get_rolespec_oid(cmd->newowner, true);
	ListCell   *lc;

	if (state->relation->owner == role)
		return;
	smig_fact_lock_indexes(state->context, state->relation, state->mode);
	foreach(lc, smig_view_owned_sequences(state->context->pending, state->relation, 0, 0))
		smig_fact_lock(state->context, lfirst(lc), state->mode);
}

static void
facts_cluster_on(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	smig_fact_lock(state->context, smig_view_index(state->relation, cmd->name),
				   state->mode);
}

static void
facts_set_logged(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	char		wanted = cmd->subtype == AT_SetLogged ?
		RELPERSISTENCE_PERMANENT : RELPERSISTENCE_UNLOGGED;
	ListCell   *lc;

	if (state->relation->persistence == wanted)
		return;
	if (state->relation->kind == RELKIND_SEQUENCE)
	{
		smig_fact_rewrite(state->context, state->relation);
		return;
	}
	smig_fact_rewrite_table(state->context, state->relation);
	foreach(lc, smig_view_owned_sequences(state->context->pending, state->relation, 0, 0))
	{
		smig_fact_lock(state->context, lfirst(lc), AccessExclusiveLock);
		smig_fact_rewrite(state->context, lfirst(lc));
	}
}

static void
facts_set_access_method(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	Oid			am = get_am_oid(cmd->name ? cmd->name : "heap", true);

	if (am != state->relation->am)
		smig_fact_rewrite_table(state->context, state->relation);
}

static void
facts_set_tablespace(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	Oid			wanted = get_tablespace_oid(cmd->name, true);
	Oid			now = state->relation->tablespace;

	if (OidIsValid(wanted) &&
		(wanted == MyDatabaseTableSpace ? InvalidOid : wanted) == now)
		return;
	if (smig_view_has_storage(state->relation) ||
		state->relation->kind == RELKIND_INDEX)
		smig_fact_rewrite(state->context, state->relation);
}

static void
facts_identity(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	ListCell   *lc;
	bool		options = false;

	if (cmd->subtype == AT_SetIdentity)
	{
		foreach(lc, castNode(List, cmd->def))
		{
			DefElem    *option = lfirst(lc);

			if (strcmp(option->defname, "generated") != 0)
				options = true;
		}
	}
	foreach(lc, targets)
	{
		SmigColumn *column = smig_view_column(lfirst(lc), cmd->name);
		ListCell   *lc2;

		if (column == NULL || !column->identity)
			continue;
		foreach(lc2, smig_view_owned_sequences(state->context->pending, lfirst(lc),
											   column->attnum, DEPENDENCY_INTERNAL))
		{
			smig_fact_lock(state->context, lfirst(lc2),
						   cmd->subtype == AT_DropIdentity ?
						   AccessExclusiveLock : ShareRowExclusiveLock);
			if (options)
				smig_fact_rewrite(state->context, lfirst(lc2));
		}
	}
}

static void
facts_inherit(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	SmigRelation *parent = smig_view_find(state->context->pending,
										  castNode(RangeVar, cmd->def));

	smig_fact_lock(state->context, parent,
				   cmd->subtype == AT_AddInherit ?
				   ShareUpdateExclusiveLock : AccessShareLock);
}

static void
facts_of_type(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	Oid			type;
	int32		typmod;

	if (smig_expr_type(state->context->pending, castNode(TypeName, cmd->def),
					   &type, &typmod))
		smig_fact_lock(state->context,
					   smig_view_get(state->context->pending,
									 get_typ_typrelid(type)),
					   AccessShareLock);
}

static void
facts_replica_identity(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	ReplicaIdentityStmt *identity = castNode(ReplicaIdentityStmt, cmd->def);

	if (identity->name)
		smig_fact_lock(state->context,
					   smig_view_index(state->relation, identity->name),
					   ShareLock);
}

static void
facts_attach(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	SmigFactsContext *context = state->context;
	PartitionCmd *partition = castNode(PartitionCmd, cmd->def);
	SmigRelation *child = smig_view_find(context->pending, partition->name);

	if (state->relation->kind == RELKIND_PARTITIONED_INDEX)
	{
		/* ALTER INDEX parent ATTACH PARTITION child */
		smig_fact_lock(context, state->relation->heap, AccessShareLock);
		if (child)
		{
			smig_fact_lock(context, child, AccessExclusiveLock);
			smig_fact_lock(context, child->heap, AccessShareLock);
		}
		return;
	}
	if (child)
		smig_facts_attach(context, state->relation, child, partition->bound);
}

static void
facts_detach(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	SmigFactsContext *context = state->context;
	PartitionCmd *partition = castNode(PartitionCmd, cmd->def);
	SmigRelation *child = smig_view_find(context->pending, partition->name);
	ListCell   *lc;

	if (child == NULL)
		return;
	smig_fact_lock(context, child, AccessExclusiveLock);
	foreach(lc, child->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (!index->dropped && smig_view_parent(context->pending, index))
			smig_fact_lock(context, index, AccessExclusiveLock);
	}
	if (cmd->subtype == AT_DetachPartition && !partition->concurrent)
		smig_fact_lock(context,
					   smig_view_default_partition(context->pending,
												   state->relation),
					   AccessExclusiveLock);

	/* keys the partition had from its parent become its own */
	foreach(lc, child->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);

		if (constraint->type == CONSTRAINT_FOREIGN && constraint->inherited)
			smig_fact_lock(context, smig_view_target(context->pending,
													 constraint),
						   ShareRowExclusiveLock);
	}
}

#ifdef SMIG_HAVE_SET_EXPRESSION
static void
facts_set_expression(AlterState *state, AlterTableCmd *cmd, List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		SmigColumn *column = smig_view_column(lfirst(lc), cmd->name);

		if (column == NULL || column->generated == 's')
			smig_fact_rewrite_table(state->context, lfirst(lc));
	}
}
#endif

static const AlterRule alter_rules[] = {
	{AT_AddColumn, REACH_HEIRS, facts_add_column},
	{AT_ColumnDefault, REACH_HEIRS, facts_column_default},
	{AT_DropNotNull, REACH_HEIRS, NULL},
	{AT_SetNotNull, REACH_HEIRS, facts_set_not_null},
	{AT_DropExpression, REACH_HEIRS, NULL},
	{AT_SetStatistics, REACH_HEIRS, NULL},
	{AT_SetStorage, REACH_HEIRS, NULL},
	{AT_DropColumn, REACH_HEIRS, facts_drop_column},
	{AT_AlterColumnType, REACH_HEIRS, facts_alter_type},
	{AT_AlterConstraint, REACH_PARTITIONS, NULL},
	{AT_ChangeOwner, REACH_SELF, facts_change_owner},
	{AT_ClusterOn, REACH_SELF, facts_cluster_on},
	{AT_SetLogged, REACH_SELF, facts_set_logged},
	{AT_SetUnLogged, REACH_SELF, facts_set_logged},
	{AT_SetAccessMethod, REACH_SELF, facts_set_access_method},
	{AT_SetTableSpace, REACH_SELF, facts_set_tablespace},
	{AT_EnableTrig, REACH_PARTITIONS, NULL},
	{AT_EnableAlwaysTrig, REACH_PARTITIONS, NULL},
	{AT_EnableReplicaTrig, REACH_PARTITIONS, NULL},
	{AT_DisableTrig, REACH_PARTITIONS, NULL},
	{AT_EnableTrigAll, REACH_PARTITIONS, NULL},
	{AT_DisableTrigAll, REACH_PARTITIONS, NULL},
	{AT_EnableTrigUser, REACH_PARTITIONS, NULL},
	{AT_DisableTrigUser, REACH_PARTITIONS, NULL},
	{AT_AddIdentity, SMIG_REACH_IDENTITY, NULL},
	{AT_SetIdentity, SMIG_REACH_IDENTITY, facts_identity},
	{AT_DropIdentity, SMIG_REACH_IDENTITY, facts_identity},
	{AT_AddInherit, REACH_SELF, facts_inherit},
	{AT_DropInherit, REACH_SELF, facts_inherit},
	{AT_AddOf, REACH_SELF, facts_of_type},
	{AT_ReplicaIdentity, REACH_SELF, facts_replica_identity},
	{AT_AttachPartition, REACH_SELF, facts_attach},
	{AT_DetachPartition, REACH_SELF, facts_detach},
	{AT_DetachPartitionFinalize, REACH_SELF, facts_detach},
#ifdef SMIG_HAVE_SET_EXPRESSION
	{AT_SetExpression, REACH_HEIRS, facts_set_expression},
#endif
};

/* These lock their targets themselves: which ones depends on the case. */
static const AlterRule selective_rules[] = {
	{AT_AddConstraint, REACH_HEIRS, facts_add_constraint},
	{AT_ValidateConstraint, REACH_HEIRS, facts_validate},
	{AT_DropConstraint, REACH_HEIRS, facts_drop_constraint},
};

static List *
alter_targets(AlterState *state, AlterReach reach)
{
	SmigRelation *relation = state->relation;

	if (reach == REACH_SELF || !state->stmt->relation->inh ||
		relation->unknown ||
		(reach == REACH_PARTITIONS &&
		 relation->kind != RELKIND_PARTITIONED_TABLE) ||
		relation->kind == RELKIND_VIEW || relation->kind == RELKIND_MATVIEW)
		return list_make1(relation);
	return smig_view_inheritors(state->context->pending, relation);
}

static void
alter_command(AlterState *state, AlterTableCmd *cmd)
{
	for (int i = 0; i < lengthof(selective_rules); i++)
	{
		if (selective_rules[i].subtype == cmd->subtype)
		{
			selective_rules[i].facts(state, cmd,
									 alter_targets(state, REACH_HEIRS));
			return;
		}
	}
	for (int i = 0; i < lengthof(alter_rules); i++)
	{
		List	   *targets;
		ListCell   *lc;

		if (alter_rules[i].subtype != cmd->subtype)
			continue;
		targets = alter_targets(state, alter_rules[i].reach);
		foreach(lc, targets)
			smig_fact_lock(state->context, lfirst(lc), state->mode);
		if (alter_rules[i].facts)
			alter_rules[i].facts(state, cmd, targets);
		return;
	}
}

/*
 * Composite types: CASCADE goes on to the tables made OF the type.
 */
static void
alter_typed_tables(AlterState *state, AlterTableCmd *cmd)
{
	Oid			type;
	Relation	catalog;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;

	if (state->relation->kind != RELKIND_COMPOSITE_TYPE ||
		cmd->behavior != DROP_CASCADE || !OidIsValid(state->relation->oid))
		return;
	type = get_rel_type_id(state->relation->oid);
	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(type));
	scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL, 2,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		HeapTuple	class;

		if (form->classid != RelationRelationId || form->objsubid != 0)
			continue;
		class = SearchSysCache1(RELOID, ObjectIdGetDatum(form->objid));
		if (!HeapTupleIsValid(class))
			continue;
		if (((Form_pg_class) GETSTRUCT(class))->reloftype == type)
			smig_fact_lock(state->context,
						   smig_view_get(state->context->pending, form->objid),
						   state->mode);
		ReleaseSysCache(class);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * Facts of ALTER TABLE, INDEX, VIEW, SEQUENCE, MATERIALIZED VIEW, FOREIGN
 * TABLE and of ALTER TYPE for composite types.
 */
void
smig_facts_alter_table(SmigFactsContext *context, AlterTableStmt *stmt)
{
	AlterState	state = {context, stmt};
	ListCell   *lc;

	if (stmt->missing_ok)
		state.relation = smig_view_find(context->pending, stmt->relation);
	else
		state.relation = smig_view_find_or_unknown(context->pending,
												   stmt->relation);
	if (state.relation == NULL)
		return;
	state.mode = AlterTableGetLockLevel(stmt->cmds);
	smig_fact_lock(context, state.relation, state.mode);
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst(lc);

		if (cmd->subtype == AT_AddColumn &&
			smig_column_has_default(castNode(ColumnDef, cmd->def)))
			state.has_default = true;
	}
	foreach(lc, stmt->cmds)
	{
		alter_command(&state, lfirst(lc));
		alter_typed_tables(&state, lfirst(lc));
	}
}
