/*-------------------------------------------------------------------------
 *
 * kind_textsearch.c
 *	  x
 *
 * IDENTIFICATION
 *	  src/diff/kind_textsearch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

const SmigKind smig_kinds_textsearch[] = {{0}};
