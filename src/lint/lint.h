/*-------------------------------------------------------------------------
 *
 * lint.h
 *	  Findings about the statements of a script: shared by plan, apply and
 *	  lint.
 *
 * Use: smig_lint_begin once for a plan; smig_lint_script at the start of each
 * script; smig_lint_statement for each of its statements in order.  Nothing is
 * executed.  Everything returned is in the memory context current at the call.
 *
 * IDENTIFICATION
 *	  src/lint/lint.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LINT_LINT_H
#define SMIG_LINT_LINT_H

#include "utils/jsonb.h"

#include "lint/facts.h"

typedef enum SmigSeverity
{
	SMIG_SEVERITY_NOTE,			/* good to know */
	SMIG_SEVERITY_WARNING,		/* can hurt */
	SMIG_SEVERITY_ERROR			/* will hurt: blocks, breaks, or fails */
} SmigSeverity;

typedef struct SmigFinding
{
	const char *rule;			/* id */
	SmigSeverity severity;
	int			line;			/* in the script, from 1 */
	int			column;
	char	   *message;
	char	   *suggestion;		/* SQL, or NULL when there is none */
} SmigFinding;

/* What is known of one statement. */
typedef struct SmigLinted
{
	SmigFacts  *facts;
	List	   *findings;		/* of SmigFinding * */
	char	   *suggestion;		/* of findings: the form that does the same */
} SmigLinted;

typedef struct SmigLint
{
	MemoryContext context;		/* owns what lives from statement to statement */
	SmigPending *pending;
	const SmigScript *script;
	const SmigStep *step;		/* of the statement before */
	List	   *held;			/* of SmigFact *: locks this transaction holds */
	List	   *altered;		/* of SmigRelation *: ALTERed one by one */
} SmigLint;

extern SmigLint *smig_lint_begin(void);
extern void smig_lint_end(SmigLint *lint);
extern List *smig_lint_script(SmigLint *lint, const SmigScript *script);
extern SmigLinted *smig_lint_statement(SmigLint *lint,
									   const SmigStatement *statement);
extern const char *smig_severity_name(SmigSeverity severity);
extern Jsonb *smig_lint_locks_json(const SmigFacts *facts);
extern Jsonb *smig_lint_hazards_json(const List *findings);
extern List *smig_lint_rewrites(const SmigFacts *facts);
extern List *smig_lint_scans(const SmigFacts *facts);

#endif							/* SMIG_LINT_LINT_H */
