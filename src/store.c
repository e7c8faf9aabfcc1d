/*-------------------------------------------------------------------------
 *
 * store.c
 *	  The bookkeeping tables: identity, graph and revisions.
 *
 * IDENTIFICATION
 *	  src/store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "store.h"
#include "text_array.h"

static const char *const mode_names[] = {"revision", "none"};

/*
 * Role that owns the bookkeeping tables.
 */
static Oid
store_owner(void)
{
	Oid			namespace = get_namespace_oid(SMIG_SCHEMA, true);
	Oid			relation = OidIsValid(namespace) ?
		get_relname_relid("revision", namespace) : InvalidOid;
	HeapTuple	tuple;
	Oid			owner;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"%s\" is not installed in this database",
						SMIG_EXTENSION_NAME),
				 errhint("Run CREATE EXTENSION %s.", SMIG_EXTENSION_NAME)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Takes on the identity of the tables' owner, pins search_path and connects
 * SPI.  Pushes a fresh snapshot, so that the scope sees what is committed now.
 *
 * Security: SECURITY_LOCAL_USERID_CHANGE forbids SET ROLE inside; only queries
 * of this library run before smig_store_end.
 */
void
smig_store_begin(SmigStoreScope *scope)
{
	Oid			owner = store_owner();

	scope->caller_context = CurrentMemoryContext;
	GetUserIdAndSecContext(&scope->save_user, &scope->save_sec_context);
	SetUserIdAndSecContext(owner, scope->save_sec_context |
						   SECURITY_LOCAL_USERID_CHANGE);
	scope->save_nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	/* a role with row_security off must not see errors of ours */
	(void) set_config_option("row_security", "on",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	scope->pushed_snapshot = true;
}

/*
 * Undoes smig_store_begin and returns to the caller's memory context.
 */
void
smig_store_end(SmigStoreScope *scope)
{
	if (scope->pushed_snapshot)
		PopActiveSnapshot();
	SPI_finish();
	AtEOXact_GUC(true, scope->save_nestlevel);
	SetUserIdAndSecContext(scope->save_user, scope->save_sec_context);
	MemoryContextSwitchTo(scope->caller_context);
}

/*
 * Refuses to work with SQL objects of another version than the library's.
 */
void
smig_store_check_version(void)
{
	SmigStoreScope scope;
	bool		same = false;
	char	   *version = NULL;

	smig_store_begin(&scope);
	if (SPI_execute("SELECT extversion FROM pg_catalog.pg_extension"
					" WHERE extname = '" SMIG_EXTENSION_NAME "'",
					true, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		version = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		same = strcmp(version, SMIG_EXTENSION_VERSION) == 0;
		version = MemoryContextStrdup(scope.caller_context, version);
	}
	smig_store_end(&scope);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" has version \"%s\" in this database, but its library has version \"%s\"",
						SMIG_EXTENSION_NAME, version ? version : "none",
						SMIG_EXTENSION_VERSION),
				 errhint("Run ALTER EXTENSION %s UPDATE.",
						 SMIG_EXTENSION_NAME)));
}

/* Rows fetched at a time, so that memory does not grow with the query's result. */
#define SCAN_FETCH_ROWS		1000

/* Columns a scan may have. */
#define SCAN_COLUMNS		8

/*
 * Calls "read" for each row of a query, in a memory context that is reset
 * after every batch of rows.  Inside a scope.
 */
void
smig_store_scan(const char *query,
				void (*read) (Datum *values, bool *nulls, void *arg),
				void *arg)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext batch = AllocSetContextCreate(old, "schemamig batch of rows",
												ALLOCSET_DEFAULT_SIZES);
	Portal		portal = SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL,
												   NULL, true, 0);

	for (;;)
	{
		Datum		values[SCAN_COLUMNS];
		bool		nulls[SCAN_COLUMNS];

		SPI_cursor_fetch(portal, true, SCAN_FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		MemoryContextSwitchTo(batch);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			CHECK_FOR_INTERRUPTS();
			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							  values, nulls);
			read(values, nulls, arg);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(batch);
}

/* Where the rows of the graph go. */
typedef struct GraphReader
{
	SmigGraph  *graph;
	Bitmapset  *applied;
	MemoryContext context;		/* of applied */
} GraphReader;

static void
read_revision(Datum *values, bool *nulls, void *arg)
{
	GraphReader *reader = (GraphReader *) arg;

	(void) smig_graph_add(reader->graph,
						  TextDatumGetCString(values[0]),
						  TextDatumGetCString(values[1]),
						  nulls[2] ? NIL : smig_text_array_list(values[2]),
						  nulls[3] ? NIL : smig_text_array_list(values[3]),
						  nulls[4] ? NIL : smig_text_array_list(values[4]));
}

static void
read_applied(Datum *values, bool *nulls, void *arg)
{
	GraphReader *reader = (GraphReader *) arg;
	char	   *id = TextDatumGetCString(values[0]);
	SmigNode   *node = smig_graph_find(reader->graph, id);
	MemoryContext old;

	/* no function of ours leaves it like this; who owns the tables may */
	if (node == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("revision \"%s\" is applied but not stored", id),
				 errdetail("It is in schemamig.applied and not in schemamig.revision: one of the tables was changed or restored without the other."),
				 errhint("As the owner of the tables, restore the row of schemamig.revision, or run DELETE FROM schemamig.applied WHERE revision = %s.",
						 quote_literal_cstr(id))));
	old = MemoryContextSwitchTo(reader->context);
	reader->applied = bms_add_member(reader->applied, node->index);
	MemoryContextSwitchTo(old);
}

/*
 * Reads the whole graph, linked, into the current memory context; *applied
 * (unless NULL) is set to the applied set as node indexes.
 *
 * Two plain scans rather than a join: they need neither a hash table nor a
 * sort, which above work_mem would go to disk.
 */
SmigGraph *
smig_store_load_graph(Bitmapset **applied)
{
	SmigStoreScope scope;
	GraphReader reader = {0};

	reader.context = CurrentMemoryContext;
	reader.graph = smig_graph_create();
	smig_store_begin(&scope);
	smig_store_scan("SELECT id, message, parents, depends_on, labels"
					" FROM schemamig.revision ORDER BY ordinal",
					read_revision, &reader);
	if (applied)
		smig_store_scan("SELECT revision FROM schemamig.applied",
						read_applied, &reader);
	smig_store_end(&scope);
	smig_graph_link(reader.graph);
	if (applied)
		*applied = reader.applied;
	return reader.graph;
}

/*
 * Makes writers of revisions wait for each other until the end of the
 * transaction; readers and runs go on.
 */
void
smig_store_lock_graph(void)
{
	SmigStoreScope scope;

	smig_store_begin(&scope);
	SPI_execute("LOCK TABLE schemamig.revision IN SHARE ROW EXCLUSIVE MODE",
				false, 0);
	smig_store_end(&scope);
}

/*
 * Makes a SmigRevision of the SPI result row "row" in the current context.
 */
static SmigRevision *
revision_from_row(uint64 row)
{
	SmigRevision *revision = palloc0(sizeof(SmigRevision));
	Datum		values[12];
	bool		nulls[12];

	heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
					  values, nulls);
	revision->id = TextDatumGetCString(values[0]);
	revision->message = TextDatumGetCString(values[1]);
	revision->parents = nulls[2] ? NIL : smig_text_array_list(values[2]);
	revision->parents_given = true;
	revision->depends_on = nulls[3] ? NIL : smig_text_array_list(values[3]);
	revision->labels = nulls[4] ? NIL : smig_text_array_list(values[4]);
	revision->up = TextDatumGetCString(values[5]);
	revision->down = nulls[6] ? NULL : TextDatumGetCString(values[6]);
	revision->up_mode = strcmp(TextDatumGetCString(values[7]), "none") == 0 ?
		SMIG_TRANSACTION_NONE : SMIG_TRANSACTION_REVISION;
	revision->down_mode = strcmp(TextDatumGetCString(values[8]), "none") == 0 ?
		SMIG_TRANSACTION_NONE : SMIG_TRANSACTION_REVISION;
	revision->checksum = TextDatumGetCString(values[9]);
	revision->created_by = TextDatumGetCString(values[10]);
	revision->replaces = nulls[11] ? NIL : smig_text_array_list(values[11]);
	return revision;
}

/*
 * Reads the revisions named, in the order of "ids" (char *), with one query.
 * An id that does not exist is left out.
 */
List *
smig_store_get_revisions(List *ids)
{
	SmigStoreScope scope;
	List	   *result = NIL;
	Oid			types[1] = {TEXTARRAYOID};
	Datum		args[1] = {smig_text_array(ids)};

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT r.id, r.message, r.parents, r.depends_on,"
						  " r.labels, r.up, r.down, r.up_transaction,"
						  " r.down_transaction, r.checksum, r.created_by,"
						  " r.replaces"
						  " FROM pg_catalog.unnest($1) WITH ORDINALITY w(id, n)"
						  " JOIN schemamig.revision r ON r.id = w.id"
						  " ORDER BY w.n",
						  1, types, args, NULL, true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		result = lappend(result, revision_from_row(i));
	}
	smig_store_end(&scope);
	return result;
}

/*
 * Reads one revision by its exact id; NULL when there is none.
 */
SmigRevision *
smig_store_get_revision(const char *id)
{
	List	   *found = smig_store_get_revisions(list_make1(pstrdup(id)));

	return found == NIL ? NULL : (SmigRevision *) linitial(found);
}

#define REVISION_COLUMNS 12

static void
revision_arguments(const SmigRevision *revision, Oid *types, Datum *values,
				   char *nulls)
{
	static const Oid column_types[REVISION_COLUMNS] = {
		TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID,
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID
	};

	memcpy(types, column_types, sizeof(column_types));
	memset(nulls, ' ', REVISION_COLUMNS);
	values[0] = CStringGetTextDatum(revision->id);
	values[1] = CStringGetTextDatum(revision->message);
	values[2] = smig_text_array(revision->parents);
	values[3] = smig_text_array(revision->depends_on);
	values[4] = smig_text_array(revision->labels);
	values[5] = CStringGetTextDatum(revision->up);
	if (revision->down)
		values[6] = CStringGetTextDatum(revision->down);
	else
		nulls[6] = 'n';
	values[7] = CStringGetTextDatum(mode_names[revision->up_mode]);
	values[8] = CStringGetTextDatum(mode_names[revision->down_mode]);
	values[9] = CStringGetTextDatum(revision->checksum);
	values[10] = CStringGetTextDatum(revision->created_by);
	values[11] = smig_text_array(revision->replaces);
}

/*
 * Runs "query" with the revision's columns as $1 to $12; the plan is kept in
 * *plan for the life of the process.
 */
static void
execute_with_revision(const char *query, const SmigRevision *revision,
					  SPIPlanPtr *plan)
{
	SmigStoreScope scope;
	Oid			types[REVISION_COLUMNS];
	Datum		values[REVISION_COLUMNS];
	char		nulls[REVISION_COLUMNS];

	smig_store_begin(&scope);
	revision_arguments(revision, types, values, nulls);
	if (*plan == NULL)
	{
		SPIPlanPtr	fresh = SPI_prepare(query, REVISION_COLUMNS, types);

		SPI_keepplan(fresh);
		*plan = fresh;
	}
	SPI_execute_plan(*plan, values, nulls, false, 0);
	smig_store_end(&scope);
}

/*
 * Stores a new revision.  The caller has checked the graph and holds
 * smig_store_lock_graph.
 */
void
smig_store_insert_revision(const SmigRevision *revision)
{
	static SPIPlanPtr plan = NULL;

	execute_with_revision("INSERT INTO schemamig.revision (id, message, parents,"
						  " depends_on, labels, up, down, up_transaction,"
						  " down_transaction, checksum, created_by, replaces)"
						  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
						  " $11, $12)",
						  revision, &plan);
}

/*
 * Replaces the content of an unapplied revision.
 */
void
smig_store_update_revision(const SmigRevision *revision)
{
	static SPIPlanPtr plan = NULL;

	execute_with_revision("UPDATE schemamig.revision SET message = $2,"
						  " parents = $3, depends_on = $4, labels = $5, up = $6,"
						  " down = $7, up_transaction = $8,"
						  " down_transaction = $9, checksum = $10,"
						  " created_by = $11, created_login = session_user,"
						  " replaces = $12,"
						  " created_at = pg_catalog.clock_timestamp()"
						  " WHERE id = $1",
						  revision, &plan);
}

/*
 * Changes who stands for a revision's content.
 */
void
smig_store_set_author(const char *id, const char *role)
{
	SmigStoreScope scope;
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		args[2] = {CStringGetTextDatum(id), CStringGetTextDatum(role)};

	smig_store_begin(&scope);
	SPI_execute_with_args("UPDATE schemamig.revision SET created_by = $2"
						  " WHERE id = $1",
						  2, types, args, NULL, false, 0);
	smig_store_end(&scope);
}

/*
 * Deletes an unapplied revision that no other names.
 */
void
smig_store_delete_revision(const char *id)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		args[1] = {CStringGetTextDatum(id)};

	smig_store_begin(&scope);
	SPI_execute_with_args("DELETE FROM schemamig.revision WHERE id = $1",
						  1, types, args, NULL, false, 0);
	SPI_execute_with_args("DELETE FROM schemamig.origin WHERE revision = $1",
						  1, types, args, NULL, false, 0);
	smig_store_end(&scope);
}
