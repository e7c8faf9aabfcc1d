/*-------------------------------------------------------------------------
 *
 * rules_lock.c
 *	  Family C: strong locks that are held for a moment only, where one would
 *	  not expect them or they can be had for less.
 *
 * IDENTIFICATION
 *	  src/lint/rules_lock.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "nodes/value.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"

#include "compat.h"
#include "lint/rules.h"

/*
 * Names of tables, other than those in "named", that the statement locks
 * against everybody; NULL when there are none.
 */
static char *
other_tables(SmigRuleContext *context, List *named)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, context->facts->relations)
	{
		SmigFact   *fact = lfirst(lc);

		if (fact->mode != AccessExclusiveLock || fact->relation->heap ||
			fact->kind == RELKIND_SEQUENCE ||
			list_member_ptr(named, fact->relation))
			continue;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 fact->name);
	}
	return names.len > 0 ? names.data : NULL;
}

static void
check_drop_foreign_key(SmigRuleContext *context)
{
	List	   *commands;
	SmigRelation *relation = smig_rule_altered(context, &commands);
	ListCell   *lc;

	if (relation == NULL)
		return;
	foreach(lc, commands)
	{
		AlterTableCmd *cmd = lfirst(lc);
		SmigConstraint *constraint;
		SmigRelation *target;

		if (cmd->subtype != AT_DropConstraint)
			continue;
		constraint = smig_view_constraint(relation, cmd->name);
		if (constraint == NULL || constraint->type != CONSTRAINT_FOREIGN)
			continue;
		target = smig_view_target(context->pending, constraint);
		if (target && target != relation && !target->created)
			smig_rule_report(context, -1, NULL,
							 "dropping foreign key \"%s\" stops readers and writers of the referenced table %s, too",
							 cmd->name, target->label);
	}
}

static void
check_drop_table_foreign_key(SmigRuleContext *context)
{
	DropStmt   *stmt = (DropStmt *) context->stmt;
	List	   *named = NIL;
	StringInfoData suggestion;
	char	   *others;
	ListCell   *lc;

	if (!IsA(stmt, DropStmt) || stmt->removeType != OBJECT_TABLE)
		return;
	initStringInfo(&suggestion);
	foreach(lc, stmt->objects)
	{
		SmigRelation *relation = smig_view_find_names(context->pending,
													  lfirst(lc));
		SmigRelation *parent;
		ListCell   *lc2;

		if (relation == NULL)
			continue;
		named = lappend(named, relation);

		/* partitions have a rule of their own */
		parent = smig_view_parent(context->pending, relation);
		if (parent)
		{
			SmigRelation *other =
				smig_view_default_partition(context->pending, parent);

			named = list_concat(named, list_make2(parent, other));
		}
		named = list_concat(named, smig_view_inheritors(context->pending,
														relation));
		foreach(lc2, relation->constraints)
		{
			SmigConstraint *constraint = lfirst(lc2);
			SmigRelation *target;

			if (constraint->type != CONSTRAINT_FOREIGN || constraint->inherited)
				continue;
			target = smig_view_target(context->pending, constraint);
			if (target && target != relation && !target->created)
				appendStringInfo(&suggestion,
								 "ALTER TABLE %s DROP CONSTRAINT %s;\nCOMMIT;\n",
								 relation->label,
								 quote_identifier(constraint->name));
		}
	}
	others = other_tables(context, named);
	if (others == NULL)
		return;
	appendStringInfo(&suggestion, "%s;",
					 smig_script_statement_text(context->script,
												context->statement));
	smig_rule_report(context, -1, suggestion.data,
					 "dropping the table stops readers and writers of %s, too; drop its foreign keys one by one beforehand",
					 others);
}

static void
check_drop_partition(SmigRuleContext *context)
{
	DropStmt   *stmt = (DropStmt *) context->stmt;
	ListCell   *lc;

	if (!IsA(stmt, DropStmt) || stmt->removeType != OBJECT_TABLE)
		return;
	foreach(lc, stmt->objects)
	{
		SmigRelation *relation = smig_view_find_names(context->pending,
													  lfirst(lc));
		SmigRelation *parent;

		if (relation == NULL)
			continue;
		parent = smig_view_parent(context->pending, relation);
		if (parent == NULL || parent->created)
			continue;
		smig_rule_report(context, -1,
						 smig_view_default_partition(context->pending, parent) ?
						 NULL :
						 psprintf("ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY;\nDROP TABLE %s;",
								  parent->label, relation->label,
								  relation->label),
						 "dropping partition %s stops readers and writers of %s; detach it CONCURRENTLY first",
						 relation->label, parent->label);
	}
}

static void
check_create_table_keys(SmigRuleContext *context)
{
	StringInfoData names;
	int			n = 0;
	ListCell   *lc;

	if (!IsA(context->stmt, CreateStmt))
		return;
	initStringInfo(&names);
	foreach(lc, context->facts->relations)
	{
		SmigFact   *fact = lfirst(lc);

		if (fact->mode != ShareRowExclusiveLock)
			continue;
		appendStringInfo(&names, "%s%s", n++ > 0 ? ", " : "", fact->name);
	}
	if (n > 1)
		smig_rule_report(context, -1, NULL,
						 "the foreign keys of the new table stop writers of %s at the same time; add them one by one after CREATE TABLE",
						 names.data);
}

static void
check_trigger(SmigRuleContext *context)
{
	CreateTrigStmt *stmt = (CreateTrigStmt *) context->stmt;
	SmigRelation *relation;

	if (!IsA(stmt, CreateTrigStmt))
		return;
	relation = smig_rule_relation(context, stmt->relation);
	if (relation)
		smig_rule_report(context, -1, NULL,
						 "CREATE TRIGGER waits for all writers of %s, and stops new ones while it waits",
						 relation->label);
}

static void
check_drop_index(SmigRuleContext *context)
{
	DropStmt   *stmt = (DropStmt *) context->stmt;
	ListCell   *lc;

	if (!IsA(stmt, DropStmt) || stmt->removeType != OBJECT_INDEX ||
		stmt->concurrent)
		return;
	foreach(lc, stmt->objects)
	{
		SmigRelation *index = smig_view_find_names(context->pending,
												   lfirst(lc));

		if (index && (index->created || (index->heap && index->heap->created)))
			continue;
		if (index == NULL && stmt->missing_ok && context->facts->relations)
			continue;
		smig_rule_report(context, -1, smig_suggest(context),
						 "DROP INDEX waits for, and then stops, all readers and writers of %s",
						 index && index->heap ? index->heap->label :
						 "the table");
	}
}

static void
check_truncate(SmigRuleContext *context)
{
	TruncateStmt *stmt = (TruncateStmt *) context->stmt;
	ListCell   *lc;

	if (!IsA(stmt, TruncateStmt))
		return;
	foreach(lc, stmt->relations)
	{
		SmigRelation *relation = smig_rule_relation(context, lfirst(lc));

		if (relation)
			smig_rule_report(context, -1, NULL,
							 "TRUNCATE stops readers and writers of %s%s, and its rows are gone",
							 relation->label, smig_rule_size(relation));
	}
}

static void
check_truncate_cascade(SmigRuleContext *context)
{
	TruncateStmt *stmt = (TruncateStmt *) context->stmt;
	List	   *named = NIL;
	char	   *others;
	ListCell   *lc;

	if (!IsA(stmt, TruncateStmt) || stmt->behavior != DROP_CASCADE)
		return;
	foreach(lc, stmt->relations)
	{
		SmigRelation *relation = smig_view_find(context->pending, lfirst(lc));

		if (relation)
			named = list_concat(named,
								smig_view_inheritors(context->pending,
													 relation));
	}
	others = other_tables(context, named);
	smig_rule_report(context, -1, NULL,
					 "TRUNCATE ... CASCADE empties every table that refers to these by foreign keys%s%s; name the tables instead",
					 others ? ": " : "", others ? others : "");
}

static void
check_lock_table(SmigRuleContext *context)
{
	LockStmt   *stmt = (LockStmt *) context->stmt;
	ListCell   *lc;

	if (!IsA(stmt, LockStmt) || stmt->mode < ShareLock)
		return;
	foreach(lc, stmt->relations)
	{
		SmigRelation *relation = smig_rule_relation(context, lfirst(lc));

		if (relation)
			smig_rule_report(context, -1, NULL,
							 "LOCK TABLE stops %s of %s until the transaction ends",
							 stmt->mode == AccessExclusiveLock ?
							 "readers and writers" : "writers",
							 relation->label);
	}
}

static const SmigRule rules[] = {
	{"drop-fk", SMIG_SEVERITY_WARNING, 'C',
		"Dropping a foreign key takes an ACCESS EXCLUSIVE lock on both tables, not only on the one that is altered.",
		check_drop_foreign_key,
		"ALTER TABLE r DROP CONSTRAINT r_o_fkey;",
	"ALTER TABLE t DROP CONSTRAINT proved_there;"},
	{"drop-table-with-fk", SMIG_SEVERITY_WARNING, 'C',
		"DROP TABLE takes an ACCESS EXCLUSIVE lock on the tables that its foreign keys refer to, and with CASCADE on those that refer to it or look at it. Dropping the keys one by one beforehand holds one lock at a time.",
		check_drop_table_foreign_key,
		"DROP TABLE r;",
	"DROP TABLE o2;"},
	{"drop-partition", SMIG_SEVERITY_WARNING, 'C',
		"DROP TABLE of a partition takes an ACCESS EXCLUSIVE lock on the partitioned table and its default partition. Detached CONCURRENTLY first, it does not.",
		check_drop_partition,
		"DROP TABLE p1;",
	"DROP TABLE p_proved;"},
	{"create-table-fks", SMIG_SEVERITY_NOTE, 'C',
		"CREATE TABLE with foreign keys to several tables stops writers of all of them at once.",
		check_create_table_keys,
		"CREATE TABLE n (id int PRIMARY KEY, o_id bigint REFERENCES o, t_id bigint REFERENCES t);",
	"CREATE TABLE n (id int PRIMARY KEY, o_id bigint REFERENCES o);"},
	{"create-trigger", SMIG_SEVERITY_NOTE, 'C',
		"CREATE TRIGGER takes a SHARE ROW EXCLUSIVE lock: it waits for writers and stops new ones meanwhile.",
		check_trigger,
		"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trg();",
	"CREATE FUNCTION trg2() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"},
	{"drop-index", SMIG_SEVERITY_WARNING, 'C',
		"DROP INDEX takes an ACCESS EXCLUSIVE lock on the table; CONCURRENTLY does not.",
		check_drop_index,
		"DROP INDEX t_b;",
	"DROP INDEX CONCURRENTLY t_b;"},
	{"truncate", SMIG_SEVERITY_WARNING, 'C',
		"TRUNCATE takes an ACCESS EXCLUSIVE lock on the table, and its rows are lost.",
		check_truncate,
		"TRUNCATE o2;",
	"CREATE TABLE n (id int PRIMARY KEY); TRUNCATE n;"},
	{"truncate-cascade", SMIG_SEVERITY_ERROR, 'C',
		"TRUNCATE ... CASCADE empties tables that the statement does not name.",
		check_truncate_cascade,
		"TRUNCATE o CASCADE;",
	"TRUNCATE o2;"},
	{"lock-table", SMIG_SEVERITY_WARNING, 'C',
		"LOCK TABLE in SHARE mode or stronger stops writers until the end of the transaction.",
		check_lock_table,
		"LOCK TABLE t IN EXCLUSIVE MODE;",
	"LOCK TABLE t IN ACCESS SHARE MODE;"},
};

const SmigRuleFamily smig_rules_lock = {rules, lengthof(rules)};
