/*-------------------------------------------------------------------------
 *
 * position.c
 *	  Cutting a table by physical position.
 *
 * Rows that no key can name, in tables without one or with a null in it, are
 * gone over by position.  An update moves a row, so a position says nothing
 * about which rows are done, unless it is that of one moment: a process keeps
 * the snapshot with which the backfill began, and every batch imports it.  Row
 * versions that it sees stay where they are, because VACUUM may not remove
 * them.  A batch takes those of a range of positions, follows each to its
 * newest version, as an UPDATE in READ COMMITTED does, locks that, and runs
 * the statement on the versions locked.  So each row that was there at the
 * beginning is taken exactly once, wherever the application has moved it.
 *
 * The snapshot is lost with the process.  Who resumes takes a new one, leaves
 * out what this backfill has written (known by transaction), and must know
 * that nobody else has written meanwhile: see smig_position_is_changed().
 *
 * IDENTIFICATION
 *	  src/backfill/position.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "backfill/position.h"

/* Offset of no row, behind all of a block. */
#define BLOCK_END PG_UINT16_MAX

static SmigPlace
make_place(const ItemPointerData *tid)
{
	return list_make1(psprintf("(%u,%u)",
							   ItemPointerGetBlockNumberNoCheck(tid),
							   ItemPointerGetOffsetNumberNoCheck(tid)));
}

static void
read_place(SmigPlace place, ItemPointer tid)
{
	unsigned int block = 0;
	unsigned int offset = 0;

	(void) sscanf(linitial(place), "(%u,%u)", &block, &offset);
	ItemPointerSet(tid, block, offset);
}

static int
compare_xids(const void *a, const void *b)
{
	TransactionId x = *(const TransactionId *) a;
	TransactionId y = *(const TransactionId *) b;

	return x < y ? -1 : x > y;
}

/*
 * Sets whose row versions are the backfill's own, in the current context.
 *
 * xids: as text
 */
void
smig_position_set_own(SmigPosition *position, List *xids)
{
	ListCell   *lc;

	position->own = palloc(sizeof(TransactionId) * Max(list_length(xids), 1));
	position->nown = 0;
	foreach(lc, xids)
		position->own[position->nown++] =
			(TransactionId) strtoul(lfirst(lc), NULL, 10);
	qsort(position->own, position->nown, sizeof(TransactionId), compare_xids);
}

/*
 * Imports the snapshot of the beginning into the current transaction, which
 * must have done nothing yet.  PostgreSQL allows that at REPEATABLE READ only;
 * the transaction goes on at READ COMMITTED, and uses the snapshot just to find
 * the rows.
 *
 * Errors: 22023 when the process that keeps it is gone.
 */
void
smig_position_import(SmigPosition *position)
{
	int			level = XactIsoLevel;

	XactIsoLevel = XACT_REPEATABLE_READ;
	ImportSnapshot(position->snapshot_id);
	position->snapshot = GetTransactionSnapshot();
	XactIsoLevel = level;
}

/*
 * The last position there is now; NIL for a table without blocks.
 */
SmigPlace
smig_position_last(const SmigBackfillPlan *plan)
{
	Relation	table = table_open(plan->relation, AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(table);
	ItemPointerData tid;

	table_close(table, AccessShareLock);
	if (blocks == 0)
		return NIL;
	ItemPointerSet(&tid, blocks - 1, BLOCK_END);
	return make_place(&tid);
}

static bool
has_null(const SmigKey *key, TupleTableSlot *slot)
{
	for (int i = 0; i < key->ncolumns; i++)
		if (slot_attisnull(slot, key->own_columns[i]))
			return true;
	return false;
}

static TransactionId
xmin_of(TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetTransactionId(slot_getsysattr(slot,
												 MinTransactionIdAttributeNumber,
												 &isnull));
}

static bool
is_own(const SmigPosition *position, TransactionId xid)
{
	return position->nown > 0 &&
		bsearch(&xid, position->own, position->nown, sizeof(TransactionId),
				compare_xids) != NULL;
}

/* Whether a row version is one to be worked on. */
static bool
is_wanted(const SmigBackfillPlan *plan, const SmigPosition *position,
		  TupleTableSlot *slot)
{
	return !is_own(position, xmin_of(slot)) &&
		(!position->nulls || has_null(&plan->key, slot));
}

static TableScanDesc
begin_scan(Relation table, Snapshot snapshot, SmigPlace after, SmigPlace upto)
{
	ItemPointerData least;
	ItemPointerData most;

	ItemPointerSet(&least, 0, 0);
	if (after)
		read_place(after, &least);
	ItemPointerInc(&least);
	read_place(upto, &most);
	return table_beginscan_tidrange(table, snapshot, &least, &most);
}

/*
 * Position of the row that is so many behind "after", or "upto".
 */
static SmigPlace
walk(const SmigBackfillPlan *plan, const SmigPosition *position,
	 SmigPlace after, SmigPlace upto, int64 rows)
{
	Relation	table = table_open(plan->relation, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = begin_scan(table, position->snapshot, after, upto);
	SmigPlace	result = upto;

	while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_wanted(plan, position, slot) || --rows > 0)
			continue;
		result = make_place(&slot->tts_tid);
		break;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return result;
}

/*
 * The position about "rows" rows behind "after", but not behind "upto": whole
 * blocks, or exactly, where it is less than one.
 */
SmigPlace
smig_position_step(const SmigBackfillPlan *plan, const SmigPosition *position,
				   SmigPlace after, SmigPlace upto, int64 rows)
{
	ItemPointerData tid;
	ItemPointerData end;
	int64		block = 0;		/* first that is not done */

	if (rows < plan->rows_per_block)
		return walk(plan, position, after, upto, rows);
	if (after)
	{
		read_place(after, &tid);
		block = ItemPointerGetBlockNumberNoCheck(&tid);
		if (ItemPointerGetOffsetNumberNoCheck(&tid) == BLOCK_END)
			block++;
	}
	block += rows / plan->rows_per_block - 1;
	read_place(upto, &end);
	if (block >= ItemPointerGetBlockNumberNoCheck(&end))
		return upto;
	ItemPointerSet(&tid, (BlockNumber) block, BLOCK_END);
	return make_place(&tid);
}

/* How strongly the statement locks the rows it takes. */
static LockTupleMode
lock_mode(const SmigBackfillPlan *plan)
{
	return plan->command == CMD_DELETE ? LockTupleExclusive :
		plan->command == CMD_UPDATE ? LockTupleNoKeyExclusive :
		LockTupleKeyShare;
}

/*
 * Locks the newest version of a row that the snapshot sees.
 *
 * Result: its position, in *tid; false when the row is deleted.
 */
static bool
lock_newest(const SmigBackfillPlan *plan, Relation table, Snapshot snapshot,
			ItemPointer tid, TupleTableSlot *slot)
{
	TM_FailureData failure;
	TM_Result	result = table_tuple_lock(table, tid, snapshot, slot,
										  GetCurrentCommandId(true),
										  lock_mode(plan), LockWaitBlock,
										  TUPLE_LOCK_FLAG_FIND_LAST_VERSION,
										  &failure);

	if (result == TM_Deleted)
		return false;
	if (result != TM_Ok)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not lock a row of table %s due to concurrent update",
						plan->relation_name)));
	*tid = slot->tts_tid;
	return true;
}

/*
 * Locks the rows of a range in their newest versions.
 *
 * Result: positions of those (ItemPointer), in the current context.
 */
List *
smig_position_lock(const SmigBackfillPlan *plan, const SmigPosition *position,
				   SmigPlace after, SmigPlace upto)
{
	Relation	table = table_open(plan->relation,
								   plan->command == CMD_INSERT ?
								   RowShareLock : RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TupleTableSlot *newest = table_slot_create(table, NULL);
	TableScanDesc scan = begin_scan(table, position->snapshot, after, upto);
	List	   *tids = NIL;

	while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
	{
		ItemPointer tid;

		CHECK_FOR_INTERRUPTS();
		if (!is_wanted(plan, position, slot))
			continue;
		tid = palloc(sizeof(ItemPointerData));
		*tid = slot->tts_tid;
		if (lock_newest(plan, table, position->snapshot, tid, newest))
			tids = lappend(tids, tid);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(newest);
	table_close(table, NoLock);
	return tids;
}

/*
 * What names the row at a position for later: where its newest version stands,
 * and which transaction has written it.  NIL when it is deleted.
 */
SmigPlace
smig_position_version(const SmigBackfillPlan *plan,
					  const SmigPosition *position, SmigPlace place)
{
	Relation	table = table_open(plan->relation, RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	SmigPlace	version = NIL;
	ItemPointerData tid;

	read_place(place, &tid);
	if (lock_newest(plan, table, position->snapshot, &tid, slot))
		version = lappend(make_place(&tid), psprintf("%u", xmin_of(slot)));
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return version;
}

/*
 * Locks the row version that smig_position_version() named.
 *
 * Result: as smig_position_lock; NIL when it is the newest no more.
 */
List *
smig_position_lock_version(const SmigBackfillPlan *plan, SmigPlace version)
{
	Relation	table = table_open(plan->relation, RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	ItemPointer tid = palloc(sizeof(ItemPointerData));
	TM_FailureData failure;
	List	   *tids = NIL;

	read_place(version, tid);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (ItemPointerGetBlockNumberNoCheck(tid) <
		RelationGetNumberOfBlocks(table) &&
		table_tuple_fetch_row_version(table, tid, GetActiveSnapshot(), slot) &&
		xmin_of(slot) == (TransactionId) strtoul(lsecond(version), NULL, 10) &&
		table_tuple_lock(table, tid, GetActiveSnapshot(), slot,
						 GetCurrentCommandId(true), lock_mode(plan),
						 LockWaitBlock, 0, &failure) == TM_Ok)
		tids = list_make1(tid);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return tids;
}

/*
 * Whether the snapshot sees rows that others have written since a transaction:
 * of those nobody can tell whether they were done before.  Rows of transactions
 * that were in progress at that time count as written since.
 */
bool
smig_position_is_changed(const SmigBackfillPlan *plan,
						 const SmigPosition *position, TransactionId since)
{
	Relation	table = table_open(plan->relation, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = table_beginscan(table, position->snapshot, 0, NULL);
	bool		changed = false;

	while (!changed &&
		   table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		TransactionId xmin = xmin_of(slot);

		CHECK_FOR_INTERRUPTS();
		changed = TransactionIdIsNormal(xmin) &&
			TransactionIdFollowsOrEquals(xmin, since) &&
			is_wanted(plan, position, slot);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return changed;
}

/*
 * The condition that a row of "varno" stands at one of these positions.
 *
 * tids: of ItemPointer
 */
Node *
smig_position_condition(int varno, List *tids)
{
	ScalarArrayOpExpr *test = makeNode(ScalarArrayOpExpr);
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(tids), 1));
	ArrayType  *array;
	int			n = 0;
	ListCell   *lc;

	foreach(lc, tids)
		elements[n++] = PointerGetDatum(lfirst(lc));
	array = construct_array(elements, n, TIDOID, sizeof(ItemPointerData),
							false, TYPALIGN_SHORT);
	test->opno = TIDEqualOperator;
	test->opfuncid = get_opcode(test->opno);
	test->useOr = true;
	test->args = list_make2(makeVar(varno, SelfItemPointerAttributeNumber,
									TIDOID, -1, InvalidOid, 0),
							makeConst(get_array_type(TIDOID), -1, InvalidOid,
									  -1, PointerGetDatum(array), false, false));
	test->location = -1;
	return (Node *) test;
}
