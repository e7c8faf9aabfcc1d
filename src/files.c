/*-------------------------------------------------------------------------
 *
 * files.c
 *	  A directory of files: what is new in it, what it lacks, the next file.
 *
 * A client passes the files of a directory as one jsonb object, names to
 * contents, and needs no knowledge of their format.  Names are relative to
 * the directory; names that are made here have no directory and only
 * characters that every file system and shell takes.
 *
 * IDENTIFICATION
 *	  src/files.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "result.h"
#include "revision.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_load_files);
PG_FUNCTION_INFO_V1(schemamig_export_files);
PG_FUNCTION_INFO_V1(schemamig_draft);

/* Longest part of a file's name that is made of an id, or of a message. */
#define ID_BYTES		180
#define MESSAGE_BYTES	50

/* Room for both, a number and ".sql". */
#define NAME_BYTES		256

/* Revisions read from the store at a time. */
#define READ_AT_ONCE	100

typedef struct SmigFile
{
	char	   *name;
	char	   *content;
	List	   *revisions;		/* of SmigRevision *, in its order */
	bool		differs;		/* from what is stored */
} SmigFile;

static char *
jsonb_text(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static int
compare_files(const ListCell *a, const ListCell *b)
{
	return strcmp(((const SmigFile *) lfirst(a))->name,
				  ((const SmigFile *) lfirst(b))->name);
}

/*
 * The files of a jsonb argument as SmigFile, by name, so that revisions are
 * created in the same order as from "cat *.sql".
 */
static List *
files_argument(FunctionCallInfo fcinfo, int n)
{
	List	   *files = NIL;
	SmigFile   *file = NULL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	Jsonb	   *jsonb;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"files\" must not be null"),
				 errhint("Pass an object of names and contents; '{}' for no file.")));
	jsonb = PG_GETARG_JSONB_P(n);
	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"files\" must be an object"),
				 errhint("Write it like {\"first.sql\": \"-- schemamig:revision ...\"}.")));
	iterator = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token == WJB_KEY)
		{
			file = palloc0(sizeof(SmigFile));
			file->name = jsonb_text(&value);
			files = lappend(files, file);
		}
		else if (token == WJB_VALUE)
		{
			if (value.type != jbvString)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("content of file \"%s\" is not a string",
								file->name),
						 errhint("Write it like {\"first.sql\": \"-- schemamig:revision ...\"}.")));
			file->content = jsonb_text(&value);
		}
	}
	list_sort(files, compare_files);
	return files;
}

/*
 * Parses the files; returns the revisions of all of them, in order.
 */
static List *
parse_files(List *files)
{
	List	   *revisions = NIL;
	ListCell   *lc;

	foreach(lc, files)
	{
		SmigFile   *file = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		file->revisions = smig_file_parse_named(file->content, file->name);
		revisions = list_concat(revisions, file->revisions);
	}
	return revisions;
}

/*
 * schemamig_load_files(files) returns file, revision, change of each revision.
 */
Datum
schemamig_load_files(PG_FUNCTION_ARGS)
{
	static const char *const changes[] = {
		[SMIG_SAME] = "same",
		[SMIG_NEW] = "new",
		[SMIG_CHANGED] = "changed",
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *files = files_argument(fcinfo, 0);
	List	   *revisions = parse_files(files);
	SmigWriter *writer;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	writer = smig_writer_begin("schemamig_load_files()");
	writer->from_source = true;
	smig_writer_write(writer, revisions);
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(revision->file);
		values[1] = CStringGetTextDatum(revision->id);
		values[2] = CStringGetTextDatum(changes[revision->change]);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

/*
 * Appends text with everything but letters, digits and "kept" replaced by
 * underscores, at most "bytes" of it.  Runs of replaced characters give one.
 */
static void
append_word(StringInfo out, const char *text, const char *kept, int bytes)
{
	static const char letters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	int			length = pg_mbcliplen(text, strlen(text), bytes);
	bool		gap = false;

	for (int i = 0; i < length; i++)
	{
		unsigned char c = text[i];

		/* no file is hidden, and none is taken for an option */
		if (IS_HIGHBIT_SET(c) || strchr(letters, c) ||
			(strchr(kept, c) && out->len > 0))
		{
			if (gap)
				appendStringInfoChar(out, '_');
			appendStringInfoChar(out, c);
			gap = false;
		}
		else
			gap = out->len > 0;
	}
}

/*
 * A name that can be in the way of another one: file systems may fold case.
 */
static bool
take_name(HTAB *taken, const char *name)
{
	char		key[NAME_BYTES];
	bool		found;

	if (strlen(name) >= NAME_BYTES)
		return true;			/* longer than any that is made here */
	strlcpy(key, name, sizeof(key));
	for (char *c = key; *c; c++)
		*c = pg_ascii_tolower((unsigned char) *c);
	(void) hash_search(taken, key, HASH_ENTER, &found);
	return !found;
}

/*
 * The names of "files", which no new file may take.
 */
static HTAB *
names_taken(List *files)
{
	HASHCTL		control = {0};
	HTAB	   *taken;
	ListCell   *lc;

	control.keysize = NAME_BYTES;
	control.entrysize = NAME_BYTES;
	control.hcxt = CurrentMemoryContext;
	taken = hash_create("schemamig file names", 128, &control,
						HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	foreach(lc, files)
		(void) take_name(taken, ((SmigFile *) lfirst(lc))->name);
	return taken;
}

/*
 * A name for the file of a revision: its id, with the message behind it where
 * the id is only a number or random.
 */
static char *
new_name(HTAB *taken, const SmigRevision *revision)
{
	bool		telling = revision->id[strspn(revision->id,
											  "0123456789abcdef")] != '\0';
	StringInfoData name;
	char	   *result;

	initStringInfo(&name);
	append_word(&name, revision->id, "_.-", ID_BYTES);
	if (name.len == 0)
		appendStringInfoString(&name, "revision");
	if (!telling && revision->message[0] != '\0')
	{
		appendStringInfoChar(&name, '_');
		append_word(&name, revision->message, "", MESSAGE_BYTES);
	}
	result = psprintf("%s.sql", name.data);
	for (int i = 2; !take_name(taken, result); i++)
		result = psprintf("%s-%d.sql", name.data, i);
	return result;
}

/*
 * Finds out which files differ from what is stored.  Returns the ids that are
 * in some file, as a set of nodes of the stored graph.
 */
static Bitmapset *
compare_with_store(SmigWriter *writer, List *files)
{
	List	   *revisions = NIL;
	Bitmapset  *seen = NULL;
	SmigRevision **stored;
	SmigGraph  *future;
	ListCell   *lc;
	ListCell   *lc2;
	int			i = 0;

	foreach(lc, files)
	{
		foreach(lc2, ((SmigFile *) lfirst(lc))->revisions)
		{
			SmigRevision *revision = lfirst(lc2);
			SmigNode   *node = smig_graph_find(writer->graph, revision->id);

			/* where it is going to be does not matter */
			if (node == NULL)
				revision->parents_given = true;
			else
				seen = bms_add_member(seen, node->index);
			revisions = lappend(revisions, revision);
		}
	}
	future = smig_writer_future(writer, revisions, &stored);
	MemoryContextDelete(future->context);
	foreach(lc, files)
	{
		SmigFile   *file = lfirst(lc);

		foreach(lc2, file->revisions)
		{
			SmigRevision *old = stored[i++];

			if (old == NULL || smig_revision_same(old, lfirst(lc2)))
				continue;
			file->differs = true;
			lfirst(lc2) = old;
		}
	}
	return seen;
}

static void
put_file(ReturnSetInfo *result, const char *name, const char *change,
		 const char *content)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(change);
	values[2] = CStringGetTextDatum(content);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * A file again, with the revisions that are stored as they are stored.
 */
static char *
format_file(const SmigFile *file)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	foreach(lc, file->revisions)
	{
		char	   *text = smig_file_format(lfirst(lc));

		appendStringInfoString(&out, text);
		/* nothing may come behind a section in which every byte counts */
		if (lnext(file->revisions, lc) && strstr(text, " exact\n") == NULL)
			appendStringInfoChar(&out, '\n');
	}
	return out.data;
}

/*
 * schemamig_export_files(files) returns file, change, content of the files that
 * the directory lacks, or has otherwise.
 */
Datum
schemamig_export_files(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *files = files_argument(fcinfo, 0);
	SmigWriter *writer = smig_writer_look();
	HTAB	   *taken = names_taken(files);
	Bitmapset  *seen;
	List	   *missing = NIL;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	(void) parse_files(files);
	seen = compare_with_store(writer, files);
	foreach(lc, files)
	{
		SmigFile   *file = lfirst(lc);

		if (file->differs)
			put_file(result, file->name, "changed", format_file(file));
	}
	for (int i = 0; i < writer->graph->nnodes; i++)
	{
		if (!bms_is_member(i, seen))
			missing = lappend(missing, writer->graph->nodes[i]->id);
	}
	for (int from = 0; from < list_length(missing); from += READ_AT_ONCE)
	{
		List	   *ids = NIL;

		for (int i = from; i < Min(from + READ_AT_ONCE, list_length(missing)); i++)
			ids = lappend(ids, list_nth(missing, i));
		foreach(lc, smig_store_get_revisions(ids))
		{
			SmigRevision *revision = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			put_file(result, new_name(taken, revision), "new",
					 smig_file_format(revision));
		}
	}
	return (Datum) 0;
}

/*
 * The parents of a draft: those named, or the single head of the graph that
 * the stored revisions and the files make together.
 */
static List *
draft_parents(SmigWriter *future, List *names, bool named)
{
	List	   *ids = NIL;
	ListCell   *lc;

	if (!named)
		return smig_writer_default_parents(future);
	foreach(lc, names)
		ids = lappend(ids, smig_target_resolve_one(future->graph, NULL,
												   lfirst(lc))->id);
	return ids;
}

/*
 * schemamig_draft(message, files, revision, parents, depends_on, labels)
 * returns file, revision, content of a new file.
 */
Datum
schemamig_draft(PG_FUNCTION_ARGS)
{
	static const char *const advice =
	"-- Write the scripts below their lines. Without \"down\" the revision cannot be\n"
	"-- undone; an empty one says that there is nothing to undo.\n";
	SmigRevision *revision = palloc0(sizeof(SmigRevision));
	char	   *message = smig_result_argument(fcinfo, 0, "message");
	List	   *files = files_argument(fcinfo, 1);
	List	   *revisions = parse_files(files);
	SmigWriter *writer = smig_writer_look();
	SmigWriter	future = *writer;
	SmigRevision **stored;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};
	char	   *text;
	char	   *body;

	future.graph = smig_writer_future(writer, revisions, &stored);
	revision->message = smig_writer_message(message);
	revision->up = pstrdup("");
	revision->down = pstrdup("");
	revision->id = PG_ARGISNULL(2) ? smig_writer_new_id(&future) :
		smig_result_argument(fcinfo, 2, "revision");
	if (smig_graph_find(future.graph, revision->id))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("revision \"%s\" already exists", revision->id),
				 errhint("Choose another id.")));
	revision->parents = draft_parents(&future,
									  smig_result_list(fcinfo, 3, "parents"),
									  !PG_ARGISNULL(3));
	revision->parents_given = true;
	revision->depends_on = draft_parents(&future,
										 smig_result_list(fcinfo, 4, "depends_on"),
										 true);
	revision->labels = smig_result_list(fcinfo, 5, "labels");

	/* all that the loading of the finished file would find */
	revision->file = new_name(names_taken(files), revision);
	revision->line = 1;
	(void) smig_writer_future(writer, lappend(revisions, revision), &stored);

	text = smig_file_format(revision);
	body = strstr(text, "\n\n");
	values[0] = CStringGetTextDatum(revision->file);
	values[1] = CStringGetTextDatum(revision->id);
	values[2] = CStringGetTextDatum(psprintf("%.*s\n\n%s%s",
											 (int) (body - text), text, advice,
											 body + 1));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
