/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What a statement will do to relations: entry points and the kinds of
 *	  statements that need little knowledge.
 *
 * IDENTIFICATION
 *	  src/lint/facts.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "commands/publicationcmds.h"
#include "commands/defrem.h"
#include "nodes/value.h"
#include "parser/parser.h"
#include "storage/lock.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "lint/column.h"
#include "lint/expr.h"
#include "lint/facts_internal.h"

typedef void (*FactsFunction) (SmigFactsContext *context, Node *stmt);

static void read_statement(SmigFactsContext *context, Node *stmt);

/*
 * Name of a lock mode as pg_locks shows it: "AccessExclusiveLock".
 */
const char *
smig_facts_mode_name(LOCKMODE mode)
{
	return GetLockmodeName(DEFAULT_LOCKMETHOD, mode);
}

static SmigFacts *
make_facts(SmigPending *pending)
{
	SmigFacts  *facts = palloc0(sizeof(SmigFacts));

	facts->serial = ++pending->facts_serial;
	return facts;
}

/*
 * The fact about a relation, or NULL.
 */
SmigFact *
smig_facts_find(const SmigFacts *facts, const SmigRelation *relation)
{
	return relation->fact_serial == facts->serial ? relation->fact : NULL;
}

/*
 * The fact for a relation, made when missing; NULL for relations that cannot
 * block anybody: made by the script, system catalogs, TOAST tables.
 */
static SmigFact *
find_fact(SmigFactsContext *context, SmigRelation *relation)
{
	SmigFact   *fact;

	if (relation == NULL || relation->created || relation->dropped ||
		relation->kind == RELKIND_TOASTVALUE ||
		(OidIsValid(relation->oid) && relation->oid < FirstNormalObjectId) ||
		strcmp(relation->schema, "pg_toast") == 0)
		return NULL;
	fact = smig_facts_find(context->facts, relation);
	if (fact)
		return fact;
	fact = palloc0(sizeof(SmigFact));
	fact->relid = relation->oid;
	fact->name = relation->label;
	fact->kind = relation->kind;
	fact->relation = relation;
	context->facts->relations = lappend(context->facts->relations, fact);
	relation->fact = fact;
	relation->fact_serial = context->facts->serial;
	return fact;
}

/*
 * Notes a lock on a relation; NULL relations are ignored.
 */
SmigFact *
smig_fact_lock(SmigFactsContext *context, SmigRelation *relation,
			   LOCKMODE mode)
{
	SmigFact   *fact = find_fact(context, relation);

	if (fact && mode > fact->mode)
		fact->mode = mode;
	return fact;
}

/*
 * Notes that all rows of a relation are read; nothing without rows of its own.
 */
void
smig_fact_scan(SmigFactsContext *context, SmigRelation *relation)
{
	SmigFact   *fact;

	if (relation == NULL || !smig_view_has_storage(relation))
		return;
	fact = find_fact(context, relation);
	if (fact)
		fact->scan = true;
}

/*
 * Notes that a relation gets new storage.  For a table that means that its
 * rows are read.
 */
void
smig_fact_rewrite(SmigFactsContext *context, SmigRelation *relation)
{
	SmigFact   *fact = find_fact(context, relation);

	if (fact == NULL)
		return;
	fact->rewrite = true;
	if (smig_view_has_storage(relation))
		fact->scan = true;
}

/*
 * Notes that a table with all its indexes gets new storage.
 */
void
smig_fact_rewrite_table(SmigFactsContext *context, SmigRelation *relation)
{
	ListCell   *lc;

	if (relation == NULL || !smig_view_has_storage(relation))
		return;
	smig_fact_rewrite(context, relation);
	foreach(lc, relation->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (index->dropped)
			continue;
		smig_fact_lock(context, index, AccessExclusiveLock);
		smig_fact_rewrite(context, index);
	}
}

/*
 * Notes a lock on all indexes of a relation.
 */
void
smig_fact_lock_indexes(SmigFactsContext *context, SmigRelation *relation,
					   LOCKMODE mode)
{
	ListCell   *lc;

	foreach(lc, relation->indexes)
	{
		if (!((SmigRelation *) lfirst(lc))->dropped)
			smig_fact_lock(context, lfirst(lc), mode);
	}
}

static void
facts_alter_table(SmigFactsContext *context, Node *stmt)
{
	smig_facts_alter_table(context, (AlterTableStmt *) stmt);
}

static void
facts_create_table(SmigFactsContext *context, Node *stmt)
{
	/* CreateForeignTableStmt begins with a CreateStmt */
	smig_facts_create_table(context, (CreateStmt *) stmt);
}

static void
facts_create_index(SmigFactsContext *context, Node *stmt)
{
	smig_facts_create_index(context, (IndexStmt *) stmt);
}

static void
facts_create_trigger(SmigFactsContext *context, Node *stmt)
{
	smig_facts_create_trigger(context, (CreateTrigStmt *) stmt);
}

static void
facts_drop(SmigFactsContext *context, Node *stmt)
{
	smig_facts_drop(context, (DropStmt *) stmt);
}

static void
facts_rename(SmigFactsContext *context, Node *stmt)
{
	smig_facts_rename(context, (RenameStmt *) stmt);
}

static void
facts_set_schema(SmigFactsContext *context, Node *stmt)
{
	smig_facts_set_schema(context, (AlterObjectSchemaStmt *) stmt);
}

static void
facts_truncate(SmigFactsContext *context, Node *stmt)
{
	smig_facts_truncate(context, (TruncateStmt *) stmt);
}

static void
facts_reindex(SmigFactsContext *context, Node *stmt)
{
	smig_facts_reindex(context, (ReindexStmt *) stmt);
}

static void
facts_cluster(SmigFactsContext *context, Node *stmt)
{
	smig_facts_cluster(context, (ClusterStmt *) stmt);
}

static void
facts_vacuum(SmigFactsContext *context, Node *stmt)
{
	smig_facts_vacuum(context, (VacuumStmt *) stmt);
}

static void
facts_domain(SmigFactsContext *context, Node *stmt)
{
	smig_facts_domain(context, (AlterDomainStmt *) stmt);
}

static void
lock_view_tables(SmigFactsContext *context, SmigRelation *view, LOCKMODE mode)
{
	SmigFactsContext inner = *context;
	ListCell   *lc;

	inner.facts = make_facts(context->pending);
	smig_facts_view_query(&inner, view);
	foreach(lc, inner.facts->relations)
	{
		SmigRelation *relation = ((SmigFact *) lfirst(lc))->relation;

		if (relation->heap == NULL)
			smig_fact_lock(context, relation, mode);
	}
}

static void
facts_lock(SmigFactsContext *context, Node *node)
{
	LockStmt   *stmt = (LockStmt *) node;
	ListCell   *lc;

	foreach(lc, stmt->relations)
	{
		RangeVar   *name = lfirst(lc);
		SmigRelation *relation = smig_view_find_or_unknown(context->pending,
														   name);
		ListCell   *lc2;

		smig_fact_lock(context, relation, stmt->mode);
		if (relation->kind == RELKIND_VIEW)
			lock_view_tables(context, relation, stmt->mode);
		else if (name->inh)
		{
			foreach(lc2, smig_view_inheritors(context->pending, relation))
				smig_fact_lock(context, lfirst(lc2), stmt->mode);
		}
	}
}

static void
facts_refresh(SmigFactsContext *context, Node *node)
{
	RefreshMatViewStmt *stmt = (RefreshMatViewStmt *) node;
	SmigRelation *view = smig_view_find_or_unknown(context->pending,
												   stmt->relation);

	if (stmt->concurrent)
	{
		smig_fact_lock(context, view, ExclusiveLock);
		smig_fact_lock_indexes(context, view, RowExclusiveLock);
		if (view->kind == RELKIND_MATVIEW)
			smig_fact_scan(context, view);
	}
	else
	{
		smig_fact_lock(context, view, AccessExclusiveLock);
		smig_fact_rewrite_table(context, view);
	}
	if (!stmt->skipData)
		smig_facts_view_query(context, view);
}

static void
facts_create_as(SmigFactsContext *context, Node *node)
{
	CreateTableAsStmt *stmt = (CreateTableAsStmt *) node;

	if (stmt->if_not_exists &&
		smig_view_find(context->pending, stmt->into->rel))
		return;
	smig_facts_query(context, stmt->query, !stmt->into->skipData);
}

static void
facts_view(SmigFactsContext *context, Node *node)
{
	ViewStmt   *stmt = (ViewStmt *) node;

	smig_facts_query(context, stmt->query, false);
	if (stmt->replace)
		smig_fact_lock(context, smig_view_find(context->pending, stmt->view),
					   AccessExclusiveLock);
}

static void
facts_rule(SmigFactsContext *context, Node *node)
{
	RuleStmt   *stmt = (RuleStmt *) node;
	ListCell   *lc;

	foreach(lc, stmt->actions)
		smig_facts_query(context, lfirst(lc), false);
	smig_fact_lock(context,
				   smig_view_find_or_unknown(context->pending, stmt->relation),
				   AccessExclusiveLock);
}

static void
facts_policy(SmigFactsContext *context, Node *node)
{
	RangeVar   *table;
	Node	   *using;
	Node	   *check;

	if (IsA(node, CreatePolicyStmt))
	{
		table = ((CreatePolicyStmt *) node)->table;
		using = ((CreatePolicyStmt *) node)->qual;
		check = ((CreatePolicyStmt *) node)->with_check;
	}
	else
	{
		table = ((AlterPolicyStmt *) node)->table;
		using = ((AlterPolicyStmt *) node)->qual;
		check = ((AlterPolicyStmt *) node)->with_check;
	}
	smig_fact_lock(context, smig_view_find_or_unknown(context->pending, table),
				   AccessExclusiveLock);
	smig_facts_expression(context, using);
	smig_facts_expression(context, check);
}

static void
facts_statistics(SmigFactsContext *context, Node *node)
{
	ListCell   *lc;

	foreach(lc, ((CreateStatsStmt *) node)->relations)
	{
		if (IsA(lfirst(lc), RangeVar))
			smig_fact_lock(context, smig_view_find(context->pending,
												   lfirst(lc)),
						   ShareUpdateExclusiveLock);
	}
}

/*
 * COMMENT and SECURITY LABEL lock what they are about.
 */
static void
lock_commented(SmigFactsContext *context, ObjectType type, Node *object)
{
	List	   *names;

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			smig_fact_lock(context,
						   smig_view_find_names(context->pending,
												castNode(List, object)),
						   ShareUpdateExclusiveLock);
			break;
		case OBJECT_COLUMN:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			names = list_copy(castNode(List, object));
			names = list_truncate(names, list_length(names) - 1);
			smig_fact_lock(context,
						   smig_view_find_names(context->pending, names),
						   type == OBJECT_COLUMN ? ShareUpdateExclusiveLock :
						   AccessShareLock);
			break;
		default:
			break;
	}
}

static void
facts_comment(SmigFactsContext *context, Node *node)
{
	CommentStmt *stmt = (CommentStmt *) node;

	lock_commented(context, stmt->objtype, stmt->object);
}

static void
facts_label(SmigFactsContext *context, Node *node)
{
	SecLabelStmt *stmt = (SecLabelStmt *) node;

	lock_commented(context, stmt->objtype, stmt->object);
}

static void
lock_published(SmigFactsContext *context, List *objects)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		PublicationObjSpec *object = lfirst(lc);
		SmigRelation *relation;
		ListCell   *lc2;

		if (object->pubtable == NULL)
			continue;
		relation = smig_view_find(context->pending,
								  object->pubtable->relation);
		if (relation == NULL)
			continue;
		smig_fact_lock(context, relation, ShareUpdateExclusiveLock);
		if (object->pubtable->relation->inh &&
			relation->kind != RELKIND_PARTITIONED_TABLE)
		{
			foreach(lc2, smig_view_inheritors(context->pending, relation))
				smig_fact_lock(context, lfirst(lc2), ShareUpdateExclusiveLock);
		}
	}
}

static void
facts_create_publication(SmigFactsContext *context, Node *node)
{
	lock_published(context, ((CreatePublicationStmt *) node)->pubobjects);
}

static void
facts_alter_publication(SmigFactsContext *context, Node *node)
{
	AlterPublicationStmt *stmt = (AlterPublicationStmt *) node;
	Oid			publication = get_publication_oid(stmt->pubname, true);
	Relation	catalog;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	lock_published(context, stmt->pubobjects);
	if (stmt->action != AP_SetObjects || stmt->pubobjects == NIL ||
		!OidIsValid(publication))
		return;

	/* SET takes out the tables that are not named */
	catalog = table_open(PublicationRelRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_publication_rel_prpubid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(publication));
	scan = systable_beginscan(catalog, PublicationRelPrpubidIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_publication_rel form =
			(Form_pg_publication_rel) GETSTRUCT(tuple);

		smig_fact_lock(context,
					   smig_view_get(context->pending, form->prrelid),
					   ShareUpdateExclusiveLock);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

static void
lock_sequence_owner(SmigFactsContext *context, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst(lc);
		List	   *names;

		if (strcmp(option->defname, "owned_by") != 0)
			continue;
		names = list_copy(castNode(List, option->arg));
		if (list_length(names) < 2)
			continue;			/* OWNED BY NONE */
		names = list_truncate(names, list_length(names) - 1);
		smig_fact_lock(context, smig_view_find_names(context->pending, names),
					   AccessShareLock);
	}
}

static void
facts_create_sequence(SmigFactsContext *context, Node *node)
{
	lock_sequence_owner(context, ((CreateSeqStmt *) node)->options);
}

static void
facts_alter_sequence(SmigFactsContext *context, Node *node)
{
	AlterSeqStmt *stmt = (AlterSeqStmt *) node;
	SmigRelation *sequence = smig_view_find(context->pending, stmt->sequence);
	ListCell   *lc;

	if (sequence == NULL)
		return;
	smig_fact_lock(context, sequence, ShareRowExclusiveLock);
	lock_sequence_owner(context, stmt->options);
	foreach(lc, stmt->options)
	{
		if (strcmp(((DefElem *) lfirst(lc))->defname, "owned_by") != 0)
			smig_fact_rewrite(context, sequence);
	}
}

static void
facts_extension_contents(SmigFactsContext *context, Node *node)
{
	AlterExtensionContentsStmt *stmt = (AlterExtensionContentsStmt *) node;

	lock_commented(context, stmt->objtype, stmt->object);
}

static void
facts_copy(SmigFactsContext *context, Node *node)
{
	CopyStmt   *stmt = (CopyStmt *) node;
	SmigRelation *relation;

	if (stmt->query)
	{
		smig_facts_query(context, stmt->query, true);
		return;
	}
	relation = smig_view_find_or_unknown(context->pending, stmt->relation);
	if (stmt->is_from)
	{
		smig_facts_rows_come(context, relation);
		return;
	}
	smig_fact_lock(context, relation, AccessShareLock);
	smig_fact_scan(context, relation);
}

/*
 * SELECT schemamig_backfill('UPDATE ...') does what its argument says.
 */
static bool
read_backfill(SmigFactsContext *context, SelectStmt *stmt)
{
	ResTarget  *target;
	FuncCall   *call;
	Node	   *argument;
	SmigFactsContext inner = *context;
	List	   *parsed;
	ListCell   *lc;

	if (list_length(stmt->targetList) != 1 || stmt->fromClause != NIL)
		return false;
	target = linitial(stmt->targetList);
	if (!IsA(target->val, FuncCall))
		return false;
	call = (FuncCall *) target->val;
	if (strncmp(strVal(llast(call->funcname)), "schemamig_backfill",
				strlen("schemamig_backfill")) != 0 || call->args == NIL)
		return false;
	argument = linitial(call->args);
	if (IsA(argument, NamedArgExpr))
		argument = (Node *) ((NamedArgExpr *) argument)->arg;
	if (!IsA(argument, A_Const) || ((A_Const *) argument)->isnull ||
		!IsA(&((A_Const *) argument)->val, String))
		return false;
	parsed = smig_expr_parse(context->pending,
							 ((A_Const *) argument)->val.sval.sval);
	foreach(lc, parsed)
		read_statement(&inner, lfirst_node(RawStmt, lc)->stmt);
	return parsed != NIL;
}

static void
facts_query(SmigFactsContext *context, Node *stmt)
{
	if (IsA(stmt, SelectStmt) && read_backfill(context, (SelectStmt *) stmt))
		return;
	smig_facts_query(context, stmt, true);
}

static void
facts_prepare(SmigFactsContext *context, Node *stmt)
{
	smig_facts_query(context, ((PrepareStmt *) stmt)->query, false);
}

static void
facts_cursor(SmigFactsContext *context, Node *stmt)
{
	smig_facts_query(context, ((DeclareCursorStmt *) stmt)->query, true);
}

static void
facts_explain(SmigFactsContext *context, Node *stmt)
{
	ExplainStmt *explain = (ExplainStmt *) stmt;

	if (smig_facts_option(explain->options, "analyze"))
		read_statement(context, explain->query);
	else
		smig_facts_query(context, explain->query, false);
}

static void
facts_function(SmigFactsContext *context, Node *stmt)
{
	CreateFunctionStmt *function = (CreateFunctionStmt *) stmt;

	if (function->sql_body && IsA(function->sql_body, SelectStmt))
		smig_facts_query(context, function->sql_body, false);
}

static void
facts_schema(SmigFactsContext *context, Node *stmt)
{
	ListCell   *lc;

	foreach(lc, ((CreateSchemaStmt *) stmt)->schemaElts)
		read_statement(context, lfirst(lc));
}

static void
facts_opaque(SmigFactsContext *context, Node *stmt)
{
	context->facts->opaque = true;
}

static const struct
{
	NodeTag		tag;
	FactsFunction facts;
}			fact_readers[] =
{
	{T_GrantStmt, smig_facts_grant},
	{T_AlterTableStmt, facts_alter_table},
	{T_CreateStmt, facts_create_table},
	{T_CreateForeignTableStmt, facts_create_table},
	{T_IndexStmt, facts_create_index},
	{T_CreateTrigStmt, facts_create_trigger},
	{T_DropStmt, facts_drop},
	{T_RenameStmt, facts_rename},
	{T_AlterObjectSchemaStmt, facts_set_schema},
	{T_TruncateStmt, facts_truncate},
	{T_ReindexStmt, facts_reindex},
	{T_ClusterStmt, facts_cluster},
	{T_VacuumStmt, facts_vacuum},
	{T_AlterDomainStmt, facts_domain},
	{T_LockStmt, facts_lock},
	{T_RefreshMatViewStmt, facts_refresh},
	{T_CreateTableAsStmt, facts_create_as},
	{T_ViewStmt, facts_view},
	{T_RuleStmt, facts_rule},
	{T_CreatePolicyStmt, facts_policy},
	{T_AlterPolicyStmt, facts_policy},
	{T_CreateStatsStmt, facts_statistics},
	{T_CommentStmt, facts_comment},
	{T_SecLabelStmt, facts_label},
	{T_CreatePublicationStmt, facts_create_publication},
	{T_AlterPublicationStmt, facts_alter_publication},
	{T_CreateSeqStmt, facts_create_sequence},
	{T_AlterSeqStmt, facts_alter_sequence},
	{T_AlterExtensionContentsStmt, facts_extension_contents},
	{T_CopyStmt, facts_copy},
	{T_SelectStmt, facts_query},
	{T_InsertStmt, facts_query},
	{T_UpdateStmt, facts_query},
	{T_DeleteStmt, facts_query},
	{T_MergeStmt, facts_query},
	{T_PrepareStmt, facts_prepare},
	{T_DeclareCursorStmt, facts_cursor},
	{T_ExplainStmt, facts_explain},
	{T_CreateFunctionStmt, facts_function},
	{T_CreateSchemaStmt, facts_schema},
	{T_DoStmt, facts_opaque},
	{T_CallStmt, facts_opaque},
	{T_ExecuteStmt, facts_opaque},
	{T_DropOwnedStmt, facts_opaque},
	{T_ReassignOwnedStmt, facts_opaque},
	{T_AlterTableMoveAllStmt, facts_opaque},
	{T_AlterExtensionStmt, facts_opaque},
	{T_CreateExtensionStmt, facts_opaque},
	{T_ImportForeignSchemaStmt, facts_opaque},
};

static void
read_statement(SmigFactsContext *context, Node *stmt)
{
	if (stmt == NULL)
		return;
	for (int i = 0; i < lengthof(fact_readers); i++)
	{
		if (fact_readers[i].tag == nodeTag(stmt))
		{
			fact_readers[i].facts(context, stmt);
			return;
		}
	}
}

static int
compare_facts(const ListCell *a, const ListCell *b)
{
	return strcmp(((SmigFact *) lfirst(a))->name,
				  ((SmigFact *) lfirst(b))->name);
}

/*
 * What one statement will do to relations that are there before it, given
 * what "pending" says about the statements before.  "text" is the script the
 * locations in the tree refer to.  Changes nothing in the pending state.
 *
 * Needs a transaction.  Names that are not there are no error; nothing is
 * locked but, for a moment and without waiting, a partitioned table that gets
 * a partition.
 */
SmigFacts *
smig_facts_read(RawStmt *raw, const char *text, SmigPending *pending)
{
	SmigFactsContext context = {pending, text};

	context.facts = make_facts(pending);
	read_statement(&context, raw->stmt);
	list_sort(context.facts->relations, compare_facts);
	return context.facts;
}

/*
 * Changes the pending state to what it will be after the statement.
 */
void
smig_facts_apply(RawStmt *raw, const char *text, SmigPending *pending)
{
	SmigFactsContext context = {pending, text};
	MemoryContext old = MemoryContextSwitchTo(pending->context);

	context.facts = make_facts(pending);
	smig_effect_statement(&context, raw->stmt);
	MemoryContextSwitchTo(old);
}
