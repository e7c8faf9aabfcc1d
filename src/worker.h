/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The background worker that carries out a run.
 *
 * IDENTIFICATION
 *	  src/worker.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_WORKER_H
#define SMIG_WORKER_H

#include "postmaster/bgworker.h"

#include "relay.h"

/* backend_type of the worker in pg_stat_activity. */
#define SMIG_WORKER_TYPE "schemamig worker"

extern bool smig_worker_launch(SmigRelay *relay, BackgroundWorkerHandle **handle);
extern PGDLLEXPORT void smig_worker_main(Datum main_arg);

#endif							/* SMIG_WORKER_H */
