/*-------------------------------------------------------------------------
 *
 * throttle.c
 *	  Reasons for a backfill to hold back.
 *
 * Each reason is a descriptor: whether it is switched on, and a query that
 * gives a text when it holds.  The engine asks between batches.
 *
 * The lag of standbys in time is not taken from pg_stat_replication.replay_lag,
 * which stands still while replay does, and says nothing about what is still
 * to come: a standby that replays ten times as slowly as we write is behind by
 * ten seconds when it is found to be behind by one.  Instead we remember when
 * which WAL position was written and replayed, which gives the age of the
 * oldest WAL that is not replayed, and how long the rest will take.  As with a
 * heartbeat, a little WAL is written while we hold back, because standbys
 * report their position when they receive something.
 *
 * IDENTIFICATION
 *	  src/backfill/throttle.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "backfill/backfill.h"
#include "settings.h"

/* Where the WAL rate was measured last. */
static TimestampTz rate_at = 0;
static XLogRecPtr rate_position = 0;

/*
 * What was known of the slowest standby, and when; so many to a limit's time.
 * Less WAL than the slack (bytes) is not a lag: others write always.
 */
#define SAMPLES 256
#define SAMPLES_PER_LIMIT 64
#define LAG_SLACK (128 * 1024)

typedef struct LagSample
{
	TimestampTz at;
	XLogRecPtr	written;
	XLogRecPtr	replayed;
} LagSample;

static LagSample samples[SAMPLES];
static int	nsamples = 0;

/* Since when (ms) a limit on replication has held nothing back: see below. */
#define CALM_MS 10000

static TimestampTz first_look = 0;
static TimestampTz lagged_at = 0;

/* A reason that a query decides, with one number as limit. */
typedef struct ThrottleReason
{
	const int  *limit;			/* setting; off when negative */
	const char *query;			/* text when it holds, else NULL; $1: limit */
} ThrottleReason;

static const ThrottleReason reasons[] = {
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
 * The slowest standby: its name in the current context, the position that it
 * has replayed, and the lag (ms) that it has reported.
 *
 * Result: NULL when there is none.
 */
static char *
slowest_standby(XLogRecPtr *replayed, int64 *reported)
{
	SmigStoreScope scope;
	char	   *name = NULL;
	bool		isnull;

	smig_store_begin(&scope);
	SPI_execute("SELECT application_name, replay_lsn,"
				" coalesce((pg_catalog.max(pg_catalog.date_part('epoch',"
				"  replay_lag)) OVER () * 1000)::int8, 0)"
				" FROM pg_catalog.pg_stat_replication"
				" WHERE replay_lsn IS NOT NULL ORDER BY replay_lsn LIMIT 1",
				true, 1);
	if (SPI_processed == 1)
	{
		HeapTuple	tuple = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *value = SPI_getvalue(tuple, desc, 1);

		name = MemoryContextStrdup(scope.caller_context, value ? value : "");
		*replayed = DatumGetLSN(SPI_getbinval(tuple, desc, 2, &isnull));
		*reported = DatumGetInt64(SPI_getbinval(tuple, desc, 3, &isnull));
	}
	smig_store_end(&scope);
	return name;
}

/* Remembers a sample, unless the last one is too young. */
static void
remember(const LagSample *now)
{
	int64		every = Max(smig_max_replication_lag * (int64) 1000 /
							SAMPLES_PER_LIMIT, 10000);

	if (nsamples > 0 && now->at - samples[nsamples - 1].at < every)
		return;
	if (nsamples == SAMPLES)
	{
		nsamples /= 2;
		memmove(samples, samples + SAMPLES - nsamples,
				nsamples * sizeof(LagSample));
	}
	samples[nsamples++] = *now;
}

/*
 * How far (ms) a standby is behind or will be when it has replayed what is
 * written now, whichever is more.
 */
static int64
lag_of(const LagSample *now)
{
	int64		window = Max(smig_max_replication_lag, 1000) * (int64) 1000;
	int64		backlog = (int64) (now->written - now->replayed);
	int64		age = 0;
	int64		ahead = 0;

	if (backlog <= LAG_SLACK)
		return 0;
	for (int i = 0; i < nsamples && age == 0; i++)
		if (samples[i].written > now->replayed + LAG_SLACK)
			age = now->at - samples[i].at;
	for (int i = 0; i < nsamples; i++)
	{
		const LagSample *then = &samples[i];

		if (now->at - then->at > window)
			continue;
		if (now->replayed > then->replayed)
			ahead = (int64) ((double) backlog * (now->at - then->at) /
							 (now->replayed - then->replayed));
		else
			ahead = now->at - then->at;
		break;
	}
	return Max(age, ahead) / 1000;
}

/*
 * Whether a standby lags.  Once one does, it must come down to half of the
 * limit, so that the batch after does not exceed it at once.
 */
static char *
standby_reason(void)
{
	static bool held = false;
	LagSample	now;
	int64		reported;
	int64		lag;
	char	   *name = slowest_standby(&now.replayed, &reported);

	if (name == NULL)
	{
		held = false;
		nsamples = 0;
		return NULL;
	}
	now.at = GetCurrentTimestamp();
	now.written = GetFlushRecPtr(NULL);
	lag = lag_of(&now);
	remember(&now);
	/* of the time before us it alone knows something */
	if (now.at - samples[0].at < smig_max_replication_lag * (int64) 1000 &&
		now.written > now.replayed + LAG_SLACK)
		lag = Max(lag, reported);
	held = lag > (held ? smig_max_replication_lag / 2 :
				  smig_max_replication_lag);
	return held ? psprintf("replication lag: %s is " INT64_FORMAT " ms behind",
						   name, lag) : NULL;
}

/*
 * Whether batches should be short, because a limit on replication is set and
 * was exceeded within the last seconds, or is not known to be kept: what a long
 * batch writes is on its way before anything can be noticed.
 */
bool
smig_throttle_is_tight(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (smig_max_replication_lag < 0 && smig_max_replication_lag_bytes < 0)
		return false;
	if (first_look == 0)
		first_look = now;
	return now - Max(first_look, lagged_at) < CALM_MS * (int64) 1000;
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

	if (smig_max_replication_lag >= 0)
		reason = standby_reason();
	for (int i = 0; i < lengthof(reasons) && reason == NULL; i++)
		if (*reasons[i].limit >= 0)
			reason = first_text(reasons[i].query, 1,
								Int32GetDatum(*reasons[i].limit));
	if (reason && strncmp(reason, "replication lag", 15) == 0)
	{
		/* the heartbeat: a transaction id has a commit record */
		lagged_at = GetCurrentTimestamp();
		(void) GetCurrentTransactionId();
	}
	if (reason == NULL && smig_max_wal_rate > 0)
		reason = wal_rate_reason();
	if (reason == NULL && smig_throttle_query && smig_throttle_query[0])
		reason = custom_reason();
	return reason;
}
