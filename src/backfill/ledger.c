/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  What is recorded of a backfill: state, ranges, checkpoints, errors.
 *
 * Every function works in the caller's transaction, as the tables' owner, so
 * that a batch and its checkpoint commit together.
 *
 * Ranges are handed out from a frontier that moves through the key's order:
 * the backfill's row is locked for as long as that takes.  A range that was
 * handed out and not finished stays in schemamig.backfill_range with its
 * checkpoint; whoever resumes takes those first.
 *
 * IDENTIFICATION
 *	  src/backfill/ledger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "backfill/backfill.h"

/* Arguments of one query. */
typedef struct Arguments
{
	int			n;
	Oid			types[20];
	Datum		values[20];
	char		nulls[20];
} Arguments;

static void
add(Arguments *args, Oid type, Datum value, bool isnull)
{
	args->types[args->n] = type;
	args->values[args->n] = value;
	args->nulls[args->n++] = isnull ? 'n' : ' ';
}

static void
add_int64(Arguments *args, int64 value)
{
	add(args, INT8OID, Int64GetDatum(value), false);
}

static void
add_text(Arguments *args, const char *value)
{
	add(args, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0,
		value == NULL);
}

/*
 * Whether two places are the same.
 */
bool
smig_place_equal(SmigPlace a, SmigPlace b)
{
	ListCell   *la;
	ListCell   *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
		if (strcmp(lfirst(la), lfirst(lb)) != 0)
			return false;
	return true;
}

static Datum
strings_array(List *strings)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, strings)
		elements[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* A place; none is NULL. */
static void
add_place(Arguments *args, SmigPlace place)
{
	add(args, TEXTARRAYOID, place ? strings_array(place) : (Datum) 0,
		place == NIL);
}

static List *
array_strings(Datum array)
{
	Datum	   *elements;
	int			n;
	List	   *result = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		result = lappend(result, TextDatumGetCString(elements[i]));
	return result;
}

/*
 * Runs a query in the scope; the tuple table is valid until the scope ends.
 */
static uint64
execute_in(SmigStoreScope *scope, const char *query, Arguments *args)
{
	smig_store_begin(scope);
	SPI_execute_with_args(query, args->n, args->types, args->values,
						  args->nulls, false, 0);
	return SPI_processed;
}

static void
execute(const char *query, Arguments *args)
{
	SmigStoreScope scope;

	(void) execute_in(&scope, query, args);
	smig_store_end(&scope);
}

/* Column of the first row as a string in the current context, or NULL. */
static char *
get_string(int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
									 SPI_tuptable->tupdesc, column);

	return value;
}

static int64
get_int64(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static bool
get_bool(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

static List *
get_strings(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? NIL : array_strings(value);
}

#define BACKFILL_COLUMNS \
	"b.id, b.name, b.statement, b.key, b.batch_size::int8, b.workers::int8," \
	" b.on_error = 'skip', b.verify, b.state, b.rows_done, b.rows_total," \
	" b.errors, b.last, b.nulls_done, b.filenode::int8, b.relation_oid::int8"

/*
 * The backfill of the query's first row, in the current context; its plan is
 * made by the caller.
 */
static SmigBackfill *
backfill_from_row(void)
{
	SmigBackfill *backfill = palloc0(sizeof(SmigBackfill));

	backfill->id = get_int64(1);
	backfill->options.name = get_string(2);
	backfill->options.statement = get_string(3);
	backfill->options.key = get_strings(4);
	backfill->options.batch_size = (int) get_int64(5);
	backfill->options.workers = (int) get_int64(6);
	backfill->options.skip = get_bool(7);
	backfill->options.verify = get_string(8);
	backfill->state = get_string(9);
	backfill->rows_done = get_int64(10);
	backfill->rows_total = get_int64(11);
	backfill->errors = get_int64(12);
	backfill->last = get_strings(13);
	backfill->empty = backfill->last == NIL;
	backfill->nulls_done = get_bool(14);
	backfill->filenode = (Oid) get_int64(15);
	backfill->relation = (Oid) get_int64(16);
	return backfill;
}

static SmigBackfill *
find(const char *query, Arguments *args)
{
	SmigStoreScope scope;
	SmigBackfill *backfill = NULL;

	if (execute_in(&scope, query, args) > 0)
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
	Arguments	args = {0};

	add_text(&args, name);
	return find("SELECT " BACKFILL_COLUMNS
				" FROM schemamig.backfill b WHERE b.name = $1", &args);
}

/*
 * The backfill with that id; NULL when there is none.
 */
SmigBackfill *
smig_ledger_read(int64 id)
{
	Arguments	args = {0};

	add_int64(&args, id);
	return find("SELECT " BACKFILL_COLUMNS
				" FROM schemamig.backfill b WHERE b.id = $1", &args);
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
	Arguments	args = {0};
	SmigStoreScope scope;

	for (int i = 0; i < plan->key.ncolumns; i++)
		key = lappend(key, plan->key.names[i]);
	add_text(&args, backfill->options.name);
	add_text(&args, plan->statement);
	add_text(&args, plan->relation_name);
	add(&args, TEXTARRAYOID, strings_array(key), false);
	add_int64(&args, backfill->options.batch_size);
	add_int64(&args, backfill->options.workers);
	add_text(&args, backfill->options.skip ? "skip" : "stop");
	add_text(&args, backfill->options.verify);
	add_text(&args, GetUserNameFromId(GetUserId(), false));
	add_int64(&args, run);
	add_text(&args, revision);
	add(&args, INT4OID, Int32GetDatum(step), step == 0);
	add(&args, OIDOID, ObjectIdGetDatum(plan->relation), false);
	add(&args, OIDOID, ObjectIdGetDatum(backfill->filenode),
		plan->key.ncolumns > 0);
	add_place(&args, backfill->last);
	add_int64(&args, backfill->rows_total);
	add(&args, BOOLOID, BoolGetDatum(!plan->key.nullable), false);
	execute_in(&scope,
			   "INSERT INTO schemamig.backfill (name, statement, relation, key,"
			   " batch_size, workers, on_error, verify, state, role, run,"
			   " revision, step, relation_oid, filenode, last, rows_total,"
			   " nulls_done)"
			   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'running', $9, $10,"
			   " $11, $12, $13, $14, $15, $16, $17) RETURNING id", &args);
	backfill->id = get_int64(1);
	smig_store_end(&scope);
	backfill->nulls_done = !plan->key.nullable;
}

/*
 * Changes the state; "running" marks a resumption.
 */
void
smig_ledger_set_state(int64 id, const char *state, const char *sqlstate,
					  const char *error)
{
	Arguments	args = {0};

	add_int64(&args, id);
	add_text(&args, state);
	add_text(&args, sqlstate);
	add_text(&args, error);
	execute("UPDATE schemamig.backfill SET state = $2, sqlstate = $3, error = $4,"
			" throttled_by = NULL,"
			" ended_at = CASE WHEN $2 <> 'running' THEN pg_catalog.clock_timestamp() END,"
			" resumed_at = CASE WHEN $2 = 'running' THEN pg_catalog.clock_timestamp()"
			"  ELSE resumed_at END,"
			" resumed_scanned = CASE WHEN $2 = 'running' THEN rows_scanned"
			"  ELSE resumed_scanned END"
			" WHERE id = $1", &args);
}

/*
 * Takes a range that an earlier process has left, if there is one.
 */
static bool
claim_left(int64 id, SmigClaim *claim)
{
	Arguments	args = {0};
	SmigStoreScope scope;
	bool		found;

	add_int64(&args, id);
	add(&args, INT4OID, Int32GetDatum(MyProcPid), false);
	found = execute_in(&scope,
					   "UPDATE schemamig.backfill_range r SET worker = $2"
					   " WHERE r.backfill = $1 AND r.id = (SELECT o.id"
					   "  FROM schemamig.backfill_range o"
					   "  WHERE o.backfill = $1 AND (o.worker IS NULL OR o.worker = $2"
					   "   OR NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a"
					   "    WHERE a.pid = o.worker"
					   "    AND a.backend_type = 'schemamig worker'))"
					   "  ORDER BY o.id LIMIT 1)"
					   " RETURNING r.id, r.position, r.upper", &args) > 0;
	if (found)
	{
		MemoryContextSwitchTo(scope.caller_context);
		claim->id = get_int64(1);
		claim->position = get_strings(2);
		claim->upper = get_strings(3);
	}
	smig_store_end(&scope);
	return found;
}

/*
 * Hands out the next range: one left behind, or "chunk" rows from the
 * frontier (0: all that is left).
 *
 * Result: false when nothing is left to hand out.
 */
bool
smig_ledger_claim(SmigBackfill *backfill, int64 chunk, SmigClaim *claim)
{
	Arguments	args = {0};
	SmigStoreScope scope;
	SmigPlace	frontier;
	SmigPlace	last;

	add_int64(&args, backfill->id);
	execute_in(&scope, "SELECT frontier, last FROM schemamig.backfill"
			   " WHERE id = $1 FOR UPDATE", &args);
	MemoryContextSwitchTo(scope.caller_context);
	frontier = get_strings(1);
	last = get_strings(2);
	smig_store_end(&scope);

	if (claim_left(backfill->id, claim))
		return true;
	if (last == NIL || smig_place_equal(frontier, last))
		return false;
	claim->position = frontier;
	claim->upper = chunk == 0 ? last :
		smig_key_step(backfill->plan, frontier, last, chunk);

	add_place(&args, claim->upper);
	add_place(&args, claim->position);
	add(&args, INT4OID, Int32GetDatum(MyProcPid), false);
	execute_in(&scope,
			   "WITH f AS (UPDATE schemamig.backfill SET frontier = $2"
			   "  WHERE id = $1)"
			   " INSERT INTO schemamig.backfill_range"
			   " (backfill, position, upper, worker)"
			   " VALUES ($1, $3, $2, $4) RETURNING id", &args);
	claim->id = get_int64(1);
	smig_store_end(&scope);
	return true;
}

/*
 * Records a batch in its own transaction: the range's checkpoint, or its end
 * when position has reached upper, and the counters.
 */
void
smig_ledger_checkpoint(int64 id, const SmigClaim *claim, uint64 rows,
					   int64 scanned, int batch_ms, int64 batch_size)
{
	Arguments	range = {0};
	Arguments	args = {0};

	add_int64(&range, id);
	add_int64(&range, claim->id);
	if (smig_place_equal(claim->position, claim->upper))
		execute("DELETE FROM schemamig.backfill_range"
				" WHERE backfill = $1 AND id = $2", &range);
	else
	{
		add_place(&range, claim->position);
		execute("UPDATE schemamig.backfill_range SET position = $3"
				" WHERE backfill = $1 AND id = $2", &range);
	}
	add_int64(&args, id);
	add_int64(&args, (int64) rows);
	add_int64(&args, scanned);
	add_int64(&args, batch_ms);
	add_int64(&args, batch_size);
	execute("UPDATE schemamig.backfill SET rows_done = rows_done + $2,"
			" rows_scanned = rows_scanned + $3, batch_ms = $4,"
			" current_batch = $5 WHERE id = $1", &args);
}

/*
 * Records that the rows with a null in the key are done.
 */
void
smig_ledger_nulls_done(int64 id, uint64 rows)
{
	Arguments	args = {0};

	add_int64(&args, id);
	add_int64(&args, (int64) rows);
	execute("UPDATE schemamig.backfill SET nulls_done = true,"
			" rows_done = rows_done + $2, rows_scanned = rows_scanned + $2"
			" WHERE id = $1", &args);
}

/*
 * Keeps a row aside that could not be processed.
 */
void
smig_ledger_error(int64 id, SmigPlace place, const char *sqlstate,
				  const char *message)
{
	Arguments	args = {0};
	Arguments	count = {0};

	add_int64(&args, id);
	add_place(&args, place);
	add_text(&args, sqlstate);
	add_text(&args, message);
	execute("INSERT INTO schemamig.backfill_error"
			" (backfill, name, relation, key, sqlstate, message)"
			" SELECT b.id, b.name, b.relation, $2, $3, $4"
			" FROM schemamig.backfill b WHERE b.id = $1"
			" ON CONFLICT (backfill, key) DO UPDATE SET"
			" sqlstate = excluded.sqlstate, message = excluded.message,"
			" at = excluded.at", &args);
	add_int64(&count, id);
	execute("UPDATE schemamig.backfill SET errors = (SELECT pg_catalog.count(*)"
			" FROM schemamig.backfill_error e WHERE e.backfill = $1)"
			" WHERE id = $1", &count);
}

/*
 * Keys (SmigPlace) of the rows kept aside.
 */
List *
smig_ledger_errors(int64 id)
{
	Arguments	args = {0};
	SmigStoreScope scope;
	List	   *result = NIL;

	add_int64(&args, id);
	execute_in(&scope, "SELECT key FROM schemamig.backfill_error"
			   " WHERE backfill = $1 ORDER BY key", &args);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		result = lappend(result,
						 array_strings(SPI_getbinval(SPI_tuptable->vals[i],
													 SPI_tuptable->tupdesc, 1,
													 &isnull)));
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
	Arguments	args = {0};

	add_int64(&args, id);
	add_place(&args, place);
	add_int64(&args, (int64) rows);
	execute("WITH gone AS (DELETE FROM schemamig.backfill_error"
			"  WHERE backfill = $1 AND key = $2)"
			" UPDATE schemamig.backfill SET errors = errors - 1,"
			" rows_done = rows_done + $3 WHERE id = $1", &args);
}

/*
 * Transactions whose row versions are this backfill's own (as text).
 */
List *
smig_ledger_own_xids(int64 id)
{
	Arguments	args = {0};
	SmigStoreScope scope;
	List	   *result = NIL;

	add_int64(&args, id);
	execute_in(&scope, "SELECT coalesce(pg_catalog.array_agg(xid), '{}')"
			   " FROM schemamig.backfill_xid WHERE backfill = $1", &args);
	MemoryContextSwitchTo(scope.caller_context);
	result = get_strings(1);
	smig_store_end(&scope);
	return result;
}

/*
 * Adds the current transaction to them.
 */
void
smig_ledger_add_own_xid(int64 id)
{
	Arguments	args = {0};

	add_int64(&args, id);
	add_text(&args, psprintf("%u", GetCurrentTransactionId()));
	execute("INSERT INTO schemamig.backfill_xid (backfill, xid)"
			" VALUES ($1, $2) ON CONFLICT DO NOTHING", &args);
}

/*
 * How far the backfill has come, all its workers together.
 */
void
smig_ledger_progress(int64 id, int64 *done, int64 *scanned, int64 *total,
					 int64 *errors)
{
	Arguments	args = {0};
	SmigStoreScope scope;

	add_int64(&args, id);
	execute_in(&scope, "SELECT rows_done, rows_scanned, rows_total, errors"
			   " FROM schemamig.backfill WHERE id = $1", &args);
	*done = get_int64(1);
	*scanned = get_int64(2);
	*total = get_int64(3);
	*errors = get_int64(4);
	smig_store_end(&scope);
}

/*
 * Marks a backfill as taken up again, with the options of this call.
 */
void
smig_ledger_resume(SmigBackfill *backfill, int64 run)
{
	Arguments	args = {0};

	smig_ledger_set_state(backfill->id, "running", NULL, NULL);
	add_int64(&args, backfill->id);
	add_int64(&args, run);
	add_int64(&args, backfill->options.batch_size);
	add_int64(&args, backfill->options.workers);
	add_text(&args, backfill->options.skip ? "skip" : "stop");
	add_text(&args, backfill->options.verify);
	execute("UPDATE schemamig.backfill SET run = $2, batch_size = $3,"
			" workers = $4, on_error = $5, verify = $6 WHERE id = $1", &args);
}

/*
 * Forgets a backfill that is done, so that its name can be used again.
 */
void
smig_ledger_delete(int64 id)
{
	Arguments	args = {0};

	add_int64(&args, id);
	execute("DELETE FROM schemamig.backfill WHERE id = $1", &args);
}

/*
 * Records why the backfill holds back; NULL when it does not.
 */
void
smig_ledger_throttled(int64 id, const char *reason)
{
	Arguments	args = {0};

	add_int64(&args, id);
	add_text(&args, reason);
	execute("UPDATE schemamig.backfill SET throttled_by = $2 WHERE id = $1",
			&args);
}

/*
 * Rows that the backfill of a run has processed; -1 when it has none.
 */
int64
smig_ledger_rows_of_run(int64 run)
{
	Arguments	args = {0};
	SmigStoreScope scope;
	int64		rows = -1;

	add_int64(&args, run);
	if (execute_in(&scope, "SELECT rows_done FROM schemamig.backfill"
				   " WHERE run = $1", &args) > 0)
		rows = get_int64(1);
	smig_store_end(&scope);
	return rows;
}

/*
 * Whether ranges are handed out and not done.
 */
bool
smig_ledger_has_open_ranges(int64 id)
{
	Arguments	args = {0};
	SmigStoreScope scope;
	bool		found;

	add_int64(&args, id);
	found = execute_in(&scope, "SELECT FROM schemamig.backfill_range"
					   " WHERE backfill = $1 LIMIT 1", &args) > 0;
	smig_store_end(&scope);
	return found;
}
