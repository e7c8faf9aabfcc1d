/*-------------------------------------------------------------------------
 *
 * rules.h
 *	  Rules: one descriptor each, one file per family.
 *
 * IDENTIFICATION
 *	  src/lint/rules.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LINT_RULES_H
#define SMIG_LINT_RULES_H

#include "lint/column.h"
#include "lint/expr.h"
#include "lint/lint.h"

/* What a rule sees: the statement, its facts, and the state before it. */
typedef struct SmigRuleContext
{
	SmigLint   *lint;
	SmigPending *pending;
	const SmigScript *script;
	const SmigStatement *statement;
	Node	   *stmt;			/* statement->raw->stmt */
	SmigFacts  *facts;
	bool		transaction;	/* runs in a transaction block with others */
	const struct SmigRule *rule;	/* the one being checked */
	List	   *findings;
	const RangeVar *named;		/* asked for last, see smig_rule_relation */
	SmigRelation *relation;		/* what it means */
	bool		suggested;		/* suggestion has been computed */
	char	   *suggestion;		/* see smig_suggest */
} SmigRuleContext;

typedef struct SmigRule
{
	const char *id;
	SmigSeverity severity;
	char		family;			/* A to G, as in the catalogue of rules */
	const char *description;	/* what it flags and why, one paragraph */
	void		(*check) (SmigRuleContext *context);	/* NULL: by others */
	const char *example_bad;	/* flagged; tables t, o, p of doc/rules.md */
	const char *example_good;	/* not flagged */
	int			min_version;	/* PostgreSQL major, 0 for all */
	int			max_version;
} SmigRule;

/* The rule that parsing checks, not a function. */
#define SMIG_RULE_CANNOT_RUN "cannot-run"

/* A family: an array of descriptors. */
typedef struct SmigRuleFamily
{
	const SmigRule *rules;
	int			nrules;
} SmigRuleFamily;

extern const SmigRuleFamily smig_rules_rewrite;
extern const SmigRuleFamily smig_rules_scan;
extern const SmigRuleFamily smig_rules_lock;
extern const SmigRuleFamily smig_rules_transaction;
extern const SmigRuleFamily smig_rules_compat;
extern const SmigRuleFamily smig_rules_robust;
extern const SmigRuleFamily smig_rules_design;

extern char *smig_suggest(SmigRuleContext *context);
extern char *smig_suggest_alter_table(SmigRuleContext *context,
									  AlterTableStmt *stmt);
extern char *smig_suggest_written(RangeVar *name);
extern char *smig_suggest_quoted(const char *name);
extern SmigRelation *smig_rule_relation(SmigRuleContext *context,
										RangeVar *name);
extern SmigRelation *smig_rule_altered(SmigRuleContext *context,
									   List **commands);
extern bool smig_rule_scans(SmigRuleContext *context, SmigRelation *relation);
extern bool smig_rule_rewrites(SmigRuleContext *context,
							   SmigRelation *relation);
extern const char *smig_rule_size(SmigRelation *relation);
extern const SmigRule *smig_rule_find(const char *id);
extern const SmigRule *smig_rule_nth(int n);
extern void smig_rule_report(SmigRuleContext *context, int location,
							 char *suggestion, const char *format,...)
			pg_attribute_printf(4, 5);

#endif							/* SMIG_LINT_RULES_H */
