/*-------------------------------------------------------------------------
 *
 * wanted.c
 *	  Which relations a statement will lock strongly.
 *
 * The runner asks before a step, to wait for long transactions outside of the
 * lock queue, and after a failed try, to name the sessions in the way.  An
 * answer that misses a relation costs a retry, never correctness: the try
 * itself is under lock_timeout.
 *
 * IDENTIFICATION
 *	  src/wanted.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"

#include "lock.h"
#include "wanted.h"

static void
add_oid(List **wanted, Oid relation, LOCKMODE mode)
{
	SmigWanted *entry;
	ListCell   *lc;

	if (!OidIsValid(relation))
		return;
	foreach(lc, *wanted)
	{
		entry = lfirst(lc);
		if (entry->relation == relation)
		{
			entry->mode = Max(entry->mode, mode);
			return;
		}
	}
	entry = palloc0(sizeof(SmigWanted));
	entry->relation = relation;
	entry->mode = mode;
	*wanted = lappend(*wanted, entry);
}

static void
add_relation(List **wanted, const RangeVar *relation, LOCKMODE mode)
{
	if (relation)
		add_oid(wanted, RangeVarGetRelid(relation, NoLock, true), mode);
}

/* A foreign key locks the referenced table, too. */
static void
add_references(List **wanted, const Node *node)
{
	const Constraint *constraint = (const Constraint *) node;
	ListCell   *lc;

	if (node == NULL)
		return;
	if (IsA(node, ColumnDef))
	{
		foreach(lc, ((const ColumnDef *) node)->constraints)
			add_references(wanted, lfirst(lc));
	}
	else if (IsA(node, Constraint) && constraint->contype == CONSTR_FOREIGN)
		add_relation(wanted, constraint->pktable, ShareRowExclusiveLock);
}

static void
want_alter_table(List **wanted, const Node *node)
{
	const AlterTableStmt *stmt = (const AlterTableStmt *) node;
	ListCell   *lc;

	add_relation(wanted, stmt->relation, AlterTableGetLockLevel(stmt->cmds));
	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		add_references(wanted, cmd->def);
		if (cmd->subtype == AT_AttachPartition ||
			cmd->subtype == AT_DetachPartition)
			add_relation(wanted, ((PartitionCmd *) cmd->def)->name,
						 AccessExclusiveLock);
	}
}

static void
want_create_table(List **wanted, const Node *node)
{
	const CreateStmt *stmt = (const CreateStmt *) node;
	ListCell   *lc;

	foreach(lc, stmt->tableElts)
		add_references(wanted, lfirst(lc));
	foreach(lc, stmt->constraints)
		add_references(wanted, lfirst(lc));
	foreach(lc, stmt->inhRelations)
		add_relation(wanted, lfirst(lc), stmt->partbound ?
					 AccessExclusiveLock : ShareUpdateExclusiveLock);
}

static void
want_drop(List **wanted, const Node *node)
{
	const DropStmt *stmt = (const DropStmt *) node;
	ListCell   *lc;

	foreach(lc, stmt->objects)
	{
		List	   *name = lfirst(lc);

		switch (stmt->removeType)
		{
			case OBJECT_TABLE:
			case OBJECT_VIEW:
			case OBJECT_MATVIEW:
			case OBJECT_SEQUENCE:
			case OBJECT_FOREIGN_TABLE:
				add_relation(wanted, makeRangeVarFromNameList(name),
							 AccessExclusiveLock);
				break;
			case OBJECT_INDEX:
				{
					RangeVar   *index = makeRangeVarFromNameList(name);
					Oid			oid = RangeVarGetRelid(index, NoLock, true);

					if (OidIsValid(oid))
						add_oid(wanted, IndexGetRelation(oid, true),
								stmt->concurrent ? ShareUpdateExclusiveLock :
								AccessExclusiveLock);
					break;
				}
			case OBJECT_TRIGGER:
			case OBJECT_RULE:
			case OBJECT_POLICY:
				/* the table's name, then the object's */
				name = list_truncate(list_copy(name), list_length(name) - 1);
				add_relation(wanted, makeRangeVarFromNameList(name),
							 AccessExclusiveLock);
				break;
			default:
				break;
		}
	}
}

static void
want_index(List **wanted, const Node *node)
{
	const IndexStmt *stmt = (const IndexStmt *) node;

	add_relation(wanted, stmt->relation,
				 stmt->concurrent ? ShareUpdateExclusiveLock : ShareLock);
}

static void
want_rename(List **wanted, const Node *node)
{
	add_relation(wanted, ((const RenameStmt *) node)->relation,
				 AccessExclusiveLock);
}

static void
want_set_schema(List **wanted, const Node *node)
{
	add_relation(wanted, ((const AlterObjectSchemaStmt *) node)->relation,
				 AccessExclusiveLock);
}

static void
want_truncate(List **wanted, const Node *node)
{
	ListCell   *lc;

	foreach(lc, ((const TruncateStmt *) node)->relations)
		add_relation(wanted, lfirst(lc), AccessExclusiveLock);
}

static void
want_trigger(List **wanted, const Node *node)
{
	add_relation(wanted, ((const CreateTrigStmt *) node)->relation,
				 ShareRowExclusiveLock);
}

static void
want_rule(List **wanted, const Node *node)
{
	add_relation(wanted, ((const RuleStmt *) node)->relation,
				 AccessExclusiveLock);
}

static void
want_view(List **wanted, const Node *node)
{
	add_relation(wanted, ((const ViewStmt *) node)->view, AccessExclusiveLock);
}

static void
want_create_policy(List **wanted, const Node *node)
{
	add_relation(wanted, ((const CreatePolicyStmt *) node)->table,
				 AccessExclusiveLock);
}

static void
want_alter_policy(List **wanted, const Node *node)
{
	add_relation(wanted, ((const AlterPolicyStmt *) node)->table,
				 AccessExclusiveLock);
}

static void
want_lock(List **wanted, const Node *node)
{
	const LockStmt *stmt = (const LockStmt *) node;
	ListCell   *lc;

	foreach(lc, stmt->relations)
		add_relation(wanted, lfirst(lc), stmt->mode);
}

static void
want_refresh(List **wanted, const Node *node)
{
	const RefreshMatViewStmt *stmt = (const RefreshMatViewStmt *) node;

	add_relation(wanted, stmt->relation,
				 stmt->concurrent ? ExclusiveLock : AccessExclusiveLock);
}

static void
want_cluster(List **wanted, const Node *node)
{
	add_relation(wanted, ((const ClusterStmt *) node)->relation,
				 AccessExclusiveLock);
}

static void
want_insert(List **wanted, const Node *node)
{
	add_relation(wanted, ((const InsertStmt *) node)->relation, RowExclusiveLock);
}

static void
want_update(List **wanted, const Node *node)
{
	add_relation(wanted, ((const UpdateStmt *) node)->relation, RowExclusiveLock);
}

static void
want_delete(List **wanted, const Node *node)
{
	add_relation(wanted, ((const DeleteStmt *) node)->relation, RowExclusiveLock);
}

static const struct
{
	NodeTag		tag;
	void		(*want) (List **wanted, const Node *node);
}			wants[] =
{
	{T_AlterTableStmt, want_alter_table},
	{T_CreateStmt, want_create_table},
	{T_DropStmt, want_drop},
	{T_IndexStmt, want_index},
	{T_RenameStmt, want_rename},
	{T_AlterObjectSchemaStmt, want_set_schema},
	{T_TruncateStmt, want_truncate},
	{T_CreateTrigStmt, want_trigger},
	{T_RuleStmt, want_rule},
	{T_ViewStmt, want_view},
	{T_CreatePolicyStmt, want_create_policy},
	{T_AlterPolicyStmt, want_alter_policy},
	{T_LockStmt, want_lock},
	{T_RefreshMatViewStmt, want_refresh},
	{T_ClusterStmt, want_cluster},
	{T_InsertStmt, want_insert},
	{T_UpdateStmt, want_update},
	{T_DeleteStmt, want_delete},
};

/*
 * The relations that exist now and that the statements (SmigStatement) will
 * lock, each once with the strongest mode, as SmigWanted.  Needs a
 * transaction; locks nothing.
 */
List *
smig_wanted_locks(List *statements)
{
	List	   *wanted = NIL;
	ListCell   *lc;

	foreach(lc, statements)
	{
		const Node *stmt = ((SmigStatement *) lfirst(lc))->raw->stmt;

		for (int i = 0; i < lengthof(wants); i++)
			if (nodeTag(stmt) == wants[i].tag)
				wants[i].want(&wanted, stmt);
	}
	return wanted;
}
