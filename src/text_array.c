/*-------------------------------------------------------------------------
 *
 * text_array.c
 *	  Lists of strings as text[], and the reverse.
 *
 * IDENTIFICATION
 *	  src/text_array.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "text_array.h"

/*
 * Strings (char *) as a text[]; no strings are an empty array.
 */
Datum
smig_text_array(List *strings)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, strings)
		elements[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/*
 * Elements of a text[] as C strings in the current context.
 *
 * Errors: 22004 when one is null.
 */
List *
smig_text_array_list(Datum array)
{
	List	   *result = NIL;
	Datum	   *elements;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		result = lappend(result, TextDatumGetCString(elements[i]));
	return result;
}
