/*-------------------------------------------------------------------------
 *
 * target.c
 *	  What a target means: its grammar, its symbols, walks from one revision
 *	  to another.  Paths and ranges between targets are in target_path.c.
 *
 *		target  = single { "," single }
 *		single  = [ branch "@" ] ( symbol | [ symbol ] ( "+" | "-" ) digits )
 *		symbol  = "head" | "heads" | "base" | "current" | id | label | prefix
 *		branch  = id | label | prefix
 *
 * The meaning is Alembic's (its script/revision.py, whose own tests are our
 * conformance suite) except where doc/targets.md says otherwise.
 *
 * IDENTIFICATION
 *	  src/target.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"

#include "target_internal.h"

/* Names listed in an error before it says how many more there are. */
#define LISTED_NAMES		10

/* A prefix abbreviates names longer than this, as in Alembic. */
#define SHORT_NAME			3

/* Bytes of an id or label. */
#define MAX_NAME			255

static const struct
{
	const char *name;
	TargetWord	word;
}			target_words[] = {
	{"head", TARGET_HEAD},
	{"heads", TARGET_HEADS},
	{"base", TARGET_BASE},
	{"current", TARGET_CURRENT}
};

/*
 * Ids of nodes for a message: quoted, separated by commas, the first few.
 */
char *
smig_target_list(List *nodes)
{
	StringInfoData buf;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, nodes)
	{
		if (n == LISTED_NAMES)
		{
			appendStringInfo(&buf, " and %d more", list_length(nodes) - n);
			break;
		}
		appendStringInfo(&buf, "%s\"%s\"", n == 0 ? "" : ", ",
						 ((SmigNode *) lfirst(lc))->id);
		n++;
	}
	return buf.data;
}

/*
 * The members of "nodes" that share lineage with the branch of "expr"; all of
 * them when it names no branch.
 */
List *
smig_target_in_lineage(List *nodes, const TargetExpr *expr)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (expr->branch == NULL)
		return nodes;
	foreach(lc, nodes)
	{
		SmigNode   *node = (SmigNode *) lfirst(lc);

		if (bms_is_member(node->index, expr->lineage))
			result = lappend(result, node);
	}
	return result;
}

/*
 * Nodes that have an id or label that begins with "prefix", each once.
 */
static List *
nodes_by_prefix(SmigGraph *graph, const char *prefix)
{
	size_t		length = strlen(prefix);
	List	   *result = NIL;

	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];
		bool		match = strlen(node->id) > SHORT_NAME &&
			strncmp(node->id, prefix, length) == 0;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, node->labels)
		{
			const char *label = (const char *) lfirst(lc);

			if (strlen(label) > SHORT_NAME &&
				strncmp(label, prefix, length) == 0)
				match = true;
		}
		if (match)
			result = lappend(result, node);
	}
	return result;
}

/*
 * The revision that "name" means: exact id, exact label, or the only one (of
 * the branch of "expr", when it has one) that begins so.
 *
 * Errors: undefined_object, ambiguous_parameter with the candidates.
 */
SmigNode *
smig_target_find_name(SmigGraph *graph, const char *name,
					  const TargetExpr *expr)
{
	SmigNode   *node = smig_graph_find(graph, name);
	List	   *candidates;

	if (node == NULL)
		node = smig_graph_find_label(graph, name);
	if (node == NULL)
	{
		candidates = smig_target_in_lineage(nodes_by_prefix(graph, name),
											expr);
		if (list_length(candidates) > 1)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
					 errmsg("revision \"%s\" is ambiguous", name),
					 errdetail("It may be %s.", smig_target_list(candidates)),
					 errhint("Write more of the id.")));
		if (candidates != NIL)
			node = (SmigNode *) linitial(candidates);
	}
	if (node == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 expr->branch ?
				 errmsg("revision \"%s\" does not exist in the branch of \"%s\"",
						name, expr->branch_name) :
				 errmsg("revision \"%s\" does not exist", name),
				 strlen(name) <= SHORT_NAME && graph->nnodes > 0 ?
				 errdetail("Ids and labels of up to %d characters cannot be abbreviated.",
						   SHORT_NAME) : 0,
				 graph->nnodes == 0 ?
				 errhint("No revision is stored here yet. Write one with schemamig_revision() or schemamig_load().") :
				 errhint("List the revisions with SELECT * FROM schemamig_history().")));
	if (expr->branch && !bms_is_member(node->index, expr->lineage))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("revision \"%s\" is not in the branch of \"%s\"",
						node->id, expr->branch_name),
				 errdetail("It is neither an ancestor nor a descendant of revision \"%s\".",
						   expr->branch->id)));
	return node;
}

SMIG_NORETURN static void invalid_target(const char *text, const char *detail);

static void
invalid_target(const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("target \"%s\" is not valid", text),
			 errdetail_internal("%s", detail),
			 errhint("Write an id, a unique prefix of one, a label, head, heads, base, current, +N, -N, id+N, id-N or label@ in front of one of these.")));
}

/*
 * Reads "+N" or "-N" at "sign"; the whole rest of the text must be digits.
 */
static int
parse_steps(const char *text, const char *sign)
{
	long		steps = 0;

	if (sign[1] == '\0' || strspn(sign + 1, "0123456789") != strlen(sign + 1))
		invalid_target(text, psprintf("\"%c\" must be followed by a number and nothing else.",
									  *sign));
	for (const char *digit = sign + 1; *digit; digit++)
	{
		steps = steps * 10 + (*digit - '0');
		if (steps > INT_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("number of steps in target \"%s\" is too large",
							text)));
	}
	return *sign == '-' ? -(int) steps : (int) steps;
}

/*
 * Takes one target apart; "text" is ours and has no blanks around it.
 */
static TargetExpr *
parse_single(SmigGraph *graph, char *text)
{
	TargetExpr *expr = palloc0(sizeof(TargetExpr));
	char	   *symbol = pstrdup(text);
	char	   *at = strchr(symbol, '@');
	char	   *sign;

	expr->text = text;
	if (at)
	{
		*at = '\0';
		if (*symbol == '\0')
			invalid_target(text, "There is no label or id in front of \"@\".");
		expr->branch_name = symbol;
		symbol = at + 1;
		if (strchr(symbol, '@'))
			invalid_target(text, "\"@\" may occur once.");
	}
	sign = strpbrk(symbol, "+-");
	if (sign)
	{
		expr->relative = true;
		expr->steps = parse_steps(text, sign);
		*sign = '\0';
	}
	if (strpbrk(text, ":;'\"`\\ \t\r\n\f\v"))
		invalid_target(text, "Ids and labels have neither blanks nor quotes, colons, semicolons or backslashes.");

	expr->symbol = symbol;
	if (*symbol == '\0')
	{
		expr->word = TARGET_NONE;
		if (!expr->relative)
			invalid_target(text, "There is nothing after \"@\".");
		if (expr->steps == 0)
			invalid_target(text, "A step of 0 goes nowhere.");
	}
	for (int i = 0; i < lengthof(target_words); i++)
		if (strcmp(symbol, target_words[i].name) == 0)
			expr->word = target_words[i].word;

	if (expr->branch_name)
	{
		TargetExpr	whole = {0};

		for (int i = 0; i < lengthof(target_words); i++)
			if (strcmp(expr->branch_name, target_words[i].name) == 0)
				invalid_target(text, psprintf("\"%s\" is not a branch.",
											  expr->branch_name));
		if (strpbrk(expr->branch_name, "+-"))
			invalid_target(text, "A branch is a label or an id.");
		expr->branch = smig_target_find_name(graph, expr->branch_name, &whole);
		expr->lineage = smig_graph_lineage(graph, expr->branch,
										   SMIG_EDGES_PARENTS);
	}
	return expr;
}

static char *
trimmed(const char *start, size_t length)
{
	while (length > 0 && scanner_isspace(*start))
		start++, length--;
	while (length > 0 && scanner_isspace(start[length - 1]))
		length--;
	return pnstrdup(start, length);
}

/*
 * Takes a target apart into a list of TargetExpr, one for each part between
 * commas.  Branch names are resolved here.
 */
List *
smig_target_parse(SmigGraph *graph, const char *target)
{
	List	   *result = NIL;
	const char *part = target;

	for (;;)
	{
		size_t		length = strcspn(part, ",");
		char	   *text = trimmed(part, length);

		CHECK_FOR_INTERRUPTS();
		if (*text == '\0')
			invalid_target(target, *trimmed(target, strlen(target)) == '\0' ?
						   "It is empty." : "There is nothing at a comma.");
		result = lappend(result, parse_single(graph, text));
		if (part[length] == '\0')
			return result;
		part += length + 1;
	}
}

/*
 * As smig_target_parse, where only one target makes sense; "what" says for
 * what, at the start of the error message.
 */
TargetExpr *
smig_target_parse_one(SmigGraph *graph, const char *target, const char *what)
{
	List	   *exprs = smig_target_parse(graph, target);

	if (list_length(exprs) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s takes one target, not a list", what),
				 errhint("Make one call for each target.")));
	return (TargetExpr *) linitial(exprs);
}

SMIG_NORETURN static void several_heads(const TargetExpr *expr, List *heads);

static void
several_heads(const TargetExpr *expr, List *heads)
{
	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
			 errmsg("target \"%s\" is ambiguous: there are %d heads",
					expr->text, list_length(heads)),
			 errdetail("The heads are %s.", smig_target_list(heads)),
			 errhint("Use heads for all of them, an id or label@head for one of them, or join them with SELECT schemamig_merge().")));
}

/*
 * The revisions a target without + and - names; NIL for base, and for head
 * where there is no revision at all.
 */
List *
smig_target_symbol(SmigGraph *graph, const Bitmapset *applied,
				   const TargetExpr *expr)
{
	List	   *heads;

	switch (expr->word)
	{
		case TARGET_HEAD:
			heads = smig_target_in_lineage(smig_graph_heads(graph, false),
										   expr);
			if (list_length(heads) > 1)
				several_heads(expr, heads);
			return heads;
		case TARGET_HEADS:
			return smig_target_in_lineage(smig_graph_heads(graph,
														   expr->branch == NULL),
										  expr);
		case TARGET_CURRENT:
			return smig_target_in_lineage(smig_graph_maximal(graph, applied),
										  expr);
		case TARGET_NAME:
			return list_make1(smig_target_find_name(graph, expr->symbol, expr));
		case TARGET_BASE:
		case TARGET_NONE:
			break;
	}
	return NIL;
}

/*
 * As smig_target_symbol where at most one revision makes sense; NULL is base.
 */
SmigNode *
smig_target_symbol_one(SmigGraph *graph, const Bitmapset *applied,
					   const TargetExpr *expr)
{
	List	   *nodes = smig_target_symbol(graph, applied, expr);

	if (list_length(nodes) > 1)
	{
		if (expr->word == TARGET_HEADS)
			several_heads(expr, nodes);
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("target \"%s\" is ambiguous: there are %d current revisions",
						expr->text, list_length(nodes)),
				 errdetail("Current are %s.", smig_target_list(nodes)),
				 errhint("Name one of them, or put its label@ in front.")));
	}
	return nodes == NIL ? NULL : (SmigNode *) linitial(nodes);
}

SMIG_NORETURN static void ambiguous_walk(const TargetExpr *expr,
										 const SmigNode *at, List *ways);

static void
ambiguous_walk(const TargetExpr *expr, const SmigNode *at, List *ways)
{
	const char *kind = expr->steps < 0 ? "parents" :
		at ? "children" : "bases";

	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
			 at ?
			 errmsg("target \"%s\" is ambiguous: revision \"%s\" has %d %s",
					expr->text, at->id, list_length(ways), kind) :
			 errmsg("target \"%s\" is ambiguous: there are %d %s",
					expr->text, list_length(ways), kind),
			 errdetail("The %s are %s.", kind, smig_target_list(ways)),
			 errhint("Name the revision itself, or put the label@ or id@ of a branch in front.")));
}

/*
 * Goes expr->steps from "start" along parents or children; NULL is the place
 * before every base.  Only children in the branch of "expr" count.
 *
 * A walk that is too long ends at the last place there is.
 * Errors: ambiguous_parameter where there are several ways.
 */
TargetPlace
smig_target_walk(SmigGraph *graph, SmigNode *start, const TargetExpr *expr)
{
	TargetPlace place = {start, 0};

	for (; place.steps < abs(expr->steps); place.steps++)
	{
		List	   *ways = NIL;

		CHECK_FOR_INTERRUPTS();
		if (expr->steps < 0)
		{
			if (place.node == NULL)
				break;
			ways = place.node->parents;
		}
		else if (place.node)
			ways = smig_target_in_lineage(place.node->children, expr);
		else
		{
			for (int i = 0; i < graph->nnodes; i++)
				if (graph->nodes[i]->parents == NIL)
					ways = lappend(ways, graph->nodes[i]);
			ways = smig_target_in_lineage(ways, expr);
		}
		if (list_length(ways) > 1)
			ambiguous_walk(expr, place.node, ways);
		if (ways == NIL && expr->steps > 0)
			break;
		place.node = ways == NIL ? NULL : (SmigNode *) linitial(ways);
	}
	return place;
}

/*
 * As smig_target_walk, but a walk that is too long is an error
 * (numeric_value_out_of_range).
 */
SmigNode *
smig_target_walk_strict(SmigGraph *graph, SmigNode *start,
						const TargetExpr *expr)
{
	TargetPlace place = smig_target_walk(graph, start, expr);

	if (place.steps < abs(expr->steps))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("target \"%s\" goes past the end of the graph",
						expr->text),
				 start ?
				 errdetail("From revision \"%s\" only %d of %d steps are possible.",
						   start->id, place.steps, abs(expr->steps)) :
				 errdetail("From the base only %d of %d steps are possible.",
						   place.steps, abs(expr->steps)),
				 errhint("Look at the graph with SELECT schemamig_graph().")));
	return place.node;
}

/*
 * Where "+N" or "label@+N" begins: the only current revision (of the branch).
 * If the branch has none, the tip of what is applied of it, else the base.
 */
static SmigNode *
start_ahead(SmigGraph *graph, const Bitmapset *applied, const TargetExpr *expr)
{
	List	   *starts = smig_target_in_lineage(smig_graph_maximal(graph,
																   applied),
												expr);

	if (starts == NIL && expr->branch)
		starts = smig_graph_maximal(graph, bms_intersect(applied,
														 expr->lineage));
	if (list_length(starts) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("target \"%s\" is ambiguous: there are %d current revisions",
						expr->text, list_length(starts)),
				 errdetail("Current are %s.", smig_target_list(starts)),
				 errhint("Write the id of one in front, or the label@ of its branch.")));
	return starts == NIL ? NULL : (SmigNode *) linitial(starts);
}

/*
 * The revision that "+N" or "label@+N" means, counted from what is applied.
 */
SmigNode *
smig_target_ahead(SmigGraph *graph, const Bitmapset *applied,
				  const TargetExpr *expr)
{
	Assert(expr->word == TARGET_NONE && expr->steps > 0);
	return smig_target_walk_strict(graph, start_ahead(graph, applied, expr),
								   expr);
}

/*
 * Applied revisions without applied children: the tips of branches, whether
 * or not a revision of another branch depends on them.
 */
static List *
applied_tips(SmigGraph *graph, const Bitmapset *applied)
{
	List	   *result = NIL;
	int			i = -1;

	while ((i = bms_next_member(applied, i)) >= 0)
	{
		bool		tip = true;
		ListCell   *lc;

		foreach(lc, graph->nodes[i]->children)
			if (bms_is_member(((SmigNode *) lfirst(lc))->index, applied))
				tip = false;
		if (tip)
			result = lappend(result, graph->nodes[i]);
	}
	return result;
}

/*
 * The place that "-N" or "label@-N" means, counted down from the one current
 * revision; NULL is the base.  *start is set to that current revision.
 *
 * Unlike Alembic, which takes the first row the database returns, this refuses
 * to choose among several.
 */
SmigNode *
smig_target_behind(SmigGraph *graph, const Bitmapset *applied,
				   const TargetExpr *expr, SmigNode **start)
{
	List	   *starts = smig_target_in_lineage(smig_graph_maximal(graph,
																   applied),
												expr);

	Assert(expr->word == TARGET_NONE && expr->steps < 0);
	if (starts == NIL && expr->branch)
		starts = smig_target_in_lineage(applied_tips(graph, applied), expr);
	if (list_length(starts) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("target \"%s\" is ambiguous: there are %d current revisions",
						expr->text, list_length(starts)),
				 errdetail("Current are %s.", smig_target_list(starts)),
				 errhint("Write label@%d for the branch, or id-N for the revision.",
						 expr->steps)));
	if (starts == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("target \"%s\" goes past the base", expr->text),
				 expr->branch ?
				 errdetail("No revision of the branch of \"%s\" is applied.",
						   expr->branch_name) :
				 errdetail("No revision is applied.")));
	*start = (SmigNode *) linitial(starts);
	return smig_target_walk_strict(graph, *start, expr);
}

/*
 * The revisions one part of a target names, seen from outside of a run: "-N"
 * counts from the heads, "+N" from what is applied.
 */
static List *
resolve_expr(SmigGraph *graph, const Bitmapset *applied,
			 const TargetExpr *expr)
{
	List	   *result = NIL;
	List	   *starts;
	ListCell   *lc;

	if (!expr->relative)
		return smig_target_symbol(graph, applied, expr);
	if (expr->word == TARGET_NONE && expr->steps > 0)
		return list_make1(smig_target_ahead(graph, applied, expr));
	if (expr->word != TARGET_NONE)
	{
		SmigNode   *node = smig_target_symbol_one(graph, applied, expr);

		node = smig_target_walk_strict(graph, node, expr);
		return node ? list_make1(node) : NIL;
	}
	starts = smig_target_in_lineage(smig_graph_heads(graph,
													 expr->branch == NULL),
									expr);
	foreach(lc, starts)
	{
		SmigNode   *node = smig_target_walk_strict(graph,
												   (SmigNode *) lfirst(lc),
												   expr);

		if (node)
			result = list_append_unique_ptr(result, node);
	}
	return result;
}

/*
 * The revisions a target names, each once; NIL is base.  "-N" is counted from
 * the heads, "+N" from what is applied; smig_target_path counts both from
 * what is applied.
 *
 * Errors: see doc/targets.md.
 */
List *
smig_target_resolve(SmigGraph *graph, const Bitmapset *applied,
					const char *target)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, smig_target_parse(graph, target))
		result = list_concat_unique_ptr(result,
										resolve_expr(graph, applied,
													 (TargetExpr *) lfirst(lc)));
	return result;
}

/*
 * The one revision a target names.
 *
 * Errors: those of smig_target_resolve, ambiguous_parameter for several,
 * undefined_object for none.
 */
SmigNode *
smig_target_resolve_one(SmigGraph *graph, const Bitmapset *applied,
						const char *target)
{
	List	   *nodes = smig_target_resolve(graph, applied, target);

	if (nodes == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("target \"%s\" names no revision", target),
				 errhint("List the revisions with SELECT * FROM schemamig_history().")));
	if (list_length(nodes) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("target \"%s\" names %d revisions, but one is needed",
						target, list_length(nodes)),
				 errdetail("They are %s.", smig_target_list(nodes)),
				 errhint("Name one of them.")));
	return (SmigNode *) linitial(nodes);
}

/*
 * Whether a character of a database in UTF-8 cannot be seen, or changes how
 * others are seen: blanks, control and format characters of Unicode.
 */
static bool
invisible_character(pg_wchar c)
{
	return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad ||
		c == 0x1680 || c == 0x180e || (c >= 0x2000 && c <= 0x200f) ||
		(c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) ||
		c == 0x3000 || c == 0xfeff;
}

/*
 * Checks that "name" can be the id or label of a new revision; "what" says
 * which, at the start of the error message.
 *
 * Errors: invalid_parameter_value.
 */
void
smig_target_check_name(const char *name, const char *what)
{
	size_t		length = strlen(name);

	if (length == 0 || length > MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 length == 0 ?
				 errmsg("%s must not be empty", what) :
				 errmsg("%s \"%.32s...\" is too long", what, name),
				 errdetail("It must have 1 to %d bytes.", MAX_NAME),
				 errhint("Use letters, digits, \"_\", \".\" and \"/\".")));
	for (const char *c = name; *c; c += pg_mblen(c))
	{
		bool		invisible = (unsigned char) *c <= 0x20 || *c == 0x7f;

		if (GetDatabaseEncoding() == PG_UTF8)
			invisible = invisible_character(utf8_to_unicode((const unsigned char *) c));
		if (invisible)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s \"%s\" contains a blank or invisible character",
							what, name),
					 errdetail("It is at byte %d.", (int) (c - name) + 1),
					 errhint("Use letters, digits, \"_\", \".\" and \"/\".")));
		if (strchr("@+-:,;'\"`\\", *c))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s \"%s\" contains the character \"%c\"",
							what, name, *c),
					 errdetail("Targets and ranges give it a meaning, or it would need quoting."),
					 errhint("Use letters, digits, \"_\", \".\" and \"/\".")));
	}
	for (int i = 0; i < lengthof(target_words); i++)
		if (pg_strcasecmp(name, target_words[i].name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must not be \"%s\"", what, name),
					 errdetail("The words head, heads, base and current are targets by themselves."),
					 errhint("Choose another name.")));
}
