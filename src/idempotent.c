/*-------------------------------------------------------------------------
 *
 * idempotent.c
 *	  Statements in a form that does nothing where they are done already.
 *
 * Where PostgreSQL has IF NOT EXISTS or IF EXISTS, that is used, so that plan
 * and lint still see what the statement is.  What sets a property, such as
 * ALTER COLUMN ... SET DEFAULT or CREATE OR REPLACE, can be repeated as it is.
 * The rest goes into a DO block that passes over the errors that say "it is
 * there" or "it is gone".
 *
 * IDENTIFICATION
 *	  src/idempotent.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"

#include "changes.h"
#include "script.h"

/* The errors that say that it is there, and that it is gone. */
#define THERE \
	"duplicate_object OR duplicate_table OR\n\tduplicate_column OR" \
	" duplicate_function OR duplicate_schema OR\n\tinvalid_table_definition"
/* An identity column, a partition: what it says only where one is added. */
#define IS_ALREADY \
	" OR object_not_in_prerequisite_state OR wrong_object_type"
#define GONE \
	"undefined_object OR undefined_table OR\n\tundefined_column OR" \
	" undefined_function OR invalid_schema_name"

/* The words behind which the words "exists" go, by the kind of statement. */
typedef struct Form
{
	const char *begins;			/* the statement's first words */
	const char *words;			/* what goes behind them; NULL: as it is */
} Form;

static const Form forms[] = {
	{"CREATE TABLE ", "IF NOT EXISTS "},
	{"CREATE UNLOGGED TABLE ", "IF NOT EXISTS "},
	{"CREATE FOREIGN TABLE ", "IF NOT EXISTS "},
	{"CREATE INDEX CONCURRENTLY ", "IF NOT EXISTS "},
	{"CREATE INDEX ", "IF NOT EXISTS "},
	{"CREATE UNIQUE INDEX CONCURRENTLY ", "IF NOT EXISTS "},
	{"CREATE UNIQUE INDEX ", "IF NOT EXISTS "},
	{"CREATE SEQUENCE ", "IF NOT EXISTS "},
	{"CREATE UNLOGGED SEQUENCE ", "IF NOT EXISTS "},
	{"CREATE SCHEMA ", "IF NOT EXISTS "},
	{"CREATE EXTENSION ", "IF NOT EXISTS "},
	{"CREATE MATERIALIZED VIEW ", "IF NOT EXISTS "},
	{"CREATE STATISTICS ", "IF NOT EXISTS "},
	{"CREATE COLLATION ", "IF NOT EXISTS "},
	{"CREATE SERVER ", "IF NOT EXISTS "},
	{"CREATE USER MAPPING ", "IF NOT EXISTS "},
	{"CREATE OR REPLACE ", NULL},
	{"DROP TABLE ", "IF EXISTS "},
	{"DROP FOREIGN TABLE ", "IF EXISTS "},
	{"DROP INDEX CONCURRENTLY ", "IF EXISTS "},
	{"DROP INDEX ", "IF EXISTS "},
	{"DROP SEQUENCE ", "IF EXISTS "},
	{"DROP SCHEMA ", "IF EXISTS "},
	{"DROP EXTENSION ", "IF EXISTS "},
	{"DROP MATERIALIZED VIEW ", "IF EXISTS "},
	{"DROP VIEW ", "IF EXISTS "},
	{"DROP STATISTICS ", "IF EXISTS "},
	{"DROP COLLATION ", "IF EXISTS "},
	{"DROP CONVERSION ", "IF EXISTS "},
	{"DROP TYPE ", "IF EXISTS "},
	{"DROP DOMAIN ", "IF EXISTS "},
	{"DROP FUNCTION ", "IF EXISTS "},
	{"DROP PROCEDURE ", "IF EXISTS "},
	{"DROP AGGREGATE ", "IF EXISTS "},
	{"DROP OPERATOR CLASS ", "IF EXISTS "},
	{"DROP OPERATOR FAMILY ", "IF EXISTS "},
	{"DROP OPERATOR ", "IF EXISTS "},
	{"DROP CAST ", "IF EXISTS "},
	{"DROP TRIGGER ", "IF EXISTS "},
	{"DROP EVENT TRIGGER ", "IF EXISTS "},
	{"DROP RULE ", "IF EXISTS "},
	{"DROP POLICY ", "IF EXISTS "},
	{"DROP PUBLICATION ", "IF EXISTS "},
	{"DROP SERVER ", "IF EXISTS "},
	{"DROP USER MAPPING ", "IF EXISTS "},
	{"DROP FOREIGN DATA WRAPPER ", "IF EXISTS "},
	{"DROP TEXT SEARCH CONFIGURATION ", "IF EXISTS "},
	{"DROP TEXT SEARCH DICTIONARY ", "IF EXISTS "},
	{"DROP TEXT SEARCH PARSER ", "IF EXISTS "},
	{"DROP TEXT SEARCH TEMPLATE ", "IF EXISTS "},
	{"DROP LANGUAGE ", "IF EXISTS "},
	{"DROP TRANSFORM ", "IF EXISTS "},
	{"DROP ACCESS METHOD ", "IF EXISTS "},
	{"COMMENT ON ", NULL},
	{"GRANT ", NULL},
	{"REVOKE ", NULL},
	{"SET ", NULL},
	{"RESET ", NULL},
	{"SELECT ", NULL},
	{"ALTER DEFAULT PRIVILEGES ", NULL},
};

/* Inside ALTER TABLE: commands by which they are told, and their words. */
static const Form commands[] = {
	{" ADD COLUMN ", "IF NOT EXISTS "},
	{" DROP COLUMN ", "IF EXISTS "},
	{" DROP CONSTRAINT ", "IF EXISTS "},
	{" DROP IDENTITY", " IF EXISTS"},
	{" DROP EXPRESSION", " IF EXISTS"},
	{" ADD VALUE ", "IF NOT EXISTS "},
	{" DROP ATTRIBUTE ", "IF EXISTS "},
};

static char *
insert_words(const char *text, int offset, const char *words)
{
	return psprintf("%.*s%s%s", offset, text, words, text + offset);
}

/*
 * A statement that can be repeated as it is: an ALTER that sets a property,
 * and adds, renames or attaches nothing.
 */
static bool
sets_property(const RawStmt *raw)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) raw->stmt;
	ListCell   *lc;

	if (IsA(raw->stmt, AlterOwnerStmt) || IsA(raw->stmt, AlterSeqStmt) ||
		IsA(raw->stmt, AlterFunctionStmt) || IsA(raw->stmt, AlterPolicyStmt) ||
		IsA(raw->stmt, AlterEventTrigStmt) || IsA(raw->stmt, AlterStatsStmt))
		return true;
	if (!IsA(raw->stmt, AlterTableStmt))
		return false;
	foreach(lc, alter->cmds)
	{
		switch (lfirst_node(AlterTableCmd, lc)->subtype)
		{
			case AT_AddColumn:
			case AT_AddConstraint:
			case AT_AddIndexConstraint:
			case AT_AddIdentity:
			case AT_AddInherit:
			case AT_DropInherit:
			case AT_AddOf:
			case AT_DropOf:
			case AT_AttachPartition:
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
			case AT_DropColumn:
			case AT_DropConstraint:
				return false;
			default:
				break;
		}
	}
	return true;
}

/*
 * Whether a statement cannot be in a DO block.
 */
static bool
stands_alone(const SmigStatement *statement)
{
	return statement->kind != SMIG_STEP_TRANSACTION;
}

/*
 * The command of ALTER TABLE or ALTER TYPE, when there is only one, with IF
 * [NOT] EXISTS; NULL when it has none.
 */
static char *
alter_form(const char *text, const RawStmt *raw)
{
	bool		single = IsA(raw->stmt, AlterEnumStmt) ||
		(IsA(raw->stmt, AlterTableStmt) &&
	 list_length(((const AlterTableStmt *) raw->stmt)->cmds) == 1);

	if (!single)
		return NULL;
	for (int i = 0; i < lengthof(commands); i++)
	{
		const char *found = strstr(text, commands[i].begins);
		const char *quote = strpbrk(text, "'$");

		/* what is in a literal is no command; nor what is in a name */
		if (found == NULL || commands[i].words == NULL ||
			(quote && quote < found))
			continue;
		for (const char *c = text; c < found; c++)
			if (*c == '"')
				single = !single;
		if (!single)
			return NULL;
		return insert_words(text,
							(int) (found - text) + (int) strlen(commands[i].begins),
							commands[i].words);
	}
	return NULL;
}

/*
 * The statement in a DO block that passes over the errors that say that there
 * is nothing to do.
 */
static char *
guarded(const char *text)
{
	bool		drop = strncmp(text, "DROP ", 5) == 0;
	bool		both = strncmp(text, "ALTER ", 6) == 0;
	bool		already = strstr(text, " ATTACH PARTITION ") ||
		strstr(text, " ADD GENERATED ");
	char	   *body = psprintf("\nBEGIN\n\t%s;\nEXCEPTION WHEN %s%s%s%s THEN\n\tNULL;\nEND\n",
								text, drop ? "" : THERE,
								already ? IS_ALREADY : "",
								both ? " OR\n\t" : "", drop || both ? GONE : "");

	return psprintf("DO %s;", smig_script_dollar_quote(body));
}

static char *
make_idempotent(const SmigScript *script, const SmigStatement *statement)
{
	char	   *text = smig_script_statement_text(script, statement);
	char	   *form;

	for (int i = 0; i < lengthof(forms); i++)
	{
		int			length = (int) strlen(forms[i].begins);

		if (strncmp(text, forms[i].begins, length) != 0)
			continue;
		if (forms[i].words == NULL ||
			strncmp(text + length, "IF ", 3) == 0)
			return psprintf("%s;", text);
		return psprintf("%s;", insert_words(text, length, forms[i].words));
	}
	form = alter_form(text, statement->raw);
	if (form)
		return psprintf("%s;", form);
	if (sets_property(statement->raw) || stands_alone(statement))
		return psprintf("%s;", text);
	return guarded(text);
}

/*
 * The statements in a form that does nothing where they are done already.
 * What the diff writes begins with its keywords in capitals, one blank
 * between them.
 */
char *
smig_idempotent(const char *statements)
{
	SmigScript *script = smig_script_parse(statements,
										   SMIG_TRANSACTION_REVISION,
										   "statements of the diff");
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, script->statements)
	{
		if (buf.len > 0)
			appendStringInfoChar(&buf, '\n');
		appendStringInfoString(&buf, make_idempotent(script, lfirst(lc)));
	}
	return buf.data;
}
