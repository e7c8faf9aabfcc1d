/*-------------------------------------------------------------------------
 *
 * analyse.c
 *	  Understanding the statement of a backfill, and running it on a range.
 *
 * The statement is parsed and analysed by PostgreSQL for every batch anew, and
 * the range's condition is added to the analysed tree, as if it had been
 * written into WHERE.  So no text is ever put together, a change of the schema
 * between two batches is noticed, row security and privileges are those of
 * the statement itself, and each batch is planned with its own bounds.
 *
 * IDENTIFICATION
 *	  src/backfill/analyse.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "backfill/backfill.h"
#include "compat.h"

/* Rows in a block of a table that has not been analysed. */
#define USUAL_ROWS_PER_BLOCK 60

SMIG_NORETURN static void refuse(const char *why, const char *hint);

static void
refuse(const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the statement cannot be run in batches"),
			 errdetail("%s", why),
			 hint ? errhint("%s", hint) : 0));
}

/*
 * Parses and analyses the statement with the caller's rights and search_path.
 *
 * Errors: 42601 and others of the analysis; 0A000 for another kind of
 * statement.
 */
static Query *
analyse_statement(const char *statement)
{
	List	   *raws = pg_parse_query(statement);
	Query	   *query;

	if (list_length(raws) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a backfill takes exactly one statement"),
				 errhint("Give the UPDATE, DELETE or INSERT ... SELECT that you would run on the whole table.")));
	query = parse_analyze_fixedparams(linitial_node(RawStmt, raws), statement,
									  NULL, 0, NULL);
	if (query->commandType != CMD_UPDATE && query->commandType != CMD_DELETE &&
		query->commandType != CMD_INSERT)
		refuse("It is no UPDATE, DELETE or INSERT ... SELECT.", NULL);
	if (query->hasModifyingCTE)
		refuse("Its WITH clause changes data.", NULL);
	if (query->returningList != NIL)
		refuse("It has a RETURNING clause, and nobody reads the rows.", NULL);
	return query;
}

/*
 * The leftmost relation of a FROM clause; 0 when there is none.  The left side
 * of a left join gives each of its rows at least once, the right side of one
 * does not drive.
 */
static int
leftmost_relation(const Node *from)
{
	if (from == NULL)
		return 0;
	if (IsA(from, RangeTblRef))
		return ((const RangeTblRef *) from)->rtindex;
	if (IsA(from, JoinExpr))
	{
		const JoinExpr *join = (const JoinExpr *) from;

		if (join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL)
			refuse("Its first table stands on the outer side of a join.",
				   "Write the driving table first, as in FROM driving LEFT JOIN other.");
		return leftmost_relation(join->larg);
	}
	return 0;
}

/*
 * Finds the query level and the range table index of the driving table: the
 * target of UPDATE and DELETE, the first table of INSERT's SELECT.
 */
static Query *
find_driving(Query *query, int *varno)
{
	RangeTblEntry *entry;
	Query	   *select;

	if (query->commandType != CMD_INSERT)
	{
		*varno = query->resultRelation;
		return query;
	}
	if (list_length(query->jointree->fromlist) != 1)
		refuse("It inserts values, not the rows of a table.", NULL);
	entry = rt_fetch(linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex,
					 query->rtable);
	if (entry->rtekind != RTE_SUBQUERY)
		refuse("It inserts values, not the rows of a table.", NULL);
	select = entry->subquery;
	if (select->setOperations)
		refuse("Its SELECT is a set operation.", "Run one backfill for each part.");
	if (select->hasAggs || select->groupClause || select->groupingSets ||
		select->havingQual)
		refuse("Its SELECT aggregates, which needs all rows at once.", NULL);
	if (select->distinctClause)
		refuse("Its SELECT has DISTINCT, which needs all rows at once.",
			   "Use ON CONFLICT DO NOTHING with a unique index instead.");
	if (select->hasWindowFuncs)
		refuse("Its SELECT has window functions, which need all rows at once.", NULL);
	if (select->limitCount || select->limitOffset)
		refuse("Its SELECT has LIMIT or OFFSET.", NULL);
	*varno = select->jointree->fromlist == NIL ? 0 :
		leftmost_relation(linitial(select->jointree->fromlist));
	return select;
}

/*
 * Whether rows put into the one table can be read from the other: the same
 * table, or one with its partition or child.
 */
static bool
shares_rows(Oid target, Oid source)
{
	return target == source || smig_part_is_below(target, source) ||
		smig_part_is_below(source, target);
}

/*
 * The driving table's range table entry, checked.
 */
static RangeTblEntry *
check_driving(Query *query, Query *level, int varno)
{
	RangeTblEntry *entry = varno ? rt_fetch(varno, level->rtable) : NULL;
	char		kind;

	if (entry == NULL || entry->rtekind != RTE_RELATION)
		refuse("It has no driving table.",
			   "The first item of FROM must be the table whose rows are to be worked through.");
	kind = get_rel_relkind(entry->relid);
	if (kind == RELKIND_FOREIGN_TABLE)
		refuse(psprintf("\"%s\" is a foreign table, which has no key to go by.",
						get_rel_name(entry->relid)), NULL);
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE &&
		kind != RELKIND_MATVIEW)
		refuse(psprintf("\"%s\" is no table.", get_rel_name(entry->relid)),
			   "Name the table behind the view.");
	if (query->commandType == CMD_INSERT &&
		shares_rows(rt_fetch(query->resultRelation, query->rtable)->relid,
					entry->relid))
		refuse("It reads from the table it inserts into, so new rows could be read again.",
			   NULL);
	return entry;
}

/*
 * Refuses an UPDATE that changes the key: the row would move within the order
 * in which the table is worked through.
 */
static void
check_key_unchanged(const Query *query, const SmigKey *key)
{
	ListCell   *lc;

	if (query->commandType != CMD_UPDATE)
		return;
	foreach(lc, query->targetList)
	{
		const TargetEntry *target = lfirst_node(TargetEntry, lc);

		for (int i = 0; i < key->ncolumns; i++)
			if (!target->resjunk && target->resno == key->columns[i])
				refuse(psprintf("It changes \"%s\", by which the table is cut into batches.",
								key->names[i]),
					   "Name another unique index with key => ARRAY['column'].");
	}
}

/* Rows in a block of the table, about. */
static int64
rows_per_block(Oid relation)
{
	Relation	table = table_open(relation, AccessShareLock);
	double		rows = table->rd_rel->reltuples;
	double		blocks = table->rd_rel->relpages;

	table_close(table, NoLock);
	if (rows < 0 || blocks < 1)
		return USUAL_ROWS_PER_BLOCK;
	return Max((int64) (rows / blocks), 1);
}

static char *
qualified_name(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with oid %u does not exist", relation)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  name);
}

/*
 * Goes over to the columns that a part's key has in the root; a key that is not
 * there, as children that inherit can have one, is none.
 */
static void
find_key_in_root(SmigBackfillPlan *plan)
{
	for (int i = 0; i < plan->key.ncolumns; i++)
	{
		plan->key.columns[i] = get_attnum(plan->root, plan->key.names[i]);
		if (plan->key.columns[i] == InvalidAttrNumber)
			plan->key.ncolumns = 0;
	}
}

/*
 * Understands a statement: what it does, what drives it, and by which key the
 * driving table is cut.
 *
 * key: names of the columns of an index, or NIL for the primary key
 * part: of a driving table that is several, the one that is to be worked
 *		through; without it nothing is chosen for any of them
 *
 * Errors: 0A000 with the reason where it cannot be run in batches; 42704 when
 * there is no such index.
 */
SmigBackfillPlan *
smig_backfill_analyse(const char *statement, List *key, Oid part)
{
	SmigBackfillPlan *plan = palloc0(sizeof(SmigBackfillPlan));
	Query	   *query = analyse_statement(statement);
	RangeTblEntry *entry;
	Query	   *level;
	int			varno;

	level = find_driving(query, &varno);
	entry = check_driving(query, level, varno);
	plan->statement = statement;
	plan->command = query->commandType;
	plan->root = entry->relid;
	plan->root_name = qualified_name(entry->relid);
	plan->part = OidIsValid(part);
	plan->relation = plan->part ? part : plan->root;
	plan->relation_name = qualified_name(plan->relation);
	plan->tree = entry->inh && has_subclass(entry->relid);
	plan->moves = plan->tree && smig_part_moves(query, plan->root);
	plan->rows_per_block = 1;
	if (plan->tree && !plan->part)
	{
		(void) smig_part_tables(plan->root);
		return plan;
	}
	plan->rows_per_block = rows_per_block(plan->relation);
	if (!plan->moves)
		smig_key_choose(&plan->key, plan->relation, key);
	if (plan->part)
		find_key_in_root(plan);
	check_key_unchanged(query, &plan->key);
	plan->striped_rows = smig_stripe_rows(plan, query);
	return plan;
}

/* Whether an expression reads a column that the statement sets. */
static bool
reads_target(const Query *query, Node *expression)
{
	Bitmapset  *read = NULL;
	ListCell   *lc;

	pull_varattnos(expression, query->resultRelation, &read);
	if (bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber,
					  read))
		return true;
	foreach(lc, query->targetList)
	{
		const TargetEntry *target = lfirst_node(TargetEntry, lc);

		if (!target->resjunk &&
			bms_is_member(target->resno - FirstLowInvalidHeapAttributeNumber,
						  read))
			return true;
	}
	return false;
}

/* Whether a table has triggers that see an UPDATE. */
static bool
has_update_triggers(Oid relation)
{
	Relation	table = table_open(relation, AccessShareLock);
	bool		triggers = table->trigdesc &&
		(table->trigdesc->trig_update_before_row ||
	 table->trigdesc->trig_update_after_row ||
	 table->trigdesc->trig_update_before_statement ||
	 table->trigdesc->trig_update_after_statement);

	table_close(table, NoLock);
	return triggers;
}

/*
 * Whether it makes no difference when the statement is run on a row twice: no
 * column that it sets is read, nothing in it is volatile, and no trigger sees
 * it.  A DELETE is repeatable, and so is an INSERT that ignores conflicts.
 */
bool
smig_backfill_is_repeatable(const SmigBackfillPlan *plan)
{
	Query	   *query = analyse_statement(plan->statement);

	if (query->commandType == CMD_DELETE)
		return true;
	if (query->commandType == CMD_INSERT)
		return query->onConflict &&
			query->onConflict->action == ONCONFLICT_NOTHING;
	return !has_update_triggers(plan->relation) &&
		!has_update_triggers(plan->root) && !query->hasSubLinks &&
		!contain_volatile_functions((Node *) query->targetList) &&
		!reads_target(query, (Node *) query->targetList);
}

/*
 * Checks the caller's rights on everything that the statement uses, as its
 * execution does: also when there is no row to execute it for.
 *
 * Errors: 42501.
 */
void
smig_backfill_check_rights(const SmigBackfillPlan *plan)
{
	ListCell   *lc;
	List	   *plans;
	Query	   *query;
	Query	   *level;
	int			varno;

	PushActiveSnapshot(GetTransactionSnapshot());
	query = analyse_statement(plan->statement);
	level = find_driving(query, &varno);
	/* rights are those on the root, and locks on thousands too many */
	if (plan->tree)
		smig_part_restrict(level, varno, InvalidOid);
	plans = pg_plan_queries(pg_rewrite_query(query),
							plan->statement, CURSOR_OPT_PARALLEL_OK, NULL);
	foreach(lc, plans)
		smig_check_permissions(lfirst_node(PlannedStmt, lc));
	PopActiveSnapshot();
}

/*
 * Refuses to count what was run on a table that does not belong to the others
 * any more: nothing was found there.
 */
static void
check_part(const SmigBackfillPlan *plan)
{
	bool		belongs;

	if (!plan->part)
		return;
	PushActiveSnapshot(GetLatestSnapshot());
	belongs = smig_part_belongs(plan);
	PopActiveSnapshot();
	if (!belongs)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s does not belong to %s any more",
						plan->relation_name, plan->root_name)));
}

/*
 * Runs the statement on the rows of one range, in the current transaction.
 *
 * range->planned_at: set to when it was ready to run
 *
 * Result: the number of rows processed.
 *
 * Errors: those of the statement; 55000 when its driving table is another one
 * than at the start.
 */
uint64
smig_backfill_run_range(const SmigBackfillPlan *plan, SmigRange *range)
{
	Query	   *query;
	Query	   *level;
	int			varno;
	List	   *values = NIL;
	ParamListInfo parameters;
	Portal		portal;
	DestReceiver *receiver;
	QueryCompletion completion;
	int16		format = 0;
	MemoryContext old;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig batch",
												  ALLOCSET_DEFAULT_SIZES);

	old = MemoryContextSwitchTo(context);
	PushActiveSnapshot(GetTransactionSnapshot());
	query = analyse_statement(plan->statement);
	level = find_driving(query, &varno);
	if (rt_fetch(varno, level->rtable)->relid != plan->root)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the table of the backfill was replaced by another one"),
				 errhint("Start the backfill again under another name.")));
	level->jointree->quals =
		make_and_qual(level->jointree->quals,
					  smig_key_condition(&plan->key, varno, range, &values));
	if (plan->part)
		smig_part_restrict(level, varno, plan->relation);
	parameters = smig_key_parameters(&plan->key, values);

	portal = CreateNewPortal();
	portal->visible = false;
	PortalDefineQuery(portal, NULL, plan->statement,
					  query->commandType == CMD_UPDATE ? CMDTAG_UPDATE :
					  query->commandType == CMD_DELETE ? CMDTAG_DELETE :
					  CMDTAG_INSERT,
					  pg_plan_queries(pg_rewrite_query(query), plan->statement,
									  CURSOR_OPT_PARALLEL_OK, parameters),
					  NULL);
	PopActiveSnapshot();
	range->planned_at = GetCurrentTimestamp();
	PortalStart(portal, parameters, 0, InvalidSnapshot);
	PortalSetResultFormat(portal, 1, &format);
	receiver = CreateDestReceiver(DestNone);
	InitializeQueryCompletion(&completion);
	(void) smig_portal_run(portal, true, receiver, receiver, &completion);
	receiver->rDestroy(receiver);
	PortalDrop(portal, false);
	CommandCounterIncrement();
	check_part(plan);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return completion.nprocessed;
}
