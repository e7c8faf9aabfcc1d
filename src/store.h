/*-------------------------------------------------------------------------
 *
 * store.h
 *	  The bookkeeping tables, read and written by SPI as their owner.
 *
 * Callers of schemamig have no rights on the tables; each function here takes
 * on the extension owner's identity for its own queries, with search_path
 * pinned to pg_catalog, and gives it back.  No user code can run meanwhile.
 * Results are in the memory context that was current at the call.
 *
 * IDENTIFICATION
 *	  src/store.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_STORE_H
#define SMIG_STORE_H

#include "file.h"
#include "graph.h"
#include "schemamig.h"

/*
 * Everything between begin and end runs as the owner of the tables, with SPI
 * connected.  Errors between them are cleaned up by transaction abort.
 */
typedef struct SmigStoreScope
{
	MemoryContext caller_context;
	Oid			save_user;
	int			save_sec_context;
	int			save_nestlevel;
	bool		pushed_snapshot;
} SmigStoreScope;

/* A column's value in a row to insert. */
typedef struct SmigField
{
	const char *column;
	Datum		value;
	bool		isnull;
} SmigField;

extern void smig_store_begin(SmigStoreScope *scope);
extern void smig_store_end(SmigStoreScope *scope);
extern void smig_store_check_version(void);
extern void smig_store_scan(const char *query,
							void (*read) (Datum *values, bool *nulls,
										  void *arg),
							void *arg);

extern int64 smig_store_next_value(const char *sequence);
extern void smig_store_insert_row(const char *table, const SmigField *fields,
								  int nfields);

/* The graph and the applied set. */
extern SmigGraph *smig_store_load_graph(Bitmapset **applied);
extern void smig_store_lock_graph(void);

/* Revisions. */
extern SmigRevision *smig_store_get_revision(const char *id);
extern List *smig_store_get_revisions(List *ids);
extern void smig_store_insert_revision(const SmigRevision *revision);
extern void smig_store_update_revision(const SmigRevision *revision);
extern void smig_store_set_author(const char *id, const char *role);
extern void smig_store_delete_revision(const char *id);

#endif							/* SMIG_STORE_H */
