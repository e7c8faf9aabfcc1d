/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Records or refuses DDL from outside of runs.
 *
 * The guard is a set of event triggers, so its mode is in the catalog, survives
 * dump and restore, and costs nothing while it is off.  Whether a command
 * belongs to a run is known by this process alone (smig_lock_in_run), so nobody
 * can pretend to be one.
 *
 * IDENTIFICATION
 *	  src/guard.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/cmdtag.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "journal.h"
#include "lock.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(schemamig_guard);
PG_FUNCTION_INFO_V1(schemamig_guard_log);
PG_FUNCTION_INFO_V1(schemamig_guard_block);

/* The modes, and the function that the event triggers of each call. */
static const struct
{
	const char *name;
	const char *function;
}			modes[] =
{
	{"off", NULL},
	{"log", "schemamig_guard_log"},
	{"block", "schemamig_guard_block"}
};

/* The event triggers; not every mode has all. */
static const struct
{
	const char *name;
	const char *event;
	bool		only_block;
}			triggers[] =
{
	{"schemamig_guard_start", "ddl_command_start", true},
	{"schemamig_guard_end", "ddl_command_end", false},
	{"schemamig_guard_drop", "sql_drop", false}
};

/* Bytes of a statement kept in the log. */
#define MAX_STATEMENT 10000

/*
 * Objects of a command that the guard is about.  Those of extensions belong to
 * CREATE and ALTER EXTENSION, which are let through; temporary ones and our
 * own are nobody's business; REFRESH and REINDEX change no schema.
 */
#define IS_MANAGED \
	" AND coalesce(o.schema_name, '') !~" \
	"  '^(pg_temp|pg_toast|pg_catalog$|information_schema$|schemamig$)'" \
	" AND coalesce(o.object_identity, '') !~ ' on pg_temp'"

static const char *const commands_query =
"SELECT o.command_tag, o.object_type, o.object_identity"
" FROM pg_catalog.pg_event_trigger_ddl_commands() o"
" WHERE NOT o.in_extension"
" AND o.command_tag NOT IN ('CREATE EXTENSION', 'ALTER EXTENSION',"
"  'REFRESH MATERIALIZED VIEW', 'REINDEX')"
IS_MANAGED;

static const char *const dropped_query =
"SELECT $1, o.object_type, o.object_identity"
" FROM pg_catalog.pg_event_trigger_dropped_objects() o"
" WHERE o.original AND NOT o.is_temporary"
IS_MANAGED;

/* What a command does to one object. */
typedef struct Change
{
	char	   *tag;
	char	   *type;			/* or NULL */
	char	   *identity;		/* or NULL */
} Change;

/*
 * Whether commands of this moment are let through without a word.
 */
static bool
is_let_through(void)
{
	return smig_lock_in_run() || creating_extension || IsBinaryUpgrade;
}

/*
 * The changes (Change) of the command at hand.
 */
static List *
read_changes(EventTriggerData *data)
{
	bool		drop = strcmp(data->event, "sql_drop") == 0;
	const char *tag = GetCommandTagName(data->tag);
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		args[1] = {CStringGetTextDatum(tag)};
	List	   *changes = NIL;
	MemoryContext old;

	/* what ALTER drops is told at its end */
	if (drop && strncmp(tag, "DROP", 4) != 0)
		return NIL;
	smig_store_begin(&scope);
	if (drop)
		SPI_execute_with_args(dropped_query, 1, types, args, NULL, true, 0);
	else
		SPI_execute(commands_query, true, 0);
	old = MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Change	   *change = palloc(sizeof(Change));
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		change->tag = SPI_getvalue(tuple, desc, 1);
		change->type = SPI_getvalue(tuple, desc, 2);
		change->identity = SPI_getvalue(tuple, desc, 3);
		changes = lappend(changes, change);
	}
	MemoryContextSwitchTo(old);
	smig_store_end(&scope);
	return changes;
}

static char *
change_text(const Change *change)
{
	if (change->identity == NULL)
		return pstrdup(change->tag);
	return psprintf("%s: %s %s", change->tag, change->type, change->identity);
}

/*
 * Writes a change to the log, with the statement that the client sent.
 */
static void
log_change(const Change *change)
{
	SmigLogEntry entry = smig_log_nothing;
	char	   *statement = pstrdup(debug_query_string ? debug_query_string :
									"");
	int			length = strlen(statement);

	if (length > MAX_STATEMENT)
		statement[pg_mbcliplen(statement, length, MAX_STATEMENT)] = '\0';
	entry.role = GetUserNameFromId(GetSessionUserId(), false);
	entry.event = "ddl";
	entry.message = change_text(change);
	entry.detail = statement;
	smig_journal_log(&entry);
}

SMIG_NORETURN static void refuse(const char *what);

static void
refuse(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the schema is changed by migrations only: %s", what),
			 errhint("Write a revision with schemamig_revision() and apply it. A superuser may SET schemamig.guard_pass = on, which is logged.")));
}

/*
 * The relation that a command will work on for long, or commit on, before its
 * end is reached; NULL for the others.
 */
static RangeVar *
early_target(const Node *stmt)
{
	if (IsA(stmt, AlterTableStmt))
		return ((const AlterTableStmt *) stmt)->relation;
	if (IsA(stmt, IndexStmt))
		return ((const IndexStmt *) stmt)->relation;
	if (IsA(stmt, DropStmt) && ((const DropStmt *) stmt)->concurrent)
		return makeRangeVarFromNameList(linitial(((const DropStmt *) stmt)->objects));
	return NULL;
}

/*
 * Refuses at its start what has done its work, or has even committed it, when
 * its end is reached.
 */
static void
check_start(EventTriggerData *data)
{
	RangeVar   *target = early_target(data->parsetree);
	Oid			relation;
	Oid			schema;

	if (target == NULL || smig_guard_pass)
		return;
	relation = RangeVarGetRelid(target, NoLock, true);
	if (!OidIsValid(relation))
		return;					/* the command will say so */
	schema = get_rel_namespace(relation);
	if (isAnyTempNamespace(schema) || IsCatalogNamespace(schema) ||
		schema == get_namespace_oid(SMIG_SCHEMA, true))
		return;
	refuse(psprintf("%s: %s", GetCommandTagName(data->tag),
					quote_qualified_identifier(get_namespace_name(schema),
											   get_rel_name(relation))));
}

/*
 * What the event triggers of both modes do.
 */
static Datum
watch(FunctionCallInfo fcinfo, bool block)
{
	EventTriggerData *data;
	ListCell   *lc;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function can only be called by the guard's event triggers"),
				 errhint("Set the guard with SELECT schemamig_guard('log').")));
	data = (EventTriggerData *) fcinfo->context;
	if (is_let_through())
		PG_RETURN_NULL();
	if (strcmp(data->event, "ddl_command_start") == 0)
	{
		check_start(data);
		PG_RETURN_NULL();
	}
	foreach(lc, read_changes(data))
	{
		Change	   *change = lfirst(lc);

		if (block && !smig_guard_pass)
			refuse(change_text(change));
		log_change(change);
	}
	PG_RETURN_NULL();
}

/*
 * Event trigger of the mode "log".
 */
Datum
schemamig_guard_log(PG_FUNCTION_ARGS)
{
	return watch(fcinfo, false);
}

/*
 * Event trigger of the mode "block".
 */
Datum
schemamig_guard_block(PG_FUNCTION_ARGS)
{
	return watch(fcinfo, true);
}

static void
run_command(const char *command)
{
	if (SPI_execute(command, false, 0) < 0)
		elog(ERROR, "could not execute: %s", command);
}

/*
 * Lets DROP EXTENSION take the event trigger along.
 */
static void
depend_on_extension(const char *trigger)
{
	ObjectAddress object;
	ObjectAddress extension;

	ObjectAddressSet(object, EventTriggerRelationId,
					 get_event_trigger_oid(trigger, false));
	ObjectAddressSet(extension, ExtensionRelationId,
					 get_extension_oid(SMIG_EXTENSION_NAME, false));
	recordDependencyOn(&object, &extension, DEPENDENCY_AUTO_EXTENSION);
}

/*
 * Makes the event triggers those of a mode.
 *
 * schema: of the extension's functions
 */
static void
set_mode(int mode, const char *schema)
{
	SmigLogEntry entry = smig_log_nothing;

	SPI_connect();
	for (int i = 0; i < lengthof(triggers); i++)
	{
		if (OidIsValid(get_event_trigger_oid(triggers[i].name, true)))
			run_command(psprintf("DROP EVENT TRIGGER %s", triggers[i].name));
		if (modes[mode].function == NULL ||
			(triggers[i].only_block && strcmp(modes[mode].name, "block") != 0))
			continue;
		run_command(psprintf("CREATE EVENT TRIGGER %s ON %s EXECUTE FUNCTION %s()",
							 triggers[i].name, triggers[i].event,
							 quote_qualified_identifier(schema,
														modes[mode].function)));
		CommandCounterIncrement();
		depend_on_extension(triggers[i].name);
	}
	SPI_finish();
	entry.role = GetUserNameFromId(GetSessionUserId(), false);
	entry.event = "guard";
	entry.message = modes[mode].name;
	smig_journal_log(&entry);
}

/*
 * The mode in force: that of the function which the triggers call.
 */
static const char *
present_mode(void)
{
	SmigStoreScope scope;
	const char *mode = modes[0].name;

	smig_store_begin(&scope);
	SPI_execute("SELECT p.proname FROM pg_catalog.pg_event_trigger t"
				" JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid"
				" WHERE t.evtname = 'schemamig_guard_end'"
				" AND t.evtenabled <> 'D'", true, 1);
	for (int i = 1; i < lengthof(modes) && SPI_processed > 0; i++)
	{
		if (strcmp(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								1), modes[i].function) == 0)
			mode = modes[i].name;
	}
	smig_store_end(&scope);
	return mode;
}

/*
 * schemamig_guard(mode): sets the guard; NULL leaves it.  Returns the mode.
 *
 * Errors: 22023 for an unknown mode; 42501 for who is no superuser, as event
 * triggers are theirs; 55006 in a script.
 */
Datum
schemamig_guard(PG_FUNCTION_ARGS)
{
	char	   *name;
	int			mode = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text(present_mode()));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	while (mode < lengthof(modes) && strcmp(modes[mode].name, name) != 0)
		mode++;
	if (mode == lengthof(modes))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"mode\": \"%s\"", name),
				 errhint("Available values: off, log, block.")));
	smig_lock_refuse_in_run("set the guard");
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to set the guard")));
	set_mode(mode, get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
	PG_RETURN_TEXT_P(cstring_to_text(present_mode()));
}
