/*-------------------------------------------------------------------------
 *
 * filter.h
 *	  Rules that say what comparisons leave out.
 *
 * IDENTIFICATION
 *	  src/model/filter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_FILTER_H
#define SMIG_FILTER_H

#include "model/snapshot.h"

/* Parts of a pattern: schema, parent, name. */
#define SMIG_PATTERN_PARTS 3

typedef struct SmigPattern
{
	int			nparts;
	char	   *parts[SMIG_PATTERN_PARTS];	/* see smig_pattern_parse */
} SmigPattern;

/* A row of schemamig.filter. */
typedef struct SmigFilterRule
{
	bool		include;
	char	   *text;			/* the pattern as it was written */
	SmigPattern pattern;
	const struct SmigKind *kind;	/* NULL: what stands alone in a schema */
	TimestampTz created_at;
	char	   *created_by;
} SmigFilterRule;

/* pattern.c */
extern void smig_pattern_parse(SmigPattern *pattern, const char *text);
extern bool smig_pattern_match(const SmigPattern *pattern, const char *schema,
							   const char *parent, const char *name);

/* filter_rule.c */
extern List *smig_filter_rules(void);

/* filter.c */
extern bool smig_filter_matches(const SmigFilterRule *rule,
								const SmigObject *object, bool whole);
extern bool smig_filter_apply(SmigSnapshot *snapshot);

#endif							/* SMIG_FILTER_H */
