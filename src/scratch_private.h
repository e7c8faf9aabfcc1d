/*-------------------------------------------------------------------------
 *
 * scratch_private.h
 *	  What the processes around a scratch database share.
 *
 * IDENTIFICATION
 *	  src/scratch_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SCRATCH_PRIVATE_H
#define SMIG_SCRATCH_PRIVATE_H

#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/lock.h"
#include "storage/shm_mq.h"

#include "relay.h"
#include "schemamig.h"
#include "scratch.h"

/* Followed by 16 hexadecimal digits. */
#define SMIG_SCRATCH_PREFIX "schemamig_scratch_"

/* Of each of the two queues (bytes), and of a piece of a snapshot. */
#define SMIG_SCRATCH_QUEUE (64 * 1024)
#define SMIG_SCRATCH_PIECE (32 * 1024)

/*
 * Commands to the session, and its answers.  A command is its letter and its
 * arguments, texts ended by a zero byte.
 */
#define SMIG_SCRATCH_RUN			'R' /* mode, flags, what, text */
#define SMIG_SCRATCH_FINGERPRINT	'F' /* slot */
#define SMIG_SCRATCH_SNAPSHOT		'S' /* slot */
#define SMIG_SCRATCH_PART			'd' /* a part of a text */
#define SMIG_SCRATCH_OK				'k'
#define SMIG_SCRATCH_FAILED			'e' /* the error is on the relay */

/* The segment; the caller writes "number" and "name" before all else. */
typedef struct SmigScratchShared
{
	uint64		number;
	char		name[NAMEDATALEN];
	pg_atomic_uint32 database;	/* by the keeper: its oid, 0 until it exists */
	pg_atomic_uint32 keeper;	/* by the keeper: its process id, or 0 */
	pg_atomic_uint32 done;		/* by the caller: it is to be dropped */
	Size		commands;		/* offsets of the queues */
	Size		results;
} SmigScratchShared;

extern void smig_scratch_lock_tag(LOCKTAG *tag, uint64 number);
extern SmigScratchShared *smig_scratch_attach(const SmigRelay *relay,
											  dsm_segment **segment);

extern PGDLLEXPORT void smig_scratch_keeper_main(Datum main_arg);
extern PGDLLEXPORT void smig_scratch_session_main(Datum main_arg);

#endif							/* SMIG_SCRATCH_PRIVATE_H */
