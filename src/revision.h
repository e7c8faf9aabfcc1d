/*-------------------------------------------------------------------------
 *
 * revision.h
 *	  Writing revisions: everything that has to hold before they are stored.
 *
 * IDENTIFICATION
 *	  src/revision.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_REVISION_H
#define SMIG_REVISION_H

#include "store.h"

/* One writing call: the graph as it was, and what is to be written. */
typedef struct SmigWriter
{
	SmigGraph  *graph;			/* before */
	Bitmapset  *applied;		/* of graph */
	bool		from_source;	/* revisions have lines in a source text */
	List	   *stand_ins;		/* private to squash.c */
	List	   *squashes;		/* private to squash.c */
	bool		squashes_known; /* private to squash.c */
} SmigWriter;

/* revision_write.c */
extern SmigGraph *smig_writer_future(SmigWriter *writer, List *revisions,
									 SmigRevision ***stored);
extern void smig_writer_write(SmigWriter *writer, List *revisions);

/* revision_writer.c */
extern SmigWriter *smig_writer_begin(const char *function);
extern SmigWriter *smig_writer_look(void);
extern void smig_writer_lock_run(const char *what);
extern List *smig_writer_default_parents(SmigWriter *writer);
extern char *smig_writer_new_id(SmigWriter *writer);
extern List *smig_writer_journalled(List *ids);
extern List *smig_writer_applied(List *ids);
extern char *smig_writer_message(const char *message);
extern const char *smig_writer_role(void);

/* A row of schemamig.step. */
typedef struct SmigJournalEntry
{
	char	   *revision;
	bool		revert;			/* of the down script */
	int			step;
	char	   *checksum;
} SmigJournalEntry;

/* revision_compare.c */
extern bool smig_revision_same(const SmigRevision *a, const SmigRevision *b);
extern char *smig_revision_differences(const SmigRevision *old,
									   const SmigRevision *new);

/* squash.c */
extern void smig_squash_look(SmigWriter *writer, List *revisions);
extern bool smig_squash_has_replaced(SmigWriter *writer, const char *id);
extern List *smig_squash_prepare(SmigWriter *writer, List *revisions);
extern const char *smig_squash_stand_in(SmigWriter *writer, const char *name);
extern void smig_squash_finish(SmigWriter *writer);
extern void smig_squash_settle(void);

/* touched.c */
extern void smig_touched_report(SmigWriter *writer, List *heads);

#endif							/* SMIG_REVISION_H */
