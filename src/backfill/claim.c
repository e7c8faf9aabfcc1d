/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Handing out ranges of the driving table.
 *
 * Ranges are handed out from a frontier that moves through the key's order:
 * the backfill's row is locked for as long as that takes.  A range that was
 * handed out and not finished stays in schemamig.backfill_range with its
 * checkpoint; whoever resumes takes those first.  As in ledger.c everything is
 * part of the caller's transaction.
 *
 * IDENTIFICATION
 *	  src/backfill/claim.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "backfill/query.h"

/* A constant of its own: plans are kept by its address. */
static const char LOCK_BACKFILL[] =
"SELECT frontier, last FROM schemamig.backfill WHERE id = $1 FOR UPDATE";

/*
 * Takes a range that an earlier process has left, if there is one.
 */
static bool
claim_left(int64 id, SmigClaim *claim)
{
	SmigArguments args = {0};
	SmigStoreScope scope;
	bool		found;

	smig_query_add_int64(&args, id);
	smig_query_add(&args, INT4OID, Int32GetDatum(MyProcPid), false);
	found = smig_query_execute_in(&scope,
								  "UPDATE schemamig.backfill_range r SET worker = $2"
								  " WHERE r.backfill = $1 AND r.id = (SELECT o.id"
								  "  FROM schemamig.backfill_range o"
								  "  WHERE o.backfill = $1 AND NOT o.nulls"
								  "   AND (o.worker IS NULL OR o.worker = $2"
								  "   OR NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a"
								  "    WHERE a.pid = o.worker"
								  "    AND a.backend_type = 'schemamig worker'))"
								  "  ORDER BY o.id LIMIT 1)"
								  " RETURNING r.id, r.position, r.upper, r.start,"
								  " r.stripe::int8, r.stripes::int8", &args) > 0;
	if (found)
	{
		MemoryContextSwitchTo(scope.caller_context);
		claim->id = smig_query_get_int64(1);
		claim->position = smig_query_get_strings(2);
		claim->upper = smig_query_get_strings(3);
		claim->start = smig_query_get_strings(4);
		claim->stripe = (int) smig_query_get_int64(5);
		claim->stripes = (int) smig_query_get_int64(6);
	}
	smig_store_end(&scope);
	return found;
}

/*
 * Hands out the next range: one left behind, or "chunk" rows from the
 * frontier (0: all that is left).
 *
 * stripes: in which a new range is to be done
 *
 * Result: false when nothing is left to hand out.
 */
bool
smig_ledger_claim(SmigBackfill *backfill, int64 chunk, int stripes,
				  SmigClaim *claim)
{
	SmigArguments args = {0};
	SmigStoreScope scope;
	SmigPlace	frontier;
	SmigPlace	last;

	smig_query_add_int64(&args, backfill->id);
	smig_query_execute_found(&scope, LOCK_BACKFILL, &args);
	MemoryContextSwitchTo(scope.caller_context);
	frontier = smig_query_get_strings(1);
	last = smig_query_get_strings(2);
	smig_store_end(&scope);

	if (claim_left(backfill->id, claim))
		return true;
	if (last == NIL || smig_place_equal(frontier, last))
		return false;
	claim->start = frontier;
	claim->position = frontier;
	claim->stripes = stripes;
	claim->upper = chunk == 0 ? last :
		smig_key_step(backfill->plan, frontier, last, chunk);

	smig_query_add_place(&args, claim->upper);
	smig_query_add_place(&args, claim->position);
	smig_query_add(&args, INT4OID, Int32GetDatum(MyProcPid), false);
	smig_query_add(&args, INT4OID, Int32GetDatum(stripes), false);
	smig_query_execute_in(&scope,
						  "WITH f AS (UPDATE schemamig.backfill SET frontier = $2"
						  "  WHERE id = $1)"
						  " INSERT INTO schemamig.backfill_range"
						  " (backfill, start, position, upper, worker, stripes)"
						  " VALUES ($1, $3, $3, $2, $4, $5) RETURNING id", &args);
	claim->id = smig_query_get_int64(1);
	smig_store_end(&scope);
	return true;
}

/*
 * The range of the rows with a null in the key, by physical position: the one
 * that was left, or all of the table.
 */
void
smig_ledger_claim_nulls(SmigBackfill *backfill, SmigPlace last,
						SmigClaim *claim)
{
	SmigArguments args = {0};
	SmigArguments range = {0};
	SmigStoreScope scope;
	bool		found;

	claim->nulls = true;
	claim->stripes = 1;
	smig_query_add_int64(&args, backfill->id);
	found = smig_query_execute_in(&scope, "SELECT r.id, r.position, r.upper"
								  " FROM schemamig.backfill_range r"
								  " WHERE r.backfill = $1 AND r.nulls", &args) > 0;
	MemoryContextSwitchTo(scope.caller_context);
	if (found)
	{
		claim->id = smig_query_get_int64(1);
		claim->position = smig_query_get_strings(2);
		claim->upper = smig_query_get_strings(3);
	}
	smig_store_end(&scope);
	if (found)
		return;
	claim->upper = last;
	smig_query_add_int64(&range, backfill->id);
	smig_query_add_place(&range, last);
	smig_query_execute_in(&scope,
						  "INSERT INTO schemamig.backfill_range"
						  " (backfill, upper, nulls) VALUES ($1, $2, true)"
						  " RETURNING id", &range);
	claim->id = smig_query_get_int64(1);
	smig_store_end(&scope);
}

/*
 * Gives a range back, with what is left of it, for others to take.
 */
void
smig_ledger_release(int64 id, const SmigClaim *claim)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_add_int64(&args, claim->id);
	smig_query_execute("UPDATE schemamig.backfill_range SET worker = NULL"
					   " WHERE backfill = $1 AND id = $2", &args);
}

/*
 * Gives back what lies behind the next "chunk" rows of a claim, so that others
 * can take it, when nothing has been handed out behind the claim.
 *
 * Result: whether it was so; then claim->upper is the new end, in the current
 * context.
 */
bool
smig_ledger_narrow(SmigBackfill *backfill, SmigClaim *claim, int64 chunk)
{
	SmigArguments args = {0};
	SmigArguments range = {0};
	SmigStoreScope scope;
	SmigPlace	frontier;
	SmigPlace	upper;

	smig_query_add_int64(&args, backfill->id);
	smig_query_execute_found(&scope, LOCK_BACKFILL, &args);
	MemoryContextSwitchTo(scope.caller_context);
	frontier = smig_query_get_strings(1);
	smig_store_end(&scope);
	if (!smig_place_equal(frontier, claim->upper))
		return false;
	upper = smig_key_step(backfill->plan, claim->position, claim->upper, chunk);
	if (smig_place_equal(upper, claim->upper))
		return false;
	smig_query_add_place(&args, upper);
	smig_query_execute("UPDATE schemamig.backfill SET frontier = $2 WHERE id = $1", &args);
	smig_query_add_int64(&range, backfill->id);
	smig_query_add_int64(&range, claim->id);
	smig_query_add_place(&range, upper);
	smig_query_execute("UPDATE schemamig.backfill_range SET upper = $3"
					   " WHERE backfill = $1 AND id = $2", &range);
	claim->upper = upper;
	claim->rows = chunk;
	return true;
}

/*
 * Records a batch in its own transaction: the range's checkpoint, or its end
 * when position has reached upper, and the counters.
 */
void
smig_ledger_checkpoint(int64 id, const SmigClaim *claim, uint64 rows,
					   int64 scanned, int batch_ms, int64 batch_size,
					   uint64 wal_bytes)
{
	SmigArguments range = {0};
	SmigArguments args = {0};

	smig_query_add_int64(&range, id);
	smig_query_add_int64(&range, claim->id);
	if (smig_place_equal(claim->position, claim->upper))
		smig_query_execute("DELETE FROM schemamig.backfill_range"
						   " WHERE backfill = $1 AND id = $2", &range);
	else
	{
		smig_query_add_place(&range, claim->position);
		smig_query_add(&range, INT4OID, Int32GetDatum(claim->stripe), false);
		smig_query_execute("UPDATE schemamig.backfill_range SET position = $3,"
						   " stripe = $4 WHERE backfill = $1 AND id = $2", &range);
	}
	if (claim->nulls && smig_place_equal(claim->position, claim->upper))
		smig_ledger_nulls_done(id);
	smig_query_add_int64(&args, id);
	smig_query_add_int64(&args, (int64) rows);
	smig_query_add_int64(&args, scanned);
	smig_query_add_int64(&args, batch_ms);
	smig_query_add_int64(&args, batch_size);
	smig_query_add_int64(&args, (int64) wal_bytes);
	smig_query_execute("UPDATE schemamig.backfill SET rows_done = rows_done + $2,"
					   " rows_scanned = rows_scanned + $3, batch_ms = $4,"
					   " current_batch = $5, wal_bytes = wal_bytes + $6"
					   " WHERE id = $1", &args);
	/* the part first, and then the whole: always in this order */
	smig_query_execute("UPDATE schemamig.backfill SET rows_done = rows_done + $2,"
					   " rows_scanned = rows_scanned + $3, batch_ms = $4,"
					   " current_batch = $5, wal_bytes = wal_bytes + $6"
					   " WHERE id = (SELECT parent FROM schemamig.backfill"
					   "  WHERE id = $1)", &args);
}

/*
 * Whether ranges are handed out and not done.
 */
bool
smig_ledger_has_open_ranges(int64 id)
{
	SmigArguments args = {0};
	SmigStoreScope scope;
	bool		found;

	smig_query_add_int64(&args, id);
	found = smig_query_execute_in(&scope, "SELECT FROM schemamig.backfill_range"
								  " WHERE backfill = $1 AND NOT nulls LIMIT 1", &args) > 0;
	smig_store_end(&scope);
	return found;
}
