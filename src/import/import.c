/*-------------------------------------------------------------------------
 *
 * import.c
 *	  SQL function schemamig_import: another tool's history as revisions.
 *
 * A tool gives items in its own order.  For tools whose migrations are
 * numbered each follows the one before.  What is applied here already keeps
 * its place, whatever the numbers say: migrations that appear among older ones
 * run after them, as they do with the tools themselves.
 *
 * IDENTIFICATION
 *	  src/import/import.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "import.h"

/* Files that a notice lists before it abbreviates. */
#define LISTED_FILES	10

PG_FUNCTION_INFO_V1(schemamig_import);

static const ImportTool tools[] = {
	{"alembic", NULL, false, false, NULL, smig_import_alembic_read},
	{"dbmate", NULL, true, true, smig_import_checksum_sha256, smig_import_dbmate_read},
	{"diesel", NULL, true, true, smig_import_checksum_sha256, smig_import_diesel_read},
	{"flyway", NULL, true, true, smig_import_checksum_lines, smig_import_flyway_read},
	{"golang-migrate", "migrate", true, true, smig_import_checksum_sha256, smig_import_golang_migrate_read},
	{"goose", NULL, true, true, smig_import_checksum_sha256, smig_import_goose_read},
	{"sqitch", NULL, true, true, smig_import_checksum_sha1, smig_import_sqitch_read},
	{"sqlx", NULL, true, true, smig_import_checksum_sha384, smig_import_sqlx_read},
};

/*
 * Whether two names of tools are the same, whatever case and separators.
 */
static bool
same_name(const char *a, const char *b)
{
	for (;; a++, b++)
	{
		while (*a == '-' || *a == '_' || *a == ' ')
			a++;
		while (*b == '-' || *b == '_' || *b == ' ')
			b++;
		if (pg_ascii_tolower(*a) != pg_ascii_tolower(*b))
			return false;
		if (*a == '\0')
			return true;
	}
}

static const ImportTool *
find_tool(const char *name)
{
	StringInfoData names;

	for (int i = 0; i < lengthof(tools); i++)
	{
		if (same_name(tools[i].name, name) ||
			(tools[i].alias && same_name(tools[i].alias, name)))
			return &tools[i];
	}
	initStringInfo(&names);
	for (int i = 0; i < lengthof(tools); i++)
		appendStringInfo(&names, "%s%s", i == 0 ? "" :
						 i == lengthof(tools) - 1 ? " and " : ", ", tools[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized tool \"%s\"", name),
			 errhint("Tools are %s.", names.data)));
}

/*
 * Tells about files that nothing has read, so that none is missed silently.
 */
static void
report_unused(const Import *import)
{
	StringInfoData names;
	int			count = 0;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, import->files)
	{
		const ImportFile *file = lfirst(lc);

		if (file->used)
			continue;
		if (count++ < LISTED_FILES)
			appendStringInfo(&names, "%s%s", count > 1 ? ", " : "", file->path);
	}
	if (count == 0)
		return;
	if (count > LISTED_FILES)
		appendStringInfoString(&names, ", ...");
	ereport(NOTICE,
			(errmsg_plural("%d file is no migration of %s and was not read",
						   "%d files are no migrations of %s and were not read",
						   count, count, import->tool->name),
			 errdetail_internal("%s", names.data)));
}

/*
 * Refuses to take over revisions that are somebody else's.
 */
static void
check_origins(Import *import)
{
	List	   *origins = smig_import_origins();
	ListCell   *lc;

	foreach(lc, origins)
	{
		ImportOrigin *origin = lfirst(lc);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		if (strcmp(origin->tool, import->tool->name) == 0)
			continue;
		foreach(lc2, import->items)
		{
			ImportItem *item = lfirst(lc2);

			if (strcmp(item->revision->id, origin->revision) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_OBJECT),
						 errmsg("revision \"%s\" is there already, imported from %s",
								origin->revision, origin->tool),
						 errhint("Import one of the two tools into another database, or rename its migrations.")));
		}
	}
}

/* What the graph says about the items of a linear tool. */
typedef struct Chain
{
	Import	   *import;
	SmigNode  **nodes;			/* of the items, NULL: not stored */
	bool	   *ours;			/* by index of a node: is an item */
	bool		followed;		/* somebody has written revisions behind ours */
} Chain;

static void
look_at_graph(Chain *chain)
{
	Import	   *import = chain->import;
	SmigGraph  *graph = import->writer->graph;
	int			i = 0;
	ListCell   *lc;

	chain->nodes = palloc0(sizeof(SmigNode *) *
						   Max(list_length(import->items), 1));
	chain->ours = palloc0(sizeof(bool) * Max(graph->nnodes, 1));
	foreach(lc, import->items)
	{
		ImportItem *item = lfirst(lc);
		SmigNode   *node = smig_graph_find(graph, item->revision->id);

		chain->nodes[i++] = node;
		if (node)
			chain->ours[node->index] = true;
	}
	for (i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];

		if (chain->ours[node->index])
			continue;
		foreach(lc, node->parents)
		{
			if (chain->ours[((SmigNode *) lfirst(lc))->index])
				chain->followed = true;
		}
	}
}

static bool
is_applied(const Chain *chain, const SmigNode *node)
{
	return bms_is_member(node->index, chain->import->writer->applied);
}

/*
 * What the first item that may move follows: the last that is applied; where
 * none is, what the first stored one follows; else the head.
 */
static List *
anchor_of_chain(Chain *chain)
{
	int			count = list_length(chain->import->items);
	SmigNode   *first = NULL;

	if (chain->followed)
		return smig_writer_default_parents(chain->import->writer);
	for (int i = 0; i < count; i++)
	{
		SmigNode   *node = chain->nodes[i];
		bool		last = node && is_applied(chain, node);
		ListCell   *lc;

		if (node == NULL)
			continue;
		foreach(lc, node->children)
			last = last && !is_applied(chain, lfirst(lc));
		if (last)
			return list_make1(node->id);
		if (first == NULL || node->index < first->index)
			first = node;
	}
	if (first)
	{
		List	   *parents = NIL;
		ListCell   *lc;

		foreach(lc, first->parents)
		{
			if (!chain->ours[((SmigNode *) lfirst(lc))->index])
				parents = lappend(parents, ((SmigNode *) lfirst(lc))->id);
		}
		return parents;
	}
	return smig_writer_default_parents(chain->import->writer);
}

/*
 * Makes each item follow the one before it.
 */
static void
link_items(Import *import)
{
	Chain		chain = {import};
	List	   *parents = NIL;
	bool		anchored = false;
	int			i = 0;
	ListCell   *lc;

	look_at_graph(&chain);
	foreach(lc, import->items)
	{
		SmigRevision *revision = ((ImportItem *) lfirst(lc))->revision;
		SmigNode   *node = chain.nodes[i++];

		/* keeps the parents it has */
		if (node && (chain.followed || is_applied(&chain, node)))
			continue;
		if (!anchored)
			parents = anchor_of_chain(&chain);
		anchored = true;
		revision->parents = parents;
		revision->parents_given = true;
		parents = list_make1(revision->id);
	}
}

static char *
text_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name),
				 errhint("Pass a text for it.")));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static const char *
first_path(const Import *import)
{
	return ((const ImportFile *) linitial(import->files))->path;
}

static void
read_source(Import *import, char *source, char *down)
{
	if (import->tool->files)
	{
		if (down)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s has no source for down scripts of its own",
							import->tool->name),
					 errhint("Pass all files together as \"source\".")));
		import->files = smig_import_source_files(source);
	}
	import->up = source;
	import->down = down;
	import->tool->read(import);
	if (import->items == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no migration of %s in the source",
						import->tool->name),
				 import->files ? errdetail("Files in the source: %d. The first is \"%s\".",
										   list_length(import->files),
										   first_path(import)) : 0,
				 errhint("Check the names of the files against those of the tool.")));
}

/*
 * schemamig_import(tool, source, down) returns the ids in the tool's order.
 */
Datum
schemamig_import(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Import		import = {0};
	List	   *revisions = NIL;
	ListCell   *lc;

	import.tool = find_tool(text_argument(fcinfo, 0, "tool"));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	import.writer = smig_writer_begin("schemamig_import()");
	import.writer->from_source = true;
	read_source(&import, text_argument(fcinfo, 1, "source"),
				PG_ARGISNULL(2) ? NULL : text_argument(fcinfo, 2, "down"));
	smig_import_check_versions(&import);
	check_origins(&import);
	smig_import_check_downs(&import);
	if (import.tool->linear)
		link_items(&import);
	foreach(lc, import.items)
		revisions = lappend(revisions, ((ImportItem *) lfirst(lc))->revision);
	smig_writer_write(import.writer, revisions);
	smig_import_origin_write(&import);
	report_unused(&import);
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		Datum		id = CStringGetTextDatum(revision->id);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &id, &isnull);
	}
	return (Datum) 0;
}
