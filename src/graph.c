/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  The revision graph: making it, checking it, finding nodes by name.
 *
 * Nodes are kept in an array in creation order; names are found by a hash
 * table over ids and labels.
 *
 * IDENTIFICATION
 *	  src/graph.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
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
	if (node->labels != NIL)
		graph->labelled = lappend(graph->labelled, node);
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
	ListCell   *lc_node;

	foreach(lc_node, graph->labelled)
	{
		SmigNode   *node = (SmigNode *) lfirst(lc_node);
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
