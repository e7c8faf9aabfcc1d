/*-------------------------------------------------------------------------
 *
 * rules_rewrite.c
 *	  Family A: a table is written anew under a lock that stops everybody.
 *
 * IDENTIFICATION
 *	  src/lint/rules_rewrite.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "compat.h"
#include "lint/facts_internal.h"
#include "lint/rules.h"

/*
 * Calls "report" for each new column of an ALTER TABLE on a table in use.
 */
static void
each_new_column(SmigRuleContext *context,
				void (*report) (SmigRuleContext *context,
								SmigRelation *relation,
								SmigNewColumn *column))
{
	List	   *commands;
	SmigRelation *relation = smig_rule_altered(context, &commands);
	ListCell   *lc;

	if (relation == NULL)
		return;
	foreach(lc, commands)
	{
		AlterTableCmd *cmd = lfirst(lc);
		SmigNewColumn column;

		if (cmd->subtype != AT_AddColumn ||
			(cmd->missing_ok &&
			 smig_view_column(relation, castNode(ColumnDef, cmd->def)->colname)))
			continue;
		smig_column_analyse(context->pending, relation,
							castNode(ColumnDef, cmd->def), &column);
		report(context, relation, &column);
	}
}

static void
report_volatile(SmigRuleContext *context, SmigRelation *relation,
				SmigNewColumn *column)
{
	if (column->default_kind == SMIG_DEFAULT_VOLATILE)
		smig_rule_report(context, column->definition->location,
						 smig_suggest(context),
						 "the default of column \"%s\" is volatile: the whole table %s%s is written anew while nobody can read or write it",
						 column->definition->colname, relation->label,
						 smig_rule_size(relation));
}

static void
check_volatile(SmigRuleContext *context)
{
	each_new_column(context, report_volatile);
}

static void
report_serial(SmigRuleContext *context, SmigRelation *relation,
			  SmigNewColumn *column)
{
	if (column->serial)
		smig_rule_report(context, column->definition->location,
						 smig_suggest(context),
						 "serial column \"%s\" writes the whole table %s%s anew while nobody can read or write it",
						 column->definition->colname, relation->label,
						 smig_rule_size(relation));
}

static void
check_serial(SmigRuleContext *context)
{
	each_new_column(context, report_serial);
}

static void
report_identity(SmigRuleContext *context, SmigRelation *relation,
				SmigNewColumn *column)
{
	if (column->identity)
		smig_rule_report(context, column->definition->location,
						 smig_suggest(context),
						 "identity column \"%s\" writes the whole table %s%s anew while nobody can read or write it",
						 column->definition->colname, relation->label,
						 smig_rule_size(relation));
}

static void
check_identity(SmigRuleContext *context)
{
	each_new_column(context, report_identity);
}

static void
report_stored(SmigRuleContext *context, SmigRelation *relation,
			  SmigNewColumn *column)
{
	if (column->stored)
		smig_rule_report(context, column->definition->location, NULL,
						 "stored generated column \"%s\" writes the whole table %s%s anew while nobody can read or write it; use an ordinary column filled by a trigger and a backfill",
						 column->definition->colname, relation->label,
						 smig_rule_size(relation));
}

static void
check_stored(SmigRuleContext *context)
{
	each_new_column(context, report_stored);
}

static void
report_domain(SmigRuleContext *context, SmigRelation *relation,
			  SmigNewColumn *column)
{
	if (column->domain)
		smig_rule_report(context, column->definition->location, NULL,
						 "the type of column \"%s\" is a domain with constraints: the whole table %s%s is written anew, even without a default; use the domain's base type and a CHECK that is NOT VALID first",
						 column->definition->colname, relation->label,
						 smig_rule_size(relation));
}

static void
check_domain(SmigRuleContext *context)
{
	each_new_column(context, report_domain);
}

static void
check_type(SmigRuleContext *context)
{
	List	   *commands;
	SmigRelation *relation = smig_rule_altered(context, &commands);
	ListCell   *lc;

	if (relation == NULL)
		return;
	foreach(lc, commands)
	{
		AlterTableCmd *cmd = lfirst(lc);
		ColumnDef  *definition;

		if (cmd->subtype != AT_AlterColumnType)
			continue;
		definition = castNode(ColumnDef, cmd->def);
		if (smig_expr_type_rewrites(context->pending, relation,
									smig_view_column(relation, cmd->name),
									definition->typeName,
									definition->raw_default))
			smig_rule_report(context, definition->location, NULL,
							 "the new type of column \"%s\" is stored differently: the whole table %s%s and its indexes are written anew while nobody can read or write it; add a new column, keep it up to date by a trigger, backfill it, then swap the names",
							 cmd->name, relation->label,
							 smig_rule_size(relation));
	}
}

static void
check_type_scan(SmigRuleContext *context)
{
	List	   *commands;
	SmigRelation *relation = smig_rule_altered(context, &commands);
	ListCell   *lc;
	bool		only_types = true;

	foreach(lc, commands)
	{
		if (((AlterTableCmd *) lfirst(lc))->subtype != AT_AlterColumnType)
			only_types = false;
	}
	if (relation == NULL || !only_types ||
		smig_rule_rewrites(context, relation) ||
		!smig_rule_scans(context, relation))
		return;
	smig_rule_report(context, -1, NULL,
					 "the type change leaves the rows of %s as they are, but indexes or constraints on the column are made anew, which reads the whole table%s while nobody can read or write it",
					 relation->label, smig_rule_size(relation));
}

static void
check_subtype(SmigRuleContext *context, AlterTableType first,
			  AlterTableType second, const char *what)
{
	List	   *commands;
	SmigRelation *relation = smig_rule_altered(context, &commands);
	ListCell   *lc;

	if (relation == NULL)
		return;
	foreach(lc, commands)
	{
		AlterTableCmd *cmd = lfirst(lc);

		if ((cmd->subtype == first || cmd->subtype == second) &&
			(relation->unknown || smig_rule_rewrites(context, relation)))
			smig_rule_report(context, -1, NULL,
							 "%s writes the whole table %s%s anew while nobody can read or write it",
							 what, relation->label, smig_rule_size(relation));
	}
}

static void
check_logged(SmigRuleContext *context)
{
	check_subtype(context, AT_SetLogged, AT_SetUnLogged,
				  "changing between LOGGED and UNLOGGED");
}

static void
check_tablespace(SmigRuleContext *context)
{
	check_subtype(context, AT_SetTableSpace, AT_SetTableSpace,
				  "SET TABLESPACE");
}

static void
check_access_method(SmigRuleContext *context)
{
	check_subtype(context, AT_SetAccessMethod, AT_SetAccessMethod,
				  "SET ACCESS METHOD");
}

static void
check_vacuum_full(SmigRuleContext *context)
{
	VacuumStmt *stmt = (VacuumStmt *) context->stmt;

	if (!IsA(stmt, VacuumStmt) || !smig_facts_option(stmt->options, "full"))
		return;
	smig_rule_report(context, -1, NULL,
					 "VACUUM FULL writes tables anew while nobody can read or write them; VACUUM, or an extension such as pg_squeeze or pg_repack, does not block");
}

static void
check_cluster(SmigRuleContext *context)
{
	if (IsA(context->stmt, ClusterStmt))
		smig_rule_report(context, -1, NULL,
						 "CLUSTER writes tables anew while nobody can read or write them; an extension such as pg_squeeze or pg_repack does not block");
}

#ifdef SMIG_HAVE_SET_EXPRESSION
static void
check_expression(SmigRuleContext *context)
{
	check_subtype(context, AT_SetExpression, AT_SetExpression,
				  "SET EXPRESSION of a stored generated column");
}
#define CHECK_EXPRESSION check_expression
#else
#define CHECK_EXPRESSION NULL
#endif

static const SmigRule rules[] = {
	{"add-column-volatile-default", SMIG_SEVERITY_ERROR, 'A',
		"ADD COLUMN with a default that differs from row to row (random(), clock_timestamp(), gen_random_uuid(), nextval(), a volatile function) writes the whole table and its indexes anew under an ACCESS EXCLUSIVE lock. now() and constants are free.",
		check_volatile,
		"ALTER TABLE t ADD COLUMN x uuid DEFAULT gen_random_uuid();",
	"ALTER TABLE t ADD COLUMN x timestamptz DEFAULT now();"},
	{"add-column-serial", SMIG_SEVERITY_ERROR, 'A',
		"ADD COLUMN of a serial type takes a number for each row and writes the whole table anew under an ACCESS EXCLUSIVE lock.",
		check_serial,
		"ALTER TABLE t ADD COLUMN x bigserial;",
	"ALTER TABLE t ADD COLUMN x bigint;"},
	{"add-column-identity", SMIG_SEVERITY_ERROR, 'A',
		"ADD COLUMN ... GENERATED AS IDENTITY takes a number for each row and writes the whole table anew under an ACCESS EXCLUSIVE lock.",
		check_identity,
		"ALTER TABLE t ADD COLUMN x bigint GENERATED ALWAYS AS IDENTITY;",
	"CREATE TABLE n (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);"},
	{"add-column-stored-generated", SMIG_SEVERITY_ERROR, 'A',
		"ADD COLUMN ... GENERATED ALWAYS AS (...) STORED computes a value for each row and writes the whole table anew under an ACCESS EXCLUSIVE lock. From PostgreSQL 18 on VIRTUAL columns are free.",
		check_stored,
		"ALTER TABLE t ADD COLUMN x bigint GENERATED ALWAYS AS (a * 2) STORED;",
	"CREATE TABLE n (a bigint PRIMARY KEY, x bigint GENERATED ALWAYS AS (a * 2) STORED);"},
	{"add-column-constrained-domain", SMIG_SEVERITY_ERROR, 'A',
		"ADD COLUMN of a domain that has CHECK or NOT NULL constraints writes the whole table anew, even without a default.",
		check_domain,
		"ALTER TABLE t ADD COLUMN x positive;",
	"ALTER TABLE t ADD COLUMN x plain;"},
	{"alter-type-rewrite", SMIG_SEVERITY_ERROR, 'A',
		"ALTER COLUMN TYPE where the new type stores values differently (int to bigint, text to varchar(n), a smaller varchar, another numeric scale, any USING that computes) writes the whole table and its indexes anew under an ACCESS EXCLUSIVE lock. A larger varchar, varchar to text, more numeric precision, timestamp to timestamptz in UTC and a domain to its base type are free.",
		check_type,
		"ALTER TABLE t ALTER COLUMN a TYPE numeric;",
	"ALTER TABLE t ALTER COLUMN c TYPE varchar(20);"},
	{"alter-type-scan", SMIG_SEVERITY_ERROR, 'A',
		"ALTER COLUMN TYPE that needs no rewrite, but where an index (another collation, a partial or expression index) or a CHECK on the column is made anew, reads the whole table under an ACCESS EXCLUSIVE lock.",
		check_type_scan,
		"ALTER TABLE t ALTER COLUMN b TYPE text COLLATE \"C\";",
	"ALTER TABLE t ALTER COLUMN c TYPE text;"},
	{"set-logged", SMIG_SEVERITY_ERROR, 'A',
		"SET LOGGED and SET UNLOGGED write the whole table anew under an ACCESS EXCLUSIVE lock.",
		check_logged,
		"ALTER TABLE t SET UNLOGGED;",
	"ALTER TABLE t SET LOGGED;"},
	{"set-tablespace", SMIG_SEVERITY_ERROR, 'A',
		"SET TABLESPACE copies the whole table under an ACCESS EXCLUSIVE lock.",
		check_tablespace,
		"ALTER TABLE t SET TABLESPACE elsewhere;",
	"ALTER TABLE t SET TABLESPACE pg_default;"},
	{"set-access-method", SMIG_SEVERITY_ERROR, 'A',
		"SET ACCESS METHOD writes the whole table anew under an ACCESS EXCLUSIVE lock.",
		check_access_method,
		"ALTER TABLE t SET ACCESS METHOD columnar;",
	"ALTER TABLE t SET ACCESS METHOD heap;"},
	{"vacuum-full", SMIG_SEVERITY_ERROR, 'A',
		"VACUUM FULL writes tables anew under an ACCESS EXCLUSIVE lock.",
		check_vacuum_full,
		"VACUUM FULL t;",
	"VACUUM t;"},
	{"cluster", SMIG_SEVERITY_ERROR, 'A',
		"CLUSTER writes tables anew under an ACCESS EXCLUSIVE lock.",
		check_cluster,
		"CLUSTER t USING t_pkey;",
	"ALTER TABLE t CLUSTER ON t_pkey;"},
	{"set-expression", SMIG_SEVERITY_ERROR, 'A',
		"SET EXPRESSION on a stored generated column computes it for each row and writes the whole table anew under an ACCESS EXCLUSIVE lock.",
		CHECK_EXPRESSION,
		"ALTER TABLE g ALTER COLUMN g SET EXPRESSION AS (a * 3);",
	"ALTER TABLE g ALTER COLUMN a SET DEFAULT 3;", 17, 0},
};

const SmigRuleFamily smig_rules_rewrite = {rules, lengthof(rules)};
