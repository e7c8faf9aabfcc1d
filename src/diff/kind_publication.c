/*-------------------------------------------------------------------------
 *
 * kind_publication.c
 *	  x
 *
 * IDENTIFICATION
 *	  src/diff/kind_publication.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

const SmigKind smig_kinds_publication[] = {{0}};
