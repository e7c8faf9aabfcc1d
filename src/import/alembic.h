/*-------------------------------------------------------------------------
 *
 * alembic.h
 *	  What the files that read Alembic's output share among themselves.
 *
 * IDENTIFICATION
 *	  src/import/alembic.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_ALEMBIC_H
#define SMIG_ALEMBIC_H

#include "import.h"

/* What stands between two marks. */
typedef struct AlembicSection
{
	const char *id;				/* of the revision, as Alembic has it */
	List	   *others;			/* of char *: ids on the mark's other side */
	const char *message;		/* or NULL */
	int			line;			/* of start in the output, from 1 */
	const char *start;
	const char *end;
	const char *body_end;		/* where the bookkeeping begins */
	List	   *replaced;		/* of char *: heads that the bookkeeping ends */
} AlembicSection;

/* One of the two outputs. */
typedef struct AlembicOutput
{
	const char *name;			/* of the argument, for errors */
	char	   *text;
	bool		revert;
	AlembicSection *preamble;	/* before the first mark */
	List	   *sections;		/* of AlembicSection * */
	List	   *messages;		/* of ImportVariable *, by id */
	const char *table;			/* Alembic's own, once it is known */
	const char *prefix;			/* settings of env.py, for each script */
	const char *first_prefix;	/* its other statements, for the first */
} AlembicOutput;

/* alembic.c */
extern int	smig_alembic_error_at(const AlembicOutput *output, int line);

/* alembic_section.c */
extern bool smig_alembic_read_section(AlembicOutput *output,
									  AlembicSection *section);
extern void smig_alembic_read_preamble(AlembicOutput *output);

#endif							/* SMIG_ALEMBIC_H */
