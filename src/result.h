/*-------------------------------------------------------------------------
 *
 * result.h
 *	  Arguments and rows of the functions that look at things.
 *
 * IDENTIFICATION
 *	  src/result.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_RESULT_H
#define SMIG_RESULT_H

#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/pg_list.h"

extern char *smig_result_argument(FunctionCallInfo fcinfo, int n,
								  const char *name);
extern List *smig_result_list(FunctionCallInfo fcinfo, int n,
							  const char *name);
extern Datum smig_result_ids(List *nodes);
extern void smig_result_copy_rows(FunctionCallInfo fcinfo);

#endif							/* SMIG_RESULT_H */
