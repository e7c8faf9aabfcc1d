/*-------------------------------------------------------------------------
 *
 * options.c
 *	  The arguments of schemamig_backfill: from a call, from a script, and on
 *	  their way to a worker.
 *
 * A worker gets them as jsonb text.  The step of a script is not executed as a
 * query: its call is analysed, its arguments must be constants, and the engine
 * does the rest outside of any transaction.
 *
 * IDENTIFICATION
 *	  src/backfill/options.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "backfill/backfill.h"
#include "settings.h"

/* Arguments of schemamig_backfill, in order. */
enum
{
	ARG_STATEMENT,
	ARG_BATCH_SIZE,
	ARG_WORKERS,
	ARG_KEY,
	ARG_ON_ERROR,
	ARG_VERIFY,
	ARG_NAME,
	NARGS
};

/* One argument as it came. */
typedef struct Argument
{
	bool		isnull;
	Datum		value;
} Argument;

static List *
strings_of_array(Datum array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	List	   *result = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			result = lappend(result, TextDatumGetCString(elements[i]));
	return result;
}

static int
positive(const Argument *argument, const char *name, int fallback)
{
	int			value;

	if (argument->isnull)
		return fallback;
	value = DatumGetInt32(argument->value);
	if (value < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be at least 1", name)));
	return value;
}

/*
 * Checks the arguments and makes options of them, in the current context.
 *
 * Errors: 22004 and 22023.
 */
static SmigBackfillOptions *
make_options(const Argument *args)
{
	SmigBackfillOptions *options = palloc0(sizeof(SmigBackfillOptions));
	char	   *on_error;

	if (args[ARG_STATEMENT].isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "statement")));
	options->statement = TextDatumGetCString(args[ARG_STATEMENT].value);
	options->batch_size = positive(&args[ARG_BATCH_SIZE], "batch_size", 0);
	options->workers = positive(&args[ARG_WORKERS], "workers",
								smig_default_workers);
	if (options->workers > 64)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be at most 64", "workers")));
	if (!args[ARG_KEY].isnull)
		options->key = strings_of_array(args[ARG_KEY].value);
	on_error = args[ARG_ON_ERROR].isnull ? "stop" :
		TextDatumGetCString(args[ARG_ON_ERROR].value);
	if (strcmp(on_error, "stop") != 0 && strcmp(on_error, "skip") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"on_error\": \"%s\"",
						on_error),
				 errhint("Available values: stop, skip.")));
	options->skip = strcmp(on_error, "skip") == 0;
	if (!args[ARG_VERIFY].isnull)
		options->verify = TextDatumGetCString(args[ARG_VERIFY].value);
	if (!args[ARG_NAME].isnull)
		options->name = TextDatumGetCString(args[ARG_NAME].value);
	return options;
}

/*
 * Sees whether the statement is fit for batches.  The caller must not hold the
 * locks that analysis takes while it waits for the run, so they go with a
 * subtransaction.
 */
static void
analyse_without_locks(const SmigBackfillOptions *options)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		smig_backfill_check_rights(smig_backfill_analyse(options->statement,
														 options->key,
														 InvalidOid));
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		ReThrowError(edata);
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/*
 * The arguments of the call as jsonb text, after they were checked and the
 * statement was found fit for batches.  Needs a transaction.
 */
char *
smig_backfill_options_json(FunctionCallInfo fcinfo)
{
	static const Oid types[NARGS] = {
		TEXTOID, INT4OID, INT4OID, TEXTARRAYOID, TEXTOID, TEXTOID, TEXTOID
	};
	Argument	args[NARGS];
	Datum		values[NARGS];
	char		nulls[NARGS];
	Oid			types_copy[NARGS];
	SmigBackfillOptions *options;
	SmigStoreScope scope;
	char	   *result;

	for (int i = 0; i < NARGS; i++)
	{
		args[i].isnull = PG_ARGISNULL(i);
		args[i].value = args[i].isnull ? (Datum) 0 : PG_GETARG_DATUM(i);
		values[i] = args[i].value;
		nulls[i] = args[i].isnull ? 'n' : ' ';
		types_copy[i] = types[i];
	}
	options = make_options(args);
	analyse_without_locks(options);

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT pg_catalog.jsonb_build_object("
						  "'statement', $1, 'batch_size', $2, 'workers', $3,"
						  " 'key', $4, 'on_error', $5, 'verify', $6, 'name', $7)"
						  "::text",
						  NARGS, types_copy, values, nulls, true, 1);
	result = MemoryContextStrdup(scope.caller_context,
								 SPI_getvalue(SPI_tuptable->vals[0],
											  SPI_tuptable->tupdesc, 1));
	smig_store_end(&scope);
	return result;
}

/*
 * Options from what smig_backfill_options_json made.  Needs a transaction;
 * result in the current context.
 */
SmigBackfillOptions *
smig_backfill_options_from_json(const char *json)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(json)};
	Argument	args[NARGS];
	SmigBackfillOptions *options;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT j.statement, j.batch_size, j.workers, j.key,"
						  " j.on_error, j.verify, j.name, j.search_path"
						  " FROM pg_catalog.jsonb_to_record($1::jsonb)"
						  " AS j(statement text, batch_size int, workers int,"
						  " key text[], on_error text, verify text, name text,"
						  " search_path text)",
						  1, types, values, NULL, true, 1);
	for (int i = 0; i < NARGS; i++)
		args[i].value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, i + 1,
									  &args[i].isnull);
	MemoryContextSwitchTo(scope.caller_context);
	options = make_options(args);
	options->search_path = SPI_getvalue(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, NARGS + 1);
	if (options->search_path)
		options->search_path = pstrdup(options->search_path);
	smig_store_end(&scope);
	return options;
}

/*
 * The call that a step consists of, with its arguments as constants where
 * they are.
 */
static FuncExpr *
call_of_step(const RawStmt *raw, const char *text)
{
	RawStmt    *copy = (RawStmt *) copyObjectImpl(raw);
	Query	   *query = parse_analyze_fixedparams(copy, text, NULL, 0, NULL);
	TargetEntry *target = linitial_node(TargetEntry, query->targetList);
	FuncExpr   *call = (FuncExpr *) eval_const_expressions(NULL,
														   (Node *) target->expr);
	ListCell   *lc;

	if (!IsA(call, FuncExpr))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the step is no call of schemamig_backfill()")));
	foreach(lc, call->args)
		if (!IsA(lfirst(lc), Const))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the arguments of schemamig_backfill() in a script must be constants")));
	return call;
}

/*
 * The name that a step SELECT schemamig_backfill_finish(name) waits for; NULL
 * when the step is a backfill itself.  Needs a transaction.
 */
char *
smig_backfill_awaited(const RawStmt *raw, const char *source)
{
	FuncExpr   *call;
	Const	   *name;
	char	   *result = NULL;

	PushActiveSnapshot(GetTransactionSnapshot());
	call = call_of_step(raw, source);
	if (list_length(call->args) == 1)
	{
		name = linitial_node(Const, call->args);
		result = name->constisnull ? pstrdup("") :
			TextDatumGetCString(name->constvalue);
	}
	PopActiveSnapshot();
	return result;
}

/*
 * Options of a script's step, SELECT schemamig_backfill(...).  Needs a
 * transaction; result in the current context.
 *
 * name: by which the step's backfill is resumed, where the call gives none
 *
 * Errors: 0A000 when an argument is no constant.
 */
SmigBackfillOptions *
smig_backfill_options_of_step(const RawStmt *raw, const char *text,
							  const char *name)
{
	FuncExpr   *call;
	Argument	args[NARGS];
	SmigBackfillOptions *options;
	int			n = 0;
	ListCell   *lc;

	PushActiveSnapshot(GetTransactionSnapshot());
	call = call_of_step(raw, text);
	if (list_length(call->args) != NARGS)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the step is no call of schemamig_backfill()")));
	foreach(lc, call->args)
	{
		const Const *argument = lfirst_node(Const, lc);

		args[n].isnull = argument->constisnull;
		args[n++].value = argument->constvalue;
	}
	options = make_options(args);
	if (options->name == NULL)
		options->name = pstrdup(name);
	PopActiveSnapshot();
	return options;
}
