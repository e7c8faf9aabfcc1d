/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Queries on a backfill's records.
 *
 * IDENTIFICATION
 *	  src/backfill/query.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_QUERY_H
#define SMIG_QUERY_H

#include "backfill/backfill.h"

/* Arguments of one query. */
typedef struct SmigArguments
{
	int			n;
	Oid			types[24];
	Datum		values[24];
	char		nulls[24];
} SmigArguments;

extern void smig_query_add(SmigArguments *args, Oid type, Datum value,
						   bool isnull);
extern void smig_query_add_int64(SmigArguments *args, int64 value);
extern void smig_query_add_text(SmigArguments *args, const char *value);
extern void smig_query_add_place(SmigArguments *args, SmigPlace place);
extern uint64 smig_query_execute_in(SmigStoreScope *scope, const char *query,
									SmigArguments *args);
extern void smig_query_execute_found(SmigStoreScope *scope, const char *query,
									 SmigArguments *args);
extern void smig_query_execute(const char *query, SmigArguments *args);
extern char *smig_query_get_string(int column);
extern int64 smig_query_get_int64(int column);
extern bool smig_query_get_bool(int column);
extern List *smig_query_get_strings(int column);
extern double smig_query_get_float8(int column, double absent);

#endif							/* SMIG_QUERY_H */
