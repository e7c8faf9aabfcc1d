/*-------------------------------------------------------------------------
 *
 * adopt.h
 *	  What the tables of other tools say is done.
 *
 * IDENTIFICATION
 *	  src/adopt.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_ADOPT_H
#define SMIG_ADOPT_H

#include "nodes/pg_list.h"

/* What a tool says of a migration. */
typedef enum AdoptState
{
	ADOPT_APPLIED,
	ADOPT_HEAD,					/* applied, and all that it needs */
	ADOPT_BASELINE,				/* so is everything up to this version */
	ADOPT_REVERTED,
	ADOPT_FAILED,
	ADOPT_DIRTY					/* failed, but all that it needs is applied */
} AdoptState;

/* A migration in a tool's table; the last word about it. */
typedef struct AdoptRow
{
	char	   *version;		/* NULL: it has none, see name */
	AdoptState	state;
	char	   *checksum;		/* or NULL */
	char	   *name;			/* another name of it, or NULL */
} AdoptRow;

/* The table that a tool keeps. */
typedef struct AdoptTable
{
	const char *tool;			/* as in schemamig.origin */
	char	   *table;			/* quoted and qualified */
} AdoptTable;

extern AdoptTable *smig_adopt_find(const char *tool);
extern List *smig_adopt_read(const AdoptTable *table);

#endif							/* SMIG_ADOPT_H */
