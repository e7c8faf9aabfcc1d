/*-------------------------------------------------------------------------
 *
 * source.h
 *	  Pieces of a statement's text, cut by PostgreSQL's own scanner.
 *
 * IDENTIFICATION
 *	  src/lint/source.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LINT_SOURCE_H
#define SMIG_LINT_SOURCE_H

#include "script.h"

/* One token; offsets are bytes into the script. */
typedef struct SmigToken
{
	int			start;
	int			end;
	int			depth;			/* parentheses and brackets around it */
} SmigToken;

typedef struct SmigSource
{
	const char *text;			/* of the script */
	int			start;			/* of the statement */
	int			end;
	SmigToken  *tokens;
	int			ntokens;
} SmigSource;

extern SmigSource *smig_source_read(const SmigScript *script,
									const SmigStatement *statement);
extern char *smig_source_slice(const SmigSource *source, int from, int to);
extern char *smig_source_replace(const SmigSource *source, int from, int to,
								 const char *with);
extern bool smig_source_token_is(const SmigSource *source, int n,
								 const char *word);
extern int	smig_source_find(const SmigSource *source, int from,
							 const char *word);
extern List *smig_source_commands(const SmigSource *source, int relation);
extern int	smig_source_item_end(const SmigSource *source, int from);
extern char *smig_source_without_semicolon(const SmigSource *source);

/* A command of ALTER TABLE, or an element of CREATE TABLE. */
typedef struct SmigSlice
{
	int			start;
	int			end;
} SmigSlice;

#endif							/* SMIG_LINT_SOURCE_H */
