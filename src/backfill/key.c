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
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

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
 * Takes the key from an index.
 *
 * Errors: 0A000 when it orders other than the columns' types do by default,
 * because then ORDER BY would not walk it.
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
		Oid			type = getBaseType(attribute->atttypid);
		Oid			opclass = GetDefaultOpClass(type, BTREE_AM_OID);
		Oid			input;

		if (!OidIsValid(opclass) ||
			get_opclass_family(opclass) != index->rd_opfamily[i] ||
			index->rd_indcollation[i] != attribute->attcollation)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("index \"%s\" cannot serve as key of a backfill",
							RelationGetRelationName(index)),
					 errdetail("It sorts column \"%s\" in another way than the column's type.",
							   NameStr(attribute->attname))));
		input = index->rd_opcintype[i];
		key->columns[i] = attribute->attnum;
		key->names[i] = pstrdup(NameStr(attribute->attname));
		key->types[i] = attribute->atttypid;
		key->typmods[i] = attribute->atttypmod;
		key->collations[i] = attribute->attcollation;
		key->families[i] = index->rd_opfamily[i];
		key->less_equal[i] = get_opfamily_member(index->rd_opfamily[i], input,
												 input,
												 BTLessEqualStrategyNumber);
		key->greater_equal[i] = get_opfamily_member(index->rd_opfamily[i],
													input, input,
													BTGreaterEqualStrategyNumber);
		key->greater[i] = get_opfamily_member(index->rd_opfamily[i], input,
											  input, BTGreaterStrategyNumber);
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

/* "(a, b)" of the key's columns, with "suffix" behind each. */
static char *
column_list(const SmigKey *key, const char *suffix)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < key->ncolumns; i++)
		appendStringInfo(&buf, "%s%s%s", i ? ", " : "",
						 quote_identifier(key->names[i]), suffix);
	return buf.data;
}

/*
 * "(a, b) > ($1::int, $2::text)" with parameters from "first" on.
 */
static char *
comparison(const SmigKey *key, const Oid *operators, int first)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "ROW(%s) %s ROW(", column_list(key, ""),
					 operator_name(operators[0]));
	for (int i = 0; i < key->ncolumns; i++)
		appendStringInfo(&buf, "%s$%d", i ? ", " : "", first + i);
	appendStringInfoChar(&buf, ')');
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

/*
 * Runs a query that gives one row of the key's columns, as the caller, and
 * returns them as a place; NIL when it gives no row.
 */
static SmigPlace
query_place(const SmigKey *key, const char *query, SmigPlace first,
			SmigPlace second, int64 offset)
{
	MemoryContext context = CurrentMemoryContext;
	int			nargs = 0;
	Oid			types[2 * SMIG_KEY_COLUMNS + 1];
	Datum		values[2 * SMIG_KEY_COLUMNS + 1];
	SmigPlace	places[2] = {first, second};
	SmigPlace	result = NIL;

	for (int p = 0; p < 2; p++)
		for (int i = 0; i < list_length(places[p]); i++)
		{
			types[nargs] = key->types[i];
			values[nargs++] = value_from_text(key, i, list_nth(places[p], i));
		}
	types[nargs] = INT8OID;
	values[nargs++] = Int64GetDatum(offset);

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_execute_with_args(query, nargs, types, values, NULL, true, 1);
	if (SPI_processed == 1)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		int			level = begin_portable_values();

		for (int i = 0; i < key->ncolumns; i++)
			result = lappend(result,
							 pstrdup(SPI_getvalue(SPI_tuptable->vals[0],
												  SPI_tuptable->tupdesc, i + 1)));
		end_portable_values(level);
		MemoryContextSwitchTo(old);
	}
	PopActiveSnapshot();
	SPI_finish();
	return result;
}

/* " WHERE a IS NOT NULL AND b IS NOT NULL", where that can make a difference. */
static const char *
not_null_condition(const SmigKey *key)
{
	StringInfoData buf;

	if (!key->nullable)
		return "true";
	initStringInfo(&buf);
	for (int i = 0; i < key->ncolumns; i++)
		appendStringInfo(&buf, "%s%s IS NOT NULL", i ? " AND " : "",
						 quote_identifier(key->names[i]));
	return buf.data;
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
	return query_place(key,
					   psprintf("SELECT %s FROM %s WHERE %s ORDER BY %s OFFSET $1 LIMIT 1",
								column_list(key, ""), plan->relation_name,
								not_null_condition(key),
								column_list(key, " DESC")),
					   NIL, NIL, 0);
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
	const SmigKey *key = &plan->key;
	int			n = key->ncolumns;
	StringInfoData query;
	SmigPlace	place;

	if (n == 0)
		return smig_position_step(plan, NULL, after, upto,
								  Max(rows, plan->rows_per_block));
	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s FROM %s WHERE %s AND %s",
					 column_list(key, ""), plan->relation_name,
					 not_null_condition(key),
					 comparison(key, key->less_equal, after ? n + 1 : 1));
	if (after)
		appendStringInfo(&query, " AND %s", comparison(key, key->greater, 1));
	appendStringInfo(&query, " ORDER BY %s OFFSET $%d LIMIT 1",
					 column_list(key, ""), after ? 2 * n + 1 : n + 1);
	place = query_place(key, query.data, after ? after : upto,
						after ? upto : NIL, rows - 1);
	return place ? place : upto;
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
		Var		   *var = makeVar(varno, key->columns[i], key->types[i],
								  key->typmods[i], key->collations[i], 0);
		Param	   *param = make_parameter(list_length(*values) + 1,
										   key->types[i], key->typmods[i],
										   key->collations[i]);

		*values = lappend(*values, list_nth(place, i));
		left = lappend(left, as_operand((Node *) var, key->types[i],
										key->typmods[i], key->collations[i]));
		right = lappend(right, as_operand((Node *) param, key->types[i],
										  key->typmods[i], key->collations[i]));
		opnos = lappend_oid(opnos, operators[i]);
		families = lappend_oid(families, key->families[i]);
		collations = lappend_oid(collations, key->collations[i]);
	}
	if (key->ncolumns == 1)
		return (Node *) make_opclause(operators[0], BOOLOID, false,
									  linitial(left), linitial(right),
									  InvalidOid, key->collations[0]);
	return make_row_compare(comparison, opnos, families, collations, left,
							right);
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
									 key->typmods[i], key->collations[i], 0);
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
