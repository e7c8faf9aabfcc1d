/*-------------------------------------------------------------------------
 *
 * pace.c
 *	  How large batches and their slices are.
 *
 * The next batch is as large as the last ones say that fits into the target.
 * Not all of a statement's time grows with its rows: planning does not, nor
 * does what it reads of other tables before the first row, such as the hash of
 * a joined table.  Smaller batches would do that more often and get nowhere,
 * so it is told apart by the method of least squares over the last slices,
 * which differ in size as long as their size is being changed, and does not
 * count: slices take as long again for their rows at the least, also where
 * that is longer than the target.
 *
 * IDENTIFICATION
 *	  src/backfill/pace.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "backfill/engine.h"
#include "settings.h"

/*
 * A batch is done in slices of this share of its target, behind each of which
 * it is looked whether somebody waits for its rows.  While that happens, and
 * for a while after (ms), whole batches are as short as the other share.
 */
#define SLICE_SHARE 8
#define CROWDED_SHARE 16
#define CROWDED_MS 10000

/*
 * A batch writes no more WAL than this share of the lag that replication may
 * have in bytes, because nothing is noticed of it before its end; but what a
 * batch writes for itself must not count for much (bytes).
 */
#define LAG_SHARE 4
#define LEAST_WAL (128 * 1024)

/* What an older slice weighs against the one after it. */
#define FADING 0.85

/* Spread of sizes (standard deviation / mean) below which nothing is told. */
#define LEAST_SPREAD 0.1

/*
 * No more than this share of the shortest slice is taken not to grow with the
 * rows, whatever a busy machine makes of the others; and how fast the shortest
 * one is forgotten.
 */
#define GREATEST_FIXED 0.95
#define FORGETTING 1.05

/*
 * Notes what a slice has taken, or a batch that was given up.
 *
 * rows: gone over; ms: without planning
 */
void
smig_pace_note(SmigPace *pace, int64 rows, double ms)
{
	double		n = (double) rows;
	double		mean_rows;
	double		mean_ms;
	double		variance;
	double		slope;

	pace->weight = pace->weight * FADING + 1;
	pace->rows = pace->rows * FADING + n;
	pace->ms = pace->ms * FADING + ms;
	pace->rows_rows = pace->rows_rows * FADING + n * n;
	pace->rows_ms = pace->rows_ms * FADING + n * ms;
	mean_rows = pace->rows / pace->weight;
	mean_ms = pace->ms / pace->weight;
	variance = pace->rows_rows / pace->weight - mean_rows * mean_rows;
	if (variance > LEAST_SPREAD * LEAST_SPREAD * mean_rows * mean_rows)
	{
		slope = (pace->rows_ms / pace->weight - mean_rows * mean_ms) / variance;
		pace->fixed = mean_ms - Max(slope, 0) * mean_rows;
	}
	pace->shortest = pace->shortest > 0 ?
		Min(pace->shortest * FORGETTING, ms) : ms;
	pace->fixed = Min(Max(pace->fixed, 0), GREATEST_FIXED * pace->shortest);
}

/*
 * How long (ms) a batch may take beyond its target for what does not grow with
 * its rows: twice that, for all its slices.
 */
int
smig_pace_allowance(const SmigEngine *engine)
{
	double		each = engine->planning + engine->pace.fixed;

	return (int) Min(each * 2 * SLICE_SHARE, 60 * 1000);
}

/*
 * Rows of a batch that keeps to its share of the lag, going by the last one;
 * all processes together keep to it.
 */
static int64
most_for_lag(const SmigEngine *engine)
{
	double		share;

	if (smig_max_replication_lag_bytes < 0 || engine->wal == 0)
		return MAX_BATCH;
	share = smig_max_replication_lag_bytes * 1024.0 / LAG_SHARE /
		Max(engine->workers, 1);
	return (int64) (engine->rows * Max(share, LEAST_WAL) / engine->wal) + 1;
}

/*
 * The next batch's size, from the time the last one took and its WAL.
 *
 * ms: milliseconds; a batch that the end of its range cut short says nothing
 *		about larger ones, so "full" is false for it
 */
void
smig_pace_adapt(SmigEngine *engine, int64 ms, bool full)
{
	int64		limit = engine->backfill->options.batch_size;
	bool		crowded = smig_throttle_is_tight() ||
		(engine->crowded_at != 0 &&
	 smig_engine_elapsed(engine->crowded_at) < CROWDED_MS);
	double		target = crowded ?
		Max(engine->batch_target / (double) CROWDED_SHARE, 1) :
		engine->batch_target;
	int64		slices = Max(engine->slices, 1);
	double		overhead = engine->overhead + engine->pace.fixed * slices;
	double		work = Max(ms - overhead, 1);
	double		least = crowded ? 0 : overhead / slices;
	double		factor = Max(target, least) / work;
	double		slice = Max((double) engine->batch_target / SLICE_SHARE,
							overhead / slices);

	if (!full && factor > 1.0)
	{
		engine->batch = Min(engine->batch, most_for_lag(engine));
		return;
	}
	factor = Min(Max(factor, crowded ? 0.01 : 0.25), 4.0);
	engine->slice = (int64) (slice * engine->rows / work) + 1;
	engine->batch = (int64) (engine->rows * factor);
	engine->batch = Min(Max(engine->batch, 1), limit > 0 ? limit : MAX_BATCH);
	engine->batch = Min(engine->batch, most_for_lag(engine));
}
