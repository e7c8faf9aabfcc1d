/*-------------------------------------------------------------------------
 *
 * changes.h
 *	  The rows of a diff as scripts.
 *
 * IDENTIFICATION
 *	  src/changes.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_CHANGES_H
#define SMIG_CHANGES_H

#include "model/snapshot.h"

/* A row of schemamig_diff. */
typedef struct SmigDiffRow
{
	char	   *kind;
	char	   *object;
	char	   *action;
	char	   *up;				/* NULL: nothing */
	char	   *down;
	bool		transactional;
	List	   *hazards;		/* of char *: "rule: message" */
	bool		irreversible;	/* a hazard says so */
} SmigDiffRow;

extern List *smig_changes_between(SmigSnapshot *from, SmigSnapshot *to);
extern List *smig_changes_writable(List *changes);
extern char *smig_changes_up(List *changes, bool idempotent);
extern char *smig_changes_down(List *changes);
extern char *smig_changes_objects(List *changes);

/* idempotent.c */
extern char *smig_idempotent(const char *statements);

#endif							/* SMIG_CHANGES_H */
