/*-------------------------------------------------------------------------
 *
 * text_array.h
 *	  Lists of strings as text[], and the reverse.
 *
 * IDENTIFICATION
 *	  src/text_array.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_TEXT_ARRAY_H
#define SMIG_TEXT_ARRAY_H

#include "nodes/pg_list.h"

extern Datum smig_text_array(List *strings);
extern List *smig_text_array_list(Datum array);

#endif							/* SMIG_TEXT_ARRAY_H */
