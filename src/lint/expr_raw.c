/*-------------------------------------------------------------------------
 *
 * expr_raw.c
 *	  What can be told from raw parse trees and texts, and the names in them.
 *
 * IDENTIFICATION
 *	  src/lint/expr_raw.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/guc.h"
#include "utils/syscache.h"

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
 * Volatility of a function by the name and number of arguments it is called
 * with: the worst of all such functions in the script and in the catalog.
 * Functions found nowhere count as volatile.
 */
static char
function_volatility(SmigPending *pending, const FuncCall *call)
{
	const char *name = strVal(llast(call->funcname));
	int			nargs = list_length(call->args);
	char		worst = '\0';
	CatCList   *functions;
	ListCell   *lc;

	foreach(lc, pending->functions)
	{
		SmigPendingFunction *made = lfirst(lc);

		if (strcmp(made->name, name) == 0)
			return made->volatility;
	}
	functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_proc form =
			(Form_pg_proc) GETSTRUCT(&functions->members[i]->tuple);

		if (nargs < form->pronargs - form->pronargdefaults ||
			(nargs > form->pronargs && !OidIsValid(form->provariadic)))
			continue;
		if (worst == '\0' || form->provolatile == PROVOLATILE_VOLATILE)
			worst = form->provolatile;
	}
	ReleaseSysCacheList(functions);
	return worst == '\0' ? PROVOLATILE_VOLATILE : worst;
}

/*
 * Whether a raw expression calls a volatile function, by the names it calls.
 */
bool
smig_expr_calls_volatile(SmigPending *pending, Node *raw)
{
	NameWalk	walk = {NIL, NIL};
	ListCell   *lc;

	(void) collect_names(raw, &walk);
	foreach(lc, walk.calls)
	{
		if (function_volatility(pending, lfirst(lc)) == PROVOLATILE_VOLATILE)
			return true;
	}
	return false;
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
