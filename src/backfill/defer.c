/*-------------------------------------------------------------------------
 *
 * defer.c
 *	  Starting a backfill when the calling transaction commits.
 *
 * A script adds a column and starts the backfill that fills it, in one
 * transaction: the worker must not be there before that has committed, and not
 * at all when it is rolled back.  So the segment with the request is made at
 * once, while errors can still be raised, and kept beyond the transaction; the
 * worker is registered from the commit callback, which must not fail: without
 * a free slot it warns, and the next run starts the backfill.
 *
 * IDENTIFICATION
 *	  src/backfill/defer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/dsm.h"
#include "utils/memutils.h"

#include "backfill/defer.h"
#include "relay.h"
#include "worker.h"

/* A worker to be launched at commit; in TopMemoryContext. */
typedef struct Deferred
{
	SmigRelay  *relay;
	SubTransactionId subtransaction;	/* rolled back with it */
} Deferred;

static List *deferred = NIL;

static void
release(Deferred *entry)
{
	shm_mq_detach(entry->relay->queue);
	dsm_detach(entry->relay->segment);
	pfree(entry);
}

static void
drop(Deferred *entry)
{
	dsm_unpin_segment(dsm_segment_handle(entry->relay->segment));
	release(entry);
}

static void
launch(Deferred *entry)
{
	BackgroundWorkerHandle *handle;

	if (!smig_worker_launch(entry->relay, &handle))
	{
		ereport(WARNING,
				(errmsg("could not start a backfill: all slots of max_worker_processes (%d) are taken",
						max_worker_processes),
				 errhint("SELECT schemamig_resume() starts it later.")));
		drop(entry);
		return;
	}
	pfree(handle);
	release(entry);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	List	   *entries = deferred;
	ListCell   *lc;

	if (entries == NIL)
		return;
	if (event == XACT_EVENT_PRE_PREPARE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has started a backfill")));
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	deferred = NIL;
	foreach(lc, entries)
	{
		if (event == XACT_EVENT_COMMIT)
			launch(lfirst(lc));
		else
			drop(lfirst(lc));
	}
	list_free(entries);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine,
					  SubTransactionId parent, void *arg)
{
	ListCell   *lc;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(lc, deferred)
	{
		Deferred   *entry = lfirst(lc);

		if (entry->subtransaction != mine)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			entry->subtransaction = parent;
		else
		{
			deferred = foreach_delete_current(deferred, lc);
			drop(entry);
		}
	}
}

/*
 * Has a worker carry out the request once the current transaction has
 * committed.  request->run must be set.
 *
 * Errors: out of shared memory.
 */
void
smig_defer_start(const SmigRequest *request)
{
	static bool registered = false;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	Deferred   *entry;

	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		registered = true;
	}
	entry = palloc0(sizeof(Deferred));
	entry->relay = smig_relay_create(request);
	dsm_pin_mapping(entry->relay->segment);
	dsm_pin_segment(entry->relay->segment);
	entry->relay->shared->pinned = true;
	entry->subtransaction = GetCurrentSubTransactionId();
	deferred = lappend(deferred, entry);
	MemoryContextSwitchTo(old);
}
