/*-------------------------------------------------------------------------
 *
 * state.c
 *	  The schema after runs: snapshots of the states that were reached.
 *
 * A state is the set of current revisions and the snapshot of the schema when
 * they had become current.  Drift is the difference from it.  Whether there is
 * any is mostly known without a look at the schema: a signature, counts and
 * sums over the catalogs' rows and the transactions that wrote them, changes
 * with every DDL.
 *
 * IDENTIFICATION
 *	  src/state.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "build.h"
#include "journal.h"
#include "lock.h"
#include "model/filter.h"
#include "model/stored.h"
#include "settings.h"
#include "state.h"
#include "step.h"
#include "store.h"
#include "target.h"
#include "text_array.h"

/* Rows of a catalog that are not about temporary relations. */
#define ROWS_OF(name, condition) \
	"(SELECT pg_catalog.count(*) || ':' ||" \
	" coalesce(pg_catalog.sum(c.xmin::text::int8), 0)" \
	" FROM pg_catalog." name " c WHERE " condition ")"
#define RELATION_OF(column) \
	"c." column " >= 16384 AND c." column " NOT IN (SELECT t.oid FROM pg_catalog.pg_class t" \
	" WHERE t.relpersistence = 't')"
#define SCHEMA_OF(column) \
	"c.oid >= 16384 AND c." column " NOT IN (SELECT n.oid FROM pg_catalog.pg_namespace n" \
	" WHERE n.nspname ~ '^pg_(toast_)?temp_')"

/* How long a look at the schema may wait for a lock, where it must be quick. */
#define SOON "100ms"

/*
 * How often the snapshot after a run is tried, and that after a revision, which
 * the next one waits for; and how long apart (ms).
 */
#define TRIES 20
#define TRIES_WITHIN 4
#define TRY_EVERY 250

/* How long a quick look waits for the snapshot after a run (ms). */
#define SNAPSHOT_SOON 5000

/* A look at the revisions that are current and at the schema. */
typedef struct State
{
	Datum		current;		/* text[]; 0 when none is applied */
	char	   *signature;
	char	   *fingerprint;
	char	   *json;			/* NULL when it is kept already */
} State;

static const char signature_query[] =
"SELECT pg_catalog.concat_ws(' ', "
ROWS_OF("pg_class", "c.oid >= 16384 AND c.relpersistence <> 't' AND c.relkind <> 't'") ","
ROWS_OF("pg_attribute", RELATION_OF("attrelid")) ","
ROWS_OF("pg_attrdef", RELATION_OF("adrelid")) ","
ROWS_OF("pg_index", RELATION_OF("indrelid")) ","
ROWS_OF("pg_constraint", "c.oid >= 16384 AND c.conrelid NOT IN"
		" (SELECT t.oid FROM pg_catalog.pg_class t WHERE t.relpersistence = 't')") ","
ROWS_OF("pg_trigger", RELATION_OF("tgrelid")) ","
ROWS_OF("pg_rewrite", RELATION_OF("ev_class")) ","
ROWS_OF("pg_sequence", RELATION_OF("seqrelid")) ","
ROWS_OF("pg_policy", "true") ","
ROWS_OF("pg_inherits", "true") ","
ROWS_OF("pg_partitioned_table", "true") ","
ROWS_OF("pg_statistic_ext", "true") ","
ROWS_OF("pg_namespace", "c.nspname !~ '^pg_(toast_)?temp_'") ","
ROWS_OF("pg_type", SCHEMA_OF("typnamespace")) ","
ROWS_OF("pg_proc", SCHEMA_OF("pronamespace")) ","
ROWS_OF("pg_enum", "true") ","
ROWS_OF("pg_range", "true") ","
ROWS_OF("pg_aggregate", "true") ","
ROWS_OF("pg_operator", "c.oid >= 16384") ","
ROWS_OF("pg_opclass", "c.oid >= 16384") ","
ROWS_OF("pg_opfamily", "c.oid >= 16384") ","
ROWS_OF("pg_amop", "c.oid >= 16384") ","
ROWS_OF("pg_amproc", "c.oid >= 16384") ","
ROWS_OF("pg_cast", "c.oid >= 16384") ","
ROWS_OF("pg_collation", "c.oid >= 16384") ","
ROWS_OF("pg_conversion", "c.oid >= 16384") ","
ROWS_OF("pg_language", "c.oid >= 16384") ","
ROWS_OF("pg_transform", "true") ","
ROWS_OF("pg_am", "c.oid >= 16384") ","
ROWS_OF("pg_extension", "true") ","
ROWS_OF("pg_event_trigger", "true") ","
ROWS_OF("pg_default_acl", "true") ","
ROWS_OF("pg_foreign_data_wrapper", "true") ","
ROWS_OF("pg_foreign_server", "true") ","
ROWS_OF("pg_foreign_table", "true") ","
ROWS_OF("pg_user_mapping", "true") ","
ROWS_OF("pg_publication", "true") ","
ROWS_OF("pg_publication_rel", "true") ","
ROWS_OF("pg_publication_namespace", "true") ","
ROWS_OF("pg_subscription", "true") ","
ROWS_OF("pg_seclabel", "true") ","
ROWS_OF("pg_ts_config", "c.oid >= 16384") ","
ROWS_OF("pg_ts_config_map", "c.mapcfg >= 16384") ","
ROWS_OF("pg_ts_dict", "c.oid >= 16384") ","
ROWS_OF("pg_ts_parser", "c.oid >= 16384") ","
ROWS_OF("pg_ts_template", "c.oid >= 16384") ","
ROWS_OF("pg_description", "c.objoid >= 16384 OR c.classoid ="
		" 'pg_catalog.pg_namespace'::pg_catalog.regclass") ")";

/*
 * The signature of the catalogs now.
 */
static char *
signature_now(void)
{
	SmigStoreScope scope;
	char	   *signature;

	smig_store_begin(&scope);
	SPI_execute(signature_query, true, 1);
	signature = MemoryContextStrdup(scope.caller_context,
									SPI_getvalue(SPI_tuptable->vals[0],
												 SPI_tuptable->tupdesc, 1));
	smig_store_end(&scope);
	return signature;
}

/*
 * The fingerprint of the last state, if it had this signature: then nothing
 * has changed since, and no new snapshot is needed.  Else NULL.
 */
static char *
find_signature(const char *signature)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		args[1] = {CStringGetTextDatum(signature)};
	char	   *fingerprint = NULL;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT s.fingerprint FROM (SELECT * FROM"
						  " schemamig.state ORDER BY id DESC LIMIT 1) s"
						  " WHERE s.signature = $1",
						  1, types, args, NULL, true, 1);
	if (SPI_processed == 1)
	{
		MemoryContextSwitchTo(scope.caller_context);
		fingerprint = SPI_getvalue(SPI_tuptable->vals[0],
								   SPI_tuptable->tupdesc, 1);
	}
	smig_store_end(&scope);
	return fingerprint;
}

static int
compare_ids(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/*
 * Ids of the revisions that are current, sorted, as text[]; 0 when no revision
 * is applied: then no state is ours to remember.
 */
static Datum
current_ids(void)
{
	Bitmapset  *applied;
	SmigGraph  *graph = smig_store_load_graph(&applied);
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, smig_graph_maximal(graph, applied))
		ids = lappend(ids, pstrdup(((SmigNode *) lfirst(lc))->id));
	list_sort(ids, compare_ids);
	MemoryContextDelete(graph->context);
	return ids == NIL ? (Datum) 0 : smig_text_array(ids);
}

/*
 * Writes the state and forgets what is one too many.
 */
static void
write_state(const State *state, int64 run)
{
	SmigStoreScope scope;
	Oid			types[5] = {TEXTARRAYOID, TEXTOID, TEXTOID, INT8OID, INT4OID};
	Datum		args[5];

	if (state->json)
		smig_stored_put(state->fingerprint, state->json);
	args[0] = state->current;
	args[1] = CStringGetTextDatum(state->fingerprint);
	args[2] = CStringGetTextDatum(state->signature);
	args[3] = Int64GetDatum(run);
	args[4] = Int32GetDatum(smig_snapshots);
	smig_store_begin(&scope);
	SPI_execute_with_args("DELETE FROM schemamig.state WHERE current = $1",
						  5, types, args, NULL, false, 0);
	SPI_execute_with_args("INSERT INTO schemamig.state"
						  " (current, fingerprint, signature, run)"
						  " VALUES ($1, $2, $3, nullif($4, 0))",
						  5, types, args, NULL, false, 0);
	SPI_execute_with_args("DELETE FROM schemamig.state WHERE id <= ("
						  "SELECT s.id FROM schemamig.state s"
						  " ORDER BY s.id DESC OFFSET $5 LIMIT 1)",
						  5, types, args, NULL, false, 0);
	smig_store_end(&scope);
	smig_stored_sweep();
}

/*
 * Looks at the revisions that are current and at the live schema.
 *
 * *first: the signature of the first look; set by that
 *
 * Result: false where there is nothing to be kept: no revision is applied, one
 * is half done, or the schema has changed since the earlier look.
 */
static bool
look(State *state, char **first)
{
	SmigSnapshot *snapshot;

	state->current = smig_journal_load() == NIL ? current_ids() : (Datum) 0;
	if (state->current == (Datum) 0)
		return false;
	/* signature first: a change in between makes it differ, not hide */
	state->signature = signature_now();
	if (*first == NULL)
		*first = state->signature;
	else if (strcmp(*first, state->signature) != 0)
		return false;
	state->json = NULL;
	state->fingerprint = find_signature(state->signature);
	if (state->fingerprint)
		return true;
	snapshot = smig_snapshot_read(NIL);
	smig_snapshot_hide_secrets(snapshot);
	state->fingerprint = smig_snapshot_fingerprint(snapshot);
	state->json = smig_snapshot_to_json(snapshot);
	return true;
}

/*
 * Takes the snapshot of the live schema as that of the revisions current now.
 * Nothing happens where none is, while one is half done, or where
 * schemamig.snapshots is 0.  Needs a transaction.
 *
 * run: id of the run that came here; 0 for none
 */
void
smig_state_record(int64 run)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context;
	State		state = {0};
	char	   *first = NULL;

	if (smig_snapshots == 0)
		return;
	smig_lock_state_wait(0);
	context = AllocSetContextCreate(old, "schemamig state",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	if (look(&state, &first))
		write_state(&state, run);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Begins a transaction that sees the schema as it is now until it ends, for
 * smig_state_record_after(): to be called while the migration lock still keeps
 * others from changing it.
 */
void
smig_state_hold(void)
{
	if (smig_snapshots == 0)
		return;
	pgstat_report_activity(STATE_RUNNING, "schemamig: snapshot of the schema");
	StartTransactionCommand();
	XactIsoLevel = XACT_REPEATABLE_READ;
	(void) GetTransactionSnapshot();
	(void) set_config_option("lock_timeout", SOON, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * One try of smig_state_record_after().
 *
 * *first: signature of the schema at the first try; set by that
 *
 * Result: what was in the way, in the current memory context; NULL when nothing
 * was.
 */
static ErrorData *
try_to_record(int64 run, char **first)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData  *volatile edata = NULL;
	State		state = {0};

	PG_TRY();
	{
		bool		found;

		if (!IsTransactionState())
			smig_state_hold();
		MemoryContextSwitchTo(context);
		found = look(&state, first);
		CommitTransactionCommand();
		if (!found && state.signature)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("the schema was changed meanwhile")));

		StartTransactionCommand();
		MemoryContextSwitchTo(context);
		if (found)
			write_state(&state, run);
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return edata;
}

/*
 * Tries until the state is kept, or until trying again makes no sense.
 *
 * Result: what was in the way at last, or NULL.
 */
static ErrorData *
try_often(int64 run, int tries)
{
	char	   *first = NULL;
	ErrorData  *edata = NULL;

	for (int i = 0; i < tries; i++)
	{
		if (i > 0)
			smig_step_wait(TRY_EVERY);
		CHECK_FOR_INTERRUPTS();
		edata = try_to_record(run, &first);
		if (edata == NULL || !smig_step_is_lock_failure(edata))
			break;
	}
	return edata;
}

/*
 * smig_state_record() for a worker whose run is done and has been answered:
 * called in the transaction of smig_state_hold() and ends it, with the state
 * lock, and without the migration lock.  It stays out of everybody's way, and
 * gives up with a warning in the log where somebody stays in its own; then
 * drift is not known until the next run.
 */
void
smig_state_record_after(int64 run)
{
	MemoryContext context;
	ErrorData  *edata;

	if (smig_snapshots == 0)
		return;
	/* survives the transaction that has been begun */
	context = AllocSetContextCreate(TopMemoryContext, "schemamig state",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	edata = try_often(run, TRIES);
	if (edata)
		ereport(WARNING,
				(errcode(edata->sqlerrcode),
				 errmsg("no snapshot of the schema was taken: %s",
						edata->message),
				 errhint("Until the next run drift is not known.")));
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(context);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * smig_state_record() for a worker whose run has done a revision and will do
 * others (schemamig.snapshot_each_revision).  Called outside a transaction,
 * with the migration lock, and with nothing locked that the revision has
 * changed.  What is in its way costs the snapshot, not the run.
 *
 * direction, revision: what was done, for the warning
 *
 * Errors: 57014 when the run is cancelled meanwhile.
 */
void
smig_state_record_within(int64 run, const char *direction,
						 const char *revision)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context;
	ErrorData  *edata;

	if (smig_snapshots == 0)
		return;
	context = AllocSetContextCreate(old, "schemamig state",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	edata = try_often(run, TRIES_WITHIN);
	if (edata && edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(edata);
	if (edata)
		ereport(WARNING,
				(errcode(edata->sqlerrcode),
				 errmsg("no snapshot of the schema was taken after the %s of revision \"%s\": %s",
						direction, revision, edata->message),
				 errhint("Where it is asked for, it is built from base in a scratch database.")));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * The state kept for the given current revisions (text[]); NULL when there is
 * none.
 */
static SmigKeptState *
find_state(Datum current)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTARRAYOID};
	SmigKeptState *state = NULL;

	smig_lock_state_wait(0);
	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT fingerprint, signature FROM schemamig.state"
						  " WHERE current = $1 ORDER BY id DESC LIMIT 1",
						  1, types, &current, NULL, true, 1);
	if (SPI_processed == 1)
	{
		MemoryContextSwitchTo(scope.caller_context);
		state = palloc(sizeof(SmigKeptState));
		state->fingerprint = SPI_getvalue(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1);
		state->signature = SPI_getvalue(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 2);
	}
	smig_store_end(&scope);
	return state;
}

/*
 * The state kept for the revisions that are current now; NULL when there is
 * none, or while a revision is half done.
 */
SmigKeptState *
smig_state_find(void)
{
	Datum		current = smig_journal_load() == NIL ? current_ids() : (Datum) 0;

	return current == (Datum) 0 ? NULL : find_state(current);
}

/*
 * A snapshot that is kept, as JSON.
 *
 * Errors: 55000 when a run has removed it since it was found.
 */
char *
smig_state_snapshot(const char *fingerprint)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		args[1] = {CStringGetTextDatum(fingerprint)};
	char	   *json;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT snapshot::text FROM schemamig.snapshot"
						  " WHERE fingerprint = $1",
						  1, types, args, NULL, true, 1);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the snapshot of the schema was given up for newer ones meanwhile"),
				 errhint("Call the function again.")));
	MemoryContextSwitchTo(scope.caller_context);
	json = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	smig_store_end(&scope);
	return json;
}

/*
 * The schema after a revision and all it needs, as JSON: the snapshot that is
 * kept, else one built from base in a scratch database.
 *
 * Errors: those of targets, and of building.
 */
char *
smig_state_of_revision(const char *revision)
{
	Bitmapset  *applied;
	SmigGraph  *graph = smig_store_load_graph(&applied);
	SmigNode   *node = smig_target_resolve_one(graph, applied, revision);
	SmigKeptState *state;

	state = find_state(smig_text_array(list_make1(node->id)));
	if (state)
		return smig_state_snapshot(state->fingerprint);
	return smig_build_revision(graph, node);
}

/*
 * Whether a snapshot that differs from a state does so only in what filters
 * leave out.  Takes that out of it.
 */
static bool
same_but_for_filters(const SmigKeptState *state, SmigSnapshot *snapshot)
{
	SmigSnapshot *kept;

	if (!smig_filter_apply(snapshot))
		return false;
	kept = smig_snapshot_from_json(smig_state_snapshot(state->fingerprint));
	(void) smig_filter_apply(kept);
	return strcmp(smig_snapshot_fingerprint(kept),
				  smig_snapshot_fingerprint(snapshot)) == 0;
}

/*
 * Whether the live schema differs from the state that is kept.
 */
SmigDrifted
smig_state_drifted(void)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(old, "schemamig drift",
												  ALLOCSET_DEFAULT_SIZES);
	SmigDrifted result = SMIG_DRIFT_NONE;
	SmigKeptState *state;

	MemoryContextSwitchTo(context);
	state = smig_state_find();
	if (state == NULL)
		result = SMIG_DRIFT_UNKNOWN;
	else if (strcmp(state->signature, signature_now()) != 0)
	{
		SmigSnapshot *snapshot = smig_snapshot_read(NIL);

		smig_snapshot_hide_secrets(snapshot);
		if (strcmp(state->fingerprint,
				   smig_snapshot_fingerprint(snapshot)) != 0 &&
			!same_but_for_filters(state, snapshot))
			result = SMIG_DRIFT_SOME;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

/*
 * smig_state_drifted() for whoever cannot wait: unknown where somebody holds a
 * lock that stands in the way of a look at the schema.
 */
SmigDrifted
smig_state_drifted_soon(void)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile SmigDrifted result = SMIG_DRIFT_UNKNOWN;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		smig_lock_state_wait(SNAPSHOT_SOON);
		(void) set_config_option("lock_timeout", SOON, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
								 false);
		result = smig_state_drifted();
		/* not released: that would keep the setting */
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		MemoryContextSwitchTo(old);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return result;
}
