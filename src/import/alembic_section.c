/*-------------------------------------------------------------------------
 *
 * alembic_section.c
 *	  What is Alembic's own in its output, and what is the revision's.
 *
 * IDENTIFICATION
 *	  src/import/alembic_section.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "alembic.h"

#define VERSION_COLUMN	"version_num"

/* A statement of Alembic's bookkeeping. */
typedef struct VersionStatement
{
	const RangeVar *table;
	const char *ends;			/* head it removes, or NULL */
	const char *begins;			/* head it sets, or NULL */
} VersionStatement;

static const char *
constant_text(const Node *node)
{
	const A_Const *constant = (const A_Const *) node;

	if (node == NULL || !IsA(node, A_Const) || constant->isnull ||
		nodeTag(&constant->val) != T_String)
		return NULL;
	return constant->val.sval.sval;
}

/*
 * The id in WHERE [table.]version_num = 'id'; NULL for anything else.
 */
static const char *
id_of_where(const Node *where)
{
	const A_Expr *expr = (const A_Expr *) where;
	const ColumnRef *column;

	if (where == NULL || !IsA(where, A_Expr) || expr->kind != AEXPR_OP ||
		strcmp(strVal(llast(expr->name)), "=") != 0 ||
		!IsA(expr->lexpr, ColumnRef))
		return NULL;
	column = (const ColumnRef *) expr->lexpr;
	if (!IsA(llast(column->fields), String) ||
		strcmp(strVal(llast(column->fields)), VERSION_COLUMN) != 0)
		return NULL;
	return constant_text(expr->rexpr);
}

static bool
sets_version(const List *targets)
{
	return list_length(targets) == 1 &&
		strcmp(linitial_node(ResTarget, targets)->name, VERSION_COLUMN) == 0;
}

/*
 * Whether a statement is of the form that Alembic writes for its own table.
 */
static bool
read_version_statement(const Node *node, VersionStatement *version)
{
	memset(version, 0, sizeof(*version));
	if (IsA(node, InsertStmt))
	{
		const InsertStmt *insert = (const InsertStmt *) node;
		const SelectStmt *values = (const SelectStmt *) insert->selectStmt;

		if (values == NULL || list_length(values->valuesLists) != 1 ||
			!sets_version(insert->cols))
			return false;
		version->table = insert->relation;
		version->begins =
			constant_text(linitial(linitial_node(List, values->valuesLists)));
		return version->begins != NULL;
	}
	if (IsA(node, UpdateStmt))
	{
		const UpdateStmt *update = (const UpdateStmt *) node;

		if (!sets_version(update->targetList))
			return false;
		version->table = update->relation;
		version->begins =
			constant_text(linitial_node(ResTarget, update->targetList)->val);
		version->ends = id_of_where(update->whereClause);
		return version->begins && version->ends;
	}
	if (IsA(node, DeleteStmt))
	{
		version->table = ((const DeleteStmt *) node)->relation;
		version->ends = id_of_where(((const DeleteStmt *) node)->whereClause);
		return version->ends != NULL;
	}
	return false;
}

static char *
table_name(const RangeVar *table)
{
	return quote_qualified_identifier(table->schemaname, table->relname);
}

/*
 * Whether the statement keeps Alembic's table; notes which table that is.
 */
static bool
is_bookkeeping(AlembicOutput *output, const Node *node,
			   VersionStatement *version)
{
	if (!read_version_statement(node, version))
		return false;
	if (output->table == NULL)
		output->table = table_name(version->table);
	return strcmp(output->table, table_name(version->table)) == 0;
}

/*
 * DROP TABLE of Alembic's table, which ends a downgrade to base.
 */
static bool
drops_table(const AlembicOutput *output, const Node *node)
{
	const DropStmt *drop = (const DropStmt *) node;
	RangeVar   *table;

	if (!IsA(node, DropStmt) || drop->removeType != OBJECT_TABLE ||
		list_length(drop->objects) != 1 || output->table == NULL)
		return false;
	table = makeRangeVarFromNameList(linitial_node(List, drop->objects));
	return strcmp(output->table, table_name(table)) == 0;
}

/*
 * CREATE TABLE of Alembic's table: it has the one column.
 */
static bool
creates_table(AlembicOutput *output, const Node *node)
{
	const CreateStmt *create = (const CreateStmt *) node;
	int			columns = 0;
	bool		found = false;
	ListCell   *lc;

	if (!IsA(node, CreateStmt))
		return false;
	foreach(lc, create->tableElts)
	{
		const ColumnDef *column = lfirst(lc);

		if (!IsA(column, ColumnDef))
			continue;
		columns++;
		found = strcmp(column->colname, VERSION_COLUMN) == 0;
	}
	if (columns != 1 || !found)
		return false;
	output->table = table_name(create->relation);
	return true;
}

/*
 * A section's statements.  Errors say which line of the output they are in.
 */
typedef struct SectionContext
{
	const AlembicOutput *output;
	const AlembicSection *section;
} SectionContext;

static void
section_callback(void *arg)
{
	const SectionContext *context = (const SectionContext *) arg;

	smig_alembic_error_at(context->output, context->section->line - 1 +
						  Max(smig_script_error_line(), 1));
}

static SmigScript *
split_section(const AlembicOutput *output, const AlembicSection *section)
{
	SectionContext context = {output, section};
	ErrorContextCallback callback = {error_context_stack, section_callback, &context};
	SmigScript *script;

	error_context_stack = &callback;
	script = smig_script_split(pnstrdup(section->start,
										section->end - section->start),
							   section->id ?
							   psprintf("revision \"%s\"", section->id) :
							   "text before the first revision");
	error_context_stack = callback.previous;
	return script;
}

/*
 * A SELECT from a table in a migration reads what the program wants to know:
 * what it then does is not in the output.
 */
static void
warn_of_reading(const AlembicOutput *output, const AlembicSection *section,
				const SmigStatement *statement)
{
	const SelectStmt *select = (const SelectStmt *) statement->raw->stmt;
	bool		table = false;
	ListCell   *lc;

	if (!IsA(select, SelectStmt) || select->intoClause)
		return;
	foreach(lc, select->fromClause)
		table = table || !IsA(lfirst(lc), RangeFunction);
	if (table)
		ereport(WARNING,
				(errmsg("revision \"%s\" reads rows, and what it does with them is not in the output",
						section->id),
				 errdetail("The SELECT is in line %d of \"%s\".",
						   section->line - 1 + statement->line, output->name),
				 errhint("Compare the script with the revision's Python, and correct it with schemamig_replace().")));
}

/*
 * The transaction that Alembic ends and begins around an autocommit block is
 * no block of the script's own: BEGIN becomes COMMIT, which only cuts there.
 */
static char *
without_begin(const AlembicSection *section, const SmigScript *script, int count)
{
	StringInfoData body;
	int			copied = 0;

	initStringInfo(&body);
	for (int i = 0; i < count; i++)
	{
		const SmigStatement *statement = list_nth(script->statements, i);
		const TransactionStmt *control =
			(const TransactionStmt *) statement->raw->stmt;

		if (!IsA(control, TransactionStmt) || control->options != NIL ||
			(control->kind != TRANS_STMT_BEGIN &&
			 control->kind != TRANS_STMT_START))
			continue;
		appendBinaryStringInfo(&body, script->text +copied,
							   statement->start - copied);
		appendStringInfoString(&body, "COMMIT");
		copied = statement->start + statement->length;
	}
	appendBinaryStringInfo(&body, script->text +copied,
						   section->body_end - section->start - copied);
	return body.data;
}

static void
refuse_behind(const AlembicOutput *output, const AlembicSection *section,
			  const SmigStatement *statement)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("there is a statement behind the end of revision \"%s\"",
					section->id),
			 errdetail("It is no part of the revision; env.py may write it."),
			 errhint("Take it out of the output, and write it as a revision if the schema needs it."),
			 smig_alembic_error_at(output,
								   section->line - 1 + statement->line)));
}

static void
check_version(const AlembicOutput *output, const AlembicSection *section,
			  const VersionStatement *version, const SmigStatement *statement)
{
	const char *id = output->revert ? version->ends : version->begins;

	if (id == NULL || output->revert || strcmp(id, section->id) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("revision \"%s\" ends with the version \"%s\"",
					section->id, id),
			 errhint("Pass Alembic's output as it is."),
			 smig_alembic_error_at(output, section->line - 1 + statement->line)));
}

/*
 * Finds where the revision ends and Alembic's bookkeeping begins, and what the
 * bookkeeping says.  Sets start, end and body_end to the revision's script.
 * Returns false if there is no bookkeeping: the output breaks off.
 */
bool
smig_alembic_read_section(AlembicOutput *output, AlembicSection *section)
{
	SmigScript *script;
	int			first = -1;
	int			i = 0;
	ListCell   *lc;
	char	   *body;

	if (strstr(pnstrdup(section->start, section->end - section->start),
			   VERSION_COLUMN) == NULL)
		return false;
	script = split_section(output, section);
	foreach(lc, script->statements)
	{
		const SmigStatement *statement = lfirst(lc);
		const Node *node = statement->raw->stmt;
		VersionStatement version;

		CHECK_FOR_INTERRUPTS();
		if (is_bookkeeping(output, node, &version))
		{
			if (first < 0)
				first = i;
			check_version(output, section, &version, statement);
			if (version.ends)
				section->replaced = lappend(section->replaced,
											pstrdup(version.ends));
		}
		else if (first < 0)
			warn_of_reading(output, section, statement);
		else if (!IsA(node, TransactionStmt) && !drops_table(output, node))
			refuse_behind(output, section, statement);
		i++;
	}
	if (first < 0)
		return false;
	section->body_end = section->start +
		((SmigStatement *) list_nth(script->statements, first))->start;
	body = without_begin(section, script, first);
	section->start = body;
	section->body_end = body + strlen(body);
	return true;
}

/*
 * Reads what env.py and Alembic write before the first revision: settings
 * belong to each script, other statements to the first.
 */
void
smig_alembic_read_preamble(AlembicOutput *output)
{
	SmigScript *script = split_section(output, output->preamble);
	StringInfoData settings;
	StringInfoData others;
	ListCell   *lc;

	initStringInfo(&settings);
	initStringInfo(&others);
	foreach(lc, script->statements)
	{
		const SmigStatement *statement = lfirst(lc);
		const Node *node = statement->raw->stmt;

		if (IsA(node, TransactionStmt) || creates_table(output, node))
			continue;
		appendStringInfo(IsA(node, VariableSetStmt) ? &settings : &others,
						 "%s;\n", smig_script_statement_text(script, statement));
	}
	if (settings.len > 0)
		output->prefix = settings.data;
	if (others.len > 0)
		output->first_prefix = others.data;
}
