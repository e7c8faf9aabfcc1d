/*-------------------------------------------------------------------------
 *
 * expr_raw.c
 *	  What can be told from raw parse trees and texts alone.
 *
 * IDENTIFICATION
 *	  src/lint/expr_raw.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "parser/parser.h"
#include "utils/guc.h"

#include "compat.h"
#include "lint/expr.h"

typedef struct NameWalk
{
	List	   *columns;
	List	   *calls;			/* FuncCall */
} NameWalk;

static bool
collect_names(Node *node, void *context)
{
	NameWalk   *walk = context;

	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef))
	{
		Node	   *field = llast(((ColumnRef *) node)->fields);

		if (IsA(field, String))
			walk->columns = lappend(walk->columns, pstrdup(strVal(field)));
	}
	if (IsA(node, FuncCall))
		walk->calls = lappend(walk->calls, node);
	return raw_expression_tree_walker(node, collect_names, context);
}

/*
 * Names (char *) of the columns that a raw expression mentions.
 */
List *
smig_expr_column_names(Node *raw)
{
	NameWalk	walk = {NIL, NIL};

	(void) collect_names(raw, &walk);
	return walk.columns;
}

/*
 * Calls of functions (FuncCall) in a raw expression.
 */
List *
smig_expr_function_calls(Node *raw)
{
	NameWalk	walk = {NIL, NIL};

	(void) collect_names(raw, &walk);
	return walk.calls;
}

typedef struct ParseRequest
{
	const char *text;
	List	   *parsed;
} ParseRequest;

static void
parse_text(void *arg)
{
	ParseRequest *request = arg;

	request->parsed = raw_parser(request->text, RAW_PARSE_DEFAULT);
}

/*
 * Raw statements (RawStmt *) of a text; NIL when it does not parse.
 */
List *
smig_expr_parse(SmigPending *pending, const char *text)
{
	ParseRequest request = {text, NIL};

	if (!smig_expr_try(pending, parse_text, &request))
		return NIL;
	return request.parsed;
}

typedef struct SettingRequest
{
	VariableSetStmt *stmt;
	char	   *value;
} SettingRequest;

static void
flatten_setting(void *arg)
{
	SettingRequest *request = arg;

	request->value = ExtractSetVariableArgs(request->stmt);
}

/*
 * Value that a SET gives, as text; NULL when it is not a valid one.
 */
char *
smig_expr_setting(SmigPending *pending, VariableSetStmt *stmt)
{
	SettingRequest request = {stmt, NULL};

	if (!smig_expr_try(pending, flatten_setting, &request))
		return NULL;
	return request.value;
}
