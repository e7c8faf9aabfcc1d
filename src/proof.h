/*-------------------------------------------------------------------------
 *
 * proof.h
 *	  What a proof in a scratch database says went wrong.
 *
 * IDENTIFICATION
 *	  src/proof.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_PROOF_H
#define SMIG_PROOF_H

#include "model/snapshot.h"
#include "utils/elog.h"

extern char *smig_proof_differences(SmigSnapshot *a, SmigSnapshot *b,
									const char *first, const char *second);
extern char *smig_proof_error_text(const ErrorData *error);

#endif							/* SMIG_PROOF_H */
