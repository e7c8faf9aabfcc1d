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
 * An entry of SmigGraph.names.  The key is a pointer, compared by what it
 * points to: names are of any length, and already have an owner.
 */
typedef struct NameEntry
{
	const char *name;			/* key; of the node or in its labels */
	SmigNode   *node;
	uint32		hash;
	char		status;			/* for simplehash */
	bool		is_label;
} NameEntry;

static inline uint32
name_hash(const char *name)
{
	return hash_bytes((const unsigned char *) name, strlen(name));
}

#define SH_PREFIX			names
#define SH_ELEMENT_TYPE		NameEntry
#define SH_KEY_TYPE			const char *
#define SH_KEY				name
#define SH_HASH_KEY(tb, key)	name_hash(key)
#define SH_EQUAL(tb, a, b)	(strcmp(a, b) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a)	(a)->hash
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct SmigNames
{
	names_hash *table;
};

/* A name in the parents or depends_on of a node, to be resolved later. */
typedef struct UnresolvedName
{
	SmigNode   *node;
	const char *name;
	bool		parent;			/* in parents, else in depends_on */
	int			place;			/* in that list, which has a NULL there */
} UnresolvedName;

/*
 * Makes an empty graph in a memory context of its own below the current one;
 * deleting graph->context frees everything.
 */
SmigGraph *
smig_graph_create(void)
{
	/* nothing of a graph is freed before all of it is */
	MemoryContext context = GenerationContextCreate(CurrentMemoryContext,
													"schemamig graph",
													ALLOCSET_DEFAULT_SIZES);
	SmigGraph  *graph = MemoryContextAllocZero(context, sizeof(SmigGraph));

	graph->context = context;
	graph->maxnodes = INITIAL_NODES;
	graph->nodes = MemoryContextAlloc(context,
									  sizeof(SmigNode *) * graph->maxnodes);
	graph->in_order = true;
	graph->names = MemoryContextAlloc(context, sizeof(struct SmigNames));
	graph->names->table = names_create(context, INITIAL_NODES, NULL);
	return graph;
}

static NameEntry *
find_name(SmigGraph *graph, const char *name)
{
	return names_lookup(graph->names->table, name);
}

/*
 * Enters a name, which must live as long as the graph.  Returns the entry of
 * its present owner when it is taken, else NULL.
 */
static NameEntry *
enter_name(SmigGraph *graph, const char *name, SmigNode *node, bool is_label)
{
	bool		found;
	NameEntry  *entry = names_insert(graph->names->table, name, &found);

	if (found)
		return entry;
	entry->node = node;
	entry->is_label = is_label;
	return NULL;
}

/*
 * Refuses an edge from a node to itself.
 */
static void
check_self(SmigNode *node, SmigNode *named, bool parent)
{
	if (named == node)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 parent ?
				 errmsg("revision \"%s\" names itself as parent", node->id) :
				 errmsg("revision \"%s\" depends on itself", node->id),
				 errhint("Correct its %s.", parent ? "parents" : "depends_on")));
}

/*
 * Makes the list of nodes that "names" name.  What does not exist yet is left
 * to smig_graph_link.  In a history written in order everything exists.
 */
static List *
resolve_names(SmigGraph *graph, SmigNode *node, List *names, bool parent)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		NameEntry  *entry = find_name(graph, (char *) lfirst(lc));

		if (entry)
		{
			check_self(node, entry->node, parent);
			result = list_append_unique_ptr(result, entry->node);
		}
		else
		{
			UnresolvedName *unresolved = palloc(sizeof(UnresolvedName));

			unresolved->node = node;
			unresolved->name = pstrdup((char *) lfirst(lc));
			unresolved->parent = parent;
			unresolved->place = list_length(result);
			graph->unresolved = lappend(graph->unresolved, unresolved);
			result = lappend(result, NULL);
		}
	}
	return result;
}

/*
 * Adds a revision.  All arguments are copied.  "parents" and "depends_on" are
 * lists of char *, each of which must be an id by the time of smig_graph_link;
 * depends_on may name labels too.
 *
 * Errors: duplicate_object when the id is there already,
 * invalid_object_definition when it names itself.
 */
SmigNode *
smig_graph_add(SmigGraph *graph, const char *id, const char *message,
			   List *parents, List *depends_on, List *labels)
{
	MemoryContext old = MemoryContextSwitchTo(graph->context);
	SmigNode   *node = palloc0(sizeof(SmigNode));
	ListCell   *lc;

	Assert(!graph->linked);
	node->id = pstrdup(id);
	if (enter_name(graph, node->id, node, false))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("revision \"%s\" is given more than once", id),
				 errhint("Give one of them another id.")));

	if (graph->nnodes == graph->maxnodes)
	{
		graph->maxnodes *= 2;
		graph->nodes = repalloc_huge(graph->nodes,
									 sizeof(SmigNode *) * graph->maxnodes);
	}
	node->index = graph->nnodes;
	graph->nodes[graph->nnodes++] = node;
	node->message = pstrdup(message ? message : "");
	node->parents = resolve_names(graph, node, parents, true);
	node->depends_on = resolve_names(graph, node, depends_on, false);
	foreach(lc, labels)
		node->labels = lappend(node->labels, pstrdup((char *) lfirst(lc)));
	MemoryContextSwitchTo(old);
	return node;
}

/*
 * Enters the labels into the names.  Ids and labels share one name space,
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
			NameEntry  *taken = enter_name(graph, label, node, true);

			if (taken && !taken->is_label)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_OBJECT),
						 errmsg("label \"%s\" of revision \"%s\" is the id of a revision",
								label, node->id),
						 errhint("Give the branch another label.")));
			if (taken)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_OBJECT),
						 taken->node == node ?
						 errmsg("label \"%s\" is given twice to revision \"%s\"",
								label, node->id) :
						 errmsg("label \"%s\" of revision \"%s\" is already a label of revision \"%s\"",
								label, node->id, taken->node->id),
						 errhint("A label names one revision, where its branch begins.")));
		}
	}
}

/*
 * The node that a name means that did not exist when it was given.
 */
static SmigNode *
resolve_name(SmigGraph *graph, const UnresolvedName *unresolved)
{
	const char *name = unresolved->name;
	const char *id = unresolved->node->id;
	NameEntry  *entry = find_name(graph, name);

	if (entry && unresolved->parent && entry->is_label)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parent \"%s\" of revision \"%s\" is a label",
						name, id),
				 errdetail("It is a label of revision \"%s\".",
						   entry->node->id),
				 errhint("Name parents by their full ids.")));
	if (!entry)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 unresolved->parent ?
				 errmsg("parent \"%s\" of revision \"%s\" does not exist",
						name, id) :
				 errmsg("revision \"%s\" depends on \"%s\", which does not exist",
						id, name),
				 errhint("Load the missing revision first or in the same call, or correct the name.")));
	check_self(unresolved->node, entry->node, unresolved->parent);
	return entry->node;
}

/*
 * A list without repetitions, in place; for the short lists of one node.
 */
static List *
without_repetitions(List *nodes)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, nodes)
		result = list_append_unique_ptr(result, lfirst(lc));
	list_free(nodes);
	return result;
}

/*
 * Resolves the names that were given before what they name.  A name given
 * twice counts once.
 */
static void
link_unresolved(SmigGraph *graph)
{
	ListCell   *lc;

	foreach(lc, graph->unresolved)
	{
		UnresolvedName *unresolved = (UnresolvedName *) lfirst(lc);
		SmigNode   *node = unresolved->node;

		CHECK_FOR_INTERRUPTS();
		lfirst(list_nth_cell(unresolved->parent ? node->parents :
							 node->depends_on, unresolved->place)) =
			resolve_name(graph, unresolved);
	}
	foreach(lc, graph->unresolved)
	{
		SmigNode   *node = ((UnresolvedName *) lfirst(lc))->node;

		node->parents = without_repetitions(node->parents);
		node->depends_on = without_repetitions(node->depends_on);
	}
	list_free_deep(graph->unresolved);
	graph->unresolved = NIL;
}

/*
 * Makes the inverse lists, and finds out whether the order of creation is
 * one in which everything could be applied.
 */
static void
link_edges(SmigGraph *graph)
{
	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, node->parents)
		{
			SmigNode   *parent = (SmigNode *) lfirst(lc);

			parent->children = lappend(parent->children, node);
			graph->in_order &= parent->index < i;
		}
		foreach(lc, node->depends_on)
		{
			SmigNode   *needed = (SmigNode *) lfirst(lc);

			needed->dependents = lappend(needed->dependents, node);
			graph->in_order &= needed->index < i;
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
	link_unresolved(graph);
	link_edges(graph);
	graph->linked = true;
	MemoryContextSwitchTo(old);

	/* edges that all lead to older nodes cannot make a cycle */
	missing = graph->in_order ? NULL :
		unordered_nodes(graph, SMIG_EDGES_ALL);
	if (missing)
	{
		int		   *by_parents = unordered_nodes(graph, SMIG_EDGES_PARENTS);

		if (by_parents)
			report_cycle(graph, by_parents, SMIG_EDGES_PARENTS);
		report_cycle(graph, missing, SMIG_EDGES_ALL);
	}
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
