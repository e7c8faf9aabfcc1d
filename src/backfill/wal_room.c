/*-------------------------------------------------------------------------
 *
 * wal_room.c
 *	  Segments of WAL made before they are needed.
 *
 * A backfill writes more WAL than its server is used to, so that the segments
 * that checkpoints keep for reuse do not suffice.  Who comes to the end of the
 * last one, in most cases an application's commit, then fills the next segment
 * with zeros and syncs it while every other commit waits.  A process of a
 * backfill makes the next segments itself, between batches, when it holds no
 * lock.  It is also the one that fails then when there is no room on the disk,
 * and not the whole server.
 *
 * The same as a checkpoint does with one segment (PreallocXlogFiles in
 * access/transam/xlog.c).
 *
 * IDENTIFICATION
 *	  src/backfill/wal_room.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "miscadmin.h"

#include "backfill/engine.h"

/* Room for so many times what was written since the last look. */
#define ROOM_FACTOR 2

/* But not for more than this (bytes) beyond the next segment. */
#define MOST_ROOM (256 * 1024 * 1024)

/*
 * Makes the segments of WAL that the server will need until the next look,
 * going by what it has written since the last one.  Called between batches.
 *
 * Errors: 53100 and others of the file system.
 */
void
smig_wal_make_room(SmigEngine *engine)
{
	XLogRecPtr	now = GetXLogInsertRecPtr();
	uint64		written = engine->wal_looked > 0 ? now - engine->wal_looked : 0;
	uint64		room = Min(ROOM_FACTOR * written, MOST_ROOM);
	XLogSegNo	last;
	XLogSegNo	segment;

	engine->wal_looked = now;
	XLByteToSeg(now + room, last, wal_segment_size);
	XLByteToSeg(now, segment, wal_segment_size);
	segment = Max(segment, engine->wal_segment) + 1;
	for (; segment <= last + 1; segment++)
	{
		CHECK_FOR_INTERRUPTS();
		/* a segment that is there already is only opened */
		close(XLogFileInit(segment, GetWALInsertionTimeLine()));
		engine->wal_segment = segment;
	}
}
