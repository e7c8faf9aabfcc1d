/*-------------------------------------------------------------------------
 *
 * revision_writer.c
 *	  A call that writes revisions: what it waits for, and what it may assume.
 *
 * Writers wait for each other by smig_store_lock_graph.  New revisions can be
 * written while a run is under way; what changes or removes one needs the
 * migration lock, so that no run has it in its plan.
 *
 * IDENTIFICATION
 *	  src/revision_writer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "lock.h"
#include "revision.h"
#include "text_array.h"

/* Bytes of random ids: twice as many hexadecimal digits. */
#define ID_BYTES		6

/* How long the previous writer may take to let go of the migration lock. */
#define RUN_LOCK_TRIES		10
#define RUN_LOCK_PAUSE_US	5000L

/* Names that an error lists before it abbreviates. */
#define LISTED_NAMES	10

/*
 * One value that changes with every write of a revision, and with the applied
 * set, as "snapshot" sees it.
 */
static char *
state_of_tables(Snapshot snapshot)
{
	SmigStoreScope scope;
	char	   *state;

	smig_store_begin(&scope);
	PushActiveSnapshot(snapshot);
	SPI_execute("SELECT pg_catalog.concat_ws(' ',"
				" (SELECT (pg_catalog.count(*), pg_catalog.max(ordinal), pg_catalog.max(created_at)) FROM schemamig.revision),"
				" (SELECT (pg_catalog.count(*), pg_catalog.max(applied_at)) FROM schemamig.applied),"
				" (SELECT (pg_catalog.count(*), pg_catalog.max(at)) FROM schemamig.step))",
				true, 1);
	state = MemoryContextStrdup(scope.caller_context,
								SPI_getvalue(SPI_tuptable->vals[0],
											 SPI_tuptable->tupdesc, 1));
	PopActiveSnapshot();
	smig_store_end(&scope);
	return state;
}

/*
 * A transaction that keeps its snapshot could follow a head that is none any
 * more, or change what is applied by now: no constraint would notice.
 */
static void
refuse_old_snapshot(void)
{
	if (IsolationUsesXactSnapshot() &&
		strcmp(state_of_tables(GetTransactionSnapshot()),
			   state_of_tables(GetLatestSnapshot())) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent change of revisions"),
				 errhint("Try the transaction again, or use READ COMMITTED.")));
}

/*
 * Begins a writing call: refuses where nothing can be written, waits for other
 * writers and reads the graph.
 *
 * function: its SQL name with "()", for errors.
 */
SmigWriter *
smig_writer_begin(const char *function)
{
	SmigWriter *writer = palloc0(sizeof(SmigWriter));

	PreventCommandIfReadOnly(function);
	PreventCommandDuringRecovery(function);
	smig_store_check_version();
	smig_store_lock_graph();
	refuse_old_snapshot();
	writer->graph = smig_store_load_graph(&writer->applied);
	return writer;
}

/*
 * Begins a call that only looks what writing would give: waits for nobody.
 */
SmigWriter *
smig_writer_look(void)
{
	SmigWriter *writer = palloc0(sizeof(SmigWriter));

	smig_store_check_version();
	writer->graph = smig_store_load_graph(&writer->applied);
	writer->from_source = true;
	return writer;
}

/*
 * Takes the migration lock until the end of the transaction.  Raises 55006
 * when a run has it, or when this is a statement of a run: its plan would not
 * know of the change.
 *
 * what: what the caller wants to do, e.g. "change revision \"x\"".
 */
void
smig_writer_lock_run(const char *what)
{
	smig_lock_refuse_in_run(what);

	/*
	 * At the end of a transaction the server frees table locks before
	 * advisory locks: the writer we have just waited for may still have it.
	 */
	for (int i = 0; i < RUN_LOCK_TRIES; i++)
	{
		if (smig_lock_run_try(false))
		{
			refuse_old_snapshot();
			return;
		}
		CHECK_FOR_INTERRUPTS();
		pg_usleep(RUN_LOCK_PAUSE_US);
	}
	smig_lock_run_for_writing(what);
	refuse_old_snapshot();
}

/*
 * A random id that no revision or label has.
 */
char *
smig_writer_new_id(SmigWriter *writer)
{
	uint8		bytes[ID_BYTES];
	char	   *id = palloc0(2 * ID_BYTES + 1);

	do
	{
		if (!pg_strong_random(bytes, sizeof(bytes)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random values")));
		hex_encode((const char *) bytes, sizeof(bytes), id);
	} while (smig_graph_find(writer->graph, id) ||
			 smig_graph_find_label(writer->graph, id));
	return id;
}

/*
 * Name of the current role, for created_by.
 */
const char *
smig_writer_role(void)
{
	return GetUserNameFromId(GetUserId(), false);
}

/*
 * A message without blanks around it.  It is one line of the file format, so
 * control characters are refused.
 */
char *
smig_writer_message(const char *message)
{
	int			length;

	while (*message == ' ' || *message == '\t')
		message++;
	length = strlen(message);
	while (length > 0 && (message[length - 1] == ' ' ||
						  message[length - 1] == '\t'))
		length--;
	for (int i = 0; i < length; i++)
	{
		if ((unsigned char) message[i] < 0x20 || message[i] == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("message must be one line of text"),
					 errdetail("It has the character with code %d at byte %d.",
							   (unsigned char) message[i], i + 1),
					 errhint("Put longer explanations into comments of the script.")));
	}
	return pnstrdup(message, length);
}

static char *
quoted_names(List *nodes)
{
	StringInfoData out;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&out);
	foreach(lc, nodes)
	{
		if (n++ == LISTED_NAMES)
		{
			appendStringInfo(&out, " and %d more",
							 list_length(nodes) - LISTED_NAMES);
			break;
		}
		appendStringInfo(&out, "%s\"%s\"", n > 1 ? ", " : "",
						 ((SmigNode *) lfirst(lc))->id);
	}
	return out.data;
}

/*
 * Parents of a revision that names none: the single head, or none when there
 * is no revision yet.  A list of char *.
 */
List *
smig_writer_default_parents(SmigWriter *writer)
{
	List	   *heads = smig_graph_heads(writer->graph, false);

	if (heads == NIL)
		return NIL;
	if (list_length(heads) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("there are several heads to follow"),
				 errdetail("Heads are %s.", quoted_names(heads)),
				 errhint("Name the parents, or join the heads with SELECT schemamig_merge().")));
	return list_make1(pstrdup(((SmigNode *) linitial(heads))->id));
}

/*
 * The rows of the journal about these revisions, as SmigJournalEntry.
 */
List *
smig_writer_journalled(List *ids)
{
	SmigStoreScope scope;
	List	   *entries = NIL;
	Oid			types[1] = {TEXTARRAYOID};
	Datum		args[1] = {smig_text_array(ids)};

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT revision, direction = 'revert', step, checksum"
						  " FROM schemamig.step"
						  " WHERE revision OPERATOR(pg_catalog.=) ANY ($1)"
						  " ORDER BY revision, direction, step",
						  1, types, args, NULL, true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		SmigJournalEntry *entry = palloc(sizeof(SmigJournalEntry));
		Datum		values[4];
		bool		nulls[4];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						  values, nulls);
		entry->revision = TextDatumGetCString(values[0]);
		entry->revert = DatumGetBool(values[1]);
		entry->step = DatumGetInt32(values[2]);
		entry->checksum = TextDatumGetCString(values[3]);
		entries = lappend(entries, entry);
	}
	smig_store_end(&scope);
	return entries;
}

/*
 * Which of these revisions are applied, by what is committed now.
 */
List *
smig_writer_applied(List *ids)
{
	SmigStoreScope scope;
	List	   *found = NIL;
	Oid			types[1] = {TEXTARRAYOID};
	Datum		args[1] = {smig_text_array(ids)};

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT revision FROM schemamig.applied"
						  " WHERE revision OPERATOR(pg_catalog.=) ANY ($1)",
						  1, types, args, NULL, true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		id = heap_getattr(SPI_tuptable->vals[i], 1,
									  SPI_tuptable->tupdesc, &isnull);

		found = lappend(found, TextDatumGetCString(id));
	}
	smig_store_end(&scope);
	return found;
}
