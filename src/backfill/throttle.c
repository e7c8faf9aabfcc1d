/*-------------------------------------------------------------------------
 *
 * throttle.c
 *	  Reasons for a backfill to hold back.
 *
 * Each reason is a descriptor: whether it is switched on, and a query that
 * gives a text when it holds.  The engine asks between batches.
 *
 * IDENTIFICATION
 *	  src/backfill/throttle.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "backfill/backfill.h"
#include "settings.h"

/* Where the WAL rate was measured last. */
static TimestampTz rate_at = 0;
static XLogRecPtr rate_position = 0;

/* A reason that a query decides, with one number as limit. */
typedef struct ThrottleReason
{
	const int  *limit;			/* setting; off when negative */
	const char *query;			/* text when it holds, else NULL; $1: limit */
} ThrottleReason;

static const ThrottleReason reasons[] = {
	{
		&smig_max_replication_lag,
		"SELECT 'replication lag: ' || application_name || ' is '"
		" || (pg_catalog.date_part('epoch', replay_lag) * 1000)::bigint || ' ms behind'"
		" FROM pg_catalog.pg_stat_replication"
		" WHERE replay_lag > $1 * '1 ms'::interval"
		" ORDER BY replay_lag DESC LIMIT 1"
	},
	{
		&smig_max_replication_lag_bytes,
		"SELECT 'replication lag: ' || name || ' is '"
		" || pg_catalog.pg_size_pretty(lag) || ' behind' FROM"
		" (SELECT application_name AS name, pg_catalog.pg_wal_lsn_diff("
		"  pg_catalog.pg_current_wal_lsn(), replay_lsn)::bigint AS lag"
		"  FROM pg_catalog.pg_stat_replication"
		"  UNION ALL SELECT slot_name, pg_catalog.pg_wal_lsn_diff("
		"  pg_catalog.pg_current_wal_lsn(),"
		"  coalesce(confirmed_flush_lsn, restart_lsn))::bigint"
		"  FROM pg_catalog.pg_replication_slots"
		"  WHERE coalesce(confirmed_flush_lsn, restart_lsn) IS NOT NULL) l"
		" WHERE lag > $1 * 1024::bigint ORDER BY lag DESC LIMIT 1"
	},
	{
		&smig_max_archive_backlog,
		"SELECT 'WAL archive: ' || n || ' segments are waiting' FROM"
		" (SELECT pg_catalog.count(*) AS n FROM"
		"  pg_catalog.pg_ls_archive_statusdir() WHERE name ~ '\\.ready$') a"
		" WHERE n > $1"
	},
};

static char *
first_text(const char *query, int nargs, Datum argument)
{
	SmigStoreScope scope;
	Oid			types[1] = {INT4OID};
	char	   *result = NULL;

	smig_store_begin(&scope);
	pgstat_clear_snapshot();
	SPI_execute_with_args(query, nargs, types, &argument, NULL, true, 1);
	if (SPI_processed == 1)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 1);

		if (value)
			result = MemoryContextStrdup(scope.caller_context, value);
	}
	smig_store_end(&scope);
	return result;
}

/*
 * WAL written by the whole server since the last look, per second.
 */
static char *
wal_rate_reason(void)
{
	TimestampTz now = GetCurrentTimestamp();
	XLogRecPtr	position = GetXLogWriteRecPtr();
	int64		microseconds = now - rate_at;
	int64		rate;

	if (rate_at == 0 || microseconds > 10 * 1000000L)
	{
		rate_at = now;
		rate_position = position;
		return NULL;
	}
	if (microseconds < 1000)
		return NULL;
	rate = (int64) ((position - rate_position) / 1024) * 1000000 / microseconds;
	if (rate > smig_max_wal_rate)
		return psprintf("WAL rate: " INT64_FORMAT " kB/s", rate);
	rate_at = now;
	rate_position = position;
	return NULL;
}

/*
 * A condition of the user's: a query that gives true, run as the caller.
 */
static char *
custom_reason(void)
{
	bool		holds = false;
	bool		isnull;

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute(smig_throttle_query, true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1 &&
		SPI_gettypeid(SPI_tuptable->tupdesc, 1) == BOOLOID)
	{
		holds = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1, &isnull));
		holds = holds && !isnull;
	}
	PopActiveSnapshot();
	SPI_finish();
	return holds ? pstrdup("schemamig.throttle_query") : NULL;
}

/*
 * Why a backfill should hold back now, as a text; NULL when nothing speaks
 * against the next batch.  Needs a transaction.
 */
char *
smig_throttle_reason(void)
{
	char	   *reason = NULL;

	for (int i = 0; i < lengthof(reasons) && reason == NULL; i++)
		if (*reasons[i].limit >= 0)
			reason = first_text(reasons[i].query, 1,
								Int32GetDatum(*reasons[i].limit));
	if (reason == NULL && smig_max_wal_rate > 0)
		reason = wal_rate_reason();
	if (reason == NULL && smig_throttle_query && smig_throttle_query[0])
		reason = custom_reason();
	return reason;
}
