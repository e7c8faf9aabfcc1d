/*-------------------------------------------------------------------------
 *
 * range.c
 *	  How large a range is, and in how many stripes it is done.
 *
 * Without stripes a worker alone takes all there is, and several take shares.
 * Ranges done in stripes (stripe.c) are larger than batches and smaller than
 * the table: their first stripe goes where the ranges before have made room,
 * so the table grows by no more than an eighth of one range; and between two
 * stripes enough time passes that the first is over for every snapshot.
 *
 * IDENTIFICATION
 *	  src/backfill/range.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "backfill/engine.h"

/* Ranges each worker should get, so that none is left with much at the end. */
#define RANGES_PER_WORKER 20
#define MIN_RANGE 5000

/*
 * Stripes of a range, a power of 2; the share of what is left that one worker's
 * next range is; rows of the smallest, and of a table that is worth it; and
 * batches that go over a range at the least, so that a batch of another worker
 * does not last as long as the stripe in which rows become free.
 */
#define STRIPES 8
#define STRIPED_SHARE 4
#define MIN_STRIPED 20000
#define MIN_STRIPED_TABLE 40000
#define STRIPE_BATCHES 4

/* Rows from which it is known how many of them the statement takes. */
#define PROBE_ROWS 5000

/*
 * Rows of a range handed out at a time, when it is not done in stripes; 0 for
 * all.
 */
int64
smig_engine_range_size(const SmigEngine *engine)
{
	if (engine->workers <= 1)
		return 0;
	return Max(engine->backfill->rows_total /
			   (engine->workers * RANGES_PER_WORKER), MIN_RANGE);
}

/*
 * Chooses the size of the next range to claim and the stripes it is done in:
 * claim->rows (0: all that is left) and claim->stripes.
 *
 * Stripes are for statements that take most rows, because each stripe reads
 * all of the range.  And they need batches that are a share of it, so not where
 * the caller says how large these are.
 */
void
smig_engine_choose_range(const SmigEngine *engine, const SmigLook *look,
						 SmigClaim *claim)
{
	const SmigBackfill *backfill = engine->backfill;
	int64		workers = Max(engine->workers, 1);
	int64		left = Max(look->total - look->scanned, PROBE_ROWS);
	int64		rows = Min(left / (workers * STRIPED_SHARE),
						   backfill->plan->striped_rows / workers);

	claim->stripes = 1;
	claim->rows = smig_engine_range_size(engine);
	if (backfill->plan->striped_rows == 0 || engine->position ||
		backfill->options.batch_size > 0 || look->total < MIN_STRIPED_TABLE)
		return;
	if (engine->gone_over < PROBE_ROWS)
	{
		claim->rows = PROBE_ROWS;
		return;
	}
	claim->rows = Min(Max(rows, MIN_STRIPED), left);
	if (engine->processed >= engine->gone_over / 2)
		claim->stripes = STRIPES;
}

/*
 * Makes ready to work through a claim: batches go over so many times the rows
 * when they take one stripe of them.
 */
void
smig_engine_begin_range(SmigEngine *engine, const SmigClaim *claim)
{
	int			stripes = Max(claim->stripes, 1);

	engine->batch = Max(engine->batch * stripes / engine->stripes, 1);
	engine->batch = Min(engine->batch, MAX_BATCH);
	engine->slice = engine->slice * stripes / engine->stripes;
	engine->stripes = stripes;
	engine->most = stripes > 1 && engine->workers > 1 ?
		Max(claim->rows / STRIPE_BATCHES, MIN_STRIPED / STRIPE_BATCHES) : 0;
	engine->cuts = NIL;
	MemoryContextReset(engine->range_context);
}

/*
 * The slice of the first stripe that begins where the claim stands; NULL when
 * there is none, or none is to be used.
 */
const SmigCut *
smig_engine_find_cut(const SmigEngine *engine, const SmigClaim *claim)
{
	ListCell   *lc;

	if (claim->stripe == 0 || engine->suspect || engine->careful > 0)
		return NULL;
	foreach(lc, engine->cuts)
	{
		const SmigCut *cut = lfirst(lc);

		if (smig_place_equal(cut->after, claim->position))
			return cut;
	}
	return NULL;
}

/*
 * Notes a slice of the first stripe, until the batch is committed.
 */
void
smig_engine_add_cut(SmigEngine *engine, const SmigClaim *claim, SmigPlace upto,
					int64 rows)
{
	MemoryContext old;
	SmigCut    *cut;

	if (claim->stripes == 1 || claim->stripe > 0 || engine->suspect)
		return;
	old = MemoryContextSwitchTo(engine->batch_context);
	cut = palloc(sizeof(SmigCut));
	cut->after = claim->position;
	cut->upto = upto;
	cut->rows = rows;
	engine->new_cuts = lappend(engine->new_cuts, cut);
	MemoryContextSwitchTo(old);
}

/*
 * Keeps the slices of a batch that is committed for as long as its range.
 */
void
smig_engine_keep_cuts(SmigEngine *engine)
{
	MemoryContext old = MemoryContextSwitchTo(engine->range_context);
	ListCell   *lc;

	foreach(lc, engine->new_cuts)
	{
		const SmigCut *new = lfirst(lc);
		SmigCut    *cut = palloc(sizeof(SmigCut));

		cut->after = smig_engine_copy_place(engine->range_context, new->after);
		cut->upto = smig_engine_copy_place(engine->range_context, new->upto);
		cut->rows = new->rows;
		engine->cuts = lappend(engine->cuts, cut);
	}
	engine->new_cuts = NIL;
	MemoryContextSwitchTo(old);
}
