/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  What a statement will do to relations: locks, rewrites, scans.
 *
 * Lock modes, rewrites and scans are facts of PostgreSQL; a test compares
 * them with what the server really does.
 *
 * A pending (lint/view.h) carries what earlier statements will have changed:
 * make one with smig_pending_create, ask for each statement in order, free it
 * with smig_pending_free.  Relations that the script itself makes never show
 * up, for they cannot block anybody.
 *
 * IDENTIFICATION
 *	  src/lint/facts.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LINT_FACTS_H
#define SMIG_LINT_FACTS_H

#include "storage/lockdefs.h"

#include "lint/view.h"
#include "script.h"

/* What a statement does to one relation that exists before it. */
typedef struct SmigFact
{
	Oid			relid;			/* InvalidOid: named, but not in the catalog */
	const char *name;			/* quoted schema.name, as in the catalog */
	char		kind;			/* as pg_class.relkind */
	LOCKMODE	mode;			/* the strongest lock it takes */
	bool		rewrite;		/* gets new storage */
	bool		scan;			/* is read from end to end */
	SmigRelation *relation;
} SmigFact;

/* All that is known of one statement. */
typedef struct SmigFacts
{
	List	   *relations;		/* of SmigFact * */
	bool		opaque;			/* runs code nobody can look into: DO, CALL */
	uint64		serial;			/* private: see SmigRelation.fact */
} SmigFacts;

extern SmigFacts *smig_facts_read(RawStmt *raw, const char *text,
								  SmigPending *pending);
extern SmigFact *smig_facts_find(const SmigFacts *facts,
								 const SmigRelation *relation);
extern void smig_facts_apply(RawStmt *raw, const char *text,
							 SmigPending *pending);
extern List *smig_facts_locks(List *statements);
extern const char *smig_facts_mode_name(LOCKMODE mode);

#endif							/* SMIG_LINT_FACTS_H */
