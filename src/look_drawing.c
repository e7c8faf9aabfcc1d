/*-------------------------------------------------------------------------
 *
 * look_drawing.c
 *	  schemamig_graph: the graph as text, for mermaid and for Graphviz.
 *
 * In the text each line of history has a lane.  A lane waits for the revision
 * that must come next in it; the newest revisions come first.  After each
 * revision its lane goes on to its first parent, opens lanes for parents that
 * no lane waits for, and joins those that wait for the others:
 *
 *		o f		has the parents d and e: a second lane is opened
 *		|\
 *		o | d	has the parent c
 *		| o e	has the parent c too: its lane joins the first
 *		|/
 *		@ c
 *
 * IDENTIFICATION
 *	  src/look_drawing.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "look.h"
#include "store.h"

PG_FUNCTION_INFO_V1(schemamig_graph);

/* How each standing looks. */
static const struct
{
	const char *name;
	char		mark;			/* in text */
	const char *fill;			/* colours in the other formats */
	const char *stroke;
}			standings[] = {
	[SMIG_STANDING_PENDING] = {"pending", 'o', "#ffffff", "#888888"},
	[SMIG_STANDING_APPLIED] = {"applied", '*', "#d8ead3", "#5b8c51"},
	[SMIG_STANDING_CURRENT] = {"current", '@', "#9fd08f", "#2f6b25"},
	[SMIG_STANDING_PARTIAL] = {"partial", '%', "#fbe3b5", "#c27a00"}
};

/*
 * The word for a standing.
 */
const char *
smig_look_standing_name(SmigStanding standing)
{
	return standings[standing].name;
}

/* A column of the text. */
typedef struct Lane
{
	SmigNode   *node;			/* the revision it waits for */
	bool		dotted;			/* waits only because of depends_on */
} Lane;

typedef struct Drawing
{
	SmigGraph  *graph;
	SmigStanding *standing;		/* by node index */
	StringInfoData out;
	Lane	   *lanes;
	int			nlanes;
	int			maxlanes;
	StringInfoData line;		/* the line being drawn */
} Drawing;

/*
 * The first line of a text, without control characters.
 */
static char *
one_line(const char *text)
{
	char	   *result = pnstrdup(text, strcspn(text, "\r\n"));

	for (char *c = result; *c; c += pg_mblen(c))
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	return result;
}

/*
 * How each revision stands, by node index.
 */
SmigStanding *
smig_look_standings(SmigGraph *graph, const Bitmapset *applied)
{
	SmigRevisionFacts *facts = smig_look_facts(graph);
	SmigStanding *result = palloc_extended(sizeof(SmigStanding) *
										   (graph->nnodes + 1),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Bitmapset  *current = smig_graph_set(smig_graph_maximal(graph, applied));

	for (int i = 0; i < graph->nnodes; i++)
		result[i] = facts[i].partial ? SMIG_STANDING_PARTIAL :
			bms_is_member(i, current) ? SMIG_STANDING_CURRENT :
			bms_is_member(i, applied) ? SMIG_STANDING_APPLIED : SMIG_STANDING_PENDING;
	return result;
}

/*
 * The nodes with children before parents, one branch after the other rather
 * than all at once: what becomes possible last comes next.
 */
SmigNode  **
smig_look_drawing_order(SmigGraph *graph)
{
	Size		size = graph->nnodes + 1;
	SmigNode  **order = palloc_extended(sizeof(SmigNode *) * size,
										MCXT_ALLOC_HUGE);
	SmigNode  **stack = palloc_extended(sizeof(SmigNode *) * size,
										MCXT_ALLOC_HUGE);
	int		   *waiting = palloc_extended(sizeof(int) * size,
										  MCXT_ALLOC_HUGE);
	int			norder = 0;
	int			depth = 0;

	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];

		waiting[i] = list_length(node->children) +
			list_length(node->dependents);
		if (waiting[i] == 0)
			stack[depth++] = node;
	}
	while (depth > 0)
	{
		SmigNode   *node = stack[--depth];
		List	   *lists[2] = {node->depends_on, node->parents};

		CHECK_FOR_INTERRUPTS();
		order[norder++] = node;
		/* the first parent is pushed last, to come next */
		for (int l = 0; l < lengthof(lists); l++)
			for (int n = list_length(lists[l]) - 1; n >= 0; n--)
			{
				SmigNode   *needed = (SmigNode *) list_nth(lists[l], n);

				if (--waiting[needed->index] == 0)
					stack[depth++] = needed;
			}
	}
	Assert(norder == graph->nnodes);
	pfree(stack);
	pfree(waiting);
	return order;
}

static int
find_lane(Drawing *drawing, const SmigNode *node)
{
	for (int i = 0; i < drawing->nlanes; i++)
		if (drawing->lanes[i].node == node)
			return i;
	return -1;
}

static void
insert_lane(Drawing *drawing, int at, SmigNode *node, bool dotted)
{
	if (drawing->nlanes == drawing->maxlanes)
	{
		drawing->maxlanes *= 2;
		drawing->lanes = repalloc(drawing->lanes,
								  sizeof(Lane) * drawing->maxlanes);
	}
	memmove(&drawing->lanes[at + 1], &drawing->lanes[at],
			sizeof(Lane) * (drawing->nlanes - at));
	drawing->lanes[at].node = node;
	drawing->lanes[at].dotted = dotted;
	drawing->nlanes++;
}

static void
remove_lane(Drawing *drawing, int at)
{
	memmove(&drawing->lanes[at], &drawing->lanes[at + 1],
			sizeof(Lane) * (drawing->nlanes - at - 1));
	drawing->nlanes--;
}

/*
 * Begins a line with the bars of the first "nbars" lanes.  Lane i is at
 * character 2i; what runs between two lanes, at the odd characters.
 */
static void
begin_line(Drawing *drawing, int nbars)
{
	resetStringInfo(&drawing->line);
	/* an opened lane needs one character more than there are lanes for */
	appendStringInfoSpaces(&drawing->line, 2 * drawing->nlanes + 1);
	for (int i = 0; i < nbars; i++)
		drawing->line.data[2 * i] = drawing->lanes[i].dotted ? ':' : '|';
}

static void
end_line(Drawing *drawing)
{
	while (drawing->line.len > 0 &&
		   drawing->line.data[drawing->line.len - 1] == ' ')
		drawing->line.len--;
	appendBinaryStringInfo(&drawing->out, drawing->line.data,
						   drawing->line.len);
	appendStringInfoChar(&drawing->out, '\n');
}

/*
 * Draws a stroke between two lanes of the line.
 */
static void
stroke(Drawing *drawing, int from, int to, bool dotted)
{
	char		level = dotted ? '.' : '_';

	if (to < from)
	{
		for (int i = to + 1; i < from; i++)
			drawing->line.data[2 * i - 1] = level;
		drawing->line.data[2 * from - 1] = '/';
	}
	else
	{
		drawing->line.data[2 * from + 1] = '\\';
		for (int i = from + 1; i < to; i++)
			drawing->line.data[2 * i + 1] = level;
	}
}

/*
 * Lane "at" ends, by joining lane "to" on its left or, if that is negative,
 * by itself; the lanes on its right move up.
 */
static void
close_lane(Drawing *drawing, int at, int to, bool dotted)
{
	begin_line(drawing, at);
	if (to >= 0)
		stroke(drawing, at, to, dotted);
	for (int i = at + 1; i < drawing->nlanes; i++)
		drawing->line.data[2 * i - 1] = '/';
	if (to >= 0 || at + 1 < drawing->nlanes)
		end_line(drawing);
	remove_lane(drawing, at);
}

/*
 * A lane for "node" springs from lane "at"; the lanes on its right move aside.
 */
static void
open_lane(Drawing *drawing, int at, SmigNode *node, bool dotted)
{
	begin_line(drawing, at + 1);
	for (int i = at; i < drawing->nlanes; i++)
		drawing->line.data[2 * i + 1] = '\\';
	end_line(drawing);
	insert_lane(drawing, at + 1, node, dotted);
}

/*
 * Leads lane "at", whose revision has been drawn, to what that revision needs.
 */
static void
draw_edges(Drawing *drawing, int at)
{
	SmigNode   *node = drawing->lanes[at].node;
	List	   *needed = list_concat_unique_ptr(list_copy(node->parents),
												node->depends_on);
	List	   *fresh = NIL;
	List	   *known = NIL;
	ListCell   *lc;

	foreach(lc, needed)
	{
		if (find_lane(drawing, (SmigNode *) lfirst(lc)) < 0)
			fresh = lappend(fresh, lfirst(lc));
		else
			known = lappend(known, lfirst(lc));
	}

	/* the lane goes on to the first that no lane waits for */
	if (fresh != NIL)
	{
		drawing->lanes[at].node = (SmigNode *) linitial(fresh);
		drawing->lanes[at].dotted = !list_member_ptr(node->parents,
													 linitial(fresh));
	}
	for (int n = list_length(fresh) - 1; n > 0; n--)
		open_lane(drawing, at, (SmigNode *) list_nth(fresh, n),
				  !list_member_ptr(node->parents, list_nth(fresh, n)));

	/* the others have lanes, which it joins; with the last one it may end */
	foreach(lc, known)
	{
		SmigNode   *to = (SmigNode *) lfirst(lc);
		bool		dotted = !list_member_ptr(node->parents, to);
		int			lane = find_lane(drawing, to);

		drawing->lanes[lane].dotted &= dotted;
		if (fresh != NIL || lnext(known, lc) != NULL)
		{
			begin_line(drawing, drawing->nlanes);
			stroke(drawing, at, lane, dotted);
			end_line(drawing);
		}
		else if (lane < at)
			close_lane(drawing, at, lane, dotted);
		else
		{
			drawing->lanes[at] = drawing->lanes[lane];
			close_lane(drawing, lane, at, dotted);
		}
	}
	if (needed == NIL)
		close_lane(drawing, at, -1, false);
	list_free(needed);
	list_free(fresh);
	list_free(known);
}

/*
 * What is written beside a revision.
 */
static void
describe(Drawing *drawing, const SmigNode *node)
{
	StringInfo	line = &drawing->line;
	SmigStanding standing = drawing->standing[node->index];
	const char *separator = "";
	ListCell   *lc;

	appendStringInfoString(line, node->id);
	foreach(lc, node->labels)
		appendStringInfo(line, " [%s]", (const char *) lfirst(lc));
	if (node->children == NIL || standing != SMIG_STANDING_APPLIED)
	{
		appendStringInfoString(line, " (");
		if (node->children == NIL)
		{
			appendStringInfoString(line, "head");
			separator = ", ";
		}
		if (standing != SMIG_STANDING_APPLIED)
			appendStringInfo(line, "%s%s", separator,
							 standings[standing].name);
		appendStringInfoChar(line, ')');
	}
	if (node->message[0])
	{
		char	   *message = one_line(node->message);

		appendStringInfo(line, " %s", message);
		pfree(message);
	}
	separator = "; depends on ";
	foreach(lc, node->depends_on)
	{
		appendStringInfo(line, "%s%s", separator,
						 ((SmigNode *) lfirst(lc))->id);
		separator = ", ";
	}
}

static void
draw_text(Drawing *drawing)
{
	SmigNode  **order = smig_look_drawing_order(drawing->graph);

	drawing->maxlanes = 16;
	drawing->lanes = palloc(sizeof(Lane) * drawing->maxlanes);
	initStringInfo(&drawing->line);
	for (int n = 0; n < drawing->graph->nnodes; n++)
	{
		SmigNode   *node = order[n];
		int			at = find_lane(drawing, node);

		CHECK_FOR_INTERRUPTS();
		if (at < 0)
		{
			at = drawing->nlanes;
			insert_lane(drawing, at, node, false);
		}
		begin_line(drawing, drawing->nlanes);
		drawing->line.data[2 * at] =
			standings[drawing->standing[node->index]].mark;
		drawing->line.len = 2 * drawing->nlanes;
		describe(drawing, node);
		end_line(drawing);
		draw_edges(drawing, at);
	}
}

/*
 * Appends a text in which each character of "special" is replaced by what
 * follows it in there, up to the next blank: "a1 b2 ".
 */
static void
append_escaped(StringInfo out, const char *text, const char *special)
{
	for (const char *c = text; *c; c += pg_mblen(c))
	{
		const char *found = special;

		while (*found && *found != *c)
			found += strcspn(found, " ") + 1;
		if (*found)
			appendBinaryStringInfo(out, found + 1, strcspn(found, " ") - 1);
		else
			appendBinaryStringInfo(out, c, pg_mblen(c));
	}
}

#define MERMAID_SPECIAL	"\"#quot; ##35; <#lt; >#gt; &#amp; ;#59; "
#define DOT_SPECIAL		"\"\\\" \\\\\\ "

/*
 * The text inside a box of the other formats: id, labels and message.
 */
static void
append_box(Drawing *drawing, const SmigNode *node, const char *newline,
		   const char *special)
{
	StringInfo	out = &drawing->out;
	ListCell   *lc;

	append_escaped(out, node->id, special);
	foreach(lc, node->labels)
	{
		appendStringInfoString(out, " [");
		append_escaped(out, (const char *) lfirst(lc), special);
		appendStringInfoChar(out, ']');
	}
	if (node->message[0])
	{
		char	   *message = one_line(node->message);

		appendStringInfoString(out, newline);
		append_escaped(out, message, special);
		pfree(message);
	}
}

/*
 * https://mermaid.js.org/syntax/flowchart.html: heads are rounded, depends_on
 * is dotted.
 */
static void
draw_mermaid(Drawing *drawing)
{
	SmigGraph  *graph = drawing->graph;
	StringInfo	out = &drawing->out;
	ListCell   *lc;

	appendStringInfoString(out, "flowchart BT\n");
	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];
		bool		head = node->children == NIL;

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(out, "    r%d%s\"", i, head ? "([" : "[");
		append_box(drawing, node, "<br/>", MERMAID_SPECIAL);
		appendStringInfo(out, "\"%s:::%s\n", head ? "])" : "]",
						 standings[drawing->standing[i]].name);
	}
	for (int i = 0; i < graph->nnodes; i++)
	{
		CHECK_FOR_INTERRUPTS();
		foreach(lc, graph->nodes[i]->parents)
			appendStringInfo(out, "    r%d --> r%d\n",
							 ((SmigNode *) lfirst(lc))->index, i);
		foreach(lc, graph->nodes[i]->depends_on)
			if (!list_member_ptr(graph->nodes[i]->parents, lfirst(lc)))
				appendStringInfo(out, "    r%d -.-> r%d\n",
								 ((SmigNode *) lfirst(lc))->index, i);
	}
	for (int s = 0; s < lengthof(standings); s++)
		appendStringInfo(out, "    classDef %s fill:%s,stroke:%s,color:#000000\n",
						 standings[s].name, standings[s].fill,
						 standings[s].stroke);
}

/*
 * https://graphviz.org/doc/info/lang.html: heads have two outlines, depends_on
 * is dashed.
 */
static void
draw_dot(Drawing *drawing)
{
	SmigGraph  *graph = drawing->graph;
	StringInfo	out = &drawing->out;
	ListCell   *lc;

	appendStringInfoString(out, "digraph schemamig {\n"
						   "\trankdir=BT;\n"
						   "\tnode [shape=box, style=\"rounded,filled\"];\n");
	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];
		SmigStanding standing = drawing->standing[i];

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(out, "\tr%d [label=\"", i);
		append_box(drawing, node, "\\n", DOT_SPECIAL);
		appendStringInfo(out, "\", tooltip=\"%s\", fillcolor=\"%s\", color=\"%s\"%s];\n",
						 standings[standing].name, standings[standing].fill,
						 standings[standing].stroke,
						 node->children == NIL ? ", peripheries=2" : "");
	}
	for (int i = 0; i < graph->nnodes; i++)
	{
		CHECK_FOR_INTERRUPTS();
		foreach(lc, graph->nodes[i]->parents)
			appendStringInfo(out, "\tr%d -> r%d;\n",
							 ((SmigNode *) lfirst(lc))->index, i);
		foreach(lc, graph->nodes[i]->depends_on)
			if (!list_member_ptr(graph->nodes[i]->parents, lfirst(lc)))
				appendStringInfo(out, "\tr%d -> r%d [style=dashed];\n",
								 ((SmigNode *) lfirst(lc))->index, i);
	}
	appendStringInfoString(out, "}\n");
}

static const struct
{
	const char *name;
	void		(*draw) (Drawing *drawing);
}			formats[] = {
	{"text", draw_text},
	{"mermaid", draw_mermaid},
	{"dot", draw_dot}
};

/*
 * schemamig_graph(format): the whole graph, drawn.
 *
 * Errors: invalid_parameter_value for an unknown format.
 */
Datum
schemamig_graph(PG_FUNCTION_ARGS)
{
	char	   *format;
	Drawing		drawing = {0};
	Bitmapset  *applied;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" of %s() must not be null",
						"format", "schemamig_graph")));
	format = text_to_cstring(PG_GETARG_TEXT_PP(0));
	for (int i = 0; i < lengthof(formats); i++)
	{
		if (strcmp(format, formats[i].name) != 0)
			continue;
		drawing.graph = smig_store_load_graph(&applied);
		drawing.standing = smig_look_standings(drawing.graph, applied);
		initStringInfo(&drawing.out);
		formats[i].draw(&drawing);
		/* psql adds the last newline */
		if (drawing.out.len > 0)
			drawing.out.len--;
		PG_RETURN_TEXT_P(cstring_to_text_with_len(drawing.out.data,
												  drawing.out.len));
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("graph format \"%s\" is not valid", format),
			 errhint("Write text, mermaid or dot.")));
}
