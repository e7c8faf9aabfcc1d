/*-------------------------------------------------------------------------
 *
 * recover.c
 *	  What becomes of a statement that is no transaction when it is
 *	  interrupted: intent before, inspection after.
 *
 * The runner writes "done" in the last transaction of such a statement, the
 * one that makes its effect visible, so effect and record cannot part.  What
 * an interruption can leave is a half built thing: an INVALID index, an index
 * named _ccnew or _ccold, a partition whose detachment is pending.  Before the
 * statement runs, its intent is committed: what was there before.  After an
 * interruption the catalog is compared with it, and what the statement alone
 * can have left is removed or finished.
 *
 * IDENTIFICATION
 *	  src/recover.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/tablespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "execute.h"
#include "recover.h"
#include "settings.h"
#include "store.h"

/* Index builds under way in this database belong to somebody alive. */
#define NOT_UNDER_CONSTRUCTION \
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p" \
	"  WHERE p.datid = (SELECT d.oid FROM pg_catalog.pg_database d" \
	"   WHERE d.datname = pg_catalog.current_database())" \
	"  AND p.index_relid = i.indexrelid AND p.pid <> pg_catalog.pg_backend_pid())"

/* How one kind of statement is recovered. */
typedef struct RecoveryRule
{
	NodeTag		tag;
	bool		(*applies) (const Node *stmt);
	/* jsonb text that describes what is there before; NULL for nothing */
	char	   *(*intent) (const Node *stmt);
	/* queries the catalog; appends statements that finish or clean up */
	SmigRecovery (*inspect) (const Node *stmt, const char *intent,
							 List **statements);
} RecoveryRule;

/*
 * Runs a query of ours with one or two text arguments and returns the first
 * column of all rows as strings in the current context.
 */
static List *
query_strings(const char *query, const char *arg1, const char *arg2)
{
	SmigStoreScope scope;
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	char		nulls[2] = {'n', 'n'};
	List	   *result = NIL;

	if (arg1)
	{
		values[0] = CStringGetTextDatum(arg1);
		nulls[0] = ' ';
	}
	if (arg2)
	{
		values[1] = CStringGetTextDatum(arg2);
		nulls[1] = ' ';
	}
	smig_store_begin(&scope);
	SPI_execute_with_args(query, 2, types, values, nulls, true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc, 1);

		if (value)
			result = lappend(result, pstrdup(value));
	}
	smig_store_end(&scope);
	return result;
}

static char *
query_string(const char *query, const char *arg1, const char *arg2)
{
	List	   *rows = query_strings(query, arg1, arg2);

	return rows == NIL ? NULL : linitial(rows);
}

/*
 * A relation's oid as text, for a query's argument; NULL when it does not
 * exist.
 */
static char *
relation_argument(const RangeVar *relation)
{
	Oid			oid = RangeVarGetRelid(relation, NoLock, true);

	return OidIsValid(oid) ? psprintf("%u", oid) : NULL;
}

/* CREATE INDEX CONCURRENTLY */

static bool
is_concurrent_index(const Node *stmt)
{
	return ((const IndexStmt *) stmt)->concurrent;
}

static char *
create_index_intent(const Node *stmt)
{
	const IndexStmt *index = (const IndexStmt *) stmt;
	char	   *relation = relation_argument(index->relation);

	if (relation == NULL)
		return NULL;
	return query_string("SELECT pg_catalog.jsonb_build_object('relation', $1,"
						" 'indexes', coalesce(pg_catalog.jsonb_agg(i.indexrelid), '[]'))"
						"::text"
						" FROM pg_catalog.pg_index i"
						" WHERE i.indrelid = $1::oid AND $2 IS NULL",
						relation, NULL);
}

/*
 * New on the table, by the statement's name where it gives one: INVALID ones
 * are ours to drop; a valid one of that name means somebody finished the work.
 */
static SmigRecovery
create_index_inspect(const Node *stmt, const char *intent, List **statements)
{
	const IndexStmt *index = (const IndexStmt *) stmt;
	char	   *valid;

	if (intent == NULL)
		return SMIG_RECOVERY_RETRY;
	*statements = query_strings("SELECT pg_catalog.format('DROP INDEX %I.%I', n.nspname, c.relname)"
								" FROM pg_catalog.pg_index i"
								" JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
								" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
								" WHERE i.indrelid = ($1::jsonb->>'relation')::oid"
								" AND NOT i.indisvalid AND c.relkind = 'i'"
								" AND NOT $1::jsonb->'indexes' @> pg_catalog.to_jsonb(i.indexrelid)"
								" AND ($2 IS NULL OR c.relname = $2)"
								NOT_UNDER_CONSTRUCTION,
								intent, index->idxname);
	if (*statements != NIL || index->idxname == NULL)
		return SMIG_RECOVERY_RETRY;
	valid = query_string("SELECT c.relname FROM pg_catalog.pg_index i"
						 " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
						 " WHERE i.indrelid = ($1::jsonb->>'relation')::oid"
						 " AND i.indisvalid AND c.relname = $2"
						 " AND NOT $1::jsonb->'indexes' @> pg_catalog.to_jsonb(i.indexrelid)",
						 intent, index->idxname);
	return valid ? SMIG_RECOVERY_DONE : SMIG_RECOVERY_RETRY;
}

/* REINDEX ... CONCURRENTLY */

static bool
is_reindex(const Node *stmt)
{
	return true;
}

static char *
reindex_intent(const Node *stmt)
{
	const ReindexStmt *reindex = (const ReindexStmt *) stmt;
	char	   *relation = reindex->relation ?
		relation_argument(reindex->relation) : NULL;

	return query_string("SELECT pg_catalog.jsonb_build_object('relation', $1,"
						" 'indexes', coalesce(pg_catalog.jsonb_agg(i.indexrelid), '[]'))"
						"::text"
						" FROM pg_catalog.pg_index i"
						" WHERE NOT i.indisvalid AND $2 IS NULL",
						relation, NULL);
}

/*
 * INVALID leftovers of the rebuild: _ccnew is the copy that was not finished,
 * _ccold the original whose copy has already taken its place.  Both go.
 */
static SmigRecovery
reindex_inspect(const Node *stmt, const char *intent, List **statements)
{
	if (intent == NULL)
		return SMIG_RECOVERY_RETRY;
	*statements = query_strings("WITH target AS"
								" (SELECT ($1::jsonb->>'relation')::oid AS oid),"
								" heap AS (SELECT t.relid FROM target,"
								"  LATERAL pg_catalog.pg_partition_tree(target.oid::regclass) t"
								"  UNION SELECT target.oid FROM target"
								"  UNION SELECT x.indrelid FROM target"
								"   JOIN pg_catalog.pg_index x ON x.indexrelid = target.oid),"
								" wide AS (SELECT h.relid FROM heap h UNION"
								"  SELECT c.reltoastrelid FROM heap h"
								"   JOIN pg_catalog.pg_class c ON c.oid = h.relid"
								"  UNION SELECT x.indrelid FROM heap h"
								"   JOIN pg_catalog.pg_index x ON x.indexrelid = h.relid)"
								" SELECT pg_catalog.format('DROP INDEX %I.%I', n.nspname, c.relname)"
								" FROM pg_catalog.pg_index i"
								" JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
								" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
								" WHERE NOT i.indisvalid AND c.relkind = 'i'"
								" AND c.relname ~ '_cc(new|old)[0-9]*$'"
								" AND NOT $1::jsonb->'indexes' @> pg_catalog.to_jsonb(i.indexrelid)"
								" AND ($1::jsonb->>'relation' IS NULL"
								"  OR i.indrelid IN (SELECT w.relid FROM wide w))"
								" AND $2 IS NULL"
								NOT_UNDER_CONSTRUCTION,
								intent, NULL);
	return SMIG_RECOVERY_RETRY;
}

/* DROP INDEX CONCURRENTLY */

static bool
is_concurrent_drop(const Node *stmt)
{
	return ((const DropStmt *) stmt)->concurrent;
}

static char *
drop_index_intent(const Node *stmt)
{
	const DropStmt *drop = (const DropStmt *) stmt;
	StringInfoData oids;
	ListCell   *lc;

	/* as strings: that is what to_jsonb() makes of an oid */
	initStringInfo(&oids);
	foreach(lc, drop->objects)
	{
		Oid			oid = RangeVarGetRelid(makeRangeVarFromNameList(lfirst(lc)),
										   NoLock, true);

		if (OidIsValid(oid))
			appendStringInfo(&oids, "%s\"%u\"", oids.len > 0 ? "," : "", oid);
	}
	if (oids.len == 0)
		return NULL;
	return psprintf("{\"indexes\": [%s]}", oids.data);
}

/*
 * Gone: done.  Marked INVALID but still there: nothing can bring it back, so
 * the drop is finished.
 */
static SmigRecovery
drop_index_inspect(const Node *stmt, const char *intent, List **statements)
{
	char	   *left;

	if (intent == NULL)
		return SMIG_RECOVERY_RETRY;
	*statements = query_strings("SELECT pg_catalog.format('DROP INDEX %I.%I', n.nspname, c.relname)"
								" FROM pg_catalog.pg_index i"
								" JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
								" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
								" WHERE $1::jsonb->'indexes' @> pg_catalog.to_jsonb(i.indexrelid)"
								" AND NOT i.indisvalid AND $2 IS NULL",
								intent, NULL);
	if (*statements != NIL)
		return SMIG_RECOVERY_DONE;
	left = query_string("SELECT 'left' FROM pg_catalog.pg_index i"
						" WHERE $1::jsonb->'indexes' @> pg_catalog.to_jsonb(i.indexrelid)"
						" AND $2 IS NULL",
						intent, NULL);
	return left ? SMIG_RECOVERY_RETRY : SMIG_RECOVERY_DONE;
}

/* ALTER TABLE ... DETACH PARTITION CONCURRENTLY, or FINALIZE */

static const PartitionCmd *
detach_command(const Node *stmt)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) stmt;
	const AlterTableCmd *cmd = linitial_node(AlterTableCmd, alter->cmds);

	if (cmd->subtype != AT_DetachPartition &&
		cmd->subtype != AT_DetachPartitionFinalize)
		return NULL;
	return (const PartitionCmd *) cmd->def;
}

static bool
is_detach(const Node *stmt)
{
	return detach_command(stmt) != NULL;
}

static char *
detach_intent(const Node *stmt)
{
	char	   *parent = relation_argument(((const AlterTableStmt *) stmt)->relation);
	char	   *partition = relation_argument(detach_command(stmt)->name);

	if (parent == NULL || partition == NULL)
		return NULL;
	return psprintf("{\"parent\": %s, \"partition\": %s}", parent, partition);
}

static SmigRecovery
detach_inspect(const Node *stmt, const char *intent, List **statements)
{
	char	   *attached;

	if (intent == NULL)
		return SMIG_RECOVERY_RETRY;
	*statements = query_strings("SELECT pg_catalog.format("
								"'ALTER TABLE %s DETACH PARTITION %s FINALIZE',"
								" h.inhparent::regclass, h.inhrelid::regclass)"
								" FROM pg_catalog.pg_inherits h"
								" WHERE h.inhparent = ($1::jsonb->>'parent')::oid"
								" AND h.inhrelid = ($1::jsonb->>'partition')::oid"
								" AND h.inhdetachpending AND $2 IS NULL",
								intent, NULL);
	if (*statements != NIL)
		return SMIG_RECOVERY_DONE;
	attached = query_string("SELECT 'attached' FROM pg_catalog.pg_inherits h"
							" WHERE h.inhparent = ($1::jsonb->>'parent')::oid"
							" AND h.inhrelid = ($1::jsonb->>'partition')::oid"
							" AND $2 IS NULL",
							intent, NULL);
	return attached ? SMIG_RECOVERY_RETRY : SMIG_RECOVERY_DONE;
}

/* CREATE and DROP of databases and tablespaces: there or not */

static bool
applies_always(const Node *stmt)
{
	return true;
}

static bool
database_exists(const Node *stmt)
{
	const char *name = IsA(stmt, CreatedbStmt) ?
		((const CreatedbStmt *) stmt)->dbname : ((const DropdbStmt *) stmt)->dbname;

	return OidIsValid(get_database_oid(name, true));
}

static bool
tablespace_exists(const Node *stmt)
{
	const char *name = IsA(stmt, CreateTableSpaceStmt) ?
		((const CreateTableSpaceStmt *) stmt)->tablespacename :
		((const DropTableSpaceStmt *) stmt)->tablespacename;

	return OidIsValid(get_tablespace_oid(name, true));
}

static char *
existence_intent(bool exists)
{
	return psprintf("{\"existed\": %s}", exists ? "true" : "false");
}

/* Done when what was not there before is there now, or the other way round. */
static SmigRecovery
existence_inspect(const char *intent, bool exists)
{
	bool		existed = intent && strstr(intent, "true") != NULL;

	return existed != exists ? SMIG_RECOVERY_DONE : SMIG_RECOVERY_RETRY;
}

static char *
database_intent(const Node *stmt)
{
	return existence_intent(database_exists(stmt));
}

static SmigRecovery
database_inspect(const Node *stmt, const char *intent, List **statements)
{
	return existence_inspect(intent, database_exists(stmt));
}

static char *
tablespace_intent(const Node *stmt)
{
	return existence_intent(tablespace_exists(stmt));
}

static SmigRecovery
tablespace_inspect(const Node *stmt, const char *intent, List **statements)
{
	return existence_inspect(intent, tablespace_exists(stmt));
}

/*
 * Statements without a rule here can simply be run again: VACUUM, CLUSTER,
 * ALTER SYSTEM and their like leave nothing half built.
 */
static const RecoveryRule rules[] = {
	{T_IndexStmt, is_concurrent_index, create_index_intent, create_index_inspect},
	{T_ReindexStmt, is_reindex, reindex_intent, reindex_inspect},
	{T_DropStmt, is_concurrent_drop, drop_index_intent, drop_index_inspect},
	{T_AlterTableStmt, is_detach, detach_intent, detach_inspect},
	{T_CreatedbStmt, applies_always, database_intent, database_inspect},
	{T_DropdbStmt, applies_always, database_intent, database_inspect},
	{T_CreateTableSpaceStmt, applies_always, tablespace_intent, tablespace_inspect},
	{T_DropTableSpaceStmt, applies_always, tablespace_intent, tablespace_inspect},
};

static const RecoveryRule *
rule_for(const SmigStatement *statement)
{
	const Node *stmt = statement->raw->stmt;

	for (int i = 0; i < lengthof(rules); i++)
		if (nodeTag(stmt) == rules[i].tag && rules[i].applies(stmt))
			return &rules[i];
	return NULL;
}

/*
 * Describes what is there before the statement runs, as jsonb text; NULL when
 * recovery needs to know nothing.  Needs a transaction.
 */
char *
smig_recover_intent(const SmigStatement *statement)
{
	const RecoveryRule *rule = rule_for(statement);
	char	   *intent;

	if (rule == NULL)
		return NULL;
	PushActiveSnapshot(GetTransactionSnapshot());
	intent = rule->intent(statement->raw->stmt);
	PopActiveSnapshot();
	return intent;
}

static void
limit_locks(int lock_limit)
{
	(void) set_config_option("lock_timeout", psprintf("%d", lock_limit),
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * Runs one statement of ours at top level, in a transaction of its own.
 *
 * lock_limit, limit: milliseconds for each lock and for the statement
 */
static void
run_own_statement(const char *text, int lock_limit, int limit)
{
	SmigScript *script = smig_script_parse(text, SMIG_TRANSACTION_REVISION,
										   "recovery");

	StartTransactionCommand();
	limit_locks(lock_limit);
	(void) set_config_option("statement_timeout", psprintf("%d", limit),
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	smig_execute_statement(script, linitial(script->statements),
						   "schemamig recovery", true);
	CommitTransactionCommand();
}

/*
 * Drops an index of a TOAST table that a REINDEX CONCURRENTLY has left.  The
 * owner of the table may do that, but cannot name the index for lack of rights
 * on the schema pg_toast, so it is done for him.  Tried until patience ends.
 */
static void
drop_toast_index(const char *text, int patience)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz begin = GetCurrentTimestamp();
	volatile bool done = false;

	while (!done)
	{
		PG_TRY();
		{
			SmigStoreScope scope;

			StartTransactionCommand();
			limit_locks(Min(patience, smig_lock_timeout));
			smig_store_begin(&scope);
			SPI_execute(text, false, 0);
			smig_store_end(&scope);
			CommitTransactionCommand();
			done = true;
		}
		PG_CATCH();
		{
			if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE ||
				GetCurrentTimestamp() - begin >= patience * INT64CONST(1000))
				PG_RE_THROW();
			HOLD_INTERRUPTS();
			disable_all_timeouts(false);
			AbortOutOfAnyTransaction();
			MemoryContextSwitchTo(context);
			FlushErrorState();
			RESUME_INTERRUPTS();
		}
		PG_END_TRY();
		MemoryContextSwitchTo(context);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Finishes or cleans up by "text".  A plain DROP INDEX is quick where nobody
 * is in the way; where somebody is, and there is time, DROP INDEX CONCURRENTLY
 * waits without blocking others.
 */
static void
run_cleanup(const char *text, int patience)
{
	MemoryContext context = CurrentMemoryContext;
	static const char drop[] = "DROP INDEX ";
	static const char drop_toast[] = "DROP INDEX pg_toast.";
	volatile bool again = false;

	if (strncmp(text, drop_toast, strlen(drop_toast)) == 0)
	{
		drop_toast_index(text, patience);
		return;
	}
	PG_TRY();
	{
		run_own_statement(text, Min(patience, smig_lock_timeout), patience);
	}
	PG_CATCH();
	{
		if (patience <= SMIG_RECOVER_HURRY ||
			geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE ||
			strncmp(text, drop, strlen(drop)) != 0)
			PG_RE_THROW();
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RESUME_INTERRUPTS();
		again = true;
	}
	PG_END_TRY();
	if (again)
		run_own_statement(psprintf("DROP INDEX CONCURRENTLY %s",
								   text + strlen(drop)), 0, patience);
	ereport(LOG,
			(errmsg("recovery of an interrupted statement: %s", text)));
}

/*
 * Compares the catalog with the intent of an interrupted statement, removes
 * what it left half built or finishes it.  Called outside a transaction, in a
 * memory context that outlives transactions.
 *
 * intent: as recorded before the statement ran, or NULL
 * patience: milliseconds the clean-up may take; SMIG_RECOVER_HURRY right
 *		after a cancel
 *
 * Errors: those of the clean-up statements.
 */
SmigRecovery
smig_recover_inspect(const SmigStatement *statement, const char *intent,
					 int patience)
{
	const RecoveryRule *rule = rule_for(statement);
	MemoryContext context = CurrentMemoryContext;
	List	   *statements = NIL;
	SmigRecovery outcome;
	ListCell   *lc;

	if (rule == NULL)
		return SMIG_RECOVERY_RETRY;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	PushActiveSnapshot(GetTransactionSnapshot());
	outcome = rule->inspect(statement->raw->stmt, intent, &statements);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);

	foreach(lc, statements)
		run_cleanup(lfirst(lc), patience);
	return outcome;
}

/*
 * CREATE INDEX IF NOT EXISTS takes an INVALID index of that name for success.
 * Drops such an index first, so that it is really built.
 *
 * toplevel: called outside a transaction, before a CONCURRENTLY statement;
 *		else inside the step's transaction
 *
 * Errors: 55006 when another session is building the index right now.
 */
void
smig_recover_make_way(const SmigStatement *statement, bool toplevel)
{
	const IndexStmt *index = (const IndexStmt *) statement->raw->stmt;
	char	   *relation;
	char	   *drop = NULL;
	char	   *builder = NULL;
	MemoryContext context = CurrentMemoryContext;

	if (!IsA(index, IndexStmt) || !index->if_not_exists || !index->idxname)
		return;
	if (toplevel)
	{
		StartTransactionCommand();
		MemoryContextSwitchTo(context);
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	relation = relation_argument(index->relation);
	if (relation)
	{
		drop = query_string("SELECT pg_catalog.format('DROP INDEX %I.%I', n.nspname, c.relname)"
							" FROM pg_catalog.pg_index i"
							" JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
							" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
							" JOIN pg_catalog.pg_class t ON t.oid = $1::oid"
							"  AND t.relnamespace = c.relnamespace"
							" WHERE c.relname = $2 AND c.relkind = 'i'"
							" AND NOT i.indisvalid",
							relation, index->idxname);
		builder = query_string("SELECT p.pid::text"
							   " FROM pg_catalog.pg_stat_progress_create_index p"
							   " JOIN pg_catalog.pg_class c ON c.oid = p.index_relid"
							   " WHERE p.relid = $1::oid AND c.relname = $2"
							   " AND p.datname = pg_catalog.current_database()",
							   relation, index->idxname);
	}
	PopActiveSnapshot();
	if (toplevel)
	{
		CommitTransactionCommand();
		MemoryContextSwitchTo(context);
	}
	if (builder)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("index \"%s\" is being built by process %s",
						index->idxname, builder),
				 errhint("Wait until it is done and call the function again.")));
	if (drop == NULL)
		return;
	ereport(NOTICE,
			(errmsg("index \"%s\" exists but is INVALID, dropping and building it again",
					index->idxname)));
	if (toplevel)
		run_cleanup(drop, smig_lock_wait);
	else
	{
		SmigScript *script = smig_script_parse(drop, SMIG_TRANSACTION_REVISION,
											   "recovery");

		smig_execute_statement(script, linitial(script->statements),
							   "schemamig recovery", false);
	}
}
