/*-------------------------------------------------------------------------
 *
 * relay.h
 *	  The shared memory between a caller and its worker.
 *
 * IDENTIFICATION
 *	  src/relay.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_RELAY_H
#define SMIG_RELAY_H

#include "nodes/pg_list.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"
#include "storage/spin.h"

#include "runner.h"

/* Blockers the caller can report at a time. */
#define SMIG_RELAY_BLOCKERS 8

/* Bytes of what a worker can make known. */
#define SMIG_RELAY_PUBLISHED 64

/* How far the worker is. */
typedef enum SmigPhase
{
	SMIG_PHASE_STARTING,
	SMIG_PHASE_ON_RECORD,		/* whoever started the run may go */
	SMIG_PHASE_ANSWERED			/* the run is done; the worker tidies up */
} SmigPhase;

/*
 * Fixed part of the segment.  The caller writes everything above "phase"
 * before it launches the worker; it does not change afterwards.
 */
typedef struct SmigShared
{
	Oid			database;
	Oid			authenticated_role; /* who logged in */
	Oid			session_role;	/* after SET SESSION AUTHORIZATION */
	Oid			current_role;	/* after SET ROLE: who the run acts as */
	SmigRequestKind kind;
	SmigDirection direction;
	SmigRunTransaction transaction;
	bool		allow_destructive;
	bool		detached;
	bool		pinned;			/* the worker must unpin the segment */
	int			caller_pid;

	/* written by the worker: id of the run, and a SmigPhase */
	pg_atomic_uint64 run;
	pg_atomic_uint32 phase;
	pg_atomic_uint32 worker_pid;
	char		published[SMIG_RELAY_PUBLISHED];	/* valid once on record */

	/* written by the caller: 1 when it gives the run up */
	pg_atomic_uint32 stop;

	/*
	 * Bytes of messages sent (by the worker) and taken from the queue (by the
	 * caller): the worker never waits for a caller whose client reads slowly.
	 */
	pg_atomic_uint64 sent;
	pg_atomic_uint64 consumed;
	pg_atomic_uint32 dropped;	/* messages not sent for that reason */

	/* protects what follows: written by the caller, read by the worker */
	slock_t		mutex;
	int			nblockers;
	int			blockers[SMIG_RELAY_BLOCKERS];
} SmigShared;

/* One side's view of the segment. */
typedef struct SmigRelay
{
	dsm_segment *segment;
	SmigShared *shared;
	shm_mq_handle *queue;
	char	   *target;
	char	   *client;			/* "" when unknown */
	void	   *settings;		/* serialized GUC state */
	void	   *libraries;		/* serialized library state */
} SmigRelay;

extern SmigRelay *smig_relay_create(const SmigRequest *request);
extern SmigRelay *smig_relay_attach(dsm_handle handle);
extern void smig_relay_send_messages(SmigRelay *relay);
extern void smig_relay_end(SmigRelay *relay);
extern ErrorData *smig_relay_receive(SmigRelay *relay, bool *ended);
extern void smig_relay_report_blockers(SmigRelay *relay, List *pids);
extern List *smig_relay_seen_blockers(SmigRelay *relay);

#endif							/* SMIG_RELAY_H */
