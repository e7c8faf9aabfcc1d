/*-------------------------------------------------------------------------
 *
 * declare.h
 *	  Models built from DDL.
 *
 * IDENTIFICATION
 *	  src/model/declare.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_DECLARE_H
#define SMIG_DECLARE_H

#include "model/stored.h"
#include "scratch.h"

extern SmigModel *smig_model_build(const char *sql, const char *name);
extern List *smig_declare_renames(const char *sql, const char *name);

#endif							/* SMIG_DECLARE_H */
