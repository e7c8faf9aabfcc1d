/*-------------------------------------------------------------------------
 *
 * graph.h
 *	  The revision graph: nodes, edges, heads, order.  Pure: no SPI.
 *
 * "parents" edges make lineage; "depends_on" edges order and count for "is it
 * applied", but make no lineage.  Both must be acyclic together.
 *
 * IDENTIFICATION
 *	  src/graph.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_GRAPH_H
#define SMIG_GRAPH_H

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

typedef struct SmigNode
{
	int			index;			/* place in SmigGraph.nodes: creation order */
	char	   *id;
	char	   *message;
	List	   *parents;		/* of SmigNode *, in the order declared */
	List	   *depends_on;		/* of SmigNode * */
	List	   *children;		/* inverse of parents, creation order */
	List	   *dependents;		/* inverse of depends_on, creation order */
	List	   *labels;			/* of char *: those declared here */
} SmigNode;

typedef struct SmigGraph
{
	MemoryContext context;		/* owns everything below */
	int			nnodes;
	int			maxnodes;
	SmigNode  **nodes;			/* by index */
	struct SmigNames *names;	/* ids and labels; private to graph.c */
	List	   *unresolved;		/* names not known yet; private to graph.c */
	List	   *labelled;		/* nodes with labels; private to graph.c */
	bool		linked;			/* smig_graph_link has been called */
	bool		in_order;		/* every node is younger than all it names */
} SmigGraph;

/* Which edges a question follows. */
typedef enum SmigEdges
{
	SMIG_EDGES_PARENTS,			/* lineage */
	SMIG_EDGES_ALL				/* parents and depends_on */
} SmigEdges;

extern SmigGraph *smig_graph_create(void);
extern SmigNode *smig_graph_add(SmigGraph *graph, const char *id,
								const char *message, List *parents,
								List *depends_on, List *labels);
extern void smig_graph_link(SmigGraph *graph);
extern SmigNode *smig_graph_find(SmigGraph *graph, const char *id);
extern SmigNode *smig_graph_find_label(SmigGraph *graph, const char *label);
extern List *smig_graph_heads(SmigGraph *graph, bool effective);
extern List *smig_graph_maximal(SmigGraph *graph, const Bitmapset *set);
extern Bitmapset *smig_graph_set(List *nodes);
extern Bitmapset *smig_graph_all(SmigGraph *graph);
extern List *smig_graph_members(SmigGraph *graph, const Bitmapset *set);
extern Bitmapset *smig_graph_ancestors(SmigGraph *graph, const Bitmapset *set,
									   SmigEdges edges);
extern Bitmapset *smig_graph_descendants(SmigGraph *graph,
										 const Bitmapset *set,
										 SmigEdges edges);
extern Bitmapset *smig_graph_lineage(SmigGraph *graph, const SmigNode *node,
									 SmigEdges edges);
extern Bitmapset *smig_graph_close(SmigGraph *graph, List *nodes);
extern List *smig_graph_order(SmigGraph *graph, const Bitmapset *set,
							  bool children_first);

#endif							/* SMIG_GRAPH_H */
