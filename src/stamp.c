/*-------------------------------------------------------------------------
 *
 * stamp.c
 *	  schemamig_stamp: sets the applied set without running scripts.
 *
 * IDENTIFICATION
 *	  src/stamp.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "store.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_stamp);

/*
 * Says who holds the migration lock.  The holder may be gone meanwhile.
 */
SMIG_NORETURN static void run_in_progress(void);

static void
run_in_progress(void)
{
	SmigStoreScope scope;
	Oid			types[2] = {OIDOID, INT4OID};
	Datum		args[2] = {
		ObjectIdGetDatum(MyDatabaseId),
		Int32GetDatum(SMIG_LOCKCLASS_RUN)
	};
	char	   *holder = NULL;

	smig_store_begin(&scope);
	if (SPI_execute_with_args("SELECT pg_catalog.format('Process %s (role %s, application %s) holds the migration lock.',"
							  " l.pid, pg_catalog.quote_ident(a.usename::text),"
							  " pg_catalog.quote_literal(a.application_name))"
							  " FROM pg_catalog.pg_locks l"
							  " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
							  " WHERE l.locktype = 'advisory' AND l.granted"
							  " AND l.database = $1 AND l.classid = 0"
							  " AND l.objid = 0 AND l.objsubid = $2",
							  2, types, args, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
		holder = MemoryContextStrdup(scope.caller_context,
									 SPI_getvalue(SPI_tuptable->vals[0],
												  SPI_tuptable->tupdesc, 1));
	smig_store_end(&scope);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("a run is in progress in this database"),
			 holder ? errdetail_internal("%s", holder) : 0,
			 errhint("Wait for it with SELECT * FROM schemamig_wait(), or stop it with SELECT schemamig_cancel().")));
}

/*
 * Takes the migration lock until the end of the transaction, then keeps the
 * graph from changing.
 */
static void
lock_state(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, SMIG_LOCKCLASS_RUN);
	if (LockAcquire(&tag, ExclusiveLock, false, true) ==
		LOCKACQUIRE_NOT_AVAIL)
		run_in_progress();
	smig_store_lock_graph();
}

static Datum
id_array(SmigGraph *graph, const Bitmapset *set)
{
	Datum	   *elements = palloc(sizeof(Datum) * (bms_num_members(set) + 1));
	int			n = 0;
	int			i = -1;

	while ((i = bms_next_member(set, i)) >= 0)
		elements[n++] = CStringGetTextDatum(graph->nodes[i]->id);
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/*
 * Runs one query of a stamp with its arguments: $1 revisions added, $2
 * revisions removed, $3 revisions whose journal is void, $4 role, $5 login
 * role, $6 target, $7 process id.  Returns how many rows it wrote.
 */
static uint64
execute(const char *query, Datum *args)
{
	Oid			types[7] = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID,
	TEXTOID, TEXTOID, INT4OID};

	CHECK_FOR_INTERRUPTS();
	SPI_execute_with_args(query, 7, types, args, NULL, false, 0);
	return SPI_processed;
}

/*
 * Writes the new state, its run and its log.
 */
static void
write_stamp(SmigGraph *graph, const Bitmapset *added,
			const Bitmapset *removed, const Bitmapset *scope,
			const char *target)
{
	SmigStoreScope store;
	Datum		args[7];

	args[0] = id_array(graph, added);
	args[1] = id_array(graph, removed);
	args[2] = id_array(graph, scope);
	args[3] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	args[4] = CStringGetTextDatum(GetUserNameFromId(GetAuthenticatedUserId(),
													false));
	args[5] = CStringGetTextDatum(target);
	args[6] = Int32GetDatum(MyProcPid);

	smig_store_begin(&store);
	execute("WITH run AS ("
			"INSERT INTO schemamig.run (kind, target, transaction, role,"
			" login_role, application_name, client, caller_pid, state, ended_at)"
			" VALUES ('stamp', $6, 'caller', $4, $5,"
			" pg_catalog.current_setting('application_name'),"
			" pg_catalog.host(pg_catalog.inet_client_addr()), $7, 'done',"
			" pg_catalog.clock_timestamp())"
			" RETURNING id),"
			" journal AS ("
			"DELETE FROM schemamig.step"
			" WHERE revision = ANY ($1) OR revision = ANY ($2)"
			" OR revision = ANY ($3)"
			" RETURNING revision)"
			" INSERT INTO schemamig.log_entry (run, role, client, event,"
			" revision, direction, message)"
			" SELECT run.id, $4,"
			" pg_catalog.concat_ws(' ',"
			" nullif(pg_catalog.current_setting('application_name'), ''),"
			" pg_catalog.host(pg_catalog.inet_client_addr())),"
			" 'stamp', c.revision, c.direction, c.message"
			" FROM run, ("
			"SELECT r.ordinal, r.id, 'apply',"
			" 'marked as applied, nothing was run'"
			" FROM schemamig.revision r WHERE r.id = ANY ($1)"
			" UNION ALL "
			"SELECT -r.ordinal, r.id, 'revert',"
			" 'marked as not applied, nothing was run'"
			" FROM schemamig.revision r WHERE r.id = ANY ($2)"
			" UNION ALL "
			"SELECT DISTINCT r.ordinal, r.id, NULL,"
			" 'journal of an interrupted run forgotten'"
			" FROM journal j JOIN schemamig.revision r ON r.id = j.revision"
			" WHERE r.id <> ALL ($1) AND r.id <> ALL ($2)"
			") c (place, revision, direction, message)"
			" ORDER BY c.direction DESC, c.place", args);
	if (execute("DELETE FROM schemamig.applied"
				" WHERE revision = ANY ($2)", args) !=
		bms_num_members(removed) ||
		execute("INSERT INTO schemamig.applied (revision, applied_by, checksum)"
				" SELECT r.id, $4, r.checksum FROM schemamig.revision r"
				" WHERE r.id = ANY ($1) ORDER BY r.ordinal", args) !=
		bms_num_members(added))
		elog(ERROR, "applied set changed while it was locked");
	smig_store_end(&store);
}

/*
 * schemamig_stamp(target, purge): makes "target" current without running
 * anything, and returns what is current then.
 *
 * Errors: those of targets; object_in_use while a run is in progress;
 * read_only_sql_transaction; feature_not_supported under REPEATABLE READ,
 * whose snapshot may be older than the lock.
 */
Datum
schemamig_stamp(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *target;
	Bitmapset  *applied;
	Bitmapset  *stamped;
	Bitmapset  *scope;
	SmigGraph  *graph;
	ListCell   *lc;

	for (int i = 0; i < 2; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" of %s() must not be null",
							i == 0 ? "target" : "purge", "schemamig_stamp")));
	PreventCommandDuringRecovery("schemamig_stamp()");
	PreventCommandIfReadOnly("schemamig_stamp()");
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("schemamig_stamp() needs isolation level READ COMMITTED"),
				 errdetail("Under a stricter level the transaction may not see what is applied now."),
				 errhint("Call it in a transaction of its own.")));

	target = text_to_cstring(PG_GETARG_TEXT_PP(0));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	lock_state();
	graph = smig_store_load_graph(&applied);
	stamped = smig_target_stamp_scope(graph, applied, target,
									  PG_GETARG_BOOL(1), &scope);
	write_stamp(graph, bms_difference(stamped, applied),
				bms_difference(applied, stamped), scope, target);

	foreach(lc, smig_graph_maximal(graph, stamped))
	{
		Datum		value = CStringGetTextDatum(((SmigNode *) lfirst(lc))->id);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc,
							 &value, &isnull);
	}
	return (Datum) 0;
}
