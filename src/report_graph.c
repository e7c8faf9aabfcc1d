/*-------------------------------------------------------------------------
 *
 * report_graph.c
 *	  The revision graph of a report, as SVG.
 *
 * A row for each revision, children above their parents, in the order of
 * schemamig_graph().  Every edge runs down in a lane that is its own, or that
 * of other children of the same parent, so that no edge passes through a
 * revision it has nothing to do with.
 *
 * IDENTIFICATION
 *	  src/report_graph.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "html.h"
#include "report.h"

/* Revisions that are drawn: the newest. */
#define MAX_ROWS		200

/* Message shown beside a revision, in columns of a terminal. */
#define MAX_MESSAGE		72

/* Pixels. */
#define ROW_HEIGHT		26
#define LANE_WIDTH		18
#define MARGIN			14
#define RADIUS			6
#define CHARACTER_WIDTH 9

typedef struct Edge
{
	SmigNode   *child;
	SmigNode   *parent;
	int			lane;
	bool		dotted;			/* only because of depends_on */
} Edge;

typedef struct Picture
{
	SmigReport *report;
	int			nrows;
	int		   *row;			/* by node index; -1 when not drawn */
	int		   *lane;			/* by node index */
	SmigNode  **lanes;			/* what each lane waits for, or NULL */
	int			nlanes;
	int			maxlanes;
	List	   *edges;			/* of Edge * */
} Picture;

static int
center_x(int lane)
{
	return MARGIN + lane * LANE_WIDTH;
}

static int
center_y(int row)
{
	return MARGIN + row * ROW_HEIGHT;
}

/*
 * The leftmost lane that waits for "node" (NULL: for nothing), or -1.
 */
static int
find_lane(Picture *picture, const SmigNode *node)
{
	for (int i = 0; i < picture->nlanes; i++)
		if (picture->lanes[i] == node)
			return i;
	return -1;
}

/*
 * A lane that waits for nothing; a new one if there is none.
 */
static int
free_lane(Picture *picture)
{
	int			lane = find_lane(picture, NULL);

	if (lane >= 0)
		return lane;
	if (picture->nlanes == picture->maxlanes)
	{
		picture->maxlanes *= 2;
		picture->lanes = repalloc(picture->lanes,
								  sizeof(SmigNode *) * picture->maxlanes);
	}
	picture->lanes[picture->nlanes] = NULL;
	return picture->nlanes++;
}

static void
add_edge(Picture *picture, SmigNode *child, SmigNode *parent, bool dotted)
{
	Edge	   *edge = palloc(sizeof(Edge));
	int			lane = find_lane(picture, parent);

	if (lane < 0)
	{
		/* the first goes on in the child's lane, which is free by now */
		lane = picture->lanes[picture->lane[child->index]] == NULL ?
			picture->lane[child->index] : free_lane(picture);
		picture->lanes[lane] = parent;
	}
	edge->child = child;
	edge->parent = parent;
	edge->lane = lane;
	edge->dotted = dotted;
	picture->edges = lappend(picture->edges, edge);
}

/*
 * Gives each drawn revision its row and lane, and each edge its lane.
 */
static void
lay_out(Picture *picture, SmigNode **order)
{
	SmigGraph  *graph = picture->report->plan->graph;
	Size		size = graph->nnodes + 1;

	picture->row = palloc_extended(sizeof(int) * size, MCXT_ALLOC_HUGE);
	picture->lane = palloc_extended(sizeof(int) * size, MCXT_ALLOC_HUGE);
	picture->maxlanes = 16;
	picture->lanes = palloc(sizeof(SmigNode *) * picture->maxlanes);
	for (int i = 0; i < graph->nnodes; i++)
		picture->row[i] = -1;
	for (int r = 0; r < picture->nrows; r++)
	{
		SmigNode   *node = order[r];
		int			lane = find_lane(picture, node);
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		if (lane < 0)
			lane = free_lane(picture);
		picture->row[node->index] = r;
		picture->lane[node->index] = lane;
		picture->lanes[lane] = NULL;
		foreach(lc, node->parents)
			add_edge(picture, node, lfirst(lc), false);
		foreach(lc, node->depends_on)
			if (!list_member_ptr(node->parents, lfirst(lc)))
				add_edge(picture, node, lfirst(lc), true);
	}
}

static void
put_edge(Picture *picture, const Edge *edge, StringInfo out)
{
	int			last = picture->row[edge->parent->index];
	int			first = picture->row[edge->child->index];
	int			from_x = center_x(picture->lane[edge->child->index]);
	int			lane_x = center_x(edge->lane);
	int			from_y = center_y(first);
	int			turn_y = center_y(first + 1);
	int			middle_y = (from_y + turn_y) / 2;

	smig_html_put(out, "<path class=\"%s\" d=\"M%d %d",
				  edge->dotted ? "edge dotted" : "edge", from_x, from_y);
	if (lane_x != from_x)
		smig_html_put(out, " C%d %d %d %d %d %d", from_x, middle_y, lane_x,
					  middle_y, lane_x, turn_y);
	/* what is not drawn is below the last row */
	smig_html_put(out, " V%d\"/>\n",
				  center_y(last < 0 ? picture->nrows : last));
}

/*
 * What is written beside a revision, at most MAX_MESSAGE columns of its
 * message.
 */
static char *
caption(SmigReport *report, const SmigNode *node)
{
	SmigStanding standing = report->standing[node->index];
	const char *end = node->message;
	StringInfoData text;
	ListCell   *lc;
	int			width = 0;

	initStringInfo(&text);
	appendStringInfoString(&text, node->id);
	foreach(lc, node->labels)
		appendStringInfo(&text, " [%s]", (const char *) lfirst(lc));
	appendStringInfo(&text, " (%s%s%s)", node->children == NIL ? "head, " : "",
					 smig_look_standing_name(standing),
					 bms_is_member(node->index, report->planned) ?
					 ", in this plan" : "");
	while (*end && *end != '\n' && *end != '\r' && width < MAX_MESSAGE)
	{
		width += Max(pg_dsplen(end), 1);
		end += pg_mblen(end);
	}
	if (end > node->message)
	{
		appendStringInfoChar(&text, ' ');
		appendBinaryStringInfo(&text, node->message, end - node->message);
		if (*end)
			appendStringInfoString(&text, "...");
	}
	return text.data;
}

static int
display_width(const char *text)
{
	int			width = 0;

	for (; *text; text += pg_mblen(text))
		width += Max(pg_dsplen(text), 1);
	return width;
}

/*
 * The mark of a revision: its shape says how it stands, so that colour is not
 * needed.
 */
static void
put_mark(Picture *picture, const SmigNode *node, StringInfo out)
{
	SmigStanding standing = picture->report->standing[node->index];
	int			x = center_x(picture->lane[node->index]);
	int			y = center_y(picture->row[node->index]);

	if (standing == SMIG_STANDING_PARTIAL)
		smig_html_put(out, "<path class=\"mark partial\" d=\"M%d %dl%d %dl%d %dl%d %dz\"/>\n",
					  x, y - RADIUS, RADIUS, RADIUS, -RADIUS, RADIUS,
					  -RADIUS, -RADIUS);
	else
		smig_html_put(out, "<circle class=\"mark %s\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n",
					  smig_look_standing_name(standing), x, y, RADIUS);
	if (standing == SMIG_STANDING_CURRENT)
		smig_html_put(out, "<circle class=\"ring\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n",
					  x, y, RADIUS + 3);
}

static void
put_picture(Picture *picture, SmigNode **order, StringInfo out)
{
	int			text_x = center_x(picture->nlanes) + LANE_WIDTH / 2;
	int			columns = 0;
	StringInfoData captions;
	ListCell   *lc;

	initStringInfo(&captions);
	for (int r = 0; r < picture->nrows; r++)
	{
		char	   *text = caption(picture->report, order[r]);

		CHECK_FOR_INTERRUPTS();
		columns = Max(columns, display_width(text));
		smig_html_put(&captions, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n",
					  bms_is_member(order[r]->index,
									picture->report->planned) ?
					  "planned" : "other", text_x, center_y(r) + 4, text);
		pfree(text);
	}
	smig_html_put(out,
				  "<svg role=\"img\" aria-label=\"Revision graph; the history below has the same as a table\" width=\"%d\" height=\"%d\">\n",
				  text_x + columns * CHARACTER_WIDTH + MARGIN,
				  center_y(picture->nrows));
	foreach(lc, picture->edges)
		put_edge(picture, lfirst(lc), out);
	for (int r = 0; r < picture->nrows; r++)
		put_mark(picture, order[r], out);
	appendBinaryStringInfo(out, captions.data, captions.len);
	appendStringInfoString(out, "</svg>\n");
	pfree(captions.data);
}

/*
 * Appends the section with the graph.
 */
void
smig_report_graph(SmigReport *report, StringInfo out)
{
	SmigGraph  *graph = report->plan->graph;
	Picture		picture = {report};
	SmigNode  **order;

	smig_html_put(out, "<section id=\"graph\" aria-labelledby=\"graph-title\">\n"
				  "<h2 id=\"graph-title\">Graph</h2>\n");
	if (graph->nnodes == 0)
		smig_html_put(out, "<p>There are no revisions.</p>\n");
	else
	{
		order = smig_look_drawing_order(graph);
		picture.nrows = Min(graph->nnodes, MAX_ROWS);
		lay_out(&picture, order);
		smig_html_put(out, "<div class=\"scroll\" role=\"region\" aria-label=\"Graph\" tabindex=\"0\">\n");
		put_picture(&picture, order, out);
		smig_html_put(out, "</div>\n<p class=\"legend\">Circle: pending. Disc: applied. Disc with a ring: current. Diamond: half done. Dotted: depends on.</p>\n");
		if (picture.nrows < graph->nnodes)
			smig_html_put(out, "<p>%d older revisions are not drawn.</p>\n",
						  graph->nnodes - picture.nrows);
	}
	smig_html_put(out, "</section>\n");
}
