/*-------------------------------------------------------------------------
 *
 * relay.c
 *	  The shared memory between a caller and its worker.
 *
 * A dynamic segment per run holds the request, the caller's settings and
 * libraries, and a message queue.  Once the worker has redirected its
 * protocol messages there, every ereport of it arrives at the caller with all
 * its fields, as parallel workers do it (access/transam/parallel.c).
 *
 * A client that stops reading blocks its backend, which then stops reading
 * the queue; a worker that waited for the queue would hold its locks for the
 * client's sake.  So the worker counts what is under way and drops messages
 * below ERROR that could make it wait; they are in the log all the same.
 *
 * IDENTIFICATION
 *	  src/relay.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/string.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "libpq/pqmq.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/shm_toc.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "relay.h"

#define RELAY_MAGIC 0x736d6967	/* "smig" */

enum
{
	KEY_SHARED,
	KEY_TARGET,
	KEY_CLIENT,
	KEY_SETTINGS,
	KEY_LIBRARIES,
	KEY_QUEUE
};

/* Size of the queue, and how much of it messages below ERROR may fill (bytes). */
#define QUEUE_SIZE (256 * 1024)
#define QUEUE_FOR_NOTICES (192 * 1024)

/* Longest text of a field of a FATAL error (bytes). */
#define MAX_FIELD (12 * 1024)

/* The worker's side: where to, and how PostgreSQL itself would send. */
static SmigRelay *sending = NULL;
static const SmigCommMethods *queue_methods = NULL;
static emit_log_hook_type previous_log_hook = NULL;

static char *
store_string(shm_toc *toc, uint64 key, const char *value)
{
	Size		size = strlen(value) + 1;
	char	   *copy = shm_toc_allocate(toc, size);

	memcpy(copy, value, size);
	shm_toc_insert(toc, key, copy);
	return copy;
}

/*
 * Makes the segment for a run of this session: request, identity, settings and
 * queue.  The caller of this function becomes the receiver of messages.
 *
 * Errors: out of shared memory; the segment is released with the transaction.
 */
SmigRelay *
smig_relay_create(const SmigRequest *request)
{
	SmigRelay  *relay = palloc0(sizeof(SmigRelay));
	const char *client = request->client ? request->client : "";
	Size		guc_size = EstimateGUCStateSpace();
	Size		library_size = EstimateLibraryStateSpace();
	shm_toc_estimator estimator;
	shm_toc    *toc;
	Size		size;
	SmigShared *shared;
	shm_mq	   *mq;

	shm_toc_initialize_estimator(&estimator);
	shm_toc_estimate_chunk(&estimator, sizeof(SmigShared));
	shm_toc_estimate_chunk(&estimator, strlen(request->target) + 1);
	shm_toc_estimate_chunk(&estimator, strlen(client) + 1);
	shm_toc_estimate_chunk(&estimator, guc_size);
	shm_toc_estimate_chunk(&estimator, library_size);
	shm_toc_estimate_chunk(&estimator, QUEUE_SIZE);
	shm_toc_estimate_keys(&estimator, 6);
	size = shm_toc_estimate(&estimator);
	relay->segment = dsm_create(size, 0);
	toc = shm_toc_create(RELAY_MAGIC, dsm_segment_address(relay->segment), size);

	shared = shm_toc_allocate(toc, sizeof(SmigShared));
	memset(shared, 0, sizeof(SmigShared));
	shared->database = MyDatabaseId;
	shared->authenticated_role = GetAuthenticatedUserId();
	shared->session_role = GetSessionUserId();
	shared->current_role = GetUserId();
	shared->kind = request->kind;
	shared->direction = request->direction;
	shared->transaction = request->transaction;
	shared->allow_destructive = request->allow_destructive;
	shared->detached = request->detached;
	shared->caller_pid = request->caller_pid;
	pg_atomic_init_u64(&shared->run, (uint64) request->run);
	pg_atomic_init_u32(&shared->phase, SMIG_PHASE_STARTING);
	pg_atomic_init_u32(&shared->worker_pid, 0);
	pg_atomic_init_u32(&shared->stop, 0);
	pg_atomic_init_u64(&shared->sent, 0);
	pg_atomic_init_u64(&shared->consumed, 0);
	pg_atomic_init_u32(&shared->dropped, 0);
	SpinLockInit(&shared->mutex);
	shm_toc_insert(toc, KEY_SHARED, shared);
	relay->shared = shared;

	relay->target = store_string(toc, KEY_TARGET, request->target);
	relay->client = store_string(toc, KEY_CLIENT, client);
	relay->settings = shm_toc_allocate(toc, guc_size);
	SerializeGUCState(guc_size, relay->settings);
	shm_toc_insert(toc, KEY_SETTINGS, relay->settings);
	relay->libraries = shm_toc_allocate(toc, library_size);
	SerializeLibraryState(library_size, relay->libraries);
	shm_toc_insert(toc, KEY_LIBRARIES, relay->libraries);

	mq = shm_mq_create(shm_toc_allocate(toc, QUEUE_SIZE), QUEUE_SIZE);
	shm_toc_insert(toc, KEY_QUEUE, mq);
	shm_mq_set_receiver(mq, MyProc);
	relay->queue = shm_mq_attach(mq, relay->segment, NULL);
	return relay;
}

/*
 * The worker's side: maps the segment for the life of the process and makes
 * this process the sender.  Must be called before there is a resource owner.
 *
 * Errors: 55000 when the caller is gone already.
 */
SmigRelay *
smig_relay_attach(dsm_handle handle)
{
	SmigRelay  *relay = MemoryContextAllocZero(TopMemoryContext,
											   sizeof(SmigRelay));
	shm_toc    *toc = NULL;
	shm_mq	   *mq;

	relay->segment = dsm_attach(handle);
	if (relay->segment)
		toc = shm_toc_attach(RELAY_MAGIC, dsm_segment_address(relay->segment));
	if (toc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the caller of the run is gone")));
	relay->shared = shm_toc_lookup(toc, KEY_SHARED, false);
	relay->target = shm_toc_lookup(toc, KEY_TARGET, false);
	relay->client = shm_toc_lookup(toc, KEY_CLIENT, false);
	relay->settings = shm_toc_lookup(toc, KEY_SETTINGS, false);
	relay->libraries = shm_toc_lookup(toc, KEY_LIBRARIES, false);
	mq = shm_toc_lookup(toc, KEY_QUEUE, false);
	shm_mq_set_sender(mq, MyProc);
	relay->queue = shm_mq_attach(mq, relay->segment, NULL);
	pg_atomic_write_u32(&relay->shared->worker_pid, MyProcPid);

	/* from here on it lives as long as this process */
	if (relay->shared->pinned)
		dsm_unpin_segment(handle);
	return relay;
}

/*
 * What a message takes of the queue: its bytes, and at most so much for its
 * length and alignment.
 */
static uint64
room_for(size_t len)
{
	return len + 4 * MAXIMUM_ALIGNOF;
}

/*
 * Sends a message to the caller, unless it is one below ERROR and could make
 * this process wait: it may hold locks.  An error ends the run, which has
 * given its locks back before.
 */
static int
put_message(char type, const char *body, size_t len)
{
	SmigShared *shared = sending->shared;
	uint64		under_way = pg_atomic_read_u64(&shared->sent) -
		pg_atomic_read_u64(&shared->consumed);

	if (type == 'N' && under_way + room_for(len) > QUEUE_FOR_NOTICES)
	{
		pg_atomic_fetch_add_u32(&shared->dropped, 1);
		return 0;
	}
	pg_atomic_fetch_add_u64(&shared->sent, room_for(len));
	return queue_methods->putmessage(type, body, len);
}

/*
 * Ends the worker's side: what it says from now on goes to the log only.  The
 * receiver is told that nothing more will come.
 */
void
smig_relay_end(SmigRelay *relay)
{
	/* the log's hook stays: others may have come after it */
	PqCommMethods = queue_methods;
	sending = NULL;

	/* also ends the redirection */
	dsm_detach(relay->segment);
	relay->segment = NULL;
}

static void
clip_field(char **field)
{
	if (*field && strlen(*field) > MAX_FIELD)
		(*field)[pg_mbcliplen(*field, strlen(*field), MAX_FIELD)] = '\0';
}

/*
 * A FATAL error is sent while the process still has its locks, so it must fit
 * into the part of the queue that is kept free.
 */
static void
clip_fatal_error(ErrorData *edata)
{
	if (previous_log_hook)
		previous_log_hook(edata);
	if (edata->elevel < FATAL)
		return;
	clip_field(&edata->message);
	clip_field(&edata->detail);
	clip_field(&edata->context);
	clip_field(&edata->internalquery);
}

/*
 * Sends this process's messages to the caller from now on.
 */
void
smig_relay_send_messages(SmigRelay *relay)
{
	static SmigCommMethods methods;

	pq_redirect_to_shm_mq(relay->segment, relay->queue);
	sending = relay;
	queue_methods = PqCommMethods;
	methods = *queue_methods;
	methods.putmessage = put_message;
	PqCommMethods = &methods;
	previous_log_hook = emit_log_hook;
	emit_log_hook = clip_fatal_error;
}

/*
 * Whether the client's encoding has all characters of the text.
 */
static bool
is_translatable(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool result = true;

	if (text == NULL || pg_is_ascii(text))
		return true;
	PG_TRY();
	{
		(void) pg_server_to_client(text, strlen(text));
	}
	PG_CATCH();
	{
		int			sqlstate = geterrcode();

		if (sqlstate != ERRCODE_UNTRANSLATABLE_CHARACTER &&
			sqlstate != ERRCODE_CHARACTER_NOT_IN_REPERTOIRE)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		result = false;
	}
	PG_END_TRY();
	return result;
}

/*
 * Replaces what is not ASCII in the fields that the client's encoding cannot
 * show: sending them as they are would raise an error, which would end the run
 * for a notice, and hide the run's own error.
 */
static void
make_translatable(ErrorData *edata)
{
	char	   *fields[] = {
		edata->message, edata->detail, edata->hint, edata->context,
		edata->internalquery, edata->schema_name, edata->table_name,
		edata->column_name, edata->datatype_name, edata->constraint_name
	};

	for (int i = 0; i < lengthof(fields); i++)
	{
		if (is_translatable(fields[i]))
			continue;
		for (char *c = fields[i]; *c; c++)
			if (IS_HIGHBIT_SET(*c))
				*c = '?';
	}
}

/*
 * Takes from the queue what is there, without waiting.  Messages below ERROR
 * are raised here and so go to the client.
 *
 * *ended is set to whether the worker has detached.
 *
 * Result: the worker's error, for the caller to raise once the worker is gone,
 * in the current memory context; NULL when the queue is empty or ended.
 */
ErrorData *
smig_relay_receive(SmigRelay *relay, bool *ended)
{
	SmigShared *shared = relay->shared;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = NULL;
	ErrorData  *error = NULL;

	while (error == NULL)
	{
		Size		size;
		void	   *data;
		StringInfoData message;
		ErrorData  *edata;
		char		type;
		shm_mq_result result = shm_mq_receive(relay->queue, &size, &data, true);

		*ended = result == SHM_MQ_DETACHED;
		if (result != SHM_MQ_SUCCESS)
			break;

		type = *(char *) data;
		if (type != 'E')
		{
			if (context == NULL)
				context = AllocSetContextCreate(caller, "schemamig message",
												ALLOCSET_DEFAULT_SIZES);
			MemoryContextSwitchTo(context);
		}
		initStringInfo(&message);
		appendBinaryStringInfo(&message, (char *) data + 1, size - 1);
		pg_atomic_fetch_add_u64(&shared->consumed, room_for(size - 1));
		if (type == 'E' || type == 'N')
		{
			edata = palloc(sizeof(ErrorData));
			pq_parse_errornotice(&message, edata);
			make_translatable(edata);

			/* the worker's FATAL must not end this session */
			edata->elevel = Min(edata->elevel, ERROR);
			if (edata->elevel < ERROR)
				ThrowErrorData(edata);
			else
				error = edata;
		}
		MemoryContextSwitchTo(caller);
		if (context)
			MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
	}
	if (context)
		MemoryContextDelete(context);
	return error;
}

/*
 * Tells the worker whom it waits for, as the caller sees it (process ids).
 */
void
smig_relay_report_blockers(SmigRelay *relay, List *pids)
{
	SmigShared *shared = relay->shared;
	int			found[SMIG_RELAY_BLOCKERS];
	int			n = 0;
	ListCell   *lc;

	foreach(lc, pids)
	{
		if (n == SMIG_RELAY_BLOCKERS)
			break;
		found[n++] = lfirst_int(lc);
	}
	SpinLockAcquire(&shared->mutex);
	memcpy(shared->blockers, found, sizeof(int) * n);
	shared->nblockers = n;
	SpinLockRelease(&shared->mutex);
}

/*
 * Takes the process ids the caller has reported, and forgets them.
 */
List *
smig_relay_seen_blockers(SmigRelay *relay)
{
	SmigShared *shared = relay->shared;
	int			found[SMIG_RELAY_BLOCKERS];
	int			n;
	List	   *pids = NIL;

	SpinLockAcquire(&shared->mutex);
	n = shared->nblockers;
	memcpy(found, shared->blockers, sizeof(int) * n);
	shared->nblockers = 0;
	SpinLockRelease(&shared->mutex);
	for (int i = 0; i < n; i++)
		pids = lappend_int(pids, found[i]);
	return pids;
}
