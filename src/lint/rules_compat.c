/*-------------------------------------------------------------------------
 *
 * rules_compat.c
 *	  Family E: what breaks clients that are running.
 *
 * IDENTIFICATION
 *	  src/lint/rules_compat.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "nodes/value.h"
#include "utils/builtins.h"

#include "compat.h"
#include "lint/rules.h"
#include "lint/source.h"

static void
each_command(SmigRuleContext *context, AlterTableType subtype,
			 void (*report) (SmigRuleContext *context, SmigRelation *relation,
							 AlterTableCmd *cmd))
{
	List	   *commands;
	SmigRelation *relation = smig_rule_altered(context, &commands);
	ListCell   *lc;

	if (relation == NULL)
		return;
	foreach(lc, commands)
	{
		AlterTableCmd *cmd = lfirst(lc);

		if (cmd->subtype == subtype)
			report(context, relation, cmd);
	}
}

static void
report_drop_column(SmigRuleContext *context, SmigRelation *relation,
				   AlterTableCmd *cmd)
{
	if (cmd->missing_ok && !relation->unknown &&
		smig_view_column(relation, cmd->name) == NULL)
		return;
	smig_rule_report(context, -1, NULL,
					 "column \"%s\" of %s and its data are lost, and clients that still use it fail; stop using it in the application first",
					 cmd->name, relation->label);
}

static void
check_drop_column(SmigRuleContext *context)
{
	each_command(context, AT_DropColumn, report_drop_column);
}

/*
 * Dropping a column takes its indexes and constraints along, or with CASCADE
 * whatever looks at it.
 */
static void
report_dependants(SmigRuleContext *context, SmigRelation *relation,
				  AlterTableCmd *cmd)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, relation->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (!index->dropped && smig_column_listed(index->keys, cmd->name))
			appendStringInfo(&names, "%sindex %s", names.len ? ", " : "",
							 index->label);
	}
	foreach(lc, relation->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);

		if (constraint->index_name == NULL && constraint->name &&
			constraint->type != 'n' &&
			smig_column_listed(constraint->columns, cmd->name))
			appendStringInfo(&names, "%sconstraint \"%s\"",
							 names.len ? ", " : "", constraint->name);
	}
	foreach(lc, context->facts->relations)
	{
		SmigFact   *fact = lfirst(lc);

		if (fact->relation != relation && fact->mode == AccessExclusiveLock &&
			(fact->kind == RELKIND_VIEW || fact->kind == RELKIND_MATVIEW))
			appendStringInfo(&names, "%sview %s", names.len ? ", " : "",
							 fact->name);
	}
	if (names.len > 0)
		smig_rule_report(context, -1, NULL,
						 "with column \"%s\" of %s go: %s",
						 cmd->name, relation->label, names.data);
}

static void
check_dependants(SmigRuleContext *context)
{
	each_command(context, AT_DropColumn, report_dependants);
}

static void
check_drop_table(SmigRuleContext *context)
{
	DropStmt   *stmt = (DropStmt *) context->stmt;
	ListCell   *lc;

	if (!IsA(stmt, DropStmt) ||
		(stmt->removeType != OBJECT_TABLE && stmt->removeType != OBJECT_VIEW &&
		 stmt->removeType != OBJECT_MATVIEW &&
		 stmt->removeType != OBJECT_FOREIGN_TABLE))
		return;
	foreach(lc, stmt->objects)
	{
		SmigRelation *relation = smig_view_find_names(context->pending,
													  lfirst(lc));

		if (relation ? relation->created : stmt->missing_ok)
			continue;
		smig_rule_report(context, -1, NULL,
						 stmt->removeType == OBJECT_VIEW ?
						 "clients that still use %s fail; stop using it in the application first" :
						 "%s and its data are lost, and clients that still use it fail; stop using it in the application first",
						 relation ? relation->label :
						 strVal(llast((List *) lfirst(lc))));
	}
}

static void
check_drop_schema(SmigRuleContext *context)
{
	DropStmt   *stmt = (DropStmt *) context->stmt;
	ListCell   *lc;

	if (!IsA(stmt, DropStmt) || stmt->removeType != OBJECT_SCHEMA)
		return;
	foreach(lc, stmt->objects)
	{
		const char *name = strVal(lfirst(lc));
		bool		created = false;
		ListCell   *lc2;

		foreach(lc2, context->pending->schemas)
		{
			if (strcmp(lfirst(lc2), name) == 0)
				created = true;
		}
		if (created ||
			(stmt->missing_ok && !OidIsValid(get_namespace_oid(name, true))))
			continue;
		smig_rule_report(context, -1, NULL,
						 "schema \"%s\"%s is lost, and clients that still use it fail",
						 name, stmt->behavior == DROP_CASCADE ?
						 " with all that is in it" : "");
	}
}

static void
check_drop_database(SmigRuleContext *context)
{
	if (IsA(context->stmt, DropdbStmt))
		smig_rule_report(context, -1, NULL,
						 "database \"%s\" and all its data are lost",
						 ((DropdbStmt *) context->stmt)->dbname);
}

static void
check_rename_column(SmigRuleContext *context)
{
	RenameStmt *stmt = (RenameStmt *) context->stmt;
	SmigRelation *relation;

	if (!IsA(stmt, RenameStmt) || stmt->renameType != OBJECT_COLUMN)
		return;
	relation = smig_rule_relation(context, stmt->relation);
	if (relation)
		smig_rule_report(context, -1, NULL,
						 "clients that use the column under its old name \"%s\" fail from this moment; add a column of the new name, keep both in step, and drop the old one when nobody uses it",
						 stmt->subname);
}

static void
check_rename_table(SmigRuleContext *context)
{
	RenameStmt *stmt = (RenameStmt *) context->stmt;
	SmigRelation *relation;
	char	   *suggestion = NULL;
	char	   *old;
	char	   *new;

	if (!IsA(stmt, RenameStmt) ||
		(stmt->renameType != OBJECT_TABLE && stmt->renameType != OBJECT_VIEW &&
		 stmt->renameType != OBJECT_MATVIEW))
		return;
	relation = smig_rule_relation(context, stmt->relation);
	if (relation == NULL || relation->heap)
		return;
	old = pstrdup(quote_qualified_identifier(stmt->relation->schemaname,
											 stmt->relation->relname));
	new = pstrdup(quote_qualified_identifier(stmt->relation->schemaname,
											 stmt->newname));
	if (stmt->renameType == OBJECT_TABLE)
		suggestion = psprintf("%s;\nCREATE VIEW %s AS SELECT * FROM %s;",
							  smig_script_statement_text(context->script,
														 context->statement),
							  old, new);
	smig_rule_report(context, -1, suggestion,
					 "clients that use %s under its old name fail from this moment; leave a view of that name until nobody uses it",
					 relation->label);
}

static void
check_rename_other(SmigRuleContext *context)
{
	RenameStmt *stmt = (RenameStmt *) context->stmt;
	const char *what;

	if (IsA(context->stmt, AlterEnumStmt))
	{
		AlterEnumStmt *enumeration = (AlterEnumStmt *) context->stmt;

		if (enumeration->oldVal)
			smig_rule_report(context, -1, NULL,
							 "clients that use the enum value '%s' fail from this moment",
							 enumeration->oldVal);
		return;
	}
	if (!IsA(stmt, RenameStmt))
		return;
	switch (stmt->renameType)
	{
		case OBJECT_SCHEMA:
			what = "schema";
			break;
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			what = "type";
			break;
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
			what = "function";
			break;
		case OBJECT_SEQUENCE:
			what = "sequence";
			break;
		default:
			return;
	}
	if (stmt->relation && smig_rule_relation(context, stmt->relation) == NULL)
		return;
	smig_rule_report(context, -1, NULL,
					 "clients that use the %s under its old name fail from this moment",
					 what);
}

static void
report_drop_not_null(SmigRuleContext *context, SmigRelation *relation,
					 AlterTableCmd *cmd)
{
	smig_rule_report(context, -1, NULL,
					 "column \"%s\" of %s can be NULL from now on; clients that do not expect it fail",
					 cmd->name, relation->label);
}

static void
check_drop_not_null(SmigRuleContext *context)
{
	each_command(context, AT_DropNotNull, report_drop_not_null);
}

static void
report_required(SmigRuleContext *context, SmigRelation *relation,
				AlterTableCmd *cmd)
{
	SmigNewColumn column;
	char	   *suggestion = NULL;
	ColumnDef  *definition = castNode(ColumnDef, cmd->def);

	smig_column_analyse(context->pending, relation, definition, &column);
	if (!column.notnull || column.serial || column.identity || column.stored ||
		column.virtual || column.default_kind != SMIG_DEFAULT_NONE)
		return;
	if (definition->typeName->location >= 0 &&
		list_length(((AlterTableStmt *) context->stmt)->cmds) == 1)
	{
		SmigSource *source = smig_source_read(context->script,
											  context->statement);
		ListCell   *lc;

		foreach(lc, definition->constraints)
		{
			Constraint *constraint = lfirst(lc);
			int			not;

			if (constraint->contype != CONSTR_NOTNULL ||
				constraint->location < 0)
				continue;
			not = smig_source_find(source, constraint->location, "not");
			if (not >= 0 && smig_source_token_is(source, not + 1, "null"))
				suggestion = smig_source_replace(source, constraint->location,
												 source->tokens[not + 1].end,
												 "");
		}
	}
	smig_rule_report(context, definition->location, suggestion,
					 "new column \"%s\" of %s is NOT NULL without a default: this fails unless the table is empty, and clients that insert without it fail afterwards",
					 definition->colname, relation->label);
}

static void
check_required(SmigRuleContext *context)
{
	each_command(context, AT_AddColumn, report_required);
}

static void
report_type(SmigRuleContext *context, SmigRelation *relation,
			AlterTableCmd *cmd)
{
	smig_rule_report(context, -1, NULL,
					 "the type of column \"%s\" of %s changes: prepared statements of running clients fail once with \"cached plan must not change result type\", and clients may not expect the new type",
					 cmd->name, relation->label);
}

static void
check_type(SmigRuleContext *context)
{
	each_command(context, AT_AlterColumnType, report_type);
}

static void
report_json(SmigRuleContext *context, ColumnDef *definition, const char *table)
{
	TypeName   *type = definition->typeName;
	SmigSource *source;
	char	   *suggestion = NULL;

	if (type == NULL || strcmp(strVal(llast(type->names)), "json") != 0 ||
		type->arrayBounds != NIL)
		return;
	source = smig_source_read(context->script, context->statement);
	if (type->location >= 0 &&
		pg_strncasecmp(context->script->text +type->location, "json", 4) == 0)
		suggestion = smig_source_replace(source, type->location,
										 type->location + 4, "jsonb");
	smig_rule_report(context, definition->location, suggestion,
					 "type json has no equality: SELECT DISTINCT, GROUP BY and UNION over %s fail in clients; use jsonb",
					 table);
}

static void
report_new_json(SmigRuleContext *context, SmigRelation *relation,
				AlterTableCmd *cmd)
{
	report_json(context, castNode(ColumnDef, cmd->def), relation->label);
}

static void
check_json(SmigRuleContext *context)
{
	CreateStmt *stmt = (CreateStmt *) context->stmt;
	ListCell   *lc;

	each_command(context, AT_AddColumn, report_new_json);
	if (!IsA(stmt, CreateStmt))
		return;
	foreach(lc, stmt->tableElts)
	{
		if (IsA(lfirst(lc), ColumnDef))
			report_json(context, lfirst(lc),
						smig_suggest_written(stmt->relation));
	}
}

static void
check_replica_identity(SmigRuleContext *context)
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

		if (cmd->subtype == AT_ReplicaIdentity &&
			castNode(ReplicaIdentityStmt, cmd->def)->identity_type ==
			REPLICA_IDENTITY_FULL)
			smig_rule_report(context, -1, NULL,
							 "REPLICA IDENTITY FULL writes whole old rows of %s to the WAL, and subscribers look for each changed row by reading the table",
							 relation->label);
		if (cmd->subtype != AT_DropConstraint)
			continue;
		constraint = smig_view_constraint(relation, cmd->name);
		if (constraint && constraint->type == CONSTRAINT_PRIMARY)
			smig_rule_report(context, -1, NULL,
							 "without its primary key %s cannot be published for UPDATE and DELETE, and clients that rely on it fail",
							 relation->label);
	}
}

static const SmigRule rules[] = {
	{"drop-column", SMIG_SEVERITY_WARNING, 'E',
		"DROP COLUMN loses its data, and clients that still use the column fail.",
		check_drop_column,
		"ALTER TABLE t DROP COLUMN b;",
	"ALTER TABLE t DROP COLUMN IF EXISTS no_such_column;"},
	{"drop-column-dependants", SMIG_SEVERITY_NOTE, 'E',
		"DROP COLUMN takes the indexes and constraints over it along, and with CASCADE views.",
		check_dependants,
		"ALTER TABLE t DROP COLUMN c;",
	"ALTER TABLE t DROP COLUMN d;"},
	{"drop-table", SMIG_SEVERITY_WARNING, 'E',
		"DROP TABLE and DROP VIEW: clients that still use it fail, and the data of a table is lost.",
		check_drop_table,
		"DROP TABLE o2;",
	"DROP TABLE IF EXISTS no_such_table;"},
	{"drop-schema", SMIG_SEVERITY_WARNING, 'E',
		"DROP SCHEMA: clients that still use it fail; with CASCADE all that is in it is lost.",
		check_drop_schema,
		"DROP SCHEMA lint_examples CASCADE;",
	"DROP SCHEMA IF EXISTS no_such_schema;"},
	{"drop-database", SMIG_SEVERITY_ERROR, 'E',
		"DROP DATABASE in a migration loses all data of another database.",
		check_drop_database,
		"DROP DATABASE d;",
	"DROP SCHEMA IF EXISTS no_such_schema;"},
	{"rename-column", SMIG_SEVERITY_WARNING, 'E',
		"Clients that use the old name of the column fail.",
		check_rename_column,
		"ALTER TABLE t RENAME COLUMN a TO a2;",
	"ALTER TABLE t RENAME CONSTRAINT proved_there TO proved;"},
	{"rename-table", SMIG_SEVERITY_WARNING, 'E',
		"Clients that use the old name of the table or view fail; a view of the old name keeps them going.",
		check_rename_table,
		"ALTER TABLE t RENAME TO t2;",
	"ALTER INDEX t_b RENAME TO t_b2;"},
	{"rename-object", SMIG_SEVERITY_WARNING, 'E',
		"Clients that use the old name of the schema, type, enum value, function or sequence fail.",
		check_rename_other,
		"ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';",
	"ALTER TYPE mood ADD VALUE 'fine' AFTER 'ok';"},
	{"drop-not-null", SMIG_SEVERITY_NOTE, 'E',
		"Clients that read the column may not expect NULL.",
		check_drop_not_null,
		"ALTER TABLE t ALTER COLUMN o_id DROP NOT NULL;",
	"ALTER TABLE t ALTER COLUMN proved SET NOT NULL;"},
	{"add-required-column", SMIG_SEVERITY_ERROR, 'E',
		"ADD COLUMN ... NOT NULL without a default fails on a table with rows, and clients that insert without the column fail afterwards.",
		check_required,
		"ALTER TABLE t ADD COLUMN x int NOT NULL;",
	"ALTER TABLE t ADD COLUMN x int NOT NULL DEFAULT 0;"},
	{"change-column-type", SMIG_SEVERITY_NOTE, 'E',
		"Any change of a column's type can break running clients, even one that needs no rewrite.",
		check_type,
		"ALTER TABLE t ALTER COLUMN c TYPE text;",
	"ALTER TABLE t ALTER COLUMN c SET STATISTICS 100;"},
	{"add-json-column", SMIG_SEVERITY_WARNING, 'E',
		"Type json has no equality operator: SELECT DISTINCT over the table fails in clients; jsonb has one.",
		check_json,
		"ALTER TABLE t ADD COLUMN x json;",
	"ALTER TABLE t ADD COLUMN x jsonb;"},
	{"replica-identity", SMIG_SEVERITY_NOTE, 'E',
		"REPLICA IDENTITY FULL and dropping a primary key make logical replication expensive or impossible.",
		check_replica_identity,
		"ALTER TABLE t REPLICA IDENTITY FULL;",
	"ALTER TABLE t REPLICA IDENTITY DEFAULT;"},
};

const SmigRuleFamily smig_rules_compat = {rules, lengthof(rules)};
