/*-------------------------------------------------------------------------
 *
 * revision.c
 *	  SQL functions that write revisions: revision, load, export, replace,
 *	  remove, merge.
 *
 * IDENTIFICATION
 *	  src/revision.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "result.h"
#include "revision.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_revision);
PG_FUNCTION_INFO_V1(schemamig_load);
PG_FUNCTION_INFO_V1(schemamig_export);
PG_FUNCTION_INFO_V1(schemamig_replace);
PG_FUNCTION_INFO_V1(schemamig_remove);
PG_FUNCTION_INFO_V1(schemamig_merge);

/*
 * A text argument as a C string; NULL for NULL, which is an error if the
 * argument is "required" (its name).
 */
static char *
text_argument(FunctionCallInfo fcinfo, int n, const char *required)
{
	if (!PG_ARGISNULL(n))
		return text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (required)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", required),
				 errhint("Pass a text for it.")));
	return NULL;
}

/*
 * The id for a new revision: the one asked for, if it is free, or a random
 * one.
 */
static char *
new_id(SmigWriter *writer, char *id)
{
	if (id == NULL)
		return smig_writer_new_id(writer);
	if (smig_graph_find(writer->graph, id))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("revision \"%s\" already exists", id),
				 errhint("Choose another id; schemamig_replace() changes a revision that is not applied.")));
	return id;
}

/*
 * Parents a caller named, as ids.  A new revision goes on at heads, unless it
 * is meant to begin a branch.
 */
static List *
named_parents(SmigWriter *writer, List *names, bool splice)
{
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		SmigNode   *node = smig_target_resolve_one(writer->graph,
												   writer->applied,
												   lfirst(lc));

		if (node->children != NIL && !splice)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parent \"%s\" is not a head", node->id),
					 errdetail("Revision \"%s\" follows it.",
							   ((SmigNode *) linitial(node->children))->id),
					 errhint("Use splice => true to begin a branch there.")));
		ids = lappend(ids, pstrdup(node->id));
	}
	return ids;
}

/*
 * schemamig_revision(message, up, down, revision, parents, depends_on, labels,
 * splice) returns the id.
 */
Datum
schemamig_revision(PG_FUNCTION_ARGS)
{
	SmigRevision *revision = palloc0(sizeof(SmigRevision));
	SmigWriter *writer;
	char	   *id;
	List	   *parents;
	bool		splice;

	revision->message = text_argument(fcinfo, 0, "message");
	revision->up = text_argument(fcinfo, 1, "up");
	revision->down = text_argument(fcinfo, 2, NULL);
	id = text_argument(fcinfo, 3, NULL);
	parents = smig_result_list(fcinfo, 4, "parents");
	revision->depends_on = smig_result_list(fcinfo, 5, "depends_on");
	revision->labels = smig_result_list(fcinfo, 6, "labels");
	splice = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);

	writer = smig_writer_begin("schemamig_revision()");
	revision->id = new_id(writer, id);
	revision->parents_given = true;
	if (PG_ARGISNULL(4))
		revision->parents = smig_writer_default_parents(writer);
	else
		revision->parents = named_parents(writer, parents, splice);
	smig_writer_write(writer, list_make1(revision));
	PG_RETURN_TEXT_P(cstring_to_text(revision->id));
}

/*
 * schemamig_load(source) returns the ids in the order of the source.
 */
Datum
schemamig_load(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *source = text_argument(fcinfo, 0, "source");
	List	   *revisions;
	SmigWriter *writer;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	revisions = smig_file_parse(source);
	writer = smig_writer_begin("schemamig_load()");
	writer->from_source = true;
	smig_writer_write(writer, revisions);
	foreach(lc, revisions)
	{
		SmigRevision *revision = lfirst(lc);
		Datum		id = CStringGetTextDatum(revision->id);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &id, &isnull);
	}
	return (Datum) 0;
}

/*
 * Reads the stored revision a target names.
 */
static SmigRevision *
stored_revision(SmigGraph *graph, Bitmapset *applied, const char *target)
{
	SmigNode   *node = smig_target_resolve_one(graph, applied, target);
	SmigRevision *revision = smig_store_get_revision(node->id);

	if (revision == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("revision \"%s\" has been removed meanwhile",
						node->id),
				 errhint("SELECT * FROM schemamig_history() shows what there is.")));
	return revision;
}

/*
 * schemamig_export(revision) returns the file.
 */
Datum
schemamig_export(PG_FUNCTION_ARGS)
{
	char	   *target = text_argument(fcinfo, 0, "revision");
	Bitmapset  *applied;
	SmigGraph  *graph;

	smig_store_check_version();
	graph = smig_store_load_graph(&applied);
	PG_RETURN_TEXT_P(cstring_to_text(smig_file_format(stored_revision(graph,
																	  applied,
																	  target))));
}

/*
 * schemamig_replace(revision, up, down): new scripts for an unapplied revision.
 */
Datum
schemamig_replace(PG_FUNCTION_ARGS)
{
	char	   *target = text_argument(fcinfo, 0, "revision");
	char	   *up = text_argument(fcinfo, 1, "up");
	char	   *down = text_argument(fcinfo, 2, NULL);
	SmigWriter *writer = smig_writer_begin("schemamig_replace()");
	SmigRevision *revision;

	revision = stored_revision(writer->graph, writer->applied, target);
	revision->up = up;
	revision->down = down;
	smig_writer_write(writer, list_make1(revision));
	PG_RETURN_VOID();
}

static void
refuse_removal_of_applied(SmigWriter *writer, const SmigNode *node)
{
	if (bms_is_member(node->index, writer->applied))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("revision \"%s\" is applied here and cannot be removed",
						node->id),
				 errhint("Revert it first with schemamig_revert().")));
}

static void
refuse_removal_of_named(const SmigNode *node)
{
	bool		is_parent = node->children != NIL;
	SmigNode   *follower;

	if (!is_parent && node->dependents == NIL)
		return;
	follower = linitial(is_parent ? node->children : node->dependents);
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("cannot remove revision \"%s\" because others name it",
					node->id),
			 is_parent ?
			 errdetail("Revision \"%s\" has it as parent.", follower->id) :
			 errdetail("Revision \"%s\" depends on it.", follower->id),
			 errhint("Remove \"%s\" first, or load it with other parents or dependencies.",
					 follower->id)));
}

/*
 * schemamig_remove(revision): forgets an unapplied revision that no other
 * names.
 */
Datum
schemamig_remove(PG_FUNCTION_ARGS)
{
	char	   *target = text_argument(fcinfo, 0, "revision");
	SmigWriter *writer = smig_writer_begin("schemamig_remove()");
	SmigNode   *node;

	node = smig_target_resolve_one(writer->graph, writer->applied, target);
	refuse_removal_of_applied(writer, node);
	refuse_removal_of_named(node);

	/* with the lock nobody can apply it any more: look again */
	smig_writer_lock_run(psprintf("remove revision \"%s\"", node->id));
	writer->graph = smig_store_load_graph(&writer->applied);
	node = smig_graph_find(writer->graph, node->id);
	refuse_removal_of_applied(writer, node);
	if (smig_writer_journalled(list_make1(node->id)) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("revision \"%s\" is half done and cannot be removed",
						node->id),
				 errdetail("An interrupted run has committed some of its steps."),
				 errhint("Finish it with SELECT schemamig_apply('%s'), then revert it.",
						 node->id)));
	smig_store_delete_revision(node->id);

	/* the deletion has waited for a run whose script had let go of our lock */
	if (smig_writer_applied(list_make1(node->id)) != NIL)
	{
		writer->applied = bms_add_member(writer->applied, node->index);
		refuse_removal_of_applied(writer, node);
	}
	PG_RETURN_VOID();
}

/*
 * The heads to merge: those named, or all.
 */
static List *
heads_to_merge(SmigWriter *writer, List *names, bool all)
{
	List	   *heads = NIL;
	ListCell   *lc;

	if (all)
		heads = smig_graph_heads(writer->graph, false);
	foreach(lc, names)
		heads = list_concat_unique_ptr(heads,
									   smig_target_resolve(writer->graph,
														   writer->applied,
														   lfirst(lc)));
	foreach(lc, heads)
	{
		SmigNode   *node = lfirst(lc);

		if (node->children != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("revision \"%s\" is not a head", node->id),
					 errdetail("Revision \"%s\" follows it.",
							   ((SmigNode *) linitial(node->children))->id),
					 errhint("SELECT * FROM schemamig_heads() shows the heads.")));
	}
	if (list_length(heads) < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is nothing to merge"),
				 heads == NIL ? (all ? errdetail("There is no head.") :
								 errdetail("No head is named.")) :
				 errdetail(all ? "There is one head: \"%s\"." :
						   "One head is named: \"%s\".",
						   ((SmigNode *) linitial(heads))->id),
				 errhint("A merge joins at least two heads.")));
	return heads;
}

/*
 * schemamig_merge(message, revisions, revision) returns the id.
 */
Datum
schemamig_merge(PG_FUNCTION_ARGS)
{
	SmigRevision *revision = palloc0(sizeof(SmigRevision));
	char	   *message = text_argument(fcinfo, 0, NULL);
	List	   *names = smig_result_list(fcinfo, 1, "revisions");
	char	   *id = text_argument(fcinfo, 2, NULL);
	SmigWriter *writer = smig_writer_begin("schemamig_merge()");
	StringInfoData heads_text;
	List	   *heads;
	ListCell   *lc;

	heads = heads_to_merge(writer, names, PG_ARGISNULL(1));
	initStringInfo(&heads_text);
	foreach(lc, heads)
	{
		SmigNode   *head = lfirst(lc);

		appendStringInfo(&heads_text, "%s%s",
						 lc == list_head(heads) ? "merge " : " and ", head->id);
		revision->parents = lappend(revision->parents, head->id);
	}
	revision->parents_given = true;
	revision->message = message ? message : heads_text.data;
	revision->id = new_id(writer, id);
	revision->up = pstrdup("");
	revision->down = pstrdup("");
	smig_writer_write(writer, list_make1(revision));
	smig_touched_report(writer, heads);
	PG_RETURN_TEXT_P(cstring_to_text(revision->id));
}
