/*-------------------------------------------------------------------------
 *
 * graph_set.c
 *	  Sets of revisions: what they need, what needs them, their order.
 *
 * A set is a Bitmapset of indexes into SmigGraph.nodes, so every walk is
 * linear in nodes and edges, with an explicit stack: a history of 100,000
 * revisions is one chain as deep as it is long.
 *
 * IDENTIFICATION
 *	  src/graph_set.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "graph.h"

/*
 * The set of the nodes in a list.
 */
Bitmapset *
smig_graph_set(List *nodes)
{
	Bitmapset  *set = NULL;
	ListCell   *lc;

	foreach(lc, nodes)
		set = bms_add_member(set, ((SmigNode *) lfirst(lc))->index);
	return set;
}

/*
 * The set of all nodes; NULL when there is none.
 */
Bitmapset *
smig_graph_all(SmigGraph *graph)
{
	return graph->nnodes == 0 ? NULL :
		bms_add_range(NULL, 0, graph->nnodes - 1);
}

/*
 * The members of a set as nodes, in creation order.
 */
List *
smig_graph_members(SmigGraph *graph, const Bitmapset *set)
{
	List	   *result = NIL;
	int			i = -1;

	while ((i = bms_next_member(set, i)) >= 0)
		result = lappend(result, graph->nodes[i]);
	return result;
}

/*
 * Everything that can be reached from "set" over one or two lists of each
 * node, "set" included.  The lists are given by their offsets in SmigNode;
 * "second" is 0 when only the first is to be followed.
 */
static Bitmapset *
reach(SmigGraph *graph, const Bitmapset *set, size_t first, size_t second)
{
	Bitmapset  *result = bms_copy(set);
	int		   *stack;
	int			depth = 0;
	int			i = -1;

	if (set == NULL)
		return NULL;
	/* each node is pushed once, when it enters the result */
	stack = palloc_extended(sizeof(int) * (graph->nnodes + 1),
							MCXT_ALLOC_HUGE);
	while ((i = bms_next_member(set, i)) >= 0)
		stack[depth++] = i;
	while (depth > 0)
	{
		const char *node = (const char *) graph->nodes[stack[--depth]];
		size_t		offset = first;

		CHECK_FOR_INTERRUPTS();
		for (;;)
		{
			ListCell   *lc;

			foreach(lc, *(List *const *) (node + offset))
			{
				SmigNode   *next = (SmigNode *) lfirst(lc);

				if (bms_is_member(next->index, result))
					continue;
				result = bms_add_member(result, next->index);
				stack[depth++] = next->index;
			}
			if (offset != first || second == 0)
				break;
			offset = second;
		}
	}
	pfree(stack);
	return result;
}

/*
 * "set" and all its ancestors.
 */
Bitmapset *
smig_graph_ancestors(SmigGraph *graph, const Bitmapset *set, SmigEdges edges)
{
	return reach(graph, set, offsetof(SmigNode, parents),
				 edges == SMIG_EDGES_ALL ? offsetof(SmigNode, depends_on) : 0);
}

/*
 * "set" and all its descendants.
 */
Bitmapset *
smig_graph_descendants(SmigGraph *graph, const Bitmapset *set, SmigEdges edges)
{
	return reach(graph, set, offsetof(SmigNode, children),
				 edges == SMIG_EDGES_ALL ? offsetof(SmigNode, dependents) : 0);
}

/*
 * The ancestors and descendants of a node, itself included.
 */
Bitmapset *
smig_graph_lineage(SmigGraph *graph, const SmigNode *node, SmigEdges edges)
{
	Bitmapset  *self = bms_make_singleton(node->index);

	return bms_join(smig_graph_ancestors(graph, self, edges),
					smig_graph_descendants(graph, self, edges));
}

/*
 * The nodes and everything they need, by parents and depends_on.
 */
Bitmapset *
smig_graph_close(SmigGraph *graph, List *nodes)
{
	return smig_graph_ancestors(graph, smig_graph_set(nodes), SMIG_EDGES_ALL);
}

/*
 * The members of a set that no other member needs, in creation order.  Of the
 * applied set these are the current revisions.
 */
List *
smig_graph_maximal(SmigGraph *graph, const Bitmapset *set)
{
	Bitmapset  *needed = NULL;
	int			i = -1;

	/* what the members name directly, and everything that is behind it */
	while ((i = bms_next_member(set, i)) >= 0)
	{
		SmigNode   *node = graph->nodes[i];
		ListCell   *lc;

		foreach(lc, node->parents)
			needed = bms_add_member(needed,
									((SmigNode *) lfirst(lc))->index);
		foreach(lc, node->depends_on)
			needed = bms_add_member(needed,
									((SmigNode *) lfirst(lc))->index);
	}
	needed = smig_graph_ancestors(graph, needed, SMIG_EDGES_ALL);
	return smig_graph_members(graph, bms_difference(set, needed));
}

static int
compare_creation(Datum a, Datum b, void *arg)
{
	/* binaryheap gives back the greatest first; we want the oldest */
	return DatumGetInt32(b) - DatumGetInt32(a);
}

/*
 * Counts the predecessors of a node that are in the set, and once for each
 * edge: a revision may name another both as parent and as dependency.
 */
static int
count_in_set(List *nodes, const Bitmapset *set)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, nodes)
		if (bms_is_member(((SmigNode *) lfirst(lc))->index, set))
			count++;
	return count;
}

static void
release_successors(List *successors, const Bitmapset *set, int *missing,
				   binaryheap *ready)
{
	ListCell   *lc;

	foreach(lc, successors)
	{
		SmigNode   *next = (SmigNode *) lfirst(lc);

		if (bms_is_member(next->index, set) && --missing[next->index] == 0)
			binaryheap_add(ready, Int32GetDatum(next->index));
	}
}

/*
 * The members of a set, none of which was created before one that it needs.
 */
static List *
order_as_created(SmigGraph *graph, const Bitmapset *set, bool reverse)
{
	List	   *result = NIL;
	int			i = -1;

	if (!reverse)
		return smig_graph_members(graph, set);
	while ((i = bms_prev_member(set, i)) >= 0)
		result = lappend(result, graph->nodes[i]);
	return result;
}

/*
 * The members of a set in the order in which they are applied: what a node
 * needs comes before it, and of those that could come next the one created
 * first does.  With "children_first" the exact reverse: the order of
 * reverting.  O(n log n).
 */
List *
smig_graph_order(SmigGraph *graph, const Bitmapset *set, bool children_first)
{
	int			nmembers = bms_num_members(set);
	List	   *result = NIL;
	binaryheap *ready;
	int		   *missing;
	SmigNode  **order;
	int			norder = 0;
	int			i = -1;

	if (nmembers == 0)
		return NIL;
	if (graph->in_order)
		return order_as_created(graph, set, children_first);
	ready = binaryheap_allocate(nmembers, compare_creation, NULL);
	missing = palloc_extended(sizeof(int) * graph->nnodes, MCXT_ALLOC_HUGE);
	order = palloc_extended(sizeof(SmigNode *) * nmembers, MCXT_ALLOC_HUGE);
	while ((i = bms_next_member(set, i)) >= 0)
	{
		missing[i] = count_in_set(graph->nodes[i]->parents, set) +
			count_in_set(graph->nodes[i]->depends_on, set);
		if (missing[i] == 0)
			binaryheap_add_unordered(ready, Int32GetDatum(i));
	}
	binaryheap_build(ready);
	while (!binaryheap_empty(ready))
	{
		SmigNode   *node;

		CHECK_FOR_INTERRUPTS();
		node = graph->nodes[DatumGetInt32(binaryheap_remove_first(ready))];
		order[norder++] = node;
		release_successors(node->children, set, missing, ready);
		release_successors(node->dependents, set, missing, ready);
	}
	Assert(norder == nmembers);

	for (int n = 0; n < norder; n++)
		result = lappend(result, order[children_first ? norder - 1 - n : n]);
	pfree(order);
	pfree(missing);
	binaryheap_free(ready);
	return result;
}
