/*-------------------------------------------------------------------------
 *
 * wanted.h
 *	  Which relations a statement will lock strongly.
 *
 * IDENTIFICATION
 *	  src/wanted.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_WANTED_H
#define SMIG_WANTED_H

#include "script.h"

extern List *smig_wanted_locks(List *statements);

#endif							/* SMIG_WANTED_H */
