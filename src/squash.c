/*-------------------------------------------------------------------------
 *
 * squash.c
 *	  A squash takes the place of the revisions that it replaces.
 *
 * The file of a squash says what it replaces.  What that means is decided in
 * each database when the file is loaded there:
 *
 *		none of them is known		it is a revision like others
 *		none of them is applied		they go, and it stands in their place
 *		all of them are applied		the same, and it counts as applied
 *		some are applied			they go on; it waits in schemamig.squash
 *									until all are applied, or none
 *
 * In other files the replaced revisions may still be named as parents, and may
 * still be there: a name of one means the squash, and the name of a squash
 * that waits means the last of those it will replace.  So the same files mean
 * the same schema in every database.
 *
 * The idea is Django's: django/db/migrations/loader.py, "replaces".
 *
 * IDENTIFICATION
 *	  src/squash.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "result.h"
#include "revision.h"
#include "text_array.h"

/* What a name in a file means here. */
typedef struct StandIn
{
	const char *name;
	const char *means;
	bool		replaced;		/* by a squash that is a revision here */
} StandIn;

/* A squash that is being written. */
typedef struct Squash
{
	SmigRevision *revision;
	bool		applied;		/* counts as applied when it is written */
	bool		waits;
	List	   *labels;			/* all of them; the writer gets those that the
								 * replaced revisions do not have */
} Squash;

static void
add_stand_in(SmigWriter *writer, const char *name, const char *means,
			 bool replaced)
{
	StandIn    *stand_in = palloc(sizeof(StandIn));

	stand_in->name = name;
	stand_in->means = means;
	stand_in->replaced = replaced;
	writer->stand_ins = lappend(writer->stand_ins, stand_in);
}

static const StandIn *
find_stand_in(const SmigWriter *writer, const char *name)
{
	ListCell   *lc;

	foreach(lc, writer->stand_ins)
	{
		const StandIn *stand_in = lfirst(lc);

		if (strcmp(stand_in->name, name) == 0)
			return stand_in;
	}
	return NULL;
}

/*
 * The revision that a name in parents or depends_on means: itself, unless a
 * squash is concerned.
 */
const char *
smig_squash_stand_in(SmigWriter *writer, const char *name)
{
	const StandIn *stand_in = find_stand_in(writer, name);

	return stand_in ? stand_in->means : name;
}

static void
add_squash(SmigWriter *writer, char *id, List *replaces, bool waits)
{
	ListCell   *lc;

	if (waits)
	{
		add_stand_in(writer, id, llast(replaces), false);
		return;
	}
	foreach(lc, replaces)
		add_stand_in(writer, lfirst(lc), id, true);
}

/*
 * Runs a query with the id of a squash and those that it replaces as $1 and
 * $2.  Returns how many rows it wrote.
 */
static uint64
execute(const char *query, const char *id, List *replaces)
{
	Oid			types[2] = {TEXTOID, TEXTARRAYOID};
	Datum		args[2];
	SmigStoreScope scope;
	uint64		rows;

	CHECK_FOR_INTERRUPTS();
	args[0] = CStringGetTextDatum(id);
	args[1] = smig_text_array(replaces);
	smig_store_begin(&scope);
	SPI_execute_with_args(query, 2, types, args, NULL, false, 0);
	rows = SPI_processed;
	smig_store_end(&scope);
	return rows;
}

/*
 * Where a squash, in the tables or not, stands to what it replaces.
 *
 * Result: false when some are applied, or half done, and others are not.
 */
static bool
can_replace(List *replaces, bool *applied)
{
	int			done = list_length(smig_writer_applied(replaces));

	*applied = done == list_length(replaces);
	return (done == 0 || *applied) && smig_writer_journalled(replaces) == NIL;
}

/*
 * Takes the replaced revisions out, and leads those that named them to the
 * squash, which need not be there yet.
 */
static void
take_out(const char *id, List *replaces)
{
	execute("INSERT INTO schemamig.replaced (revision, squash, message, parents,"
			" depends_on, labels, up, down, checksum, created_at, created_by,"
			" applied_at, applied_by)"
			" SELECT r.id, $1, r.message, r.parents, r.depends_on, r.labels,"
			" r.up, r.down, r.checksum, r.created_at, r.created_by,"
			" a.applied_at, a.applied_by FROM schemamig.revision r"
			" LEFT JOIN schemamig.applied a ON a.revision = r.id"
			" WHERE r.id = ANY ($2)"
			" ON CONFLICT (revision) DO NOTHING", id, replaces);
	execute("DELETE FROM schemamig.applied WHERE revision = ANY ($2)",
			id, replaces);
	execute("DELETE FROM schemamig.revision WHERE id = ANY ($2)",
			id, replaces);
	execute("UPDATE schemamig.revision r SET"
			" parents = ARRAY(SELECT CASE WHEN u.x = ANY ($2) THEN $1 ELSE u.x END"
			"  FROM pg_catalog.unnest(r.parents) WITH ORDINALITY u(x, n)"
			"  GROUP BY 1 ORDER BY pg_catalog.min(u.n)),"
			" depends_on = ARRAY(SELECT CASE WHEN u.x = ANY ($2) THEN $1 ELSE u.x END"
			"  FROM pg_catalog.unnest(r.depends_on) WITH ORDINALITY u(x, n)"
			"  GROUP BY 1 ORDER BY pg_catalog.min(u.n))"
			" WHERE (r.parents && $2 OR r.depends_on && $2) AND r.id <> $1",
			id, replaces);
}

/*
 * Makes a squash count as applied, by whom and when the last of the replaced
 * revisions was.
 */
static void
count_as_applied(const char *id, List *replaces)
{
	execute("INSERT INTO schemamig.applied (revision, applied_at, applied_by, checksum)"
			" SELECT r.id, o.applied_at, o.applied_by, r.checksum"
			" FROM schemamig.revision r, LATERAL ("
			"  SELECT p.applied_at, p.applied_by FROM schemamig.replaced p"
			"  WHERE p.revision = ANY ($2) ORDER BY p.applied_at DESC LIMIT 1) o"
			" WHERE r.id = $1", id, replaces);
}

static void
log_squash(const char *id, List *replaces)
{
	SmigStoreScope scope;
	Oid			types[3] = {TEXTOID, TEXTARRAYOID, TEXTOID};
	Datum		args[3];

	args[0] = CStringGetTextDatum(id);
	args[1] = smig_text_array(replaces);
	args[2] = CStringGetTextDatum(smig_writer_role());
	smig_store_begin(&scope);
	SPI_execute_with_args("INSERT INTO schemamig.log_entry (role, event, revision, message)"
						  " VALUES ($3, 'squash', $1, 'stands in the place of '"
						  " || pg_catalog.array_to_string($2, ', '))",
						  3, types, args, NULL, false, 0);
	smig_store_end(&scope);
}

/* A squash as the tables have it. */
typedef struct KnownSquash
{
	char	   *id;
	List	   *replaces;
	bool		waits;
} KnownSquash;

typedef struct KnownReader
{
	MemoryContext context;
	List	   *known;			/* of KnownSquash * */
} KnownReader;

static void
read_known(Datum *values, bool *nulls, void *arg)
{
	KnownReader *reader = arg;
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	KnownSquash *squash = palloc(sizeof(KnownSquash));

	squash->id = TextDatumGetCString(values[0]);
	squash->replaces = smig_text_array_list(values[1]);
	squash->waits = DatumGetBool(values[2]);
	reader->known = lappend(reader->known, squash);
	MemoryContextSwitchTo(old);
}

static List *
known_squashes(bool only_waiting)
{
	KnownReader reader = {CurrentMemoryContext, NIL};
	SmigStoreScope scope;

	smig_store_begin(&scope);
	smig_store_scan("SELECT id, replaces, true FROM schemamig.squash"
					" ORDER BY ordinal", read_known, &reader);
	if (!only_waiting)
		smig_store_scan("SELECT id, replaces, false FROM schemamig.revision"
						" WHERE replaces <> '{}' ORDER BY ordinal",
						read_known, &reader);
	smig_store_end(&scope);
	return reader.known;
}

static bool
revisions_have(List *revisions, const char *id)
{
	ListCell   *lc;

	foreach(lc, revisions)
		if (strcmp(((SmigRevision *) lfirst(lc))->id, id) == 0)
			return true;
	return false;
}

/*
 * Puts a row where the squash will be, so that it has the place of what it
 * replaces, and everything that follows it can be checked with it.
 */
static void
put_place(const char *id, List *replaces)
{
	execute("INSERT INTO schemamig.revision (id, message, parents,"
			" depends_on, up, down, checksum, created_by, replaces)"
			" SELECT $1, '', r.parents, '{}', '', '', '', r.created_by, $2"
			" FROM schemamig.revision r WHERE r.id = ($2)[1]", id, replaces);
}

static void
give_ordinal(const char *id, int64 ordinal)
{
	SmigStoreScope scope;
	Oid			types[2] = {TEXTOID, INT8OID};
	Datum		args[2] = {CStringGetTextDatum(id), Int64GetDatum(ordinal)};

	smig_store_begin(&scope);
	SPI_execute_with_args("UPDATE schemamig.revision SET ordinal = $2"
						  " WHERE id = $1", 2, types, args, NULL, false, 0);
	smig_store_end(&scope);
}

static int64
last_ordinal(List *replaces)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTARRAYOID};
	Datum		args[1] = {smig_text_array(replaces)};
	bool		isnull;
	int64		ordinal;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT pg_catalog.max(ordinal) FROM schemamig.revision"
						  " WHERE id = ANY ($1)", 1, types, args, NULL, true, 1);
	ordinal = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1, &isnull));
	smig_store_end(&scope);
	return ordinal;
}

/*
 * Decides about a squash that is new here.
 */
static void
decide(SmigWriter *writer, SmigRevision *revision, List *revisions)
{
	Squash	   *squash = palloc0(sizeof(Squash));
	List	   *here = NIL;
	int64		ordinal;
	ListCell   *lc;

	foreach(lc, revision->replaces)
		if (smig_graph_find(writer->graph, lfirst(lc)))
			here = lappend(here, lfirst(lc));
	if (here == NIL)
	{
		add_squash(writer, revision->id, revision->replaces, false);
		return;
	}
	foreach(lc, revision->replaces)
		if (!smig_graph_find(writer->graph, lfirst(lc)) &&
			!revisions_have(revisions, lfirst(lc)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("revision \"%s\" replaces \"%s\", which is not here",
							revision->id, (char *) lfirst(lc)),
					 errdetail("Revision \"%s\", which it replaces too, is here.",
							   (char *) linitial(here)),
					 errhint("Load the replaced revisions together with it.")));
	smig_writer_lock_run(psprintf("replace revisions by \"%s\"", revision->id));
	squash->revision = revision;
	squash->labels = revision->labels;
	writer->squashes = lappend(writer->squashes, squash);
	if (!can_replace(revision->replaces, &squash->applied))
	{
		squash->waits = true;
		add_squash(writer, revision->id, revision->replaces, true);
		revision->labels = NIL;
		foreach(lc, squash->labels)
			if (smig_graph_find_label(writer->graph, lfirst(lc)) == NULL)
				revision->labels = lappend(revision->labels, lfirst(lc));
		return;
	}
	add_squash(writer, revision->id, revision->replaces, false);
	ordinal = last_ordinal(here);
	put_place(revision->id, revision->replaces);
	take_out(revision->id, revision->replaces);
	give_ordinal(revision->id, ordinal);
	writer->graph = smig_store_load_graph(&writer->applied);
}

/*
 * Refuses other content of a revision that has been replaced.
 */
static void
check_replaced(const SmigRevision *revision, const StandIn *stand_in)
{
	if (execute("SELECT FROM schemamig.replaced r"
				" WHERE r.revision = ANY ($2) AND r.checksum <> $1",
				smig_revision_checksum(revision),
				list_make1(revision->id)) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("revision \"%s\" has been replaced by \"%s\" and cannot be changed",
						revision->id, stand_in->means),
				 errhint("Write the change as a new revision.")));
}

/*
 * Learns of the squashes in the tables, once for a writer.
 */
static void
know_squashes(SmigWriter *writer)
{
	ListCell   *lc;

	writer->squashes_known = true;
	foreach(lc, known_squashes(false))
	{
		KnownSquash *squash = lfirst(lc);

		add_squash(writer, squash->id, squash->replaces, squash->waits);
	}
}

/*
 * Whether a part of what a squash replaces is applied, and a part is not, by
 * the graph that the writer has read.
 */
static bool
applied_in_part(const SmigWriter *writer, const List *replaces)
{
	int			done = 0;
	ListCell   *lc;

	foreach(lc, replaces)
	{
		SmigNode   *node = smig_graph_find(writer->graph, lfirst(lc));

		if (node && bms_is_member(node->index, writer->applied))
			done++;
	}
	return done > 0 && done < list_length(replaces);
}

/*
 * Looks what squashes among the revisions will mean, for who wants to know
 * how the graph will be.  Nothing is written.
 */
void
smig_squash_look(SmigWriter *writer, List *revisions)
{
	ListCell   *lc;

	if (writer->squashes_known)
		return;
	know_squashes(writer);
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);

		if (revision->replaces != NIL &&
			!smig_graph_find(writer->graph, revision->id) &&
			find_stand_in(writer, revision->id) == NULL)
			add_squash(writer, revision->id, revision->replaces,
					   applied_in_part(writer, revision->replaces));
	}
}

/*
 * Whether a squash has, or will have, taken the place of a revision.
 */
bool
smig_squash_has_replaced(SmigWriter *writer, const char *id)
{
	const StandIn *stand_in = find_stand_in(writer, id);

	return stand_in && stand_in->replaced;
}

/*
 * A squash whose file does not say any more what it replaces has done so
 * everywhere: it is a revision like others.
 */
static void
forget_replaced(List *revisions)
{
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);

		if (revision->replaces == NIL)
			ids = lappend(ids, revision->id);
	}
	execute("UPDATE schemamig.revision SET replaces = '{}'"
			" WHERE replaces <> '{}' AND id = ANY ($2) AND id <> $1", "", ids);
}

/*
 * Prepares the writing of revisions, some of which may be squashes, or
 * replaced.
 *
 * Result: those of "revisions" that are to be written
 */
List *
smig_squash_prepare(SmigWriter *writer, List *revisions)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (writer->from_source)
		forget_replaced(revisions);
	know_squashes(writer);
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (revision->replaces == NIL ||
			smig_graph_find(writer->graph, revision->id))
			continue;
		/* one that waits is what it was, or is written anew */
		if (find_stand_in(writer, revision->id))
		{
			if (execute("SELECT FROM schemamig.squash s WHERE s.checksum = $1"
						" AND s.replaces = $2",
						smig_revision_checksum(revision),
						revision->replaces) > 0)
				continue;
			execute("DELETE FROM schemamig.squash WHERE id = $1",
					revision->id, NIL);
			writer->stand_ins =
				list_delete_ptr(writer->stand_ins,
								unconstify(StandIn *,
										   find_stand_in(writer,
														 revision->id)));
		}
		decide(writer, revision, revisions);
	}
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		const StandIn *stand_in = find_stand_in(writer, revision->id);
		bool		writes = false;
		ListCell   *lc2;

		foreach(lc2, writer->squashes)
			writes |= ((Squash *) lfirst(lc2))->revision == revision;
		if (stand_in && stand_in->replaced)
			check_replaced(revision, stand_in);
		else if (stand_in == NULL || writes)
			result = lappend(result, revision);
	}
	return result;
}

/*
 * Moves the squashes that have been written to where they belong.
 */
void
smig_squash_finish(SmigWriter *writer)
{
	ListCell   *lc;

	foreach(lc, writer->squashes)
	{
		Squash	   *squash = lfirst(lc);
		const char *id = squash->revision->id;

		if (squash->waits)
		{
			squash->revision->labels = squash->labels;
			execute("WITH moved AS (DELETE FROM schemamig.revision WHERE id = $1"
					" RETURNING *)"
					" INSERT INTO schemamig.squash SELECT m.* FROM moved m",
					id, NIL);
			execute("UPDATE schemamig.squash SET labels = $2 WHERE id = $1",
					id, squash->labels);
			continue;
		}
		if (squash->applied)
			count_as_applied(id, squash->revision->replaces);
		log_squash(id, squash->revision->replaces);
	}
	list_free(writer->squashes);
	writer->squashes = NIL;
}

/*
 * Lets squashes that wait take their place, as soon as all of the revisions
 * that they replace are applied, or none.  The caller holds the migration
 * lock.  Does not wait for a writer of revisions: then it is the next run's
 * business.
 */
void
smig_squash_settle(void)
{
	List	   *waiting = known_squashes(true);
	Oid			table = get_relname_relid("revision",
										  get_namespace_oid(SMIG_SCHEMA, false));
	bool		locked = false;
	ListCell   *lc;

	foreach(lc, waiting)
	{
		KnownSquash *squash = lfirst(lc);
		bool		applied;
		int64		ordinal;

		if (!can_replace(squash->replaces, &applied))
			continue;
		if (!locked && !ConditionalLockRelationOid(table, ShareRowExclusiveLock))
			return;
		locked = true;
		ordinal = last_ordinal(squash->replaces);
		take_out(squash->id, squash->replaces);
		execute("WITH moved AS (DELETE FROM schemamig.squash WHERE id = $1"
				" RETURNING *)"
				" INSERT INTO schemamig.revision SELECT m.* FROM moved m", squash->id, NIL);
		give_ordinal(squash->id, ordinal);
		if (applied)
			count_as_applied(squash->id, squash->replaces);
		log_squash(squash->id, squash->replaces);
	}
}
