/*-------------------------------------------------------------------------
 *
 * generate.h
 *	  Revisions written from differences.
 *
 * IDENTIFICATION
 *	  src/generate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_GENERATE_H
#define SMIG_GENERATE_H

#include "model/snapshot.h"
#include "revision.h"

extern void smig_generate_check(const SmigWriter *writer, const char *function);
extern SmigSnapshot *smig_drift_expected(void);

#endif							/* SMIG_GENERATE_H */
