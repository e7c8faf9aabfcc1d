/*-------------------------------------------------------------------------
 *
 * consent.h
 *	  What a script would destroy, so that the caller can be asked first.
 *
 * IDENTIFICATION
 *	  src/consent.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_CONSENT_H
#define SMIG_CONSENT_H

#include "script.h"

/* One thing that a statement would lose. */
typedef struct SmigLoss
{
	const SmigStatement *statement;
	const char *action;			/* "DROP COLUMN", "TRUNCATE", ... */
	const char *object;			/* quoted name of what would be lost */
} SmigLoss;

extern List *smig_consent_losses(const SmigScript *script);

#endif							/* SMIG_CONSENT_H */
