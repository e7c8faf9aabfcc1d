/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  The revision graph: nodes, edges, heads, order.
 *
 * Nodes are kept in an array in creation order, and sets of them are
 * Bitmapsets of array indexes, so that every question is answered by a walk
 * over arrays: linear in nodes and edges, with explicit stacks, because a
 * history of 100,000 revisions is one chain as deep as it is long.
 *
 * IDENTIFICATION
 *	  src/graph.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/binaryheap.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "graph.h"

/* Nodes for which room is made at first. */
#define INITIAL_NODES		64

/* Names of a cycle that an error spells out before it abbreviates. */
#define CYCLE_NAMES			16

/*
 * An entry of by_name.  The key is the pointer, compared by what it points
 * to: names are of any length, and already have an owner.
 */
typedef struct NameEntry
{
	const char *name;			/* key; of the node or in its labels */
	SmigNode   *node;
	bool		is_label;
} NameEntry;

static uint32
name_hash(const void *key, Size keysize)
{
	const char *name = *(const char *const *) key;

	return hash_bytes((const unsigned char *) name, strlen(name));
}

static int
name_match(const void *a, const void *b, Size keysize)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/*
 * Makes an empty graph in a memory context of its own below the current one;
 * deleting graph->context frees everything.
 */
SmigGraph *
smig_graph_create(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig graph",
												  ALLOCSET_DEFAULT_SIZES);
	SmigGraph  *graph = MemoryContextAllocZero(context, sizeof(SmigGraph));
	HASHCTL		ctl;

	graph->context = context;
	graph->maxnodes = INITIAL_NODES;
	graph->nodes = MemoryContextAlloc(context,
									  sizeof(SmigNode *) * graph->maxnodes);

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(const char *);
	ctl.entrysize = sizeof(NameEntry);
	ctl.hash = name_hash;
	ctl.match = name_match;
	ctl.hcxt = context;
	graph->by_name = hash_create("schemamig graph names", 256, &ctl,
								 HASH_ELEM | HASH_FUNCTION | HASH_COMPARE |
								 HASH_CONTEXT);
	return graph;
}

static NameEntry *
find_name(SmigGraph *graph, const char *name)
{
	return (NameEntry *) hash_search(graph->by_name, &name, HASH_FIND, NULL);
}

/*
 * Copies names into the graph.  A name that is already a node's id is not
 * copied again: in a long chain every id is somebody's parent.
 */
static List *
copy_names(SmigGraph *graph, List *names)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		NameEntry  *entry = find_name(graph, (char *) lfirst(lc));

		result = lappend(result, entry ? entry->node->id :
						 pstrdup((char *) lfirst(lc)));
	}
	return result;
}

/*
 * Adds a revision.  All arguments are copied.  "parents" and "depends_on" are
 * lists of char * that smig_graph_link resolves; depends_on may name labels.
 *
 * Errors: duplicate_object when the id is there already.
 */
SmigNode *
smig_graph_add(SmigGraph *graph, const char *id, const char *message,
			   List *parents, List *depends_on, List *labels)
{
	MemoryContext old = MemoryContextSwitchTo(graph->context);
	SmigNode   *node = palloc0(sizeof(SmigNode));
	NameEntry  *entry;
	bool		found;
	ListCell   *lc;

	Assert(!graph->linked);
	node->id = pstrdup(id);
	entry = hash_search(graph->by_name, &node->id, HASH_ENTER, &found);
	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("revision \"%s\" is given more than once", id),
				 errhint("Give one of them another id.")));
	entry->node = node;
	entry->is_label = false;

	if (graph->nnodes == graph->maxnodes)
	{
		graph->maxnodes *= 2;
		graph->nodes = repalloc_huge(graph->nodes,
									 sizeof(SmigNode *) * graph->maxnodes);
	}
	node->index = graph->nnodes;
	graph->nodes[graph->nnodes++] = node;
	node->message = pstrdup(message ? message : "");
	node->parents = copy_names(graph, parents);
	node->depends_on = copy_names(graph, depends_on);
	foreach(lc, labels)
		node->labels = lappend(node->labels, pstrdup((char *) lfirst(lc)));
	MemoryContextSwitchTo(old);
	return node;
}

/*
 * Enters the labels into by_name.  Ids and labels share one name space,
 * because a target may be either.
 */
static void
link_labels(SmigGraph *graph)
{
	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, node->labels)
		{
			const char *label = (const char *) lfirst(lc);
			NameEntry  *entry;
			bool		found;

			entry = hash_search(graph->by_name, &label, HASH_ENTER, &found);
			if (found && !entry->is_label)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_OBJECT),
						 errmsg("label \"%s\" of revision \"%s\" is the id of a revision",
								label, node->id),
						 errhint("Give the branch another label.")));
			if (found)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_OBJECT),
						 entry->node == node ?
						 errmsg("label \"%s\" is given twice to revision \"%s\"",
								label, node->id) :
						 errmsg("label \"%s\" of revision \"%s\" is already a label of revision \"%s\"",
								label, node->id, entry->node->id),
						 errhint("A label names one revision, where its branch begins.")));
			entry->node = node;
			entry->is_label = true;
		}
	}
}

/*
 * The node that "node" names as its parent or dependency.
 */
static SmigNode *
named_node(SmigGraph *graph, SmigNode *node, const char *name, bool parent)
{
	NameEntry  *entry = find_name(graph, name);

	if (entry && parent && entry->is_label)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parent \"%s\" of revision \"%s\" is a label",
						name, node->id),
				 errdetail("It is a label of revision \"%s\".",
						   entry->node->id),
				 errhint("Name parents by their full ids.")));
	if (!entry)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 parent ?
				 errmsg("parent \"%s\" of revision \"%s\" does not exist",
						name, node->id) :
				 errmsg("revision \"%s\" depends on \"%s\", which does not exist",
						node->id, name),
				 errhint("Load the missing revision first or in the same call, or correct the name.")));
	if (entry->node == node)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 parent ?
				 errmsg("revision \"%s\" names itself as parent", node->id) :
				 errmsg("revision \"%s\" depends on itself", node->id),
				 errhint("Correct its %s.", parent ? "parents" : "depends_on")));
	return entry->node;
}

/*
 * Replaces the names in parents and depends_on by nodes and makes the inverse
 * lists.  A name given twice counts once.
 */
static void
link_edges(SmigGraph *graph)
{
	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];
		List	   *parents = NIL;
		List	   *depends_on = NIL;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, node->parents)
			parents = list_append_unique_ptr(parents,
											 named_node(graph, node,
														(char *) lfirst(lc),
														true));
		foreach(lc, node->depends_on)
			depends_on = list_append_unique_ptr(depends_on,
												named_node(graph, node,
														   (char *) lfirst(lc),
														   false));
		list_free(node->parents);
		list_free(node->depends_on);
		node->parents = parents;
		node->depends_on = depends_on;
		foreach(lc, parents)
		{
			SmigNode   *parent = (SmigNode *) lfirst(lc);

			parent->children = lappend(parent->children, node);
		}
		foreach(lc, depends_on)
		{
			SmigNode   *needed = (SmigNode *) lfirst(lc);

			needed->dependents = lappend(needed->dependents, node);
		}
	}
}

/*
 * Takes away nodes without predecessors until none is left (Kahn).  Returns
 * NULL when everything could be taken, else an array that says for each node
 * how many predecessors it still has: the cycles and what follows them.
 */
static int *
unordered_nodes(SmigGraph *graph, SmigEdges edges)
{
	int		   *missing = palloc_extended(sizeof(int) * (graph->nnodes + 1),
										  MCXT_ALLOC_HUGE);
	int		   *ready = palloc_extended(sizeof(int) * (graph->nnodes + 1),
										MCXT_ALLOC_HUGE);
	int			nready = 0;
	int			done = 0;

	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];

		missing[i] = list_length(node->parents);
		if (edges == SMIG_EDGES_ALL)
			missing[i] += list_length(node->depends_on);
		if (missing[i] == 0)
			ready[nready++] = i;
	}
	while (done < nready)
	{
		SmigNode   *node = graph->nodes[ready[done++]];
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, node->children)
		{
			SmigNode   *child = (SmigNode *) lfirst(lc);

			if (--missing[child->index] == 0)
				ready[nready++] = child->index;
		}
		if (edges != SMIG_EDGES_ALL)
			continue;
		foreach(lc, node->dependents)
		{
			SmigNode   *dependent = (SmigNode *) lfirst(lc);

			if (--missing[dependent->index] == 0)
				ready[nready++] = dependent->index;
		}
	}
	pfree(ready);
	if (nready < graph->nnodes)
		return missing;
	pfree(missing);
	return NULL;
}

/*
 * A predecessor of "node" that is still in a cycle or behind one.
 */
static SmigNode *
unordered_predecessor(SmigNode *node, const int *missing, SmigEdges edges)
{
	ListCell   *lc;

	foreach(lc, node->parents)
	{
		SmigNode   *parent = (SmigNode *) lfirst(lc);

		if (missing[parent->index] > 0)
			return parent;
	}
	if (edges == SMIG_EDGES_ALL)
		foreach(lc, node->depends_on)
		{
			SmigNode   *needed = (SmigNode *) lfirst(lc);

			if (missing[needed->index] > 0)
				return needed;
		}
	elog(ERROR, "revision \"%s\" is neither in a cycle nor after one",
		 node->id);
	return NULL;				/* keep compiler quiet */
}

/*
 * Reports one cycle.  Walking backwards from any node left over must run into
 * one, since each has a predecessor that is left over too.
 */
static void
report_cycle(SmigGraph *graph, const int *missing, SmigEdges edges)
{
	Bitmapset  *seen = NULL;
	SmigNode   *node = NULL;
	SmigNode   *start;
	StringInfoData path;
	int			length = 0;

	for (int i = 0; node == NULL; i++)
		if (missing[i] > 0)
			node = graph->nodes[i];
	while (!bms_is_member(node->index, seen))
	{
		CHECK_FOR_INTERRUPTS();
		seen = bms_add_member(seen, node->index);
		node = unordered_predecessor(node, missing, edges);
	}

	/* "node" is on the cycle: go around once more, from its oldest member */
	start = node;
	for (SmigNode *next = unordered_predecessor(node, missing, edges);
		 next != node;
		 next = unordered_predecessor(next, missing, edges))
		if (next->index < start->index)
			start = next;
	initStringInfo(&path);
	node = start;
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (length < CYCLE_NAMES)
			appendStringInfo(&path, "\"%s\" -> ", node->id);
		else if (length == CYCLE_NAMES)
			appendStringInfoString(&path, "... -> ");
		length++;
		node = unordered_predecessor(node, missing, edges);
	} while (node != start);
	appendStringInfo(&path, "\"%s\"", start->id);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 edges == SMIG_EDGES_PARENTS ?
			 errmsg("revisions form a cycle: %s", path.data) :
			 errmsg("revisions depend on each other in a cycle: %s", path.data),
			 errdetail("Each arrow points to a parent%s; %d revisions are in the cycle.",
					   edges == SMIG_EDGES_PARENTS ? "" : " or dependency",
					   length),
			 errhint("Correct the parents or depends_on of one of them.")));
}

/*
 * Resolves the names given to smig_graph_add and checks the graph as a whole.
 *
 * Errors: undefined_object for unknown parents and dependencies,
 * duplicate_object for labels that are taken, invalid_object_definition for
 * cycles; each names the revisions concerned.  Linear in nodes and edges.
 */
void
smig_graph_link(SmigGraph *graph)
{
	MemoryContext old = MemoryContextSwitchTo(graph->context);
	int		   *missing;

	Assert(!graph->linked);
	link_labels(graph);
	link_edges(graph);
	MemoryContextSwitchTo(old);

	missing = unordered_nodes(graph, SMIG_EDGES_ALL);
	if (missing)
	{
		int		   *by_parents = unordered_nodes(graph, SMIG_EDGES_PARENTS);

		if (by_parents)
			report_cycle(graph, by_parents, SMIG_EDGES_PARENTS);
		report_cycle(graph, missing, SMIG_EDGES_ALL);
	}
	graph->linked = true;
}

/*
 * The revision with exactly this id, or NULL.
 */
SmigNode *
smig_graph_find(SmigGraph *graph, const char *id)
{
	NameEntry  *entry = find_name(graph, id);

	return entry && !entry->is_label ? entry->node : NULL;
}

/*
 * The revision that carries exactly this label, or NULL.
 */
SmigNode *
smig_graph_find_label(SmigGraph *graph, const char *label)
{
	NameEntry  *entry = find_name(graph, label);

	return entry && entry->is_label ? entry->node : NULL;
}

/*
 * The heads in creation order: revisions without children or, if "effective",
 * without children and dependents.
 */
List *
smig_graph_heads(SmigGraph *graph, bool effective)
{
	List	   *result = NIL;

	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];

		if (node->children == NIL &&
			(!effective || node->dependents == NIL))
			result = lappend(result, node);
	}
	return result;
}

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
