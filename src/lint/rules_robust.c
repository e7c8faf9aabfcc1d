/*-------------------------------------------------------------------------
 *
 * rules_robust.c
 *	  Family F: statements that fail, or succeed, in ways one does not expect.
 *
 * IDENTIFICATION
 *	  src/lint/rules_robust.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"

#include "compat.h"
#include "lint/rules.h"
#include "lint/source.h"

static void
check_if_not_exists(SmigRuleContext *context)
{
	IndexStmt  *stmt = (IndexStmt *) context->stmt;
	SmigSource *source;
	int			word;
	char	   *suggestion = NULL;

	if (!IsA(stmt, IndexStmt) || !stmt->concurrent || !stmt->if_not_exists)
		return;
	source = smig_source_read(context->script, context->statement);
	word = smig_source_find(source, source->start, "if");
	if (word >= 0 && smig_source_token_is(source, word + 2, "exists"))
		suggestion = smig_source_replace(source, source->tokens[word].start,
										 source->tokens[word + 3].start, "");
	smig_rule_report(context, -1, suggestion,
					 "IF NOT EXISTS takes an INVALID index left by a failed attempt for success; without it schemamig finds and replaces such an index");
}

static void
check_unnamed_index(SmigRuleContext *context)
{
	IndexStmt  *stmt = (IndexStmt *) context->stmt;
	SmigRelation *relation;
	SmigSource *source;
	int			word;
	char	   *name;
	char	   *suggestion = NULL;

	if (!IsA(stmt, IndexStmt) || !stmt->concurrent || stmt->idxname)
		return;
	relation = smig_view_find_or_unknown(context->pending, stmt->relation);
	name = smig_view_new_name(context->pending, relation,
							  smig_view_index_columns(stmt->indexParams),
							  "idx");
	source = smig_source_read(context->script, context->statement);
	word = smig_source_find(source, source->start, "concurrently");
	if (word >= 0)
		suggestion = smig_source_replace(source, source->tokens[word].end,
										 source->tokens[word].end,
										 psprintf(" %s", quote_identifier(name)));
	smig_rule_report(context, -1, suggestion,
					 "an index without a name gets another one at each attempt, so what a failed attempt left cannot be told from others");
}

static void
check_long_names(SmigRuleContext *context)
{
	SmigSource *source = smig_source_read(context->script, context->statement);

	for (int i = 0; i < source->ntokens; i++)
	{
		SmigToken  *token = &source->tokens[i];
		const char *text = source->text + token->start;
		int			length = token->end - token->start;
		bool		quoted = text[0] == '"';
		unsigned char first = text[0];

		if (quoted)
		{
			int			doubled = 0;

			for (int j = 1; j < length - 1; j++)
			{
				if (text[j] == '"')
					doubled++;
			}
			length -= 2 + doubled / 2;
		}
		else if (!(isalpha(first) || first == '_' || IS_HIGHBIT_SET(first)) ||
				 memchr(text, '\'', length) != NULL)
			continue;
		if (length < NAMEDATALEN)
			continue;
		smig_rule_report(context, token->start, NULL,
						 "identifier %s is longer than %d bytes; PostgreSQL uses only its beginning, \"%.*s\"",
						 smig_source_slice(source, token->start, token->end),
						 NAMEDATALEN - 1,
						 pg_mbcliplen(text + quoted, length, NAMEDATALEN - 1),
						 text + quoted);
	}
}

/*
 * Reports names that occur twice in a list of String nodes' or ResTargets'
 * names.
 */
static void
report_twice(SmigRuleContext *context, List *names, const char *what)
{
	for (int i = 0; i < list_length(names); i++)
	{
		const char *name = list_nth(names, i);

		for (int j = 0; name && j < i; j++)
		{
			const char *other = list_nth(names, j);

			if (other && strcmp(name, other) == 0)
			{
				smig_rule_report(context, -1, NULL,
								 "column \"%s\" occurs twice %s", name, what);
				break;
			}
		}
	}
}

static List *
assigned_names(List *targets)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, targets)
	{
		ResTarget  *target = lfirst(lc);

		/* parts of composite values and arrays can be set one by one */
		if (target->name && target->indirection == NIL)
			names = lappend(names, target->name);
	}
	return names;
}

/*
 * Names that the columns of a query get, as far as they can be told.
 */
static List *
result_names(SelectStmt *stmt)
{
	List	   *names = NIL;
	ListCell   *lc;

	while (stmt->larg)
		stmt = stmt->larg;
	foreach(lc, stmt->targetList)
	{
		ResTarget  *target = lfirst(lc);

		if (target->name)
			names = lappend(names, target->name);
		else if (target->val && IsA(target->val, ColumnRef))
		{
			Node	   *field = llast(((ColumnRef *) target->val)->fields);

			if (IsA(field, String))
				names = lappend(names, strVal(field));
		}
		else if (target->val && IsA(target->val, FuncCall))
			names = lappend(names,
							strVal(llast(((FuncCall *) target->val)->funcname)));
		else if (target->val && (IsA(target->val, A_Const) ||
								 IsA(target->val, A_Expr)))
			names = lappend(names, "?column?");
	}
	return names;
}

static void
check_duplicate_columns(SmigRuleContext *context)
{
	Node	   *stmt = context->stmt;
	OnConflictClause *conflict;
	Node	   *query;
	ListCell   *lc;

	switch (nodeTag(stmt))
	{
		case T_UpdateStmt:
			report_twice(context,
						 assigned_names(((UpdateStmt *) stmt)->targetList),
						 "in SET");
			break;
		case T_InsertStmt:
			report_twice(context, assigned_names(((InsertStmt *) stmt)->cols),
						 "in the list of columns");
			conflict = ((InsertStmt *) stmt)->onConflictClause;
			if (conflict)
				report_twice(context, assigned_names(conflict->targetList),
							 "in SET");
			break;
		case T_MergeStmt:
			foreach(lc, ((MergeStmt *) stmt)->mergeWhenClauses)
				report_twice(context,
							 assigned_names(((MergeWhenClause *) lfirst(lc))->targetList),
							 "in a WHEN clause");
			break;
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
			{
				List	   *names = NIL;

				foreach(lc, ((CreateStmt *) stmt)->tableElts)
				{
					if (IsA(lfirst(lc), ColumnDef))
						names = lappend(names,
										((ColumnDef *) lfirst(lc))->colname);
				}
				report_twice(context, names, "in the table");
				break;
			}
		case T_ViewStmt:
			{
				ViewStmt   *view = (ViewStmt *) stmt;
				List	   *names = NIL;

				if (!IsA(view->query, SelectStmt))
					break;
				names = result_names((SelectStmt *) view->query);
				if (view->aliases)
				{
					List	   *aliases = NIL;

					foreach(lc, view->aliases)
						aliases = lappend(aliases, strVal(lfirst(lc)));
					for (int i = list_length(aliases); i < list_length(names); i++)
						aliases = lappend(aliases, list_nth(names, i));
					names = aliases;
				}
				report_twice(context, names, "in the view");
				break;
			}
		case T_CreateTableAsStmt:
			query = ((CreateTableAsStmt *) stmt)->query;
			if (IsA(query, SelectStmt) &&
				((CreateTableAsStmt *) stmt)->into->colNames == NIL)
				report_twice(context, result_names((SelectStmt *) query),
							 "in the table");
			break;
		case T_SelectStmt:
			if (((SelectStmt *) stmt)->intoClause &&
				((SelectStmt *) stmt)->intoClause->colNames == NIL)
				report_twice(context, result_names((SelectStmt *) stmt),
							 "in the table");
			break;
		default:
			break;
	}
}

static void
check_security_definer(SmigRuleContext *context)
{
	CreateFunctionStmt *stmt = (CreateFunctionStmt *) context->stmt;
	bool		definer = false;
	bool		pinned = false;
	ListCell   *lc;

	if (!IsA(stmt, CreateFunctionStmt))
		return;
	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "security") == 0)
			definer = boolVal(option->arg);
		if (strcmp(option->defname, "set") == 0 &&
			((VariableSetStmt *) option->arg)->name &&
			pg_strcasecmp(((VariableSetStmt *) option->arg)->name,
						  "search_path") == 0)
			pinned = true;
	}
	if (definer && !pinned && stmt->sql_body == NULL)
	{
		SmigSource *source = smig_source_read(context->script,
											  context->statement);

		smig_rule_report(context, -1,
						 smig_source_replace(source, source->end, source->end,
											 " SET search_path = pg_catalog, pg_temp"),
						 "a SECURITY DEFINER function without its own search_path runs whatever its caller's search_path finds, with the owner's rights");
	}
}

static const SmigRule rules[] = {
	{"concurrent-if-not-exists", SMIG_SEVERITY_WARNING, 'F',
		"CREATE INDEX CONCURRENTLY IF NOT EXISTS succeeds over an INVALID index that a failed attempt left.",
		check_if_not_exists,
		"CREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);",
	"CREATE INDEX CONCURRENTLY t_a ON t (a);"},
	{"concurrent-unnamed-index", SMIG_SEVERITY_WARNING, 'F',
		"CREATE INDEX CONCURRENTLY without a name cannot be continued after a failure.",
		check_unnamed_index,
		"CREATE INDEX CONCURRENTLY ON t (a);",
	"CREATE INDEX CONCURRENTLY t_a ON t (a);"},
	{"identifier-too-long", SMIG_SEVERITY_WARNING, 'F',
		"PostgreSQL cuts identifiers off at 63 bytes, with a NOTICE only.",
		check_long_names,
		"CREATE TABLE a_name_that_is_much_longer_than_the_sixty_three_bytes_that_are_allowed (id int PRIMARY KEY);",
	"CREATE TABLE a_name_of_reasonable_length (id int PRIMARY KEY);"},
	{"duplicate-column", SMIG_SEVERITY_ERROR, 'F',
		"The same column twice in SET, in INSERT, in a new table or view is an error when it runs.",
		check_duplicate_columns,
		"UPDATE t SET a = 1, a = 2 WHERE id = 1;",
	"UPDATE t SET a = 1, b = 'x' WHERE id = 1;"},
	{"security-definer-search-path", SMIG_SEVERITY_WARNING, 'F',
		"A SECURITY DEFINER function should set search_path, or its caller decides what its names mean.",
		check_security_definer,
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
	"CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1';"},
};

const SmigRuleFamily smig_rules_robust = {rules, lengthof(rules)};
