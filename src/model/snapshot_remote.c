/*-------------------------------------------------------------------------
 *
 * snapshot_remote.c
 *	  Reads a snapshot in another database of the same cluster.
 *
 * A process is bound to one database, so a background worker connects to the
 * other one, as the role that logged in to the caller's session and acting as
 * the caller's present role, reads, and sends the snapshot as JSON through a
 * queue in shared memory.  Its errors come back as the caller's errors.  The
 * extension need not be installed in the other database.
 *
 * The worker writes nothing, ends when the queue does, and is stopped when the
 * caller is cancelled.
 *
 * IDENTIFICATION
 *	  src/model/snapshot_remote.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "libpq/pqformat.h"
#include "libpq/pqmq.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "model/snapshot.h"

PGDLLEXPORT void smig_snapshot_worker_main(Datum main_arg);

#define QUEUE_SIZE (256 * 1024)
#define CHUNK_SIZE (64 * 1024)

/*
 * Head of the segment.  The caller writes it before it starts the worker,
 * which writes only "encoding", before it sends anything of the snapshot.
 */
typedef struct RemoteRequest
{
	Oid			database;
	Oid			authenticated_role;
	Oid			current_role;
	int			encoding;		/* of the other database */
	int			nschemas;		/* 0: the whole database */
	Size		queue_offset;
	char		schemas[FLEXIBLE_ARRAY_MEMBER]; /* names, each ended by 0 */
} RemoteRequest;

static shm_mq *
request_queue(RemoteRequest *request)
{
	return (shm_mq *) ((char *) request + request->queue_offset);
}

/* ---------------- the worker ---------------- */

static void
send_snapshot(const char *json)
{
	Size		length = strlen(json);

	for (Size sent = 0; sent < length; sent += CHUNK_SIZE)
	{
		StringInfoData message;

		CHECK_FOR_INTERRUPTS();
		pq_beginmessage(&message, 'd');
		pq_sendbytes(&message, json + sent, Min(CHUNK_SIZE, length - sent));
		pq_endmessage(&message);
	}
	pq_putemptymessage('X');
}

/*
 * Entry point of the worker; its argument is the handle of the segment.
 */
void
smig_snapshot_worker_main(Datum main_arg)
{
	dsm_segment *segment;
	RemoteRequest *request;
	shm_mq	   *queue;
	List	   *schemas = NIL;
	const char *name;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	segment = dsm_attach(DatumGetUInt32(main_arg));
	if (segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not map dynamic shared memory segment")));
	request = dsm_segment_address(segment);
	queue = request_queue(request);
	shm_mq_set_sender(queue, MyProc);
	/* from here on errors reach the caller */
	pq_redirect_to_shm_mq(segment, shm_mq_attach(queue, segment, NULL));
	BackgroundWorkerInitializeConnectionByOid(request->database,
											  request->authenticated_role, 0);
	SetConfigOption("client_encoding", GetDatabaseEncodingName(),
					PGC_USERSET, PGC_S_SESSION);
	request->encoding = GetDatabaseEncoding();

	StartTransactionCommand();
	SetUserIdAndSecContext(request->current_role, SECURITY_LOCAL_USERID_CHANGE);
	pgstat_report_activity(STATE_RUNNING, "reading a snapshot of the schemas");
	name = request->schemas;
	for (int i = 0; i < request->nschemas; i++, name += strlen(name) + 1)
		schemas = lappend(schemas, pstrdup(name));
	send_snapshot(smig_snapshot_to_json(smig_snapshot_read(schemas)));
	CommitTransactionCommand();
	dsm_detach(segment);
}

/* ---------------- the caller ---------------- */

static dsm_segment *
make_request(Oid database, List *schemas)
{
	Size		names = 0;
	Size		offset;
	dsm_segment *segment;
	RemoteRequest *request;
	char	   *next;
	ListCell   *lc;

	foreach(lc, schemas)
		names += strlen(lfirst(lc)) + 1;
	offset = MAXALIGN(offsetof(RemoteRequest, schemas) + names);
	segment = dsm_create(offset + QUEUE_SIZE, 0);
	request = dsm_segment_address(segment);
	request->database = database;
	request->authenticated_role = GetAuthenticatedUserId();
	request->current_role = GetUserId();
	request->encoding = -1;
	request->nschemas = list_length(schemas);
	request->queue_offset = offset;
	next = request->schemas;
	foreach(lc, schemas)
	{
		Size		length = strlen(lfirst(lc)) + 1;

		memcpy(next, lfirst(lc), length);
		next += length;
	}
	shm_mq_set_receiver(shm_mq_create(request_queue(request), QUEUE_SIZE),
						MyProc);
	return segment;
}

static BackgroundWorkerHandle *
start_worker(dsm_segment *segment, const char *database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	strlcpy(worker.bgw_library_name, "schemamig",
			sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "smig_snapshot_worker_main",
			sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_type, "schemamig snapshot", sizeof(worker.bgw_type));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name),
			 "schemamig snapshot for process %d", MyProcPid);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a worker to read database \"%s\"",
						database),
				 errhint("Wait for other workers to end, or raise max_worker_processes.")));
	return handle;
}

/*
 * Passes on what the worker reported.  Positions would point into our own
 * statement, so they go; the error of a worker that could not even connect is
 * no more than an error here.
 */
static void
relay_message(StringInfo message, RemoteRequest *request, const char *database)
{
	ErrorData	edata;

	pq_parse_errornotice(message, &edata);
	edata.elevel = Min(edata.elevel, ERROR);
	edata.cursorpos = 0;
	if (request->encoding >= 0)
		edata.message = pg_any_to_server(edata.message,
										 (int) strlen(edata.message),
										 request->encoding);
	edata.context = psprintf("%s%swhile reading database \"%s\"",
							 edata.context ? edata.context : "",
							 edata.context ? "\n" : "", database);
	ThrowErrorData(&edata);
}

/*
 * Collects the snapshot's text from the queue.
 */
static char *
receive_snapshot(shm_mq_handle *queue, RemoteRequest *request,
				 const char *database)
{
	StringInfoData json;

	initStringInfo(&json);
	for (;;)
	{
		Size		length;
		void	   *data;
		StringInfoData message;
		char		type;

		if (shm_mq_receive(queue, &length, &data, false) != SHM_MQ_SUCCESS)
			ereport(ERROR,
					(errcode(ERRCODE_CONNECTION_FAILURE),
					 errmsg("lost connection to the worker that reads database \"%s\"",
							database),
					 errhint("See the server log.")));
		if (length == 0)
			continue;
		type = *(char *) data;
		if (type == 'X')
			break;
		if (type == 'd')
		{
			enlargeStringInfo(&json, (int) length);
			appendBinaryStringInfo(&json, (char *) data + 1,
								   (int) length - 1);
		}
		else if (type == 'E' || type == 'N')
		{
			initStringInfo(&message);
			appendBinaryStringInfo(&message, (char *) data + 1,
								   (int) length - 1);
			relay_message(&message, request, database);
		}
	}
	return pg_any_to_server(json.data, json.len, request->encoding);
}

/*
 * Reads the schemas named (NIL: the whole database) of another database.
 * beside: see smig_snapshot_create.
 *
 * Errors: 3D000 when it does not exist, 42501 when the login role may not
 * connect to it, 53000 when no worker is free.
 */
SmigSnapshot *
smig_snapshot_read_database(const char *database, List *schemas,
							SmigSnapshot *beside)
{
	Oid			oid = get_database_oid(database, false);
	dsm_segment *segment;
	RemoteRequest *request;
	BackgroundWorkerHandle *handle;
	shm_mq_handle *queue;
	char	   *volatile json = NULL;
	SmigSnapshot *snapshot;

	if (oid == MyDatabaseId)
		return smig_snapshot_read_beside(schemas, beside);
	segment = make_request(oid, schemas);
	request = dsm_segment_address(segment);
	queue = shm_mq_attach(request_queue(request), segment, NULL);
	handle = start_worker(segment, database);
	shm_mq_set_handle(queue, handle);
	PG_TRY();
	{
		json = receive_snapshot(queue, request, database);
	}
	PG_CATCH();
	{
		TerminateBackgroundWorker(handle);
		PG_RE_THROW();
	}
	PG_END_TRY();
	dsm_detach(segment);
	/* its connection must be gone when the caller drops the database next */
	WaitForBackgroundWorkerShutdown(handle);
	snapshot = smig_snapshot_from_json_beside(json, beside);
	pfree(json);
	return snapshot;
}
