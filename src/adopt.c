/*-------------------------------------------------------------------------
 *
 * adopt.c
 *	  schemamig_adopt: marks as applied what another tool has applied.
 *
 * The other tool's migrations are found among the revisions by what
 * schemamig_import wrote down (schemamig.origin), or else by their names.
 * Revisions are only added to the applied set, and only those whose ancestors
 * are in it; everything else is reported.
 *
 * IDENTIFICATION
 *	  src/adopt.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "adopt.h"
#include "stamp.h"
#include "store.h"

PG_FUNCTION_INFO_V1(schemamig_adopt);

#define ADOPT_COLUMNS 5

/* Longest name by which a migration is looked up. */
#define MAX_KEY 512

/* Kinds of names, in the order in which they are tried. */
typedef enum KeyKind
{
	KEY_VERSION = 'v',			/* of schemamig.origin */
	KEY_ID = 'i',				/* of the revision */
	KEY_DIGITS = 'd'			/* number that its id begins with */
} KeyKind;

typedef struct KeyEntry
{
	char		key[MAX_KEY];	/* kind and name */
	SmigNode   *node;			/* NULL: several have it */
} KeyEntry;

/* What is known of a revision besides the graph. */
typedef struct Candidate
{
	char	   *version;		/* of schemamig.origin for this tool; or NULL */
	char	   *file;
	char	   *checksum;
	bool		imported;		/* from this tool */
	const AdoptRow *row;		/* the tool's last word about it, or NULL */
} Candidate;

/* One adoption. */
typedef struct Adoption
{
	const AdoptTable *table;
	const char *source;			/* tool and table, as schemamig_adopt takes it */
	SmigGraph  *graph;
	Bitmapset  *applied;		/* here, before */
	Candidate  *candidates;		/* by node index */
	HTAB	   *names;
	Bitmapset  *there;			/* applied by the tool */
	Bitmapset  *failed;			/* failed there */
	Bitmapset  *adopted;		/* new in the applied set */
	ReturnSetInfo *result;
} Adoption;

/*
 * A number without zeros in front; anything else as it is.
 */
static const char *
without_zeros(const char *version)
{
	if (version[strspn(version, "0123456789")] != '\0')
		return version;
	while (version[0] == '0' && version[1] != '\0')
		version++;
	return version;
}

static void
add_name(Adoption *adoption, KeyKind kind, const char *name, SmigNode *node)
{
	KeyEntry   *entry;
	char		key[MAX_KEY];
	bool		found;

	snprintf(key, sizeof(key), "%c%s", (char) kind, without_zeros(name));
	entry = hash_search(adoption->names, key, HASH_ENTER, &found);
	if (!found)
		entry->node = node;
	else if (entry->node != node)
		entry->node = NULL;
}

static SmigNode *
find_name(Adoption *adoption, KeyKind kind, const char *name)
{
	KeyEntry   *entry;
	char		key[MAX_KEY];

	snprintf(key, sizeof(key), "%c%s", (char) kind, without_zeros(name));
	entry = hash_search(adoption->names, key, HASH_FIND, NULL);
	return entry ? entry->node : NULL;
}

static void
read_origin(Datum *values, bool *nulls, void *arg)
{
	Adoption   *adoption = (Adoption *) arg;
	SmigNode   *node;
	Candidate  *candidate;
	MemoryContext old;

	if (strcmp(TextDatumGetCString(values[1]), adoption->table->tool) != 0)
		return;
	node = smig_graph_find(adoption->graph, TextDatumGetCString(values[0]));
	if (node == NULL)
		return;
	old = MemoryContextSwitchTo(adoption->graph->context);
	candidate = &adoption->candidates[node->index];
	candidate->imported = true;
	candidate->version = nulls[2] ? NULL : TextDatumGetCString(values[2]);
	candidate->file = nulls[3] ? NULL : TextDatumGetCString(values[3]);
	candidate->checksum = nulls[4] ? NULL : TextDatumGetCString(values[4]);
	MemoryContextSwitchTo(old);
	if (candidate->version)
		add_name(adoption, KEY_VERSION, candidate->version, node);
}

/*
 * Collects the names by which revisions can be found.
 */
static void
collect_names(Adoption *adoption)
{
	SmigGraph  *graph = adoption->graph;
	HASHCTL		control = {0};
	SmigStoreScope scope;

	control.keysize = MAX_KEY;
	control.entrysize = sizeof(KeyEntry);
	control.hcxt = CurrentMemoryContext;
	adoption->names = hash_create("schemamig names of migrations", 1024,
								  &control,
								  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	adoption->candidates = palloc_extended(sizeof(Candidate) *
										   (graph->nnodes + 1),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < graph->nnodes; i++)
	{
		SmigNode   *node = graph->nodes[i];
		int			digits = strspn(node->id, "0123456789");

		CHECK_FOR_INTERRUPTS();
		add_name(adoption, KEY_ID, node->id, node);
		if (digits > 0 && (node->id[digits] == '_' || node->id[digits] == '\0'))
			add_name(adoption, KEY_DIGITS, pnstrdup(node->id, digits), node);
	}
	smig_store_begin(&scope);
	smig_store_scan("SELECT revision, tool, version, file, checksum"
					" FROM schemamig.origin", read_origin, adoption);
	smig_store_end(&scope);
}

/*
 * Whether a path ends in a name of a file.
 */
static bool
path_is(const char *path, const char *name)
{
	size_t		extra;

	if (path == NULL || strlen(path) < strlen(name))
		return false;
	extra = strlen(path) - strlen(name);
	return strcmp(path + extra, name) == 0 &&
		(extra == 0 || path[extra - 1] == '/');
}

/*
 * The revision of a migration without version: that of its file with just
 * this text.
 */
static SmigNode *
find_by_file(Adoption *adoption, const AdoptRow *row)
{
	for (int i = adoption->graph->nnodes - 1; i >= 0; i--)
	{
		Candidate  *candidate = &adoption->candidates[i];

		if (candidate->imported && candidate->version == NULL &&
			candidate->checksum && row->checksum &&
			strcmp(candidate->checksum, row->checksum) == 0 &&
			path_is(candidate->file, row->name))
			return adoption->graph->nodes[i];
	}
	return NULL;
}

/*
 * The revision of a row, or NULL.
 */
static SmigNode *
find_node(Adoption *adoption, const AdoptRow *row)
{
	SmigNode   *node;
	char	   *stem;

	if (row->version == NULL)
		return row->name ? find_by_file(adoption, row) : NULL;
	node = find_name(adoption, KEY_VERSION, row->version);
	if (node == NULL)
		node = find_name(adoption, KEY_ID, row->version);
	if (node == NULL && row->name)
		node = find_name(adoption, KEY_ID, row->name);
	if (node == NULL)
		node = find_name(adoption, KEY_DIGITS, row->version);
	if (node == NULL && strrchr(row->version, '.'))
	{
		/* a file name: what stands before its extension */
		stem = pnstrdup(row->version,
						strrchr(row->version, '.') - row->version);
		node = find_name(adoption, KEY_ID, stem);
	}
	/* several tools' numbers may be alike: the import decides */
	if (node && row->name == NULL &&
		!adoption->candidates[node->index].imported &&
		adoption->candidates[node->index].version)
		node = NULL;
	return node;
}

/*
 * Compares versions part by part: numbers as numbers, others as texts.
 */
static int
compare_versions(const char *a, const char *b)
{
	for (;;)
	{
		size_t		left = strcspn(a, "._");
		size_t		right = strcspn(b, "._");
		int			result;

		while (left > 1 && *a == '0')
			a++, left--;
		while (right > 1 && *b == '0')
			b++, right--;
		if (left != right)
			return left < right ? -1 : 1;
		result = strncmp(a, b, left);
		if (result != 0)
			return result;
		a += left;
		b += right;
		/* 1 and 1.0 are the same */
		while (*a && strspn(a, "._0") > 0 && a[strspn(a, "._0")] == '\0')
			a += strlen(a);
		while (*b && strspn(b, "._0") > 0 && b[strspn(b, "._0")] == '\0')
			b += strlen(b);
		if (*a == '\0' || *b == '\0')
			return *a ? 1 : *b ? -1 : 0;
		a++;
		b++;
	}
}

static void
put_row(Adoption *adoption, const char *version, const char *revision,
		const char *state, const char *detail)
{
	const char *texts[ADOPT_COLUMNS] = {version, revision, state, detail,
	adoption->source};
	Datum		values[ADOPT_COLUMNS];
	bool		nulls[ADOPT_COLUMNS];

	for (int i = 0; i < ADOPT_COLUMNS; i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
	}
	tuplestore_putvalues(adoption->result->setResult,
						 adoption->result->setDesc, values, nulls);
}

/*
 * Everything imported whose version is not above a baseline.
 */
static Bitmapset *
below_baseline(Adoption *adoption, const char *baseline)
{
	Bitmapset  *set = NULL;

	for (int i = 0; i < adoption->graph->nnodes; i++)
	{
		const char *version = adoption->candidates[i].version;

		if (version && compare_versions(version, baseline) <= 0)
			set = bms_add_member(set, i);
	}
	return set;
}

/*
 * Takes in one row.
 */
static void
take_row(Adoption *adoption, const AdoptRow *row)
{
	SmigNode   *node;
	Bitmapset  *self;

	if (row->state == ADOPT_BASELINE)
	{
		adoption->there = bms_add_members(adoption->there,
										  below_baseline(adoption,
														 row->version));
		return;
	}
	node = find_node(adoption, row);
	if (node == NULL)
	{
		/* what was undone there need not be known here */
		if (row->state != ADOPT_REVERTED)
			put_row(adoption, row->version ? row->version : row->name, NULL,
					"unknown",
					row->state == ADOPT_FAILED || row->state == ADOPT_DIRTY ?
					"it failed there, and no revision here is it" :
					row->version ? "it is applied there, and no revision here is it" :
					"it is applied there, and no revision here has the text it had");
		return;
	}
	adoption->candidates[node->index].row = row;
	self = bms_make_singleton(node->index);
	adoption->there = bms_del_members(adoption->there, self);
	adoption->failed = bms_del_members(adoption->failed, self);
	if (row->state == ADOPT_APPLIED)
		adoption->there = bms_add_members(adoption->there, self);
	if (row->state == ADOPT_HEAD || row->state == ADOPT_DIRTY)
		adoption->there = bms_add_members(adoption->there,
										  smig_graph_ancestors(adoption->graph,
															   self,
															   SMIG_EDGES_ALL));
	if (row->state == ADOPT_DIRTY)
		adoption->there = bms_del_members(adoption->there, self);
	if (row->state == ADOPT_DIRTY || row->state == ADOPT_FAILED)
		adoption->failed = bms_add_members(adoption->failed, self);
}

/*
 * An ancestor that is not in the set; NULL when all are.
 */
static SmigNode *
missing_ancestor(const SmigNode *node, const Bitmapset *set)
{
	ListCell   *lc;

	foreach(lc, node->parents)
		if (!bms_is_member(((SmigNode *) lfirst(lc))->index, set))
			return lfirst(lc);
	foreach(lc, node->depends_on)
		if (!bms_is_member(((SmigNode *) lfirst(lc))->index, set))
			return lfirst(lc);
	return NULL;
}

/*
 * What can be added to the applied set so that it stays closed.
 */
static Bitmapset *
closed_part(Adoption *adoption)
{
	Bitmapset  *set = bms_copy(adoption->applied);
	ListCell   *lc;

	foreach(lc, smig_graph_order(adoption->graph, adoption->there, false))
	{
		SmigNode   *node = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (missing_ancestor(node, set) == NULL)
			set = bms_add_member(set, node->index);
	}
	return set;
}

/*
 * Reports one revision, which is in "stamped" or not.
 */
static void
report_node(Adoption *adoption, SmigNode *node, const Bitmapset *stamped)
{
	Candidate  *candidate = &adoption->candidates[node->index];
	const AdoptRow *row = candidate->row;
	bool		here = bms_is_member(node->index, adoption->applied);
	bool		there = bms_is_member(node->index, adoption->there);
	const char *version = candidate->version ? candidate->version :
		row ? row->version : NULL;
	const char *state;
	const char *detail = NULL;

	if (bms_is_member(node->index, adoption->failed))
	{
		state = "failed";
		detail = "it failed there; repair it with that tool, or complete it by hand and stamp it";
	}
	else if (there && !bms_is_member(node->index, stamped))
	{
		state = "blocked";
		detail = psprintf("it is applied there, but revision \"%s\", which it needs, is not",
						  missing_ancestor(node, stamped)->id);
	}
	else if (there && row && row->checksum && candidate->checksum &&
			 pg_strcasecmp(row->checksum, candidate->checksum) != 0)
	{
		state = "changed";
		detail = psprintf("marked as applied, but what was applied there has the checksum %s, and what was imported %s",
						  row->checksum, candidate->checksum);
	}
	else if (there)
		state = here ? "applied" : "adopted";
	else if (here)
	{
		state = "extra";
		detail = "it is applied here, and the tool does not know of it";
	}
	else
		state = "pending";
	put_row(adoption, version, node->id, state, detail);
}

/*
 * schemamig_adopt(tool): marks as applied what another tool says is applied,
 * and returns what became of each migration and each revision.
 *
 * Errors: those of smig_adopt_find, smig_adopt_read and smig_stamp_begin;
 * object_not_in_prerequisite_state without revisions.
 */
Datum
schemamig_adopt(PG_FUNCTION_ARGS)
{
	char	   *tool = PG_ARGISNULL(0) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(0));
	Adoption	adoption = {0};
	Bitmapset  *stamped;
	List	   *rows;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	adoption.result = (ReturnSetInfo *) fcinfo->resultinfo;
	adoption.table = smig_adopt_find(tool);
	adoption.source = psprintf("%s:%s", adoption.table->tool,
							   adoption.table->table);
	rows = smig_adopt_read(adoption.table);
	smig_stamp_begin("schemamig_adopt()", "adopt");
	adoption.graph = smig_store_load_graph(&adoption.applied);
	if (adoption.graph->nnodes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there are no revisions to compare %s with",
						adoption.table->table),
				 errhint("Import the migrations of %s first, or load them as revisions; SELECT schemamig_baseline('message') begins with the schema as it is.",
						 adoption.table->tool)));
	collect_names(&adoption);
	foreach(lc, rows)
	{
		CHECK_FOR_INTERRUPTS();
		take_row(&adoption, lfirst(lc));
	}
	stamped = closed_part(&adoption);
	if (!bms_equal(stamped, adoption.applied))
		smig_stamp_write(adoption.graph, adoption.applied, stamped, NULL,
						 psprintf("adopt %s", adoption.table->table));
	for (int i = 0; i < adoption.graph->nnodes; i++)
		report_node(&adoption, adoption.graph->nodes[i], stamped);
	return (Datum) 0;
}
