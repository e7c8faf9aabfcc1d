/*-------------------------------------------------------------------------
 *
 * filter_rule.c
 *	  schemamig_filter and schemamig_filters: the rules in their table.
 *
 * IDENTIFICATION
 *	  src/model/filter_rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "diff/kind.h"
#include "journal.h"
#include "lock.h"
#include "model/filter.h"
#include "result.h"

PG_FUNCTION_INFO_V1(schemamig_filter);
PG_FUNCTION_INFO_V1(schemamig_filters);

/* Longest pattern (bytes): three names, all quoted. */
#define MAX_PATTERN (SMIG_PATTERN_PARTS * 2 * NAMEDATALEN)

/* What matches all. */
#define ALL "*"

enum
{
	FILTER_ACTION,
	FILTER_PATTERN,
	FILTER_KIND,
	FILTER_OBJECTS,
	FILTER_CREATED_AT,
	FILTER_CREATED_BY,
	FILTER_COLUMNS
};

static SmigFilterRule *
read_rule(HeapTuple tuple, TupleDesc descriptor)
{
	SmigFilterRule *rule = palloc0(sizeof(SmigFilterRule));
	Datum		values[5];
	bool		nulls[5];

	heap_deform_tuple(tuple, descriptor, values, nulls);
	rule->include = strcmp(TextDatumGetCString(values[0]), "include") == 0;
	rule->text = TextDatumGetCString(values[1]);
	smig_pattern_parse(&rule->pattern, rule->text);
	rule->kind = smig_kind_find(TextDatumGetCString(values[2]));
	rule->created_at = DatumGetTimestampTz(values[3]);
	rule->created_by = TextDatumGetCString(values[4]);
	return rule;
}

/*
 * All rules, as a list of SmigFilterRule *, sorted by kind and pattern.
 */
List *
smig_filter_rules(void)
{
	SmigStoreScope scope;
	List	   *rules = NIL;

	smig_store_begin(&scope);
	SPI_execute("SELECT action, pattern, kind, created_at, created_by"
				" FROM schemamig.filter ORDER BY kind, pattern", true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
		rules = lappend(rules, read_rule(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc));
	smig_store_end(&scope);
	return rules;
}

/*
 * Refuses a kind that there is none of.
 */
static void
check_kind(const char *name)
{
	StringInfoData names;

	if (smig_kind_find(name))
		return;
	initStringInfo(&names);
	for (int i = 0; i < smig_kind_count(); i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "",
						 smig_kind_nth(i)->name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"kind\": \"%s\"", name),
			 errhint("Available values: %s.", names.data)));
}

/*
 * Changes the table; whether there was anything to do.
 */
static bool
write_rule(const char *action, const char *pattern, const char *kind)
{
	SmigStoreScope scope;
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		args[4];
	bool		done;

	args[0] = CStringGetTextDatum(pattern);
	args[1] = CStringGetTextDatum(kind ? kind : "");
	args[2] = CStringGetTextDatum(action);
	args[3] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	smig_store_begin(&scope);
	if (strcmp(action, "remove") == 0)
		SPI_execute_with_args("DELETE FROM schemamig.filter"
							  " WHERE pattern = $1 AND kind = $2",
							  2, types, args, NULL, false, 0);
	else
		SPI_execute_with_args("INSERT INTO schemamig.filter"
							  " (pattern, kind, action, created_by)"
							  " VALUES ($1, $2, $3, $4)"
							  " ON CONFLICT (pattern, kind) DO UPDATE"
							  " SET action = $3, created_by = $4,"
							  " created_at = pg_catalog.clock_timestamp()",
							  4, types, args, NULL, false, 0);
	done = SPI_processed > 0;
	smig_store_end(&scope);
	return done;
}

static void
log_rule(const char *action, const char *pattern, const char *kind)
{
	SmigLogEntry entry = smig_log_nothing;

	entry.event = "filter";
	entry.message = psprintf("%s %s%s%s", action, kind ? kind : "",
							 kind ? " " : "", pattern);
	smig_journal_log(&entry);
}

static bool
is_action(const char *action)
{
	return strcmp(action, "exclude") == 0 || strcmp(action, "include") == 0 ||
		strcmp(action, "remove") == 0;
}

/*
 * schemamig_filter(action, pattern, kind): see install/54_filter.sql.
 */
Datum
schemamig_filter(PG_FUNCTION_ARGS)
{
	char	   *action = smig_result_argument(fcinfo, 0, "action");
	char	   *pattern = PG_ARGISNULL(1) ? ALL :
		text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *kind = PG_ARGISNULL(2) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(2));
	SmigPattern parsed;

	PreventCommandIfReadOnly("schemamig_filter()");
	PreventCommandDuringRecovery("schemamig_filter()");
	smig_lock_refuse_in_run("change what is compared");
	if (!is_action(action))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"action\": \"%s\"",
						action),
				 errhint("Available values: exclude, include, remove.")));
	if (kind == NULL && PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("one of the arguments \"pattern\" and \"kind\" must be given"),
				 errhint("For all that is in schemas, write '*'.")));
	if (strlen(pattern) > MAX_PATTERN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("pattern must not have more than %d bytes",
						MAX_PATTERN)));
	smig_pattern_parse(&parsed, pattern);
	if (kind)
		check_kind(kind);
	if (!write_rule(action, pattern, kind))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no rule with pattern \"%s\" for %s%s",
						pattern, kind ? "kind " : "what stands alone in a schema",
						kind ? kind : ""),
				 errhint("SELECT * FROM schemamig_filters() lists the rules.")));
	log_rule(action, pattern, kind);
	PG_RETURN_VOID();
}

/*
 * How many objects a rule matches by itself.
 */
static int64
count_matches(const SmigSnapshot *snapshot, const SmigFilterRule *rule)
{
	int64		n = 0;

	for (int i = 0; i < snapshot->nobjects; i++)
		if (smig_filter_matches(rule, snapshot->objects[i], snapshot->whole))
			n++;
	return n;
}

/*
 * schemamig_filters(): see install/54_filter.sql.
 */
Datum
schemamig_filters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *rules;
	SmigSnapshot *live;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	rules = smig_filter_rules();
	if (rules == NIL)
		return (Datum) 0;
	live = smig_snapshot_read(NIL);
	foreach(lc, rules)
	{
		const SmigFilterRule *rule = lfirst(lc);
		Datum		values[FILTER_COLUMNS];
		bool		nulls[FILTER_COLUMNS] = {false};

		CHECK_FOR_INTERRUPTS();
		values[FILTER_ACTION] =
			CStringGetTextDatum(rule->include ? "include" : "exclude");
		values[FILTER_PATTERN] = CStringGetTextDatum(rule->text);
		nulls[FILTER_KIND] = rule->kind == NULL;
		values[FILTER_KIND] = rule->kind ?
			CStringGetTextDatum(rule->kind->name) : (Datum) 0;
		values[FILTER_OBJECTS] = Int64GetDatum(count_matches(live, rule));
		values[FILTER_CREATED_AT] = TimestampTzGetDatum(rule->created_at);
		values[FILTER_CREATED_BY] = CStringGetTextDatum(rule->created_by);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
