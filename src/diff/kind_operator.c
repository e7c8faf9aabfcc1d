/*-------------------------------------------------------------------------
 *
 * kind_operator.c
 *	  x
 *
 * IDENTIFICATION
 *	  src/diff/kind_operator.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

const SmigKind smig_kinds_operator[] = {{0}};
