/*-------------------------------------------------------------------------
 *
 * file.h
 *	  The file format of revisions: text to headers and scripts, and back.
 *
 * IDENTIFICATION
 *	  src/file.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_FILE_H
#define SMIG_FILE_H

#include "script.h"

/* What writing a revision did; see smig_writer_write. */
typedef enum SmigChange
{
	SMIG_SAME,					/* it was there with this content */
	SMIG_NEW,
	SMIG_CHANGED,
} SmigChange;

/*
 * Where a script of an import comes from: its lines from "line" on are those of
 * the file from "file_line" on.  Lines count from 1.
 */
typedef struct SmigSourceLine
{
	int			line;
	const char *file;
	int			file_line;
} SmigSourceLine;

/*
 * A revision's content, from a file, from arguments, or from the store.
 * Everything is in the context it was made in.
 */
typedef struct SmigRevision
{
	char	   *id;
	char	   *message;
	List	   *parents;		/* of char * */
	bool		parents_given;	/* false: the header was absent */
	List	   *depends_on;		/* of char *: ids, after resolution */
	List	   *labels;			/* of char * */
	List	   *replaces;		/* of char *: ids of what it is a squash of */
	char	   *up;
	char	   *down;			/* NULL: irreversible */
	SmigTransactionMode up_mode;
	SmigTransactionMode down_mode;
	char	   *checksum;		/* hex; see smig_revision_checksum */
	char	   *created_by;		/* from the store only */
	const char *file;			/* name of the file; NULL: one nameless source */
	int			line;			/* of its first header in the file, from 1 */
	int			up_line;		/* of the up script's first line there */
	int			down_line;		/* of the down script's first line there */
	SmigChange	change;			/* set by smig_writer_write */
	List	   *up_source;		/* of SmigSourceLine *, when imported */
	List	   *down_source;
} SmigRevision;

extern List *smig_file_parse(const char *source);
extern List *smig_file_parse_named(const char *source, const char *file);
extern char *smig_file_place(const char *file, int line);
extern char *smig_file_format(const SmigRevision *revision);
extern int	smig_revision_source_line(List *source, int line,
									  const char **file);
extern char *smig_revision_checksum(const SmigRevision *revision);

#endif							/* SMIG_FILE_H */
