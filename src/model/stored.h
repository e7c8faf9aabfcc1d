/*-------------------------------------------------------------------------
 *
 * stored.h
 *	  Models and snapshots that are kept in tables.
 *
 * IDENTIFICATION
 *	  src/model/stored.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_STORED_H
#define SMIG_STORED_H

#include "model/snapshot.h"

/* A row of schemamig.model, with its snapshot. */
typedef struct SmigModel
{
	char	   *name;
	char	   *source;
	char	   *fingerprint;
	char	   *snapshot;		/* JSON */
	bool		owners;			/* the DDL says who owns things */
	char	   *built_by;
	char	   *declared_by;
} SmigModel;

/* stored.c */
extern void smig_stored_put(const char *fingerprint, const char *json);
extern void smig_stored_sweep(void);
extern SmigModel *smig_stored_model(const char *name);
extern SmigModel *smig_stored_model_required(const char *name);
extern void smig_stored_write_model(const SmigModel *model);
extern bool smig_stored_forget_model(const char *name);

/* adopt.c */
extern void smig_snapshot_hide_secrets(SmigSnapshot *snapshot);
extern void smig_snapshot_adopt_owners(SmigSnapshot *snapshot,
									   const SmigSnapshot *other,
									   const char *owner);

#endif							/* SMIG_STORED_H */
