/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  What is recorded of a backfill as a whole.
 *
 * Every function works in the caller's transaction, as the tables' owner, so
 * that a batch and its checkpoint commit together.
 *
 * IDENTIFICATION
 *	  src/backfill/ledger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "backfill/query.h"
#include "text_array.h"

#define BACKFILL_COLUMNS \
	"b.id, coalesce(b.name, p.name), b.statement, b.key, b.batch_size::int8, b.workers::int8," \
	" b.on_error = 'skip', b.verify, b.state, b.rows_done, b.rows_total," \
	" b.errors, b.last, b.nulls_done, b.filenode::int8, b.relation_oid::int8," \
	" b.role, b.error, b.snapshot, b.since, b.parent, b.relation"
#define FROM_BACKFILL \
	" FROM schemamig.backfill b LEFT JOIN schemamig.backfill p ON p.id = b.parent"

/*
 * The backfill of the query's first row, in the current context; its plan is
 * made by the caller.
 */
static SmigBackfill *
backfill_from_row(void)
{
	SmigBackfill *backfill = palloc0(sizeof(SmigBackfill));
	char	   *since;

	backfill->id = smig_query_get_int64(1);
	backfill->options.name = smig_query_get_string(2);
	backfill->options.statement = smig_query_get_string(3);
	backfill->options.key = smig_query_get_strings(4);
	backfill->options.batch_size = (int) smig_query_get_int64(5);
	backfill->options.workers = (int) smig_query_get_int64(6);
	backfill->options.skip = smig_query_get_bool(7);
	backfill->options.verify = smig_query_get_string(8);
	backfill->state = smig_query_get_string(9);
	backfill->rows_done = smig_query_get_int64(10);
	backfill->rows_total = smig_query_get_int64(11);
	backfill->errors = smig_query_get_int64(12);
	backfill->last = smig_query_get_strings(13);
	backfill->empty = backfill->last == NIL;
	backfill->nulls_done = smig_query_get_bool(14);
	backfill->filenode = (Oid) smig_query_get_int64(15);
	backfill->relation = (Oid) smig_query_get_int64(16);
	backfill->role = smig_query_get_string(17);
	backfill->error = smig_query_get_string(18);
	backfill->snapshot = smig_query_get_string(19);
	since = smig_query_get_string(20);
	backfill->since = since ? (TransactionId) strtoul(since, NULL, 10) :
		InvalidTransactionId;
	backfill->parent = smig_query_get_int64(21);
	backfill->relation_name = smig_query_get_string(22);
	return backfill;
}

static SmigBackfill *
find(const char *query, SmigArguments *args)
{
	SmigStoreScope scope;
	SmigBackfill *backfill = NULL;

	if (smig_query_execute_in(&scope, query, args) > 0)
	{
		MemoryContextSwitchTo(scope.caller_context);
		backfill = backfill_from_row();
	}
	smig_store_end(&scope);
	return backfill;
}

/*
 * The backfill of that name; NULL when there is none.
 */
SmigBackfill *
smig_ledger_find(const char *name)
{
	SmigArguments args = {0};

	smig_query_add_text(&args, name);
	return find("SELECT " BACKFILL_COLUMNS
				FROM_BACKFILL " WHERE b.name = $1", &args);
}

/*
 * The backfill with that id; NULL when there is none.
 */
SmigBackfill *
smig_ledger_read(int64 id)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	return find("SELECT " BACKFILL_COLUMNS
				FROM_BACKFILL " WHERE b.id = $1", &args);
}

/*
 * Records a new backfill and sets its id.
 */
void
smig_ledger_create(SmigBackfill *backfill, int64 run, const char *revision,
				   int step)
{
	const SmigBackfillPlan *plan = backfill->plan;
	List	   *key = NIL;
	SmigArguments args = {0};
	SmigStoreScope scope;

	for (int i = 0; i < plan->key.ncolumns; i++)
		key = lappend(key, plan->key.names[i]);
	if (plan->tree && !plan->part)
		key = backfill->options.key;
	smig_query_add_text(&args, backfill->parent ? NULL : backfill->options.name);
	smig_query_add_text(&args, plan->statement);
	smig_query_add_text(&args, plan->relation_name);
	smig_query_add(&args, TEXTARRAYOID, smig_text_array(key), false);
	smig_query_add_int64(&args, backfill->options.batch_size);
	smig_query_add_int64(&args, backfill->options.workers);
	smig_query_add_text(&args, backfill->options.skip ? "skip" : "stop");
	smig_query_add_text(&args, backfill->options.verify);
	smig_query_add_text(&args, GetUserNameFromId(GetUserId(), false));
	smig_query_add(&args, INT8OID, Int64GetDatum(run), run == 0);
	smig_query_add_text(&args, revision);
	smig_query_add(&args, INT4OID, Int32GetDatum(step), step == 0);
	smig_query_add(&args, OIDOID, ObjectIdGetDatum(plan->relation), false);
	smig_query_add_place(&args, backfill->last);
	smig_query_add_int64(&args, backfill->rows_total);
	smig_query_add(&args, BOOLOID, BoolGetDatum(!plan->key.nullable), false);
	smig_query_add_int64(&args, backfill->bytes_before);
	smig_query_add_text(&args, namespace_search_path);
	smig_query_add_text(&args, backfill->parent ? "waiting" : "running");
	smig_query_add(&args, INT8OID, Int64GetDatum(backfill->parent),
				   backfill->parent == 0);
	smig_query_execute_in(&scope,
						  "INSERT INTO schemamig.backfill (name, statement, relation, key,"
						  " batch_size, workers, on_error, verify, state, role, run,"
						  " revision, step, relation_oid, last, rows_total,"
						  " nulls_done, bytes_before, search_path, parent)"
						  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $19, $9, $10,"
						  " $11, $12, $13, $14, $15, $16, $17, $18, $20) RETURNING id", &args);
	backfill->id = smig_query_get_int64(1);
	smig_store_end(&scope);
	backfill->nulls_done = !plan->key.nullable;
}

/*
 * Sets the number of rows there were at the start.
 */
void
smig_ledger_set_total(int64 id, int64 rows)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_add_int64(&args, rows);
	smig_query_execute("UPDATE schemamig.backfill SET rows_total = $2 WHERE id = $1",
					   &args);
}

/*
 * Parts of a backfill that are not done (ids, int64 *), in order.
 *
 * retry: also those that are done and have rows kept aside
 */
List *
smig_ledger_parts(int64 id, bool retry)
{
	SmigArguments args = {0};
	SmigStoreScope scope;
	List	   *result = NIL;

	smig_query_add_int64(&args, id);
	smig_query_add(&args, BOOLOID, BoolGetDatum(retry), false);
	smig_query_execute_in(&scope, "SELECT b.id FROM schemamig.backfill b"
						  " WHERE b.parent = $1 AND (b.state = 'waiting'"
						  "  OR b.state = 'done' AND b.errors > 0 AND $2)"
						  " ORDER BY b.id", &args);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int64	   *part = palloc(sizeof(int64));
		bool		isnull;

		*part = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
											SPI_tuptable->tupdesc, 1, &isnull));
		result = lappend(result, part);
	}
	smig_store_end(&scope);
	return result;
}

/*
 * Records with which snapshot all parts are gone over by physical position,
 * and since when, unless they have one.
 */
void
smig_ledger_share_snapshot(int64 id, const char *snapshot, TransactionId since)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_add_text(&args, snapshot);
	smig_query_add_text(&args, psprintf("%u", since));
	smig_query_execute("UPDATE schemamig.backfill SET snapshot = $2, since = $3"
					   " WHERE (id = $1 OR parent = $1) AND since IS NULL", &args);
}

/*
 * Changes the state; "running" marks a resumption.
 */
void
smig_ledger_set_state(int64 id, const char *state, const char *sqlstate,
					  const char *error)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_add_text(&args, state);
	smig_query_add_text(&args, sqlstate);
	smig_query_add_text(&args, error);
	smig_query_execute("UPDATE schemamig.backfill SET state = $2, sqlstate = $3, error = $4,"
					   " throttled_by = NULL,"
					   " ended_at = CASE WHEN $2 <> 'running' THEN pg_catalog.clock_timestamp() END,"
					   " resumed_at = CASE WHEN $2 = 'running' THEN pg_catalog.clock_timestamp()"
					   "  ELSE resumed_at END,"
					   " resumed_scanned = CASE WHEN $2 = 'running' THEN rows_scanned"
					   "  ELSE resumed_scanned END"
					   " WHERE id = $1", &args);
}

/*
 * Records that the rows with a null in the key are done.
 */
void
smig_ledger_nulls_done(int64 id)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_execute("UPDATE schemamig.backfill SET nulls_done = true"
					   " WHERE id = $1", &args);
}

/*
 * Records with which snapshot the table is gone over by physical position, and
 * since when; where it begins anew, also up to where.
 *
 * nulls: just the rows with a null in the key
 */
void
smig_ledger_begin_position(SmigBackfill *backfill, bool restart, bool nulls)
{
	SmigArguments args = {0};
	SmigArguments more = {0};

	smig_query_add_int64(&args, backfill->id);
	smig_query_add_text(&args, backfill->snapshot);
	smig_query_add_text(&args, psprintf("%u", backfill->since));
	smig_query_add(&args, OIDOID, ObjectIdGetDatum(backfill->filenode), false);
	smig_query_execute("UPDATE schemamig.backfill SET snapshot = $2, since = $3,"
					   " filenode = $4 WHERE id = $1", &args);
	if (!restart)
		return;
	smig_query_add_int64(&more, backfill->id);
	if (nulls)
	{
		smig_query_execute("DELETE FROM schemamig.backfill_range"
						   " WHERE backfill = $1 AND nulls", &more);
		return;
	}
	smig_query_add_place(&more, backfill->last);
	smig_query_execute("WITH gone AS (DELETE FROM schemamig.backfill_range"
					   "  WHERE backfill = $1)"
					   " UPDATE schemamig.backfill SET frontier = NULL, last = $2,"
					   " rows_scanned = 0 WHERE id = $1", &more);
}

/*
 * Transactions whose row versions are this backfill's own (as text).
 *
 * all: also those of the other parts, and of all parts of a whole
 */
List *
smig_ledger_own_xids(int64 id, bool all)
{
	SmigArguments args = {0};
	SmigStoreScope scope;
	List	   *result = NIL;

	smig_query_add_int64(&args, id);
	if (all)
		smig_query_execute_in(&scope, "SELECT coalesce(pg_catalog.array_agg(xid), '{}')"
							  " FROM schemamig.backfill_xid x WHERE x.backfill IN"
							  " (SELECT s.id FROM schemamig.backfill b"
							  "  JOIN schemamig.backfill s"
							  "  ON s.parent = coalesce(b.parent, b.id)"
							  "  WHERE b.id = $1)", &args);
	else
		smig_query_execute_in(&scope, "SELECT coalesce(pg_catalog.array_agg(xid), '{}')"
							  " FROM schemamig.backfill_xid x WHERE x.backfill = $1",
							  &args);
	MemoryContextSwitchTo(scope.caller_context);
	result = smig_query_get_strings(1);
	smig_store_end(&scope);
	return result;
}

/*
 * Adds the current transaction to them.
 */
void
smig_ledger_add_own_xid(int64 id)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_add_text(&args, psprintf("%u", GetCurrentTransactionId()));
	smig_query_execute("INSERT INTO schemamig.backfill_xid (backfill, xid)"
					   " VALUES ($1, $2) ON CONFLICT DO NOTHING", &args);
}

/*
 * How far the backfill has come, all its workers together, and what it has been
 * told meanwhile.
 */
void
smig_ledger_look(int64 id, SmigLook *look)
{
	SmigArguments args = {0};
	SmigStoreScope scope;

	smig_query_add_int64(&args, id);
	smig_query_execute_found(&scope, "SELECT b.rows_done, b.rows_scanned, b.rows_total,"
							 " a.errors, a.wal_bytes::int8, a.bytes_before, a.workers::int8,"
							 " a.batch_target::int8, a.nice, p.last_value <> 0,"
							 " b.frontier IS DISTINCT FROM b.last,"
							 " a.rows_done, a.rows_scanned, a.rows_total"
							 " FROM schemamig.pause_switch p, schemamig.backfill b"
							 " JOIN schemamig.backfill a ON a.id = coalesce(b.parent, b.id)"
							 " WHERE b.id = $1", &args);
	look->done = smig_query_get_int64(1);
	look->scanned = smig_query_get_int64(2);
	look->total = smig_query_get_int64(3);
	look->errors = smig_query_get_int64(4);
	look->wal_bytes = smig_query_get_int64(5);
	look->bytes_before = smig_query_get_int64(6);
	look->workers = (int) smig_query_get_int64(7);
	look->batch_target = (int) smig_query_get_int64(8);
	look->nice = smig_query_get_float8(9, -1);
	look->paused = smig_query_get_bool(10);
	look->unclaimed = smig_query_get_bool(11);
	look->all_done = smig_query_get_int64(12);
	look->all_scanned = smig_query_get_int64(13);
	look->all_total = smig_query_get_int64(14);
	smig_store_end(&scope);
}

/*
 * Changes what a backfill goes by; 0, or a negative nice, for no change.
 *
 * batch_target: milliseconds
 */
void
smig_ledger_adjust(int64 id, int batch_target, int workers, double nice)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_add(&args, INT4OID, Int32GetDatum(batch_target), batch_target == 0);
	smig_query_add(&args, INT4OID, Int32GetDatum(workers), workers == 0);
	smig_query_add(&args, FLOAT8OID, Float8GetDatum(nice), nice < 0);
	smig_query_execute("UPDATE schemamig.backfill SET"
					   " batch_target = coalesce($2, batch_target),"
					   " workers = coalesce($3, workers), nice = coalesce($4, nice)"
					   " WHERE id = $1", &args);
}

/*
 * Marks a backfill as taken up again, with the options of this call.
 */
void
smig_ledger_resume(SmigBackfill *backfill, int64 run)
{
	SmigArguments args = {0};
	SmigArguments parts = {0};

	smig_ledger_set_state(backfill->id, "running", NULL, NULL);
	smig_query_add_int64(&args, backfill->id);
	smig_query_add_int64(&args, run);
	smig_query_add_int64(&args, backfill->options.batch_size);
	smig_query_add_int64(&args, backfill->options.workers);
	smig_query_add_text(&args, backfill->options.skip ? "skip" : "stop");
	smig_query_add_text(&args, backfill->options.verify);
	smig_query_execute("UPDATE schemamig.backfill SET run = $2, batch_size = $3,"
					   " workers = $4, on_error = $5, verify = $6 WHERE id = $1", &args);
	smig_query_add_int64(&parts, backfill->id);
	smig_query_add_int64(&parts, backfill->options.batch_size);
	smig_query_add_text(&parts, backfill->options.skip ? "skip" : "stop");
	smig_query_execute("UPDATE schemamig.backfill SET batch_size = $2, on_error = $3"
					   " WHERE parent = $1", &parts);
}

/*
 * Forgets a backfill that is done, so that its name can be used again.
 */
void
smig_ledger_delete(int64 id)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_execute("DELETE FROM schemamig.backfill WHERE id = $1", &args);
}

/*
 * Records why the backfill holds back; NULL when it does not.
 */
void
smig_ledger_throttled(int64 id, const char *reason)
{
	SmigArguments args = {0};

	smig_query_add_int64(&args, id);
	smig_query_add_text(&args, reason);
	smig_query_execute("UPDATE schemamig.backfill SET throttled_by = $2"
					   " WHERE id = (SELECT coalesce(b.parent, b.id)"
					   "  FROM schemamig.backfill b WHERE b.id = $1)", &args);
}

/*
 * Rows that the backfill of a run has processed; -1 when it has none.
 */
int64
smig_ledger_rows_of_run(int64 run)
{
	SmigArguments args = {0};
	SmigStoreScope scope;
	int64		rows = -1;

	smig_query_add_int64(&args, run);
	if (smig_query_execute_in(&scope, "SELECT rows_done FROM schemamig.backfill"
							  " WHERE run = $1", &args) > 0)
		rows = smig_query_get_int64(1);
	smig_store_end(&scope);
	return rows;
}

/*
 * Marks backfills as interrupted, and closes the rows of their runs, whose
 * process has ended without a word.
 */
void
smig_ledger_close_interrupted(void)
{
	SmigArguments args = {0};

	smig_query_execute("WITH gone AS (UPDATE schemamig.run r"
					   " SET state = 'interrupted',"
					   " error = 'the process of the run ended without a word',"
					   " ended_at = pg_catalog.clock_timestamp()"
					   " WHERE r.kind = 'backfill' AND r.state = 'running'"
					   " AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a"
					   "  WHERE a.pid = r.worker_pid"
					   "  AND a.backend_type = 'schemamig worker'"
					   "  AND a.backend_start <= r.started_at))"
					   " UPDATE schemamig.backfill b SET state = 'interrupted',"
					   " throttled_by = NULL"
					   " WHERE b.state = 'running' AND b.parent IS NULL AND NOT EXISTS"
					   " (SELECT FROM schemamig.run r"
					   "  JOIN pg_catalog.pg_stat_activity a ON a.pid = r.worker_pid"
					   "  AND a.backend_type = 'schemamig worker'"
					   "  AND a.backend_start <= r.started_at"
					   "  WHERE r.id = b.run AND r.state = 'running')", &args);
}
