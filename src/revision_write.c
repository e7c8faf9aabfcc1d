/*-------------------------------------------------------------------------
 *
 * revision_write.c
 *	  Checks revisions as a whole and stores them, all or none.
 *
 * IDENTIFICATION
 *	  src/revision_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "revision.h"
#include "target.h"

/* For the context of errors about one revision of many. */
typedef struct WriteContext
{
	const SmigRevision *revision;
	const char *part;			/* "up script", or NULL */
	int			part_line;
	List	   *source;			/* of SmigSourceLine *: of the part */
} WriteContext;

static void
write_context_callback(void *arg)
{
	const WriteContext *context = (const WriteContext *) arg;

	const SmigRevision *revision = context->revision;

	if (context->source)
	{
		const char *file;
		int			line = smig_revision_source_line(context->source,
													 smig_script_error_line(),
													 &file);

		errcontext("file \"%s\", line %d", file, line);
	}
	if (revision->line == 0)
		return;
	if (context->part)
		errcontext("the %s begins at %s", context->part,
				   smig_file_place(revision->file, context->part_line));
	errcontext("revision \"%s\" at %s", revision->id,
			   smig_file_place(revision->file, revision->line));
}

/*
 * Replaces names in parents or depends_on by full ids.  A name can be that of
 * a revision or label in "source", written by the same call.  A text of
 * several revisions means the same wherever it is loaded, so it has no
 * abbreviations and relative targets; an unknown name there is left to
 * check_graph.
 */
static List *
resolve_names(SmigWriter *writer, SmigGraph *source, const SmigRevision *revision,
			  List *names, const char *what)
{
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		const char *name = smig_squash_stand_in(writer, lfirst(lc));
		SmigNode   *node = smig_graph_find(source, name);
		ListCell   *lc2;

		if (node == NULL)
			node = smig_graph_find(writer->graph, name);
		if (node == NULL)
			node = smig_graph_find_label(source, name);
		if (node == NULL)
			node = smig_graph_find_label(writer->graph, name);
		if (node == NULL && !writer->from_source)
			node = smig_target_resolve_one(writer->graph, writer->applied, name);
		if (node)
			name = node->id;
		foreach(lc2, ids)
		{
			if (strcmp(lfirst(lc2), name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_OBJECT),
						 errmsg("revision \"%s\" names \"%s\" twice in its %s",
								revision->id, name, what),
						 errhint("Name it once.")));
		}
		ids = lappend(ids, pstrdup(name));
	}
	return ids;
}

/*
 * Refuses an id that an earlier revision of the same call has.
 */
static void
refuse_duplicate(SmigGraph *source, List *revisions,
				 const SmigRevision *revision)
{
	SmigNode   *node = smig_graph_find(source, revision->id);
	SmigRevision *earlier;

	if (node == NULL)
		return;
	earlier = list_nth(revisions, node->index);
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("revision \"%s\" is given more than once", revision->id),
			 errdetail("It is at %s as well.",
					   smig_file_place(earlier->file, earlier->line)),
			 errhint("Give one of them another id.")));
}

/*
 * The revisions to be written as a graph without edges: their ids and labels,
 * each once.
 */
static SmigGraph *
names_of_source(SmigWriter *writer, List *revisions)
{
	SmigGraph  *source = smig_graph_create();
	WriteContext context = {0};
	ErrorContextCallback callback;
	ListCell   *lc;

	callback.callback = write_context_callback;
	callback.arg = &context;
	callback.previous = error_context_stack;
	if (writer->from_source)
		error_context_stack = &callback;
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		context.revision = revision;
		smig_target_check_name(revision->id, "revision id");
		refuse_duplicate(source, revisions, revision);
		foreach(lc2, revision->labels)
			smig_target_check_name(lfirst(lc2), "label");
		revision->message = smig_writer_message(revision->message);
		/* the squash has the labels of what it replaces */
		smig_graph_add(source, revision->id, revision->message, NIL, NIL,
					   smig_squash_has_replaced(writer, revision->id) ?
					   NIL : revision->labels);
	}
	error_context_stack = callback.previous;
	smig_graph_link(source);
	return source;
}

/*
 * Stored revisions with the ids of "revisions", as an array in the same order,
 * NULL where there is none.
 */
static SmigRevision **
stored_revisions(SmigWriter *writer, List *revisions)
{
	SmigRevision **stored = palloc0(sizeof(SmigRevision *) *
									Max(list_length(revisions), 1));
	List	   *ids = NIL;
	List	   *found;
	ListCell   *lc;
	ListCell   *next;
	int			i = 0;

	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);

		if (smig_graph_find(writer->graph, revision->id))
			ids = lappend(ids, revision->id);
	}
	if (ids == NIL)
		return stored;
	found = smig_store_get_revisions(ids);
	next = list_head(found);
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);

		if (next && strcmp(((SmigRevision *) lfirst(next))->id,
						   revision->id) == 0)
		{
			stored[i] = lfirst(next);
			next = lnext(found, next);
		}
		i++;
	}
	return stored;
}

/*
 * Gives each revision its parents and dependencies as full ids.
 */
static void
resolve_edges(SmigWriter *writer, List *revisions, SmigGraph *source,
			  SmigRevision **stored)
{
	WriteContext context = {0};
	ErrorContextCallback callback;
	const SmigRevision *defaulted = NULL;
	ListCell   *lc;
	int			i = 0;

	callback.callback = write_context_callback;
	callback.arg = &context;
	callback.previous = error_context_stack;
	if (writer->from_source)
		error_context_stack = &callback;
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		SmigRevision *old = stored[i++];

		CHECK_FOR_INTERRUPTS();
		context.revision = revision;
		if (revision->parents_given)
			revision->parents = resolve_names(writer, source, revision,
											  revision->parents, "parents");
		else if (old)
			revision->parents = old->parents;
		else if (defaulted)
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("revision \"%s\" does not name its parents",
							revision->id),
					 errdetail("Only one revision of a source can leave them out, and \"%s\" at %s does.",
							   defaulted->id,
							   smig_file_place(defaulted->file,
											   defaulted->line)),
					 errhint("Write -- schemamig:parents ID, or -- schemamig:parents alone for a new base.")));
		else
		{
			revision->parents = smig_writer_default_parents(writer);
			defaulted = revision;
		}
		revision->depends_on = resolve_names(writer, source, revision,
											 revision->depends_on,
											 "dependencies");
	}
	error_context_stack = callback.previous;
}

static List *
node_names(SmigWriter *writer, List *nodes)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, nodes)
	{
		const char *name =
			smig_squash_stand_in(writer, ((SmigNode *) lfirst(lc))->id);

		names = lappend(names, unconstify(char *, name));
	}
	return names;
}

/*
 * The graph as it would be; smig_graph_link finds cycles and names that clash.
 */
static SmigGraph *
future_graph(SmigWriter *writer, List *revisions, SmigGraph *source)
{
	SmigGraph  *trial = smig_graph_create();
	MemoryContext lists = AllocSetContextCreate(CurrentMemoryContext,
												"schemamig name lists",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(lists);
	SmigRevision **by_source;
	ListCell   *lc;
	int			i = 0;

	by_source = palloc(sizeof(SmigRevision *) * Max(source->nnodes, 1));
	foreach(lc, revisions)
		by_source[i++] = lfirst(lc);
	for (i = 0; i < writer->graph->nnodes; i++)
	{
		SmigNode   *node = writer->graph->nodes[i];
		SmigNode   *replacement = smig_graph_find(source, node->id);

		CHECK_FOR_INTERRUPTS();
		if (smig_squash_has_replaced(writer, node->id))
			continue;
		if (replacement)
		{
			SmigRevision *new = by_source[replacement->index];

			smig_graph_add(trial, new->id, new->message, new->parents,
						   new->depends_on, new->labels);
		}
		else
			smig_graph_add(trial, node->id, node->message,
						   node_names(writer, node->parents),
						   node_names(writer, node->depends_on),
						   node->labels);
	}
	foreach(lc, revisions)
	{
		SmigRevision *new = lfirst(lc);

		if (!smig_graph_find(writer->graph, new->id) &&
			!smig_squash_has_replaced(writer, new->id))
			smig_graph_add(trial, new->id, new->message, new->parents,
						   new->depends_on, new->labels);
	}
	MemoryContextSwitchTo(old);
	smig_graph_link(trial);
	MemoryContextDelete(lists);
	return trial;
}

/*
 * Looks what writing revisions (SmigRevision, names in parents and depends_on
 * as their author wrote them) would give, without writing: gives them their
 * edges as full ids, and returns the graph as it would be, in a context of its
 * own.  Raises what smig_writer_write would raise for names and edges.
 *
 * stored: set to the present contents, in the order of "revisions", NULL where
 * there is none.
 */
SmigGraph *
smig_writer_future(SmigWriter *writer, List *revisions, SmigRevision ***stored)
{
	SmigGraph  *source;
	SmigGraph  *future;

	smig_squash_look(writer, revisions);
	source = names_of_source(writer, revisions);
	*stored = stored_revisions(writer, revisions);
	resolve_edges(writer, revisions, source, *stored);
	future = future_graph(writer, revisions, source);
	MemoryContextDelete(source->context);
	return future;
}

/*
 * Parses a script, for the errors only.  Most errors of the parser come
 * without a hint; the author shall know that nothing is stored.
 */
static void
check_script(const char *text, SmigTransactionMode mode, const char *what)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		const SmigScript *script = smig_script_parse(text, mode, what);

		if (script->renames != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("directive \"schemamig:rename\" is for models"),
					 errhint("Write ALTER ... RENAME TO in a revision."),
					 errcontext("%s, line %d", what,
								((SmigRenameLine *) linitial(script->renames))->line)));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (error->hint == NULL)
			error->hint = pstrdup("Correct the script and write it again; nothing has been stored.");
		ReThrowError(error);
	}
	PG_END_TRY();
}

/*
 * Checks both scripts of a revision.
 */
static void
check_scripts(SmigWriter *writer, const SmigRevision *revision,
			  MemoryContext scratch)
{
	MemoryContext old = MemoryContextSwitchTo(scratch);
	WriteContext context = {revision, "up script", revision->up_line,
	revision->up_source};
	ErrorContextCallback callback;

	callback.callback = write_context_callback;
	callback.arg = &context;
	callback.previous = error_context_stack;
	if (writer->from_source)
		error_context_stack = &callback;
	check_script(revision->up, revision->up_mode,
				 psprintf("up script of revision \"%s\"", revision->id));
	if (revision->down)
	{
		context.part = "down script";
		context.part_line = revision->down_line;
		context.source = revision->down_source;
		check_script(revision->down, revision->down_mode,
					 psprintf("down script of revision \"%s\"",
							  revision->id));
	}
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(old);
	MemoryContextReset(scratch);
}

static void
refuse_applied(const SmigRevision *old, const SmigRevision *new)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("revision \"%s\" is applied here and cannot be changed",
					new->id),
			 errdetail_internal("%s", smig_revision_differences(old, new)),
			 errhint("Write the change as a new revision, or revert this one before you change it.")));
}

/*
 * Refuses new scripts for a half-done revision if they change a step that has
 * run, wholly or in part: a run could not go on from there.
 */
static void
check_journal(const SmigRevision *revision, List *entries)
{
	SmigScript *scripts[2] = {NULL, NULL};
	ListCell   *lc;

	foreach(lc, entries)
	{
		SmigJournalEntry *entry = lfirst(lc);
		const char *text = entry->revert ? revision->down : revision->up;
		SmigScript **script = &scripts[entry->revert ? 1 : 0];
		SmigStep   *step;

		if (strcmp(entry->revision, revision->id) != 0)
			continue;
		if (*script == NULL)
			*script = smig_script_parse(text ? text : "", entry->revert ?
										revision->down_mode : revision->up_mode,
										revision->id);
		step = entry->step <= list_length((*script)->steps) ?
			list_nth((*script)->steps, entry->step - 1) : NULL;
		if (step == NULL || strcmp(smig_script_step_checksum(step), entry->checksum) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("revision \"%s\" is half done, and step %d of its %s script would change",
							revision->id, entry->step,
							entry->revert ? "down" : "up"),
					 errdetail("That step has run already."),
					 errhint("Change only what comes after it.")));
	}
}

static List *
revision_ids(List *revisions)
{
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, revisions)
		ids = lappend(ids, ((SmigRevision *) lfirst(lc))->id);
	return ids;
}

/*
 * Refuses when one of the revisions that change is applied by what is
 * committed now.
 */
static void
check_unapplied(List *changed, SmigRevision **stored, List *revisions)
{
	List	   *applied = smig_writer_applied(revision_ids(changed));
	ListCell   *lc;
	int			i = 0;

	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		SmigRevision *old = stored[i++];
		ListCell   *lc2;

		if (old == NULL || smig_revision_same(old, revision))
			continue;
		foreach(lc2, applied)
		{
			if (strcmp(lfirst(lc2), revision->id) == 0)
				refuse_applied(old, revision);
		}
	}
}

/*
 * Makes sure that no run knows the revisions that will change, and that none
 * of them was applied before we had the lock.
 */
static void
check_changed(List *changed, SmigRevision **stored, List *revisions)
{
	const SmigRevision *first = linitial(changed);
	List	   *entries;
	ListCell   *lc;

	smig_writer_lock_run(psprintf("change revision \"%s\"", first->id));
	check_unapplied(changed, stored, revisions);
	entries = smig_writer_journalled(revision_ids(changed));
	if (entries == NIL)
		return;
	foreach(lc, changed)
		check_journal(lfirst(lc), entries);
}

/*
 * A superuser who writes what a lesser role has written before vouches for it:
 * from then on it is his, and superusers' runs execute it.
 */
static void
take_over_authorship(const SmigRevision *old)
{
	Oid			author = get_role_oid(old->created_by, true);

	if (superuser() && !(OidIsValid(author) && superuser_arg(author)))
		smig_store_set_author(old->id, smig_writer_role());
}

/*
 * Checks revisions (SmigRevision, names in parents and depends_on as their
 * author wrote them) together with what is stored, and stores them, or raises
 * an error.  Same content as stored is left alone, but for its author; "change"
 * of each revision says which it was.  Time is linear in the revisions written
 * and in the graph.
 */
void
smig_writer_write(SmigWriter *writer, List *revisions)
{
	SmigRevision **stored;
	SmigGraph  *future;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig script check",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *role = pstrdup(smig_writer_role());
	List	   *changed = NIL;
	ListCell   *lc;
	int			i;

	revisions = smig_squash_prepare(writer, revisions);
	future = smig_writer_future(writer, revisions, &stored);
	MemoryContextDelete(future->context);
	i = 0;
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		SmigRevision *old = stored[i++];

		CHECK_FOR_INTERRUPTS();
		revision->change = old == NULL ? SMIG_NEW :
			smig_revision_same(old, revision) ? SMIG_SAME : SMIG_CHANGED;
		if (revision->change == SMIG_SAME)
			continue;
		if (old && bms_is_member(smig_graph_find(writer->graph,
												 revision->id)->index,
								 writer->applied))
			refuse_applied(old, revision);
		check_scripts(writer, revision, scratch);
		if (old)
			changed = lappend(changed, revision);
		revision->created_by = role;
		revision->checksum = smig_revision_checksum(revision);
	}
	if (changed != NIL)
		check_changed(changed, stored, revisions);

	i = 0;
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		SmigRevision *old = stored[i++];
		MemoryContext caller = MemoryContextSwitchTo(scratch);

		CHECK_FOR_INTERRUPTS();
		if (revision->change == SMIG_NEW)
			smig_store_insert_revision(revision);
		else if (revision->change == SMIG_CHANGED)
			smig_store_update_revision(revision);
		else
			take_over_authorship(old);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);

	/* the update has waited for a run whose script had let go of our lock */
	if (changed != NIL)
		check_unapplied(changed, stored, revisions);
	smig_squash_finish(writer);
}
