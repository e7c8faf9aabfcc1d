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

/* How often a process that waits looks again (ms). */
#define SMIG_HOLD_POLL 200

/* One process's part in a backfill. */
typedef struct SmigEngine
{
	SmigBackfill *backfill;
	MemoryContext context;		/* the whole backfill */
	MemoryContext batch_context;	/* one batch; outlives its transaction */
	bool		leader;
	int64		batch;			/* rows of the next batch */
	int64		slice;			/* rows done at a time in it; 0: all */
	int64		rows;			/* gone over in this batch or the last one */
	TimestampTz crowded_at;		/* last time somebody waited for us; 0: never */
	int64		after_trouble;	/* size to return to behind a bad row; 0: none */
	TimestampTz contention_since;	/* first failure for a lock; 0: none */
	TimestampTz begin;
	TimestampTz reported;
	int64		vacuumed_at;	/* rows scanned at the last VACUUM */
	char	   *held_by;		/* reason for holding back, told once */
	SmigCrew   *crew;			/* helpers; NULL in a helper */
} SmigEngine;

extern int64 smig_engine_elapsed(TimestampTz since);
extern const char *smig_engine_label(const SmigBackfill *backfill);
extern char *smig_engine_place_text(SmigPlace place);
extern bool smig_engine_is_row_error(const ErrorData *edata);
extern void smig_engine_set_local(const char *name, const char *value);
extern ErrorData *smig_engine_abandon(SmigEngine *engine);
extern void smig_engine_init(SmigEngine *engine, SmigBackfill *backfill,
							 bool leader, MemoryContext context);
extern void smig_engine_work(SmigEngine *engine);

#endif							/* SMIG_ENGINE_H */
