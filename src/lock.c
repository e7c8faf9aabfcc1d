/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  The migration lock, and who stands in the way of a step.
 *
 * The migration lock is an advisory lock of a class that SQL users cannot
 * name, so it can be neither taken nor released by hand.  The runner holds it
 * at session level for the whole run; the server frees it when the process
 * dies.  Callers wait for it without a snapshot, so that their wait neither
 * blocks CREATE INDEX CONCURRENTLY nor holds back VACUUM.
 *
 * IDENTIFICATION
 *	  src/lock.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "lock.h"
#include "schemamig.h"
#include "store.h"

/* How far a chain of waits is followed; a longer one is left to the deadlock detector. */
#define MAX_CHAIN_DEPTH 8

/* Whoever waits for the migration lock looks for his client this often (ms). */
#define CLIENT_CHECK_INTERVAL 500

static void
run_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, 0, SMIG_LOCKCLASS_RUN);
}

static void
state_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, 0, SMIG_LOCKCLASS_STATE);
}

/*
 * Takes the migration lock if nobody holds it; "session" makes it survive the
 * transaction.
 */
bool
smig_lock_run_try(bool session)
{
	LOCKTAG		tag;

	run_tag(&tag);
	return LockAcquire(&tag, ExclusiveLock, session, true) !=
		LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Lets the wait for a lock notice that the client is gone, as
 * client_connection_check_interval does where it is set.
 */
static void
watch_client(void)
{
	if (MyProcPort == NULL || client_connection_check_interval > 0 ||
		!WaitEventSetCanReportClosed())
		return;
	client_connection_check_interval = CLIENT_CHECK_INTERVAL;
	enable_timeout_after(CLIENT_CONNECTION_CHECK_TIMEOUT,
						 CLIENT_CHECK_INTERVAL);
}

/*
 * Waits for the migration lock.  lock_timeout does not apply: whoever waits
 * here is in nobody's way.  The caller must hold no snapshot.
 *
 * Errors: FATAL when the client of this session goes away meanwhile.
 */
void
smig_lock_run_wait(bool session)
{
	LOCKTAG		tag;
	int			save_timeout = LockTimeout;
	int			save_interval = client_connection_check_interval;

	run_tag(&tag);
	InvalidateCatalogSnapshot();

	/*
	 * Not by set_config_option: a worker that has lost the lock to DISCARD
	 * ALL takes it again between two transactions.
	 */
	LockTimeout = 0;
	PG_TRY();
	{
		watch_client();
		(void) LockAcquire(&tag, ExclusiveLock, session, false);
	}
	PG_FINALLY();
	{
		LockTimeout = save_timeout;
		client_connection_check_interval = save_interval;
	}
	PG_END_TRY();
}

/*
 * Gives the migration lock back.
 */
void
smig_lock_run_release(bool session)
{
	LOCKTAG		tag;

	run_tag(&tag);
	LockRelease(&tag, ExclusiveLock, session);
}

/*
 * Whether this process still holds the migration lock; a script can lose it
 * by DISCARD ALL or pg_advisory_unlock_all().
 */
bool
smig_lock_run_held(void)
{
	LOCKTAG		tag;

	run_tag(&tag);
	return smig_lock_held_by_me(&tag, ExclusiveLock);
}

/*
 * Takes the state lock for the rest of this process's life, or until it is
 * given back: a run that is done takes it before it lets go of the migration
 * lock, and takes the snapshot of the schema under it.
 */
void
smig_lock_state_take(void)
{
	LOCKTAG		tag;

	state_tag(&tag);
	(void) LockAcquire(&tag, ExclusiveLock, true, false);
}

/*
 * Gives the state lock back, if this process holds it.
 */
void
smig_lock_state_release(void)
{
	LOCKTAG		tag;

	state_tag(&tag);
	if (smig_lock_held_by_me(&tag, ExclusiveLock))
		LockRelease(&tag, ExclusiveLock, true);
}

/*
 * Waits until the run that was last has its snapshot of the schema.  Needs a
 * transaction.
 *
 * timeout: longest wait (ms); 0 for any
 *
 * Errors: 55P03 after that time.
 */
void
smig_lock_state_wait(int timeout)
{
	LOCKTAG		tag;
	int			save_timeout = LockTimeout;

	state_tag(&tag);
	if (LockAcquire(&tag, ShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		LockTimeout = timeout;
		PG_TRY();
		{
			(void) LockAcquire(&tag, ShareLock, false, false);
		}
		PG_FINALLY();
		{
			LockTimeout = save_timeout;
		}
		PG_END_TRY();
	}
	LockRelease(&tag, ShareLock, false);
}

/*
 * Process id of the holder of the migration lock; 0 when it is free.
 *
 * Read from the whole lock table: GetLockConflicts() leaves out who holds a
 * session lock between two transactions, as a run does that waits or pauses.
 */
int
smig_lock_run_holder(void)
{
	LOCKTAG		tag;
	LockData   *data = GetLockStatusData();

	run_tag(&tag);
	for (int i = 0; i < data->nelements; i++)
	{
		LockInstanceData *instance = &data->locks[i];

		if (memcmp(&instance->locktag, &tag, sizeof(LOCKTAG)) == 0 &&
			(instance->holdMask & LOCKBIT_ON(ExclusiveLock)))
			return instance->pid;
	}
	return 0;
}

/* Whether this process is executing scripts right now. */
static bool run_is_here = false;

/*
 * Says that from now on, until smig_lock_run_end, this process executes
 * scripts.  The migration lock does not stop a script from changing what its
 * own run has planned: for the process that holds it, it is free.
 */
void
smig_lock_run_begin(void)
{
	run_is_here = true;
}

/*
 * Ends what smig_lock_run_begin began; to be called whatever happened.
 */
void
smig_lock_run_end(void)
{
	run_is_here = false;
}

/*
 * Whether this process is executing scripts.
 */
bool
smig_lock_in_run(void)
{
	return run_is_here;
}

/*
 * Refuses what a statement of a script must not do: its run would not know of
 * it.
 *
 * what: as in "cannot ... in a script"
 *
 * Errors: 55006.
 */
void
smig_lock_refuse_in_run(const char *what)
{
	if (run_is_here)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot %s in a script", what),
				 errhint("Do it after the run.")));
}

/*
 * Process ids of those who hold the lock of some table's backfill in this
 * database, as integers.
 */
List *
smig_lock_backfill_holders(void)
{
	LockData   *data = GetLockStatusData();
	List	   *pids = NIL;

	for (int i = 0; i < data->nelements; i++)
	{
		LockInstanceData *instance = &data->locks[i];

		if (instance->locktag.locktag_type == LOCKTAG_ADVISORY &&
			instance->locktag.locktag_field1 == MyDatabaseId &&
			instance->locktag.locktag_field4 == SMIG_LOCKCLASS_BACKFILL &&
			(instance->holdMask & LOCKBIT_ON(ExclusiveLock)))
			pids = list_append_unique_int(pids, instance->pid);
	}
	return pids;
}

/*
 * Takes the migration lock until the end of this transaction, for changing
 * what a run could be executing.
 *
 * what: what the caller wants to do, for the message
 *
 * Errors: 55006 when a run is in progress, here or elsewhere.
 */
void
smig_lock_run_for_writing(const char *what)
{
	int			holder;

	smig_lock_refuse_in_run(what);
	if (smig_lock_run_try(false))
		return;
	holder = smig_lock_run_holder();
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("cannot %s while a run is in progress", what),
			 holder ? errdetail("The run belongs to process %d.", holder) : 0,
			 errhint("Wait for it with SELECT * FROM schemamig_wait(), or stop it with SELECT schemamig_cancel().")));
}

/*
 * Whether the process waits for a heavyweight lock right now.  Cheap: one
 * look at its entry in shared memory, without a lock on it.
 */
bool
smig_lock_is_waiting(int pid)
{
	PGPROC	   *proc = BackendPidGetProc(pid);

	return proc != NULL &&
		(proc->wait_event_info & 0xFF000000) == PG_WAIT_LOCK;
}

/*
 * Process ids of those whom process "pid" waits for, as integers.
 */
List *
smig_lock_blocking_pids(int pid)
{
	ArrayType  *array;
	Datum	   *elements;
	int			n;
	List	   *result = NIL;

	array = DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids,
												   Int32GetDatum(pid)));
	deconstruct_array(array, INT4OID, 4, true, TYPALIGN_INT, &elements, NULL,
					  &n);
	for (int i = 0; i < n; i++)
		if (DatumGetInt32(elements[i]) != 0)
			result = list_append_unique_int(result,
											DatumGetInt32(elements[i]));
	return result;
}

static bool
chain_to(int pid, int target, int depth, StringInfo chain)
{
	ListCell   *lc;

	if (depth > MAX_CHAIN_DEPTH)
		return false;
	foreach(lc, smig_lock_blocking_pids(pid))
	{
		int			blocker = lfirst_int(lc);

		if (blocker == target || chain_to(blocker, target, depth + 1, chain))
		{
			appendStringInfo(chain, "%sProcess %d waits for process %d.",
							 chain->len > 0 ? " " : "", pid, blocker);
			return true;
		}
	}
	return false;
}

/*
 * Whether process "pid" waits, directly or through others, for process
 * "target"; the chain of waits is appended to *chain as sentences.
 *
 * The deadlock detector does not see a caller that waits for its worker on a
 * latch, so the caller looks for itself in the worker's chain.
 */
bool
smig_lock_chain_to(int pid, int target, StringInfo chain)
{
	return chain_to(pid, target, 0, chain);
}

/*
 * Appends a duration in words: "850 ms", "12 s", "5 min".
 */
static void
append_duration(StringInfo buf, int64 ms)
{
	if (ms < 1000)
		appendStringInfo(buf, INT64_FORMAT " ms", ms);
	else if (ms < 10 * 60 * 1000)
		appendStringInfo(buf, INT64_FORMAT " s", ms / 1000);
	else
		appendStringInfo(buf, INT64_FORMAT " min", ms / 60000);
}

/*
 * Makes a SmigBlocker of each row of the SPI result: pid, role, state,
 * milliseconds in that state, beginning of the transaction, whether it gives
 * way, query or NULL.
 */
static List *
blockers_from_rows(MemoryContext context)
{
	List	   *result = NIL;
	MemoryContext old = MemoryContextSwitchTo(context);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		SmigBlocker *blocker = palloc0(sizeof(SmigBlocker));
		char	   *role = SPI_getvalue(tuple, desc, 2);
		char	   *state = SPI_getvalue(tuple, desc, 3);
		char	   *query = SPI_getvalue(tuple, desc, 7);
		StringInfoData buf;
		bool		isnull;
		Datum		value;

		value = SPI_getbinval(tuple, desc, 1, &isnull);
		blocker->pid = isnull ? 0 : DatumGetInt32(value);
		value = SPI_getbinval(tuple, desc, 5, &isnull);
		if (!isnull)
		{
			blocker->begin = DatumGetTimestampTz(value);
			blocker->busy_ms = (GetCurrentTimestamp() - blocker->begin) / 1000;
		}
		value = SPI_getbinval(tuple, desc, 6, &isnull);
		blocker->gives_way = !isnull && DatumGetBool(value);

		initStringInfo(&buf);
		if (blocker->pid != 0)
			appendStringInfo(&buf, "process %d (", blocker->pid);
		else
			appendStringInfoString(&buf, "a prepared transaction (");
		if (role)
			appendStringInfo(&buf, "role \"%s\", ", role);
		appendStringInfoString(&buf, state ? state : "no client");
		value = SPI_getbinval(tuple, desc, 4, &isnull);
		if (!isnull)
		{
			appendStringInfoString(&buf, " for ");
			append_duration(&buf, DatumGetInt64(value));
		}
		appendStringInfoChar(&buf, ')');
		if (query && query[0])
			appendStringInfo(&buf, ": %s", query);
		blocker->description = buf.data;
		result = lappend(result, blocker);
	}
	MemoryContextSwitchTo(old);
	return result;
}

/*
 * What a session shows of itself.  The text of its query is shown only to
 * those who could read it in pg_stat_activity.  PostgreSQL lets an autovacuum
 * worker give way to whoever waits for it, unless it prevents wraparound.
 */
#define BLOCKER_COLUMNS \
	"a.usename, a.state," \
	" (extract(epoch from clock_timestamp() - a.state_change) * 1000)::int8," \
	" a.xact_start," \
	" a.backend_type = 'autovacuum worker' AND a.query !~ '\\(to prevent wraparound\\)$'," \
	" CASE WHEN pg_catalog.pg_has_role($2, a.usesysid, 'USAGE')" \
	"   OR pg_catalog.pg_has_role($2, 'pg_read_all_stats', 'USAGE')" \
	"  THEN pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 200) END"

/*
 * Describes the sessions with the given process ids (integers).
 */
List *
smig_lock_describe(List *pids)
{
	SmigStoreScope scope;
	List	   *result;
	Oid			types[2] = {INT4ARRAYOID, OIDOID};
	Datum		args[2];
	Datum	   *elements;
	int			n = 0;
	ListCell   *lc;

	if (pids == NIL)
		return NIL;
	elements = palloc(sizeof(Datum) * list_length(pids));
	foreach(lc, pids)
		elements[n++] = Int32GetDatum(lfirst_int(lc));
	args[0] = PointerGetDatum(construct_array(elements, n, INT4OID, 4, true,
											  TYPALIGN_INT));
	args[1] = ObjectIdGetDatum(GetUserId());

	smig_store_begin(&scope);
	pgstat_clear_snapshot();
	SPI_execute_with_args("SELECT a.pid, " BLOCKER_COLUMNS
						  " FROM pg_catalog.pg_stat_activity a"
						  " WHERE a.pid = ANY ($1) ORDER BY a.xact_start, a.pid",
						  2, types, args, NULL, true, 0);
	result = blockers_from_rows(scope.caller_context);
	smig_store_end(&scope);
	return result;
}

/*
 * Those of the blockers (SmigBlocker) whose transaction of then is still
 * there, described anew.
 */
List *
smig_lock_still_blocking(List *blockers)
{
	List	   *pids = NIL;
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *seen;

	foreach(lc, blockers)
		pids = lappend_int(pids, ((SmigBlocker *) lfirst(lc))->pid);
	foreach(lc, smig_lock_describe(pids))
	{
		SmigBlocker *now = lfirst(lc);

		foreach(seen, blockers)
		{
			SmigBlocker *then = lfirst(seen);

			if (then->pid == now->pid && then->begin == now->begin)
				result = lappend(result, now);
		}
	}
	return result;
}

/*
 * Describes the prepared transactions that hold locks on the relations wanted.
 */
static List *
prepared_blockers(List *wanted)
{
	SmigStoreScope scope;
	List	   *result;
	Oid			types[1] = {OIDARRAYOID};
	Datum		args[1];
	Datum	   *elements = palloc(sizeof(Datum) * list_length(wanted));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, wanted)
		elements[n++] = ObjectIdGetDatum(((SmigWanted *) lfirst(lc))->relation);
	args[0] = PointerGetDatum(construct_array(elements, n, OIDOID, sizeof(Oid),
											  true, TYPALIGN_INT));
	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT DISTINCT NULL::int4, p.owner,"
						  " pg_catalog.format('%L', p.gid),"
						  " (extract(epoch from clock_timestamp() - p.prepared) * 1000)::int8,"
						  " p.prepared, false, NULL::text"
						  " FROM pg_catalog.pg_prepared_xacts p"
						  " JOIN pg_catalog.pg_locks x ON x.pid IS NULL"
						  "  AND x.locktype = 'transactionid'"
						  "  AND x.transactionid = p.transaction"
						  " JOIN pg_catalog.pg_locks l ON l.pid IS NULL"
						  "  AND l.virtualtransaction = x.virtualtransaction"
						  " WHERE l.locktype = 'relation'"
						  " AND l.relation = ANY ($1)"
						  " AND p.database = pg_catalog.current_database()",
						  1, types, args, NULL, true, 0);
	result = blockers_from_rows(scope.caller_context);
	smig_store_end(&scope);
	return result;
}

/*
 * Whether anybody but this process and process "caller_pid" is in a
 * transaction of this database, prepared ones included: without, nobody can
 * hold a lock.  Cheap, and needs no transaction.
 */
bool
smig_lock_others_exist(int caller_pid)
{
	int			n;
	VirtualTransactionId *vxids = GetCurrentVirtualXIDs(InvalidTransactionId,
														false, false, 0, &n);
	bool		found = false;

	for (int i = 0; i < n && !found; i++)
	{
		PGPROC	   *proc = SMIG_PROC_OF_VXID(vxids[i]);

		found = proc == NULL || proc->pid != caller_pid ||
			SMIG_LXID_OF_PROC(proc) != vxids[i].localTransactionId;
	}
	pfree(vxids);
	return found;
}

/*
 * Adds the processes that hold, on one relation, a lock that conflicts with
 * the mode wanted; *prepared is set when a prepared transaction does.
 */
static List *
conflicting_pids(List *pids, const SmigWanted *wanted, bool *prepared)
{
	LOCKTAG		tag;
	VirtualTransactionId *vxids;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, wanted->relation);
	vxids = GetLockConflicts(&tag, wanted->mode, NULL);
	for (; VirtualTransactionIdIsValid(*vxids); vxids++)
	{
		PGPROC	   *proc = SMIG_PROC_OF_VXID(*vxids);

		/* a prepared transaction goes by the number of where it was made */
		if (proc == NULL || SMIG_LXID_OF_PROC(proc) != vxids->localTransactionId)
			*prepared = true;
		else if (proc->pid != 0 && proc->pid != MyProcPid)
			pids = list_append_unique_int(pids, proc->pid);
	}
	return pids;
}

/*
 * Sessions and prepared transactions that hold locks in conflict with those
 * wanted (SmigWanted), oldest transaction first.  Only looks; waits for nobody
 * and queues nowhere.
 */
List *
smig_lock_blockers(List *wanted)
{
	List	   *pids = NIL;
	bool		prepared = false;
	ListCell   *lc;

	foreach(lc, wanted)
		pids = conflicting_pids(pids, lfirst(lc), &prepared);
	if (prepared)
		return list_concat(prepared_blockers(wanted), smig_lock_describe(pids));
	return smig_lock_describe(pids);
}

/*
 * The blockers in one text, separated by semicolons.
 */
char *
smig_lock_blocker_text(List *blockers)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, blockers)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "; " : "",
						 ((SmigBlocker *) lfirst(lc))->description);
	return buf.data;
}
