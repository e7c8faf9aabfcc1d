/*-------------------------------------------------------------------------
 *
 * rules_transaction.c
 *	  Family D: the shape of the transaction.
 *
 * schemamig cuts scripts into transactions by itself, at COMMIT, at statements
 * that cannot be in one, and where a new enum value is used; so there are no
 * rules about that here.  What a script writes about transactions and cannot
 * be run is an error of the script.
 *
 * IDENTIFICATION
 *	  src/lint/rules_transaction.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "compat.h"
#include "lint/rules.h"

/* Statements that may take long, whatever they lock themselves. */
static bool
takes_long(SmigRuleContext *context)
{
	ListCell   *lc;

	if (context->facts->opaque)
		return true;
	foreach(lc, context->facts->relations)
	{
		SmigFact   *fact = lfirst(lc);

		if (fact->rewrite && fact->relation->heap == NULL &&
			fact->kind != RELKIND_SEQUENCE)
			return true;
		if (fact->scan)
			return true;
	}
	return false;
}

/*
 * A table that an earlier statement of the transaction keeps everybody out of;
 * NULL when there is none.
 */
static SmigFact *
find_held(SmigRuleContext *context)
{
	ListCell   *lc;

	if (!context->transaction)
		return NULL;
	foreach(lc, context->lint->held)
	{
		SmigFact   *held = lfirst(lc);

		if (held->mode == AccessExclusiveLock && held->relation->heap == NULL &&
			held->kind != RELKIND_SEQUENCE && !held->relation->dropped)
			return held;
	}
	return NULL;
}

/*
 * The statement after a COMMIT.
 */
static char *
after_commit(SmigRuleContext *context)
{
	return psprintf("COMMIT;\n%s;",
					smig_script_statement_text(context->script,
											   context->statement));
}

static void
check_after_lock(SmigRuleContext *context)
{
	SmigFact   *held = find_held(context);

	if (held && takes_long(context))
		smig_rule_report(context, -1, after_commit(context),
						 "this statement can take long, and an earlier one of the transaction keeps readers and writers of %s out until it is done",
						 held->name);
}

static void
check_more_after_lock(SmigRuleContext *context)
{
	SmigFact   *held = find_held(context);

	if (held && !takes_long(context) &&
		!IsA(context->stmt, VariableSetStmt) &&
		!IsA(context->stmt, CommentStmt))
		smig_rule_report(context, -1, after_commit(context),
						 "an earlier statement of the transaction keeps readers and writers of %s out until this one is done, too",
						 held->name);
}

static void
check_several_tables(SmigRuleContext *context)
{
	SmigFact   *earlier = NULL;
	SmigFact   *now = NULL;
	ListCell   *lc;

	if (!context->transaction)
		return;
	foreach(lc, context->lint->held)
	{
		SmigFact   *held = lfirst(lc);

		if (held->mode == AccessExclusiveLock && held->relation->heap == NULL &&
			held->kind == RELKIND_RELATION && !held->relation->dropped)
			earlier = held;
	}
	foreach(lc, context->facts->relations)
	{
		SmigFact   *fact = lfirst(lc);
		bool		held = false;
		ListCell   *lc2;

		if (fact->mode != AccessExclusiveLock || fact->kind != RELKIND_RELATION)
			continue;
		foreach(lc2, context->lint->held)
		{
			if (((SmigFact *) lfirst(lc2))->relation == fact->relation)
				held = true;
		}
		if (!held)
			now = fact;
	}
	if (earlier && now)
		smig_rule_report(context, -1, after_commit(context),
						 "the transaction waits for %s while it already keeps readers and writers of %s out",
						 now->name, earlier->name);
}

static void
check_merge(SmigRuleContext *context)
{
	AlterTableStmt *stmt = (AlterTableStmt *) context->stmt;
	SmigRelation *relation;

	if (!IsA(stmt, AlterTableStmt) || !context->transaction ||
		stmt->objtype != OBJECT_TABLE)
		return;
	relation = smig_rule_relation(context, stmt->relation);
	if (relation && list_member_ptr(context->lint->altered, relation))
		smig_rule_report(context, -1, NULL,
						 "this transaction has altered %s before; one ALTER TABLE with all commands reads and writes it once",
						 relation->label);
}

static void
check_rewrite_twice(SmigRuleContext *context)
{
	AlterTableStmt *stmt = (AlterTableStmt *) context->stmt;
	SmigRelation *relation;

	if (!IsA(stmt, AlterTableStmt) || !context->transaction ||
		stmt->objtype != OBJECT_TABLE)
		return;
	relation = smig_rule_relation(context, stmt->relation);
	if (relation && list_member_ptr(context->lint->altered, relation) &&
		smig_rule_rewrites(context, relation))
	{
		ListCell   *lc;

		foreach(lc, context->lint->held)
		{
			SmigFact   *held = lfirst(lc);

			if (held->relation == relation && held->rewrite)
				smig_rule_report(context, -1, NULL,
								 "%s is written anew for the second time in this transaction; one ALTER TABLE with both commands does it once",
								 relation->label);
		}
	}
}

static bool
is_concurrent(SmigRuleContext *context)
{
	return context->statement->kind == SMIG_STEP_CONCURRENT;
}

/* Longer than this a waiting ALTER TABLE stops an application noticeably. */
#define LONG_LOCK_TIMEOUT_MS 60000

static void
check_lock_timeout(SmigRuleContext *context)
{
	VariableSetStmt *stmt = (VariableSetStmt *) context->stmt;
	const char *value;
	int			ms;

	if (!IsA(stmt, VariableSetStmt) || stmt->name == NULL ||
		pg_strcasecmp(stmt->name, "lock_timeout") != 0)
		return;
	value = stmt->kind == VAR_SET_VALUE ?
		smig_expr_setting(context->pending, stmt) : "0";
	if (value == NULL || !parse_int(value, &ms, GUC_UNIT_MS, NULL))
		return;
	if (ms == 0)
		smig_rule_report(context, -1, psprintf("SET lock_timeout = '1s';"),
						 "without a lock_timeout a statement that waits for a strong lock stops everybody behind it for as long as it waits");
	else if (ms > LONG_LOCK_TIMEOUT_MS)
		smig_rule_report(context, -1, psprintf("SET lock_timeout = '1s';"),
						 "a statement that waits for a strong lock stops everybody behind it for up to %d s",
						 ms / 1000);
}

static void
check_concurrent_timeout(SmigRuleContext *context)
{
	const char *value = smig_pending_setting(context->pending, "lock_timeout");
	int			ms;

	if (!is_concurrent(context) || value == NULL ||
		!parse_int(value, &ms, GUC_UNIT_MS, NULL) || ms == 0)
		return;
	smig_rule_report(context, -1,
					 psprintf("SET lock_timeout = 0;\n%s;",
							  smig_script_statement_text(context->script,
														 context->statement)),
					 "lock_timeout also ends a CONCURRENTLY statement that waits for older transactions, which leaves an INVALID index behind; it blocks nobody while it waits");
}

/* A scan of a large table can take longer than this. */
#define SHORT_STATEMENT_TIMEOUT_MS 60000

static void
check_statement_timeout(SmigRuleContext *context)
{
	const char *value = smig_pending_setting(context->pending,
											 "statement_timeout");
	int			ms;

	if (value == NULL || !parse_int(value, &ms, GUC_UNIT_MS, NULL) ||
		ms == 0 || ms > SHORT_STATEMENT_TIMEOUT_MS ||
		!(is_concurrent(context) ||
		  (IsA(context->stmt, AlterTableStmt) && takes_long(context))))
		return;
	smig_rule_report(context, -1,
					 psprintf("SET statement_timeout = 0;\n%s;",
							  smig_script_statement_text(context->script,
														 context->statement)),
					 "this statement reads a whole table; a statement_timeout of %d ms may end it",
					 ms);
}

static const SmigRule rules[] = {
	{SMIG_RULE_CANNOT_RUN, SMIG_SEVERITY_ERROR, 'D',
		"The script cannot be run as a revision: BEGIN inside BEGIN or without COMMIT, ROLLBACK, a statement between BEGIN and COMMIT that refuses transaction blocks, COPY FROM STDIN. Storing it would be refused for the same reason.",
		NULL,
		"BEGIN; CREATE INDEX CONCURRENTLY t_a ON t (a); COMMIT;",
	"BEGIN; ALTER TABLE t ADD COLUMN x bigint; COMMIT;"},
	{"statement-after-strong-lock", SMIG_SEVERITY_WARNING, 'D',
		"A transaction that holds an ACCESS EXCLUSIVE lock goes on with a statement that can take long; readers and writers of the locked table wait for all of it.",
		check_after_lock,
		"ALTER TABLE t ADD COLUMN x int; UPDATE o SET v = 'x';",
	"ALTER TABLE t ADD COLUMN x int; COMMIT; UPDATE o SET v = 'x' WHERE id = 1;"},
	{"more-after-strong-lock", SMIG_SEVERITY_NOTE, 'D',
		"A transaction that holds an ACCESS EXCLUSIVE lock goes on with a statement that takes a moment; readers and writers of the locked table wait for it, too.",
		check_more_after_lock,
		"ALTER TABLE t ADD COLUMN x int; CREATE TABLE n (id bigint PRIMARY KEY);",
	"CREATE TABLE n (id bigint PRIMARY KEY); ALTER TABLE t ADD COLUMN x int;"},
	{"merge-alter-table", SMIG_SEVERITY_NOTE, 'D',
		"Several ALTER TABLE of one transaction change the same table; one with all commands locks, reads and writes it once.",
		check_merge,
		"ALTER TABLE t ADD COLUMN x int; ALTER TABLE t ADD COLUMN y int;",
	"ALTER TABLE t ADD COLUMN x int, ADD COLUMN y int;"},
	{"several-tables-locked", SMIG_SEVERITY_NOTE, 'D',
		"A transaction takes ACCESS EXCLUSIVE locks on several tables one after the other: while it waits for one it keeps the others, and another session that takes them in another order makes a deadlock.",
		check_several_tables,
		"ALTER TABLE t ADD COLUMN x int; ALTER TABLE o ADD COLUMN x int;",
	"ALTER TABLE t ADD COLUMN x int; COMMIT; ALTER TABLE o ADD COLUMN x int;"},
	{"rewrite-twice", SMIG_SEVERITY_WARNING, 'D',
		"Two ALTER TABLE of one transaction each write the same table anew; as two commands of one ALTER TABLE they would do it once.",
		check_rewrite_twice,
		"ALTER TABLE t ADD COLUMN x serial; ALTER TABLE t ADD COLUMN y serial;",
	"ALTER TABLE t ADD COLUMN x serial, ADD COLUMN y serial;"},
	{"lock-timeout-too-long", SMIG_SEVERITY_WARNING, 'D',
		"The script sets lock_timeout to 0 or to more than a minute: a statement that waits for a strong lock stops everybody behind it meanwhile.",
		check_lock_timeout,
		"SET lock_timeout = '10min';",
	"SET lock_timeout = '1s';"},
	{"lock-timeout-with-concurrently", SMIG_SEVERITY_ERROR, 'D',
		"lock_timeout ends a CONCURRENTLY statement that waits for older transactions to end, which leaves an INVALID index behind.",
		check_concurrent_timeout,
		"SET lock_timeout = '1s'; CREATE INDEX CONCURRENTLY t_a ON t (a);",
	"SET lock_timeout = 0; CREATE INDEX CONCURRENTLY t_a ON t (a);"},
	{"statement-timeout-too-short", SMIG_SEVERITY_WARNING, 'D',
		"A statement that reads a whole table or builds an index CONCURRENTLY runs under a statement_timeout of a minute or less.",
		check_statement_timeout,
		"SET statement_timeout = '5s'; CREATE INDEX CONCURRENTLY t_a ON t (a);",
	"SET statement_timeout = 0; CREATE INDEX CONCURRENTLY t_a ON t (a);"},
};

const SmigRuleFamily smig_rules_transaction = {rules, lengthof(rules)};
