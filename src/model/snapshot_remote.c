/*-------------------------------------------------------------------------
 *
 * snapshot_remote.c
 *	  Reads a snapshot in another database of the same cluster.
 *
 * IDENTIFICATION
 *	  src/model/snapshot_remote.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "model/snapshot.h"

SmigSnapshot *
smig_snapshot_read_database(const char *database, List *schemas)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("database: is not supported yet")));
}
