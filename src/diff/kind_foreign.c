/*-------------------------------------------------------------------------
 *
 * kind_foreign.c
 *	  x
 *
 * IDENTIFICATION
 *	  src/diff/kind_foreign.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

const SmigKind smig_kinds_foreign[] = {{0}};
