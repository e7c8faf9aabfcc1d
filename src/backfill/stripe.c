/*-------------------------------------------------------------------------
 *
 * stripe.c
 *	  Updating a range in stripes, so that most rows stay in their block.
 *
 * Blocks of a table that was loaded are full.  An UPDATE of all rows in order
 * finds no room in a row's own block, writes the new version elsewhere, and an
 * entry for it into every index: the table doubles, and so do its indexes.  If
 * instead an eighth of the rows, spread over all blocks, is updated and
 * committed first, then the room of their old versions is there when the
 * second eighth comes by: PostgreSQL prunes a full block when it reads it.  So
 * all stripes but the first are updated in place (HOT), without a word to any
 * index, and with less WAL.
 *
 * Which stripe a row is in must not change, whatever happens to the row, to
 * the process, or to the server: it is told from the key, which must not
 * change during a backfill, by the hash functions of its types.  These never
 * change either, because hash indexes and hash partitions depend on it.
 *
 * A block should have as many rows in each stripe as in the first, whose room
 * the others use.  Hashes spread them by chance, so that in every second block
 * some stripe is larger.  Whole numbers that were given out one by one are
 * dealt instead: of eight in a row, each goes into another stripe, in an order
 * that the hash of the eight decides, so that gaps and strides do no harm.
 *
 * IDENTIFICATION
 *	  src/backfill/stripe.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "backfill/backfill.h"
#include "compat.h"

/*
 * What lies in a range is read once for each stripe, and should still be in
 * shared_buffers then: this share of them at the most.
 */
#define BUFFERS_SHARE 4

/* Correlation of key and position below which a range lies anywhere. */
#define LEAST_CORRELATION 0.9

/*
 * Whether the UPDATE can leave its rows where they are, as far as indexes go.
 */
static bool
can_be_hot(const SmigBackfillPlan *plan, const Query *query, Relation table)
{
	Bitmapset  *indexed =
		RelationGetIndexAttrBitmap(table, SMIG_INDEX_ATTRIBUTES);
	bool		possible = true;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		const TargetEntry *target = lfirst_node(TargetEntry, lc);
		AttrNumber	column = target->resno;

		if (target->resjunk)
			continue;
		if (plan->part)
			column = get_attnum(plan->relation,
								get_attname(plan->root, column, false));
		if (bms_is_member(column - FirstLowInvalidHeapAttributeNumber, indexed))
			possible = false;
	}
	bms_free(indexed);
	return possible;
}

/*
 * How well the order of the key's first column is that of the rows' positions,
 * from 0 to 1, as the last ANALYZE saw it; 0 when there was none.
 */
static double
correlation(const SmigBackfillPlan *plan)
{
	HeapTuple	tuple = SearchSysCache3(STATRELATTINH,
										ObjectIdGetDatum(plan->relation),
										Int16GetDatum(plan->key.own_columns[0]),
										BoolGetDatum(false));
	AttStatsSlot slot;
	double		result = 0;

	if (!HeapTupleIsValid(tuple))
		return 0;
	if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_CORRELATION, InvalidOid,
						 ATTSTATSSLOT_NUMBERS))
	{
		if (slot.nnumbers > 0)
			result = slot.numbers[0] < 0 ? -slot.numbers[0] : slot.numbers[0];
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(tuple);
	return result;
}

/*
 * How many rows a range may have that is done in stripes; 0 where these are of
 * no use: for what is no UPDATE of one table alone, or changes an indexed
 * column; by physical position; and where reading a range several times would
 * mean to read it from disk.
 *
 * query: the statement, analysed
 */
int64
smig_stripe_rows(const SmigBackfillPlan *plan, const Query *query)
{
	Relation	table;
	int64		blocks = NBuffers / BUFFERS_SHARE;
	int64		table_blocks;
	bool		hot;

	if (plan->command != CMD_UPDATE || plan->key.ncolumns == 0 ||
		list_length(query->rtable) != 1 || query->hasSubLinks ||
		get_rel_relkind(plan->relation) != RELKIND_RELATION ||
		(has_subclass(plan->relation) && !plan->part))
		return 0;
	for (int i = 0; i < plan->key.ncolumns; i++)
		if (!OidIsValid(plan->key.hashes[i]))
			return 0;
	table = table_open(plan->relation, AccessShareLock);
	hot = can_be_hot(plan, query, table);
	table_blocks = RelationGetNumberOfBlocks(table);
	table_close(table, NoLock);
	if (!hot || (table_blocks > blocks && correlation(plan) < LEAST_CORRELATION))
		return 0;
	return blocks * plan->rows_per_block;
}

/* Types of keys that are dealt, with what that takes. */
typedef struct Dealt
{
	Oid			type;
	Oid			shift;			/* to the right */
	Oid			mask;			/* logical and; invalid: not needed */
	Oid			narrow;			/* to int4; invalid: is one */
} Dealt;

static const Dealt dealt_types[] = {
	{INT2OID, F_INT2SHR, InvalidOid, F_INT4_INT2},
	{INT4OID, F_INT4SHR, InvalidOid, InvalidOid},
	{INT8OID, F_INT8SHR, F_INT8AND, F_INT4_INT8},
};

static Expr *
make_call(Oid function, Oid result, Expr *first, Expr *second)
{
	return (Expr *) makeFuncExpr(function, result,
								 second ? list_make2(first, second) :
								 list_make1(first),
								 InvalidOid, C_COLLATION_OID,
								 COERCE_EXPLICIT_CALL);
}

static Expr *
make_int4(int32 value)
{
	return (Expr *) makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
							  Int32GetDatum(value), false, true);
}

/*
 * What tells the stripe of a row from one column of the key, in its lowest
 * bits: an int4.
 *
 * stripes: a power of 2
 */
static Expr *
make_number(const SmigKey *key, int varno, int column, int stripes)
{
	Expr	   *value = (Expr *) smig_key_column(key, varno, column);
	const Dealt *dealt = NULL;
	Expr	   *low;

	for (int i = 0; i < lengthof(dealt_types); i++)
		if (exprType((Node *) value) == dealt_types[i].type)
			dealt = &dealt_types[i];
	if (dealt == NULL || column < key->ncolumns - 1)
		return make_call(key->hashes[column], INT4OID, value, NULL);
	low = value;
	if (OidIsValid(dealt->mask))
		low = make_call(dealt->mask, dealt->type, low,
						(Expr *) makeConst(INT8OID, -1, InvalidOid,
										   sizeof(int64),
										   Int64GetDatum(stripes - 1), false,
										   FLOAT8PASSBYVAL));
	if (OidIsValid(dealt->narrow))
		low = make_call(dealt->narrow, INT4OID, low, NULL);
	value = make_call(dealt->shift, dealt->type,
					  (Expr *) smig_key_column(key, varno, column),
					  make_int4(pg_leftmost_one_pos32(stripes)));
	return make_call(F_INT4XOR, INT4OID, low,
					 make_call(key->hashes[column], INT4OID, value, NULL));
}

/*
 * The condition that a row of "varno" is in a stripe.
 *
 * stripes: a power of 2
 */
Node *
smig_stripe_condition(const SmigKey *key, int varno, int stripe, int stripes)
{
	Expr	   *number = NULL;

	for (int i = 0; i < key->ncolumns; i++)
	{
		Expr	   *one = make_number(key, varno, i, stripes);

		number = number ? make_call(F_INT4XOR, INT4OID, number, one) : one;
	}
	number = make_call(F_INT4AND, INT4OID, number, make_int4(stripes - 1));
	return (Node *) make_opclause(Int4EqualOperator, BOOLOID, false, number,
								  make_int4(stripe), InvalidOid, InvalidOid);
}

/*
 * Goes over to the next stripe of a range when one is done; at the end of the
 * last one the position is that of the range's end.
 */
void
smig_stripe_advance(SmigClaim *claim)
{
	if (claim->stripe + 1 >= claim->stripes ||
		!smig_place_equal(claim->position, claim->upper))
		return;
	claim->stripe++;
	claim->position = claim->start;
}
