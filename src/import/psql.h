/*-------------------------------------------------------------------------
 *
 * psql.h
 *	  What the files that stand in for psql share among themselves.
 *
 * IDENTIFICATION
 *	  src/import/psql.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_PSQL_H
#define SMIG_PSQL_H

#include "import.h"
#include "script_private.h"

/* One text on its way into a script. */
typedef struct PsqlTranslation
{
	Import	   *import;
	ImportScript *script;
	const ImportFile *file;
	int			line;			/* of the text's first line in the file */
	const char *text;
	int			length;
	SmigScan	scan;
	int			copied;			/* text up to here is in the script */
	int			blanked;		/* text up to here is not looked at */
	int			statement;		/* where it begins, or -1 between statements */
	int			tokens;			/* of the statement */
	int			parens;
	bool		is_copy;		/* begins with COPY */
	bool		from;			/* the last token was FROM */
	bool		from_stdin;
	bool		ended;			/* by \q */
	List	   *conditions;		/* of psql_command.c, the innermost first */
	int			depth;
} PsqlTranslation;

/* psql.c */
extern int	smig_psql_line(const PsqlTranslation *t, int offset);
extern int	smig_psql_error_at(const PsqlTranslation *t, int offset);
extern void smig_psql_take(PsqlTranslation *t, int to, bool all);
extern void smig_psql_blank(PsqlTranslation *t, int from, int to);
extern int	smig_psql_line_end(const PsqlTranslation *t, int at);
extern char *smig_psql_expand(PsqlTranslation *t, int at, int *end);
extern void smig_psql_translate(PsqlTranslation *t);
extern void smig_psql_replace_copy(PsqlTranslation *t, const char *statement,
								   int *at);

/* psql_command.c */
extern bool smig_psql_active(const PsqlTranslation *t);
extern void smig_psql_run(PsqlTranslation *t);

#endif							/* SMIG_PSQL_H */
