/*-------------------------------------------------------------------------
 *
 * bad_row.c
 *	  Rows that were kept aside.
 *
 * IDENTIFICATION
 *	  src/backfill/bad_row.c
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
#include "text_array.h"

/*
 * Sums up the rows kept aside of all parts of the whole that a backfill is one
 * of, if it is.
 */
static void
count_of_parts(int64 id)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_execute("UPDATE schemamig.backfill w SET errors ="
					   " (SELECT pg_catalog.sum(b.errors) FROM schemamig.backfill b"
					   "  WHERE b.parent = w.id)"
					   " WHERE w.id = (SELECT parent FROM schemamig.backfill"
					   "  WHERE id = $1)", &args);
}

/*
 * Keeps a row aside that could not be processed.
 */
void
smig_ledger_error(int64 id, const SmigBadRow *row, const char *sqlstate,
				  const char *message)
{
	SmigArguments args = {0};
	SmigArguments count = {0};

	smig_query_add_int64(&args, id);
	smig_query_add_place(&args, row->place);
	smig_query_add_text(&args, sqlstate);
	smig_query_add_text(&args, message);
	smig_query_add(&args, BOOLOID, BoolGetDatum(row->by_position), false);
	smig_query_execute("INSERT INTO schemamig.backfill_error"
					   " (backfill, name, relation, key, sqlstate, message,"
					   "  by_position)"
					   " SELECT b.id, coalesce(b.name, p.name), b.relation, $2, $3, $4, $5"
					   " FROM schemamig.backfill b LEFT JOIN schemamig.backfill p"
					   "  ON p.id = b.parent WHERE b.id = $1"
					   " ON CONFLICT (backfill, key) DO UPDATE SET"
					   " sqlstate = excluded.sqlstate, message = excluded.message,"
					   " at = excluded.at", &args);
	smig_query_add_int64(&count, id);
	smig_query_execute("UPDATE schemamig.backfill SET errors = (SELECT pg_catalog.count(*)"
					   " FROM schemamig.backfill_error e WHERE e.backfill = $1)"
					   " WHERE id = $1", &count);
	count_of_parts(id);
}

/*
 * The rows kept aside (SmigBadRow).
 */
List *
smig_ledger_errors(int64 id)
{
	SmigArguments args = {0};
	SmigStoreScope scope;
	List	   *result = NIL;

	smig_query_add_int64(&args, id);
	smig_query_execute_in(&scope, "SELECT key, by_position FROM schemamig.backfill_error"
						  " WHERE backfill = $1 ORDER BY key", &args);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		SmigBadRow *row = palloc(sizeof(SmigBadRow));
		bool		isnull;

		row->place = smig_text_array_list(SPI_getbinval(SPI_tuptable->vals[i],
														SPI_tuptable->tupdesc, 1,
														&isnull));
		row->by_position = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[i],
													  SPI_tuptable->tupdesc, 2,
													  &isnull));
		result = lappend(result, row);
	}
	smig_store_end(&scope);
	return result;
}

/*
 * Forgets a row kept aside that has been processed now.
 */
void
smig_ledger_forget_error(int64 id, SmigPlace place, uint64 rows)
{
	SmigArguments args = {0};
	SmigArguments whole = {0};

	smig_query_add_int64(&args, id);
	smig_query_add_place(&args, place);
	smig_query_add_int64(&args, (int64) rows);
	smig_query_execute("WITH gone AS (DELETE FROM schemamig.backfill_error"
					   "  WHERE backfill = $1 AND key = $2)"
					   " UPDATE schemamig.backfill SET errors = errors - 1,"
					   " rows_done = rows_done + $3 WHERE id = $1", &args);
	smig_query_add_int64(&whole, id);
	smig_query_add_int64(&whole, (int64) rows);
	smig_query_execute("UPDATE schemamig.backfill SET rows_done = rows_done + $2"
					   " WHERE id = (SELECT parent FROM schemamig.backfill"
					   "  WHERE id = $1)", &whole);
	count_of_parts(id);
}
