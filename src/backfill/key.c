/*-------------------------------------------------------------------------
 *
 * key.c
 *	  By what a table is cut into batches.
 *
 * A key is the columns of a btree index in their own order: the primary key or
 * a unique index named by its columns.  A place in it is the list of the
 * columns' values as text, which every type reads back as it wrote it; that is
 * what checkpoints hold.  Bounds are found by walking the index, so gaps and
 * skew do not matter, and a batch is a range (after, upto], so equal keys (in
 * inheritance children) stay in one batch.
 *
 * Rows that no key can name are gone over by physical position: position.c.
 *
 * IDENTIFICATION
 *	  src/backfill/key.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "backfill/backfill.h"
#include "backfill/position.h"
#include "compat.h"

/*
 * Whether the index can be walked as a key: a valid unique btree over plain
 * columns of the whole table.
 */
static bool
index_is_usable(Relation index)
{
	Form_pg_index form = index->rd_index;

	return form->indisunique && form->indisvalid && form->indisready &&
		form->indimmediate && index->rd_rel->relam == BTREE_AM_OID &&
		RelationGetIndexPredicate(index) == NIL &&
		RelationGetIndexExpressions(index) == NIL;
}

/*
 * Whether the index is over exactly these columns (String order matters not).
 */
static bool
index_has_columns(Relation index, Relation table, List *names)
{
	Form_pg_index form = index->rd_index;
	ListCell   *lc;

	if (form->indnkeyatts != list_length(names))
		return false;
	foreach(lc, names)
	{
		bool		found = false;

		for (int i = 0; i < form->indnkeyatts; i++)
		{
			Form_pg_attribute attribute =
				TupleDescAttr(RelationGetDescr(table),
						  form->indkey.values[i] - 1);

			if (strcmp(NameStr(attribute->attname), lfirst(lc)) == 0)
				found = true;
		}
		if (!found)
			return false;
	}
	return true;
}

/*
 * Takes the key from an index: its operators and collations, which need not be
 * those of the columns' types.
 */
static void
key_from_index(SmigKey *key, Relation index, Relation table)
{
	Form_pg_index form = index->rd_index;

	key->ncolumns = form->indnkeyatts;
	for (int i = 0; i < key->ncolumns; i++)
	{
		Form_pg_attribute attribute =
			TupleDescAttr(RelationGetDescr(table), form->indkey.values[i] - 1);
		Oid			input;

		input = index->rd_opcintype[i];
		key->columns[i] = attribute->attnum;
		key->own_columns[i] = attribute->attnum;
		key->names[i] = pstrdup(NameStr(attribute->attname));
		key->types[i] = attribute->atttypid;
		key->typmods[i] = attribute->atttypmod;
		key->column_collations[i] = attribute->attcollation;
		key->collations[i] = index->rd_indcollation[i];
		key->families[i] = index->rd_opfamily[i];
		key->less_equal[i] = get_opfamily_member(index->rd_opfamily[i], input,
												 input,
												 BTLessEqualStrategyNumber);
		key->greater_equal[i] = get_opfamily_member(index->rd_opfamily[i],
													input, input,
													BTGreaterEqualStrategyNumber);
		key->greater[i] = get_opfamily_member(index->rd_opfamily[i], input,
											  input, BTGreaterStrategyNumber);
		key->less[i] = get_opfamily_member(index->rd_opfamily[i], input, input,
										   BTLessStrategyNumber);
		key->hashes[i] = lookup_type_cache(getBaseType(attribute->atttypid),
										   TYPECACHE_HASH_PROC)->hash_proc;
		if (!attribute->attnotnull)
			key->nullable = true;
	}
}

/*
 * Whether the index is over exactly these columns in this order.
 */
static bool
index_has_order(const SmigKey *key, List *names)
{
	if (key->ncolumns != list_length(names))
		return false;
	for (int i = 0; i < key->ncolumns; i++)
		if (strcmp(key->names[i], list_nth(names, i)) != 0)
			return false;
	return true;
}

/*
 * Chooses the key of a table.  Of several indexes over the named columns one
 * with the same order wins, so that the columns that a key was recorded with
 * give that key again.
 *
 * names: columns (char *) of a unique index, NIL for the primary key; without
 *		one, physical position
 *
 * Errors: 42704 when no usable unique index has these columns.
 */
void
smig_key_choose(SmigKey *key, Oid relation, List *names)
{
	Relation	table = table_open(relation, AccessShareLock);
	List	   *indexes = RelationGetIndexList(table);
	Oid			primary = table->rd_pkindex;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		bool		wanted = names ? index_has_columns(index, table, names) :
			lfirst_oid(lc) == primary;

		if (wanted && index_is_usable(index) &&
			(key->ncolumns == 0 || !index_has_order(key, names)))
		{
			SmigKey		found = {0};

			key_from_index(&found, index, table);
			if (key->ncolumns == 0 || index_has_order(&found, names))
				*key = found;
		}
		index_close(index, AccessShareLock);
	}
	if (names && key->ncolumns == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has no unique index over the columns of \"key\"",
						RelationGetRelationName(table)),
				 errhint("It must be a valid btree index over plain columns, neither partial nor deferrable.")));
	table_close(table, AccessShareLock);
}

static char *
operator_name(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("OPERATOR(%s.%s)",
					  quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return result;
}

/* "a, b" of the key's columns. */
static char *
column_list(const SmigKey *key)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < key->ncolumns; i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "",
						 quote_identifier(key->names[i]));
	return buf.data;
}

/*
 * "a USING OPERATOR(s.<), b COLLATE c USING OPERATOR(t.<)": the order of the
 * index, or the reverse, whatever the columns' types do by default.
 */
static char *
order_list(const SmigKey *key, const Oid *operators)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < key->ncolumns; i++)
	{
		appendStringInfo(&buf, "%s%s", i ? ", " : "",
						 quote_identifier(key->names[i]));
		if (key->collations[i] != key->column_collations[i])
			appendStringInfo(&buf, " COLLATE %s",
							 generate_collation_name(key->collations[i]));
		appendStringInfo(&buf, " USING %s", operator_name(operators[i]));
	}
	return buf.data;
}

/*
 * Sets what the text of values depends on, so that a place reads back as the
 * same value under any settings of whoever resumes the backfill.  As
 * postgres_fdw does for what it sends.
 *
 * Result: for end_portable_values().
 */
static int
begin_portable_values(void)
{
	static const struct
	{
		const char *name;
		const char *value;
	}			settings[] = {
		{"datestyle", "ISO, YMD"},
		{"intervalstyle", "postgres"},
		{"extra_float_digits", "3"},
	};
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i].name, settings[i].value,
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return level;
}

static void
end_portable_values(int level)
{
	AtEOXact_GUC(true, level);
}

/*
 * Datum of a key column's value given as text.
 */
static Datum
value_from_text(const SmigKey *key, int column, char *text)
{
	int			level = begin_portable_values();
	Oid			function;
	Oid			ioparam;
	Datum		value;

	getTypeInputInfo(key->types[column], &function, &ioparam);
	value = OidInputFunctionCall(function, text, ioparam, key->typmods[column]);
	end_portable_values(level);
	return value;
}

static Param *
make_parameter(int number, Oid type, int32 typmod, Oid collation)
{
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = number;
	param->paramtype = type;
	param->paramtypmod = typmod;
	param->paramcollid = collation;
	param->location = -1;
	return param;
}

/* The operand a btree operator takes: domains are compared as their base type. */
static Node *
as_operand(Node *node, Oid type, int32 typmod, Oid collation)
{
	Oid			base = getBaseTypeAndTypmod(type, &typmod);

	if (base == type)
		return node;
	return (Node *) makeRelabelType((Expr *) node, base, typmod, collation,
									COERCE_IMPLICIT_CAST);
}

/*
 * A column of the key, as an operand: domains as their base type.
 */
Node *
smig_key_column(const SmigKey *key, int varno, int column)
{
	Oid			collation = key->column_collations[column];
	Var		   *var = makeVar(varno, key->columns[column], key->types[column],
							  key->typmods[column], collation, 0);

	return as_operand((Node *) var, key->types[column], key->typmods[column],
					  collation);
}

static Node *
make_row_compare(SmigComparison comparison, List *opnos, List *families,
				 List *collations, List *left, List *right)
{
	RowCompareExpr *node = makeNode(RowCompareExpr);

	SMIG_ROW_COMPARE_KIND(node) = SMIG_ROW_COMPARE_VALUE(comparison);
	node->opnos = opnos;
	node->opfamilies = families;
	node->inputcollids = collations;
	node->largs = left;
	node->rargs = right;
	return (Node *) node;
}

/*
 * (a, b) compared by one operator per column with parameters that take the values of "place", which are
 * appended to *values.
 */
static Node *
compare_row(const SmigKey *key, int varno, SmigComparison comparison,
			SmigPlace place, List **values)
{
	const Oid  *operators = comparison == SMIG_GREATER ? key->greater :
		comparison == SMIG_LESS_EQUAL ? key->less_equal : key->greater_equal;
	List	   *left = NIL;
	List	   *right = NIL;
	List	   *opnos = NIL;
	List	   *families = NIL;
	List	   *collations = NIL;

	for (int i = 0; i < key->ncolumns; i++)
	{
		Oid			collation = key->column_collations[i];
		Param	   *param = make_parameter(list_length(*values) + 1,
										   key->types[i], key->typmods[i],
										   collation);

		*values = lappend(*values, list_nth(place, i));
		left = lappend(left, smig_key_column(key, varno, i));
		right = lappend(right, as_operand((Node *) param, key->types[i],
										  key->typmods[i], collation));
		opnos = lappend_oid(opnos, operators[i]);
		families = lappend_oid(families, key->families[i]);
		collations = lappend_oid(collations, key->collations[i]);
	}
	if (key->ncolumns == 1)
		return (Node *) make_opclause(operators[0], BOOLOID, false,
									  linitial(left), linitial(right),
									  InvalidOid, key->collations[0]);

	/*
	 * What follows for the first column is said as well: partitions are not
	 * pruned by a comparison of rows.
	 */
	return make_and_qual(make_row_compare(comparison, opnos, families,
										  collations, left, right),
						 (Node *) make_opclause(comparison == SMIG_LESS_EQUAL ?
												key->less_equal[0] :
												key->greater_equal[0],
												BOOLOID, false,
												copyObject(linitial(left)),
												copyObject(linitial(right)),
												InvalidOid,
												key->collations[0]));
}

/* Tests of all key columns for null, or for not null. */
static List *
null_tests(const SmigKey *key, int varno, NullTestType type)
{
	List	   *tests = NIL;

	for (int i = 0; i < key->ncolumns; i++)
	{
		NullTest   *test = makeNode(NullTest);

		test->arg = (Expr *) makeVar(varno, key->columns[i], key->types[i],
									 key->typmods[i],
									 key->column_collations[i], 0);
		test->nulltesttype = type;
		test->argisrow = false;
		test->location = -1;
		tests = lappend(tests, test);
	}
	return tests;
}

/*
 * The condition of a range, as a tree over the driving table "varno".
 *
 * *values: texts of the key columns' values that the condition's parameters
 *		take, in order
 */
Node *
smig_key_condition(const SmigKey *key, int varno, const SmigRange *range,
				   List **values)
{
	Node	   *condition;

	if (range->by_position)
		return smig_position_condition(varno, range->tids);
	if (range->exact)
	{
		/* one operator each way: at most this place, and not before it */
		condition = compare_row(key, varno, SMIG_LESS_EQUAL, range->upto, values);
		return make_and_qual(condition,
							 compare_row(key, varno, SMIG_GREATER_EQUAL,
										 range->upto, values));
	}
	condition = compare_row(key, varno, SMIG_LESS_EQUAL, range->upto, values);
	if (range->after)
		condition = make_and_qual(condition,
								  compare_row(key, varno, SMIG_GREATER, range->after,
											  values));
	/* (a, b) < (2, 1) holds for (1, null), which is done with the nulls */
	if (key->nullable && key->ncolumns > 1)
		condition = make_and_qual(condition,
								  (Node *) make_andclause(null_tests(key, varno,
																	 IS_NOT_NULL)));
	if (range->stripes > 1)
		condition = make_and_qual(condition,
								  smig_stripe_condition(key, varno, range->stripe,
														range->stripes));
	return condition;
}

/*
 * Parameters of a condition from the texts that smig_key_condition collected.
 */
ParamListInfo
smig_key_parameters(const SmigKey *key, List *values)
{
	ParamListInfo parameters = makeParamList(list_length(values));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, values)
	{
		ParamExternData *parameter = &parameters->params[n];
		int			column = n % key->ncolumns;

		parameter->value = value_from_text(key, column, lfirst(lc));
		parameter->isnull = false;
		parameter->pflags = PARAM_FLAG_CONST;
		parameter->ptype = key->types[column];
		n++;
	}
	return parameters;
}

/*
 * Runs a query and returns its only row as a place; NIL when there is none.
 */
static SmigPlace
run_for_place(Query *query, const char *text, ParamListInfo parameters,
			  MemoryContext context)
{
	Portal		portal = CreateNewPortal();
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
	DestReceiver *receiver = CreateDestReceiver(DestTuplestore);
	QueryCompletion completion;
	TupleTableSlot *slot;
	SmigPlace	place = NIL;

	SetTuplestoreDestReceiverParams(receiver, store, CurrentMemoryContext,
									false, NULL, NULL);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, text, CMDTAG_SELECT,
					  pg_plan_queries(pg_rewrite_query(query), text,
									  CURSOR_OPT_PARALLEL_OK, parameters),
					  NULL);
	PortalStart(portal, parameters, 0, GetActiveSnapshot());
	(void) smig_portal_run(portal, true, receiver, receiver, &completion);
	slot = MakeSingleTupleTableSlot(portal->tupDesc, &TTSOpsMinimalTuple);
	if (tuplestore_gettupleslot(store, true, false, slot))
	{
		int			level = begin_portable_values();

		slot_getallattrs(slot);
		for (int i = 0; i < portal->tupDesc->natts; i++)
		{
			Oid			function;
			bool		varlena;
			char	   *value;

			getTypeOutputInfo(TupleDescAttr(portal->tupDesc, i)->atttypid,
							  &function, &varlena);
			value = OidOutputFunctionCall(function, slot->tts_values[i]);
			MemoryContextSwitchTo(context);
			place = lappend(place, pstrdup(value));
		}
		end_portable_values(level);
	}
	ExecDropSingleTupleTableSlot(slot);
	receiver->rDestroy(receiver);
	tuplestore_end(store);
	PortalDrop(portal, false);
	return place;
}

/*
 * Analyses a query on the root, restricted to the plan's part of it.
 *
 * *varno: the root's index in its range table
 */
static Query *
analyse_query(const SmigBackfillPlan *plan, const char *text, int *varno)
{
	RawStmt    *raw = linitial_node(RawStmt, pg_parse_query(text));
	Query	   *query = parse_analyze_fixedparams(raw, text, NULL, 0, NULL);

	*varno = linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex;
	if (plan->part)
		smig_part_restrict(query, *varno, plan->relation);
	return query;
}

/*
 * Whether the caller sees a row with a null in the key.
 */
bool
smig_key_has_nulls(const SmigBackfillPlan *plan)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(old, "schemamig nulls",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *text;
	Query	   *query;
	int			varno;
	bool		found;
	Node	   *condition;

	MemoryContextSwitchTo(context);
	text = psprintf("SELECT true FROM %s AS t LIMIT 1", plan->root_name);
	PushActiveSnapshot(GetTransactionSnapshot());
	query = analyse_query(plan, text, &varno);
	condition = (Node *) make_orclause(null_tests(&plan->key, varno, IS_NULL));
	query->jointree->quals = make_and_qual(query->jointree->quals, condition);
	found = run_for_place(query, text, NULL, context) != NIL;
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return found;
}

/*
 * The place "offset" rows into a range, in the order of these operators, as the
 * caller sees the table; NIL when there is none.  As in a batch, the condition
 * is added to the tree, so it is that of the index, operator for operator.
 *
 * range: NULL for all rows without a null in the key
 */
static SmigPlace
query_place(const SmigBackfillPlan *plan, const Oid *operators,
			const SmigRange *range, int64 offset)
{
	const SmigKey *key = &plan->key;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(old, "schemamig place",
												  ALLOCSET_DEFAULT_SIZES);
	List	   *values = NIL;
	Node	   *condition = NULL;
	char	   *text;
	Query	   *query;
	int			varno;
	SmigPlace	place;

	MemoryContextSwitchTo(context);
	text = psprintf("SELECT %s FROM %s AS t ORDER BY %s OFFSET " INT64_FORMAT " LIMIT 1",
					column_list(key), plan->root_name,
					order_list(key, operators), offset);
	PushActiveSnapshot(GetTransactionSnapshot());
	query = analyse_query(plan, text, &varno);
	if (range)
		condition = smig_key_condition(key, varno, range, &values);
	else if (key->nullable)
		condition = (Node *) make_andclause(null_tests(key, varno, IS_NOT_NULL));
	query->jointree->quals = make_and_qual(query->jointree->quals, condition);
	place = run_for_place(query, text, smig_key_parameters(key, values), old);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return place;
}

/*
 * The last place there is now: the upper bound of the whole backfill.  NIL for
 * a table without rows.
 */
SmigPlace
smig_key_last(const SmigBackfillPlan *plan)
{
	const SmigKey *key = &plan->key;

	if (key->ncolumns == 0)
		return smig_position_last(plan);
	return query_place(plan, key->greater, NULL, 0);
}

/*
 * The place "rows" rows behind "after", but not behind "upto": the upper bound
 * of a batch of that size.
 *
 * rows: rows of the table, at least 1; for a table without a key, about
 */
SmigPlace
smig_key_step(const SmigBackfillPlan *plan, SmigPlace after, SmigPlace upto,
			  int64 rows)
{
	SmigRange	range = {.after = after,.upto = upto};
	SmigPlace	place;

	if (plan->key.ncolumns == 0)
		return smig_position_step(plan, NULL, after, upto,
								  Max(rows, plan->rows_per_block));
	place = query_place(plan, plan->key.less, &range, rows - 1);
	return place ? place : upto;
}
