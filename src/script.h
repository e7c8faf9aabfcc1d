/*-------------------------------------------------------------------------
 *
 * script.h
 *	  A script as statements and steps.
 *
 * PostgreSQL's raw parser splits the text; nothing here scans SQL by itself.
 * Needs no transaction and no catalog, so the same answer comes out in the
 * function that stores a revision, in the plan and in the worker.
 *
 * IDENTIFICATION
 *	  src/script.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SCRIPT_H
#define SMIG_SCRIPT_H

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

/*
 * Kinds of steps.  A transaction is a real transaction block; all others run
 * one statement at top level, outside a transaction block.
 */
typedef enum SmigStepKind
{
	SMIG_STEP_TRANSACTION,		/* consecutive transactional statements */
	SMIG_STEP_CONCURRENT,		/* ... CONCURRENTLY: commits under way, can
								 * leave something half built behind */
	SMIG_STEP_AUTOCOMMIT,		/* refuses transaction blocks (VACUUM, CREATE
								 * DATABASE, ...) */
	SMIG_STEP_CALL,				/* CALL, or DO that commits */
	SMIG_STEP_BACKFILL			/* SELECT schemamig_backfill(...) */
} SmigStepKind;

/* Which statements get a transaction of their own. */
typedef enum SmigTransactionMode
{
	SMIG_TRANSACTION_REVISION,	/* cut only where something forces it */
	SMIG_TRANSACTION_NONE		/* each statement is a step of its own */
} SmigTransactionMode;

typedef struct SmigStatement
{
	RawStmt    *raw;			/* locations are bytes into SmigScript.text */
	int			number;			/* from 1, transaction control not counted */
	int			start;			/* byte offset of the first token */
	int			length;			/* bytes, without ';' and trailing blanks */
	int			line;			/* of the first token, from 1 */
	int			column;			/* of the first token, characters, from 1 */
	SmigStepKind kind;			/* what this statement asks for */
	List	   *ignore;			/* of char *: "-- schemamig:ignore" rules */
} SmigStatement;

typedef struct SmigStep
{
	int			number;			/* from 1 in its script */
	SmigStepKind kind;
	List	   *statements;		/* of SmigStatement * */
	List	   *options;		/* TransactionStmt.options of an explicit
								 * BEGIN, or NIL */
	const char *text;			/* the script's */
} SmigStep;

typedef struct SmigScript
{
	const char *text;			/* as stored; the query string of each
								 * statement's analysis */
	SmigTransactionMode mode;
	List	   *statements;		/* of SmigStatement * */
	List	   *steps;			/* of SmigStep *; empty when the script has no
								 * statement */
	List	   *ignore;			/* of char *: ignored rules of the file */
	List	   *renames;		/* of SmigRenameLine * */
} SmigScript;

/* What follows "-- schemamig:rename". */
typedef struct SmigRenameLine
{
	char	   *text;
	int			offset;			/* of the comment, bytes */
	int			line;			/* from 1 */
} SmigRenameLine;

extern SmigScript *smig_script_parse(const char *text, SmigTransactionMode mode,
									 const char *what);
extern SmigScript *smig_script_split(const char *text, const char *what);
extern int	smig_script_error_line(void);
extern const char *smig_script_kind_name(SmigStepKind kind);
extern char *smig_script_statement_text(const SmigScript *script,
										const SmigStatement *statement);
extern char *smig_script_step_checksum(const SmigStep *step);
extern char *smig_script_dollar_quote(const char *text);
extern char *smig_script_psql_text(const SmigScript *script,
								   const SmigStatement *statement);
extern void smig_script_position(const char *text, int offset,
								 int *line, int *column);
extern void smig_script_map_error(const SmigScript *script,
								  const SmigStatement *statement,
								  int *line, int *column);
extern bool smig_script_fits_one_transaction(const SmigScript *script,
											 const SmigStatement **why);

#endif							/* SMIG_SCRIPT_H */
