/*-------------------------------------------------------------------------
 *
 * scratch.c
 *	  A database of one's own for a moment: to build a schema and look at it.
 *
 * Two workers serve a caller: the keeper, in the caller's database, creates
 * the scratch database and drops it in the end (scratch_keeper.c); the
 * session works in it (scratch_session.c).  Both act with the caller's rights.
 * A segment of shared memory holds the queues between caller and session, and
 * the caller's word that it is done, which the segment's end gives too: so
 * whatever becomes of the caller, nothing is left behind.
 *
 * IDENTIFICATION
 *	  src/scratch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "caller.h"
#include "lock.h"
#include "scratch_private.h"
#include "settings.h"

/* How often to look for a worker's progress (ms), and for our own locks. */
#define POLL 50
#define START_POLL 5
#define LOCK_POLL_US 1000000L

/* How long to try for a worker slot, and how often (ms). */
#define SLOT_BUDGET 30000
#define SLOT_POLL 250

/* How long to see a scratch database off after an error (ms). */
#define FAREWELL 10000

/* How long an idle session may take to end by itself then (ms). */
#define ADIEU 200

/* One of the two workers, as its caller sees it. */
typedef struct Helper
{
	SmigRelay  *relay;
	BackgroundWorkerHandle *handle; /* NULL: not launched */
} Helper;

struct SmigScratch
{
	MemoryContext context;		/* below TopMemoryContext; owns all this */
	dsm_segment *segment;		/* NULL: there is no database */
	SmigScratchShared *shared;
	Helper		keeper;
	Helper		session;
	shm_mq_handle *commands;
	shm_mq_handle *results;
	TimestampTz looked;			/* last time for own locks */
};

/*
 * Whether the current role may have a scratch database.
 */
bool
smig_scratch_allowed(void)
{
	HeapTuple	tuple;
	bool		may = superuser();

	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (HeapTupleIsValid(tuple))
	{
		may = may || ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
		ReleaseSysCache(tuple);
	}
	return may;
}

/*
 * Refuses a role that cannot create databases, before anything is begun.
 */
static void
check_right(const char *purpose)
{
	if (!smig_scratch_allowed())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to create a scratch database"),
				 errdetail("%s needs a database of its own for a moment, and role \"%s\" may not create any.",
						   purpose, GetUserNameFromId(GetUserId(), false)),
				 errhint("Let a superuser run ALTER ROLE %s CREATEDB; or build the schema under another name in this database and compare with schema:<name>.",
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

/* ---------------- workers ---------------- */

static bool
is_stopped(const Helper *helper)
{
	pid_t		pid;

	return helper->handle == NULL ||
		GetBackgroundWorkerPid(helper->handle, &pid) == BGWH_STOPPED;
}

static void
wake_keeper(const SmigScratch *scratch)
{
	uint32		pid = pg_atomic_read_u32(&scratch->shared->keeper);
	PGPROC	   *proc = pid != 0 ? BackendPidGetProc((int) pid) : NULL;

	if (proc)
		SetLatch(&proc->procLatch);
}

/*
 * Called when this session lets go of the segment, in whatever way: the
 * keeper drops the database.  Where the session ends, the relays' segments may
 * be unmapped already.
 */
static void
let_go(dsm_segment *segment, Datum arg)
{
	SmigScratch *scratch = (SmigScratch *) DatumGetPointer(arg);

	pg_atomic_write_u32(&scratch->shared->done, 1);
	if (scratch->session.handle)
		TerminateBackgroundWorker(scratch->session.handle);
	wake_keeper(scratch);
}

static void
make_segment(SmigScratch *scratch)
{
	Size		size = MAXALIGN(sizeof(SmigScratchShared));
	SmigScratchShared *shared;

	scratch->segment = dsm_create(size + 2 * SMIG_SCRATCH_QUEUE, 0);
	shared = dsm_segment_address(scratch->segment);
	memset(shared, 0, size);
	if (!pg_strong_random(&shared->number, sizeof(shared->number)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	snprintf(shared->name, sizeof(shared->name), SMIG_SCRATCH_PREFIX "%08x%08x",
			 (uint32) (shared->number >> 32), (uint32) shared->number);
	pg_atomic_init_u32(&shared->database, InvalidOid);
	pg_atomic_init_u32(&shared->keeper, 0);
	pg_atomic_init_u32(&shared->done, 0);
	shared->commands = size;
	shared->results = size + SMIG_SCRATCH_QUEUE;
	(void) shm_mq_create((char *) shared + shared->commands,
						 SMIG_SCRATCH_QUEUE);
	(void) shm_mq_create((char *) shared + shared->results,
						 SMIG_SCRATCH_QUEUE);
	scratch->shared = shared;
	on_dsm_detach(scratch->segment, let_go, PointerGetDatum(scratch));
}

/*
 * Launches a worker, waiting for a free slot.
 *
 * Errors: 53400 when none became free.
 */
static void
launch(SmigScratch *scratch, Helper *helper, const char *function,
	   const char *type)
{
	SmigRequest request = {0};
	BackgroundWorker worker;
	TimestampTz begin = GetCurrentTimestamp();

	request.target = psprintf("%u", dsm_segment_handle(scratch->segment));
	request.caller_pid = MyProcPid;
	helper->relay = smig_relay_create(&request);
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg =
		UInt32GetDatum(dsm_segment_handle(helper->relay->segment));
	strlcpy(worker.bgw_library_name, "schemamig",
			sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, function,
			sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_type, type, sizeof(worker.bgw_type));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "%s for process %d",
			 type, MyProcPid);
	while (!RegisterDynamicBackgroundWorker(&worker, &helper->handle))
	{
		helper->handle = NULL;
		if (TimestampDifferenceExceeds(begin, GetCurrentTimestamp(),
									   Min(SLOT_BUDGET, smig_lock_wait)))
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("could not start a background worker: all slots are taken"),
					 errdetail("A scratch database needs two."),
					 errhint("Call the function again later, or raise max_worker_processes (now %d).",
							 max_worker_processes)));
		smig_caller_sleep(SLOT_POLL);
	}
	shm_mq_set_handle(helper->relay->queue, helper->handle);
}

/*
 * Errors out when a worker waits, directly or through others, for this very
 * session: nobody else would notice.
 */
static void
check_self_block(SmigScratch *scratch, const Helper *helper)
{
	int			pid = (int) pg_atomic_read_u32(&helper->relay->shared->worker_pid);
	StringInfoData chain;

	if (GetCurrentTimestamp() - scratch->looked < LOCK_POLL_US)
		return;
	scratch->looked = GetCurrentTimestamp();
	if (pid == 0 || !smig_lock_is_waiting(pid))
		return;
	initStringInfo(&chain);
	if (smig_lock_chain_to(pid, MyProcPid, &chain))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("the scratch database waits for a lock held by the session that needs it"),
				 errdetail("%s", chain.data),
				 errhint("Commit or roll back the calling transaction first, and call the function again.")));
}

/*
 * Takes a worker's messages; NOTICEs go to the client.
 *
 * Result: its error, or NULL; *ended: whether it has gone.
 */
static ErrorData *
receive(Helper *helper, bool *ended)
{
	ErrorData  *error = smig_relay_receive(helper->relay, ended);

	/* a position would be drawn into the caller's own statement */
	if (error)
		error->cursorpos = 0;
	return error;
}

/*
 * Raises what ended a worker.
 */
SMIG_NORETURN static void
raise_end(ErrorData *error)
{
	if (error)
		ThrowErrorData(error);
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("a worker of the scratch database ended without a word"),
			 errhint("See the server log. Call the function again; what is left is dropped then.")));
}

/* ---------------- commands ---------------- */

/*
 * Sends a command and collects the answer.
 *
 * Result: the session's error, or NULL; "text" gets what it answers.
 *
 * Errors: whatever ends the session.
 */
static ErrorData *
command(SmigScratch *scratch, StringInfo message, StringInfo text)
{
	ErrorData  *error = NULL;
	bool		ended = false;

	if (shm_mq_send(scratch->commands, message->len, message->data, false,
					true) != SHM_MQ_SUCCESS)
		raise_end(receive(&scratch->session, &ended));
	for (;;)
	{
		ErrorData  *received = receive(&scratch->session, &ended);
		shm_mq_result result;
		Size		size;
		void	   *data;

		if (error == NULL)
			error = received;
		result = shm_mq_receive(scratch->results, &size, &data, true);
		if (result == SHM_MQ_SUCCESS)
		{
			char		type = *(char *) data;

			if (type == SMIG_SCRATCH_PART)
				appendBinaryStringInfo(text, (char *) data + 1,
									   (int) size - 1);
			else if (type == SMIG_SCRATCH_OK)
				return NULL;
			else
			{
				if (error == NULL)
					error = receive(&scratch->session, &ended);
				if (error)
					return error;
				raise_end(NULL);
			}
			continue;
		}
		if (result == SHM_MQ_DETACHED || ended)
		{
			if (error == NULL)
				error = receive(&scratch->session, &ended);
			raise_end(error);
		}
		smig_caller_sleep(POLL);
		check_self_block(scratch, &scratch->session);
	}
}

/*
 * Runs a script in the scratch database: committed when this returns NULL; of
 * a script that failed, the steps before the failure are.
 *
 * what: what to call the script in errors, e.g. "model \"default\""
 * flags: SMIG_SCRATCH_MODEL
 *
 * Result: NULL, or the error, with line and column of the script as context.
 */
ErrorData *
smig_scratch_run(SmigScratch *scratch, const char *what, const char *text,
				 SmigTransactionMode mode, int flags)
{
	StringInfoData message;
	ErrorData  *error;

	initStringInfo(&message);
	appendStringInfoChar(&message, SMIG_SCRATCH_RUN);
	appendStringInfoChar(&message, (char) mode);
	appendStringInfoChar(&message, (char) flags);
	appendBinaryStringInfo(&message, what, (int) strlen(what) + 1);
	appendBinaryStringInfo(&message, text, (int) strlen(text) + 1);
	error = command(scratch, &message, NULL);
	pfree(message.data);
	return error;
}

static char *
ask_slot(SmigScratch *scratch, char type, int slot)
{
	StringInfoData message;
	StringInfoData text;
	ErrorData  *error;

	initStringInfo(&message);
	initStringInfo(&text);
	appendStringInfoChar(&message, type);
	appendStringInfoChar(&message, (char) slot);
	error = command(scratch, &message, &text);
	if (error)
		ThrowErrorData(error);
	return text.data;
}

/*
 * Reads a snapshot of the scratch database into a slot (from 0) and returns
 * its fingerprint.
 */
char *
smig_scratch_fingerprint(SmigScratch *scratch, int slot)
{
	return ask_slot(scratch, SMIG_SCRATCH_FINGERPRINT, slot);
}

/*
 * The snapshot that smig_scratch_fingerprint has read into a slot, as JSON.
 */
char *
smig_scratch_snapshot(SmigScratch *scratch, int slot)
{
	return ask_slot(scratch, SMIG_SCRATCH_SNAPSHOT, slot);
}

/* ---------------- life ---------------- */

/*
 * Creates the database and a session in it.
 */
static void
open_database(SmigScratch *scratch)
{
	MemoryContext old = MemoryContextSwitchTo(scratch->context);
	shm_mq	   *queue;

	make_segment(scratch);
	launch(scratch, &scratch->keeper, "smig_scratch_keeper_main",
		   "schemamig scratch keeper");
	while (pg_atomic_read_u32(&scratch->shared->database) == InvalidOid)
	{
		bool		ended;
		ErrorData  *error = receive(&scratch->keeper, &ended);

		if (error || ended)
			raise_end(error);
		smig_caller_sleep(START_POLL);
		check_self_block(scratch, &scratch->keeper);
	}
	launch(scratch, &scratch->session, "smig_scratch_session_main",
		   "schemamig scratch session");
	queue = (shm_mq *) ((char *) scratch->shared + scratch->shared->commands);
	shm_mq_set_sender(queue, MyProc);
	scratch->commands = shm_mq_attach(queue, scratch->segment,
									  scratch->session.handle);
	queue = (shm_mq *) ((char *) scratch->shared + scratch->shared->results);
	shm_mq_set_receiver(queue, MyProc);
	scratch->results = shm_mq_attach(queue, scratch->segment,
									 scratch->session.handle);
	MemoryContextSwitchTo(old);
}

/*
 * Waits until a worker has ended, serving interrupts; at most "budget" ms
 * unless that is 0.  Its last error, if it has one, is only a warning.
 */
static void
see_off(Helper *helper, int budget)
{
	TimestampTz begin = GetCurrentTimestamp();

	while (!is_stopped(helper))
	{
		bool		ended = false;
		ErrorData  *error = receive(helper, &ended);

		if (error && budget == 0)
		{
			error->elevel = WARNING;
			ThrowErrorData(error);
		}
		if (budget > 0 &&
			TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), budget))
			return;
		smig_caller_sleep(START_POLL);
	}
}

static void
forget_helper(Helper *helper)
{
	if (helper->relay)
		dsm_detach(helper->relay->segment);
	helper->relay = NULL;
	helper->handle = NULL;
}

/*
 * Has the database dropped, and waits until it is; at most "budget" ms, unless
 * that is 0.
 */
static void
close_database(SmigScratch *scratch, int budget)
{
	if (scratch->segment == NULL)
		return;
	/* an idle session ends by itself */
	if (scratch->commands)
	{
		shm_mq_detach(scratch->commands);
		scratch->commands = NULL;
		see_off(&scratch->session, budget > 0 ? ADIEU : 0);
	}
	let_go(scratch->segment, PointerGetDatum(scratch));
	see_off(&scratch->session, budget);
	see_off(&scratch->keeper, budget);
	cancel_on_dsm_detach(scratch->segment, let_go, PointerGetDatum(scratch));
	dsm_detach(scratch->segment);
	scratch->segment = NULL;
	forget_helper(&scratch->session);
	forget_helper(&scratch->keeper);
}

/*
 * Drops the scratch database and begins a new one.
 */
void
smig_scratch_renew(SmigScratch *scratch)
{
	close_database(scratch, 0);
	open_database(scratch);
}

/*
 * Has "work" done with a scratch database, which is gone when this returns or
 * raises an error.
 *
 * purpose: what needs it, e.g. "A model", for errors
 *
 * Errors: 42501 when the current role may not create databases, 53400 when no
 * workers are free, what prevents the database, and those of "work".
 */
void
smig_scratch_use(const char *purpose,
				 void (*work) (SmigScratch *scratch, void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "schemamig scratch",
												  ALLOCSET_SMALL_SIZES);
	SmigScratch *scratch = MemoryContextAllocZero(context,
												  sizeof(SmigScratch));

	scratch->context = context;
	PG_TRY();
	{
		check_right(purpose);
		open_database(scratch);
		work(scratch, arg);
		close_database(scratch, 0);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		close_database(scratch, FAREWELL);
		MemoryContextDelete(context);
		ReThrowError(error);
	}
	PG_END_TRY();
	MemoryContextDelete(context);
}
