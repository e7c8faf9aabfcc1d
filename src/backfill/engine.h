/*-------------------------------------------------------------------------
 *
 * engine.h
 *	  One process's part in a backfill.
 *
 * IDENTIFICATION
 *	  src/backfill/engine.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_ENGINE_H
#define SMIG_ENGINE_H

#include "datatype/timestamp.h"

#include "backfill/backfill.h"
#include "backfill/crew.h"
#include "backfill/position.h"

/* How often a process that waits looks again (ms). */
#define SMIG_HOLD_POLL 200

/* Rows of the first batch. */
#define FIRST_BATCH 1000

/* Rows of the largest batch. */
#define MAX_BATCH 1000000

/* A slice, found by walking the key once, for the stripes after. */
typedef struct SmigCut
{
	SmigPlace	after;			/* exclusive */
	SmigPlace	upto;			/* inclusive */
	int64		rows;			/* of all stripes */
} SmigCut;

/* What slices take: sums over the last ones, faded; see pace.c. */
typedef struct SmigPace
{
	double		weight;
	double		rows;
	double		ms;
	double		rows_rows;
	double		rows_ms;
	double		shortest;		/* ms of the shortest one; see pace.c */
	double		fixed;			/* ms of each that do not grow with its rows */
} SmigPace;

/* One process's part in a backfill. */
typedef struct SmigEngine
{
	SmigBackfill *backfill;
	MemoryContext context;		/* the whole backfill */
	MemoryContext batch_context;	/* one batch; outlives its transaction */
	int			number;			/* of the process */
	bool		leader;			/* number 0 */
	TimestampTz begin;
	SmigPosition *position;		/* where rows are found by position; or NULL */
	List	   *own_xids;		/* of all parts before their shared snapshot */

	/* as the settings, or schemamig_backfill_set(), say */
	int			batch_target;	/* ms */
	double		nice;
	int			workers;

	/* size of batches */
	int64		batch;			/* rows gone over in batch_target */
	int64		slice;			/* rows done at a time in it; 0: all */
	int64		rows;			/* gone over in this batch or the last one */
	int64		slices;			/* done in it */
	int64		overhead;		/* ms of it spent on planning */
	int64		planning;		/* ms that the last slice's planning took */
	SmigPace	pace;
	int64		good_rows;		/* of these, those before its last slice */
	SmigPlace	upto;			/* end of that; NIL before it is known */

	/* of the range at hand: range.c */
	int			stripes;		/* it is done in */
	int64		most;			/* rows of a batch in it at the most; or 0 */
	MemoryContext range_context;
	List	   *cuts;			/* slices of its first stripe */
	List	   *new_cuts;		/* the same, of this batch */

	/* of all batches so far */
	int64		gone_over;		/* rows */
	int64		processed;		/* of these, rows that the statement took */

	/* who waits, and what failed */
	TimestampTz crowded_at;		/* last time somebody waited for us; 0: never */
	SmigPlace	suspect;		/* a bad row is not behind this; or NIL */
	int64		suspect_rows;	/* rows up to there, about */
	int64		suspect_good;	/* of these, rows that went through before */
	int64		careful;		/* rows at the most behind a bad row; or 0 */
	TimestampTz contention_since;	/* first failure for a lock; 0: none */
	uint64		wal_counted;	/* bytes of WAL on record */
	uint64		wal;			/* of the last batch, bytes */
	uint64		wal_looked;		/* where WAL stood at the last look; 0: never */
	uint64		wal_segment;	/* the last one made or found; 0: none */

	/* the leader's */
	TimestampTz reported;
	int64		vacuumed_at;	/* rows scanned at the last VACUUM */
	bool		may_not_vacuum; /* the role has no right to, and was told */
	char	   *held_by;		/* reason for holding back, told once */
	char	   *throttled_by;	/* reason on record */
	bool		told_nice;
	SmigCrew   *crew;			/* helpers; NULL while there are none */
} SmigEngine;

/* engine.c */
extern int64 smig_engine_elapsed(TimestampTz since);
extern const char *smig_engine_label(const SmigBackfill *backfill);
extern char *smig_engine_place_text(SmigPlace place);
extern SmigPlace smig_engine_copy_place(MemoryContext context, SmigPlace place);
extern bool smig_engine_is_row_error(const ErrorData *edata);
extern void smig_engine_set_local(const char *name, const char *value);
extern ErrorData *smig_engine_abandon(SmigEngine *engine);
extern void smig_engine_init(SmigEngine *engine, SmigBackfill *backfill,
							 int number, MemoryContext context);
extern void smig_engine_work(SmigEngine *engine);
extern void smig_engine_work_nulls(SmigEngine *engine);

/* pace.c */
extern void smig_pace_note(SmigPace *pace, int64 rows, double ms);
extern int	smig_pace_allowance(const SmigEngine *engine);
extern void smig_pace_adapt(SmigEngine *engine, int64 ms, bool full);

/* wal_room.c */
extern void smig_wal_make_room(SmigEngine *engine);

/* range.c */
extern int64 smig_engine_range_size(const SmigEngine *engine);
extern void smig_engine_choose_range(const SmigEngine *engine,
									 const SmigLook *look, SmigClaim *claim);
extern void smig_engine_begin_range(SmigEngine *engine, const SmigClaim *claim);
extern const SmigCut *smig_engine_find_cut(const SmigEngine *engine,
										   const SmigClaim *claim);
extern void smig_engine_add_cut(SmigEngine *engine, const SmigClaim *claim,
								SmigPlace upto, int64 rows);
extern void smig_engine_keep_cuts(SmigEngine *engine);

/* lead.c, lead_parts.c */
extern int64 smig_lead_estimate(const SmigBackfillPlan *plan);
extern void smig_lead_table(SmigEngine *engine, bool retry);
extern int64 smig_lead_create_parts(SmigBackfill *whole);
extern void smig_lead_parts(SmigEngine *whole, bool retry);

/* attend.c */
extern bool smig_engine_attend(SmigEngine *engine, SmigClaim *claim);
extern void smig_engine_rest(SmigEngine *engine, int64 ms);

/* keeper.c */
extern void smig_keeper_main(const struct SmigRunnerHost *host);
extern void smig_engine_share_position(SmigEngine *whole);
extern void smig_engine_begin_position(SmigEngine *engine, bool nulls);
extern void smig_engine_end_position(SmigEngine *engine);
extern void smig_engine_join_position(SmigEngine *engine);

#endif							/* SMIG_ENGINE_H */
