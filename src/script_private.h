/*-------------------------------------------------------------------------
 *
 * script_private.h
 *	  What the files of the script module share among themselves.
 *
 * IDENTIFICATION
 *	  src/script_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SCRIPT_PRIVATE_H
#define SMIG_SCRIPT_PRIVATE_H

#include "parser/scanner.h"

#include "script.h"

/* One pass of PostgreSQL's scanner over a text, token by token. */
typedef struct SmigScan
{
	core_yyscan_t scanner;
	core_yy_extra_type extra;
	int			location;		/* byte offset of the current token */
	int			end;			/* byte offset just behind it */
	int			previous_end;	/* the same of the token before it */
	const char *token;			/* its source text, until the next call */
} SmigScan;

/* State of one smig_script_parse. */
typedef struct ScriptParse
{
	const char *what;			/* for error context */
	SmigScript *script;
	int			length;			/* of the text, bytes */
	/* incremental position */
	int			offset;
	int			line;
	int			column;
	/* where a directive belongs */
	SmigStatement *inside;		/* statement whose tokens are being read */
	SmigStatement *trailing;	/* one that ended earlier on the same line */
	List	   *pending;		/* rules for the next statement */
	int			pending_offset; /* of the directive that set them */
} ScriptParse;

/* What the kind table says about a statement. */
typedef struct StatementKind
{
	SmigStepKind kind;

	/*
	 * The server refuses the statement in any transaction block.  If false
	 * and the kind is not SMIG_STEP_TRANSACTION, it may only turn out when it
	 * runs, so it goes alone unless the script put it into BEGIN ... COMMIT.
	 */
	bool		refuses_block;
} StatementKind;

/* script_scan.c */
extern void smig_scan_begin(SmigScan *scan, const char *text);
extern bool smig_scan_next(SmigScan *scan);
extern void smig_scan_end(SmigScan *scan);
extern void smig_script_locate(ScriptParse *parse, List *raws);

/* script_kind.c */
extern StatementKind smig_script_classify(ScriptParse *parse,
										  const SmigStatement *statement);

/* script_error.c */
extern void smig_script_error_reset(void);
extern int	smig_script_error_at(const ScriptParse *parse, int offset);
extern void smig_script_parse_callback(void *arg);

#endif							/* SMIG_SCRIPT_PRIVATE_H */
