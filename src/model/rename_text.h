/*-------------------------------------------------------------------------
 *
 * rename_text.h
 *	  Snapshots as they are after ALTER ... RENAME.
 *
 * IDENTIFICATION
 *	  src/model/rename_text.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_RENAME_TEXT_H
#define SMIG_RENAME_TEXT_H

#include "model/snapshot.h"

extern SmigSnapshot *smig_rename_object(SmigSnapshot *snapshot,
										SmigObject *object, const char *name,
										bool *doubtful);

#endif							/* SMIG_RENAME_TEXT_H */
