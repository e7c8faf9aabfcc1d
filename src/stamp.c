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
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "caller.h"
#include "journal.h"
#include "lock.h"
#include "revision.h"
#include "stamp.h"
#include "state.h"
#include "store.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_stamp);

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
 * Runs one query of a stamp.  $1 are the revisions added, $2 those removed, $3
 * those whose journal is void, $4 is the role, $5 the run, $6 the application.
 * Returns how many rows it wrote.
 */
static uint64
execute(const char *query, Datum *args)
{
	Oid			types[] = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID,
	INT8OID, TEXTOID};

	CHECK_FOR_INTERRUPTS();
	SPI_execute_with_args(query, lengthof(types), types, args, NULL, false, 0);
	return SPI_processed;
}

/*
 * Writes the new state and its log.
 */
static void
write_state(SmigGraph *graph, const Bitmapset *added,
			const Bitmapset *removed, const Bitmapset *scope, int64 run)
{
	SmigStoreScope store;
	Datum		args[6];

	args[0] = id_array(graph, added);
	args[1] = id_array(graph, removed);
	args[2] = id_array(graph, scope);
	args[3] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	args[4] = Int64GetDatum(run);
	args[5] = CStringGetTextDatum(application_name ? application_name : "");

	smig_store_begin(&store);
	execute("WITH journal AS ("
			"DELETE FROM schemamig.step"
			" WHERE revision = ANY ($1) OR revision = ANY ($2)"
			" OR revision = ANY ($3)"
			" RETURNING revision)"
			" INSERT INTO schemamig.log_entry (run, role, client, event,"
			" revision, direction, message)"
			" SELECT $5, $4, nullif($6, ''), 'stamp', c.revision, c.direction,"
			" c.message FROM ("
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
 * Records as a run that is over that revisions were marked, not run; returns
 * its id.
 */
int64
smig_stamp_record(const char *target)
{
	SmigRunRow	row = {0};

	row.id = smig_journal_next_run();
	row.kind = "stamp";
	row.target = target;
	row.transaction = "caller";
	row.login_role = GetUserNameFromId(GetAuthenticatedUserId(), false);
	row.client = smig_caller_client();
	row.caller_pid = MyProcPid;
	row.state = "running";
	smig_journal_run_begin(&row);
	smig_journal_close_interrupted(row.id);
	smig_journal_run_end(row.id, "done", NULL, 0, NULL, NULL);
	return row.id;
}

/*
 * Begins a call that sets the applied set: refuses where that cannot be
 * written, takes the migration lock, as runs do, and then lets no revision
 * change either.
 *
 * function: its SQL name with "()"; what: what it wants to do, for errors
 *
 * Errors: object_in_use while a run is in progress; read_only_sql_transaction;
 * feature_not_supported under REPEATABLE READ, whose snapshot may be older
 * than the lock.
 */
void
smig_stamp_begin(const char *function, const char *what)
{
	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s needs isolation level READ COMMITTED", function),
				 errdetail("Under a stricter level the transaction may not see what is applied now."),
				 errhint("Call it in a transaction of its own.")));
	smig_lock_run_for_writing(what);
	smig_store_lock_graph();
}

/*
 * Makes "stamped" the applied set, in place of "applied", and writes that into
 * the log.  Journals of interrupted runs in "scope" become void, as do those
 * of the revisions that change.
 *
 * target: as the caller wrote it, for the record
 */
void
smig_stamp_write(SmigGraph *graph, const Bitmapset *applied,
				 const Bitmapset *stamped, const Bitmapset *scope,
				 const char *target)
{
	int64		run = smig_stamp_record(target);

	write_state(graph, bms_difference(stamped, applied),
				bms_difference(applied, stamped), scope, run);
	smig_squash_settle();
	smig_state_record(run);
}

/*
 * schemamig_stamp(target, purge): makes "target" current without running
 * anything, and returns what is current then.
 *
 * Errors: those of targets and of smig_stamp_begin.
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
	target = text_to_cstring(PG_GETARG_TEXT_PP(0));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	smig_stamp_begin("schemamig_stamp()", "stamp");
	graph = smig_store_load_graph(&applied);
	stamped = smig_target_stamp_scope(graph, applied, target,
									  PG_GETARG_BOOL(1), &scope);
	smig_stamp_write(graph, applied, stamped, scope, target);

	foreach(lc, smig_graph_maximal(graph, stamped))
	{
		Datum		value = CStringGetTextDatum(((SmigNode *) lfirst(lc))->id);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc,
							 &value, &isnull);
	}
	return (Datum) 0;
}
