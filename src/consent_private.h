/*-------------------------------------------------------------------------
 *
 * consent_private.h
 *	  What the files of the consent module share among themselves.
 *
 * IDENTIFICATION
 *	  src/consent_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_CONSENT_PRIVATE_H
#define SMIG_CONSENT_PRIVATE_H

#include "nodes/parsenodes.h"

/* consent_type.c */
extern bool smig_consent_type_change_loses(const RangeVar *relation,
										   const AlterTableCmd *command);

#endif							/* SMIG_CONSENT_PRIVATE_H */
