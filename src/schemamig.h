/*-------------------------------------------------------------------------
 *
 * schemamig.h
 *	  What every module of schemamig shares: names and lock classes.
 *
 * IDENTIFICATION
 *	  src/schemamig.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SCHEMAMIG_H
#define SMIG_SCHEMAMIG_H

#include "compat.h"

/* Version of the SQL objects this library works with. */
#define SMIG_EXTENSION_NAME		"schemamig"
#define SMIG_EXTENSION_VERSION	"1.0"

/* Schema of tables and views; functions live in the extension's own schema. */
#define SMIG_SCHEMA				"schemamig"

/*
 * field4 of the advisory lock tags we take.  SQL users reach only 1 and 2, so
 * nobody can take or release these by hand; pg_locks shows them as advisory
 * locks with this objsubid.
 */
#define SMIG_LOCKCLASS_RUN		0x534D
#define SMIG_LOCKCLASS_BACKFILL	0x534E
#define SMIG_LOCKCLASS_SCRATCH	0x534F
#define SMIG_LOCKCLASS_STATE	0x5350

/* Directions of a run. */
typedef enum SmigDirection
{
	SMIG_APPLY,
	SMIG_REVERT
} SmigDirection;

extern const char *smig_direction_name(SmigDirection direction);

#endif							/* SMIG_SCHEMAMIG_H */
