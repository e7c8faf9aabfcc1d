/*-------------------------------------------------------------------------
 *
 * result.c
 *	  Arguments and rows of the functions that look at things.
 *
 * IDENTIFICATION
 *	  src/result.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "graph.h"
#include "result.h"
#include "text_array.h"

/*
 * A text argument that must not be NULL.
 *
 * n: place of the argument, from 0; name: as the SQL interface spells it
 *
 * Errors: 22004.
 */
char *
smig_result_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/*
 * A text[] argument as a list of C strings; NIL for NULL.
 *
 * n: place of the argument, from 0; name: as the SQL interface spells it
 *
 * Errors: 2202E, 22004.
 */
List *
smig_result_list(FunctionCallInfo fcinfo, int n, const char *name)
{
	List	   *result = NIL;
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(n))
		return NIL;
	array = PG_GETARG_ARRAYTYPE_P(n);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument \"%s\" must have one dimension", name),
				 errhint("Write it like '{a,b}'.")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls", name),
					 errhint("Write it like '{a,b}'.")));
		result = lappend(result, TextDatumGetCString(elements[i]));
	}
	return result;
}

/*
 * Ids of nodes (SmigNode) as a text[].
 */
Datum
smig_result_ids(List *nodes)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, nodes)
		names = lappend(names, ((SmigNode *) lfirst(lc))->id);
	return smig_text_array(names);
}

/*
 * Appends the rows that SPI has just read to the result of a set returning
 * function, which must have the same columns.
 */
void
smig_result_copy_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			natts = result->setDesc->natts;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);

	if (SPI_tuptable->tupdesc->natts != natts)
		elog(ERROR, "query has %d columns instead of %d",
			 SPI_tuptable->tupdesc->natts, natts);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						  values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}
