/*-------------------------------------------------------------------------
 *
 * kind_misc.c
 *	  x
 *
 * IDENTIFICATION
 *	  src/diff/kind_misc.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

const SmigKind smig_kinds_misc[] = {{0}};
