/*-------------------------------------------------------------------------
 *
 * query.c
 *	  Queries on a backfill's records.
 *
 * Arguments and results of the queries in ledger.c, claim.c and bad_row.c, which
 * run as the tables' owner with plans that are kept.
 *
 * IDENTIFICATION
 *	  src/backfill/query.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "backfill/query.h"
#include "text_array.h"

/* Queries of a process, at the most. */
#define MAX_PLANS 48

/*
 * Adds an argument of any type.
 */
void
smig_query_add(SmigArguments *args, Oid type, Datum value, bool isnull)
{
	args->types[args->n] = type;
	args->values[args->n] = value;
	args->nulls[args->n++] = isnull ? 'n' : ' ';
}

/*
 * Adds a bigint.
 */
void
smig_query_add_int64(SmigArguments *args, int64 value)
{
	smig_query_add(args, INT8OID, Int64GetDatum(value), false);
}

/*
 * Adds a text, or NULL.
 */
void
smig_query_add_text(SmigArguments *args, const char *value)
{
	smig_query_add(args, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0,
				   value == NULL);
}

/*
 * Whether two places are the same.
 */
bool
smig_place_equal(SmigPlace a, SmigPlace b)
{
	ListCell   *la;
	ListCell   *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
		if (strcmp(lfirst(la), lfirst(lb)) != 0)
			return false;
	return true;
}

/* A place; none is NULL. */
void
smig_query_add_place(SmigArguments *args, SmigPlace place)
{
	smig_query_add(args, TEXTARRAYOID, place ? smig_text_array(place) : (Datum) 0,
				   place == NIL);
}

/*
 * The plan of a query, which is a constant of this file: kept for the life of
 * the process, because every batch needs the same few.
 */
static SPIPlanPtr
kept_plan(const char *query, SmigArguments *args)
{
	static struct
	{
		const char *query;
		SPIPlanPtr	plan;
	}			kept[MAX_PLANS];
	int			i = 0;

	while (i < MAX_PLANS && kept[i].query && kept[i].query != query)
		i++;
	if (i == MAX_PLANS)
		elog(ERROR, "too many queries about backfills");
	if (kept[i].query == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(query, args->n, args->types);

		SPI_keepplan(plan);
		kept[i].plan = plan;
		kept[i].query = query;
	}
	return kept[i].plan;
}

/*
 * Runs a query, a string constant, in the scope; the tuple table is valid until
 * the scope ends.
 */
uint64
smig_query_execute_in(SmigStoreScope *scope, const char *query, SmigArguments *args)
{
	smig_store_begin(scope);
	SPI_execute_plan(kept_plan(query, args), args->values, args->nulls, false,
					 0);
	return SPI_processed;
}

/*
 * As smig_query_execute_in, for a query that finds the backfill's own row.
 *
 * Errors: 42704 when somebody has deleted it.
 */
void
smig_query_execute_found(SmigStoreScope *scope, const char *query,
						 SmigArguments *args)
{
	if (smig_query_execute_in(scope, query, args) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the record of the backfill in schemamig.backfill has been deleted")));
}

/*
 * Runs a query, a string constant, whose result nobody needs.
 */
void
smig_query_execute(const char *query, SmigArguments *args)
{
	SmigStoreScope scope;

	(void) smig_query_execute_in(&scope, query, args);
	smig_store_end(&scope);
}

/* Column of the first row as a string in the current context, or NULL. */
char *
smig_query_get_string(int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
									 SPI_tuptable->tupdesc, column);

	return value;
}

/*
 * Column of the first row as bigint; 0 for NULL.
 */
int64
smig_query_get_int64(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/*
 * Column of the first row as boolean; false for NULL.
 */
bool
smig_query_get_bool(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

/*
 * Column of the first row, a text array, as strings; NIL for NULL.
 */
List *
smig_query_get_strings(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? NIL : smig_text_array_list(value);
}

/*
 * Column of the first row as double precision; "absent" for NULL.
 */
double
smig_query_get_float8(int column, double absent)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? absent : DatumGetFloat8(value);
}
