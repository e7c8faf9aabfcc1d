/*-------------------------------------------------------------------------
 *
 * autogenerate.c
 *	  schemamig_autogenerate: a revision that leads to the model.
 *
 * IDENTIFICATION
 *	  src/autogenerate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "caller.h"
#include "changes.h"
#include "generate.h"
#include "model/stored.h"
#include "result.h"
#include "state.h"

PG_FUNCTION_INFO_V1(schemamig_autogenerate);

/* What is compared. */
typedef struct Sides
{
	const char *live;			/* sources, as of schemamig_diff */
	const char *model;
	const char *author;			/* who declared the model; NULL: nobody */
} Sides;

static bool
begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * The sources that the argument "model" means.
 */
static Sides
find_sides(const char *model)
{
	Sides		sides = {"live", NULL, NULL};

	if (begins_with(model, "database:"))
		sides.model = model;
	else if (begins_with(model, "schema:"))
	{
		List	   *path = fetch_search_path(false);
		char	   *schema = path == NIL ? NULL :
			get_namespace_name(linitial_oid(path));

		if (schema == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_SCHEMA),
					 errmsg("no schema to compare \"%s\" with", model),
					 errhint("SET search_path = the schema that is to become like it.")));
		if (strcmp(schema, model + strlen("schema:")) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("schema \"%s\" cannot be the model of itself",
							schema),
					 errhint("SET search_path = the schema that is to become like it.")));
		sides.live = psprintf("schema:%s", schema);
		sides.model = model;
	}
	else
	{
		if (begins_with(model, "model:"))
			model += strlen("model:");
		sides.model = psprintf("model:%s", model);
		sides.author = smig_stored_model_required(model)->declared_by;
	}
	return sides;
}

/*
 * Refuses a schema that is not what the revisions made of it: the script would
 * undo, or take for granted, what other databases do not have.
 */
static void
check_drift(void)
{
	if (smig_state_drifted() == SMIG_DRIFT_SOME)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the schema has drifted from the current revisions"),
				 errhint("SELECT * FROM schemamig_drift() shows how; SELECT schemamig_repair() makes a revision of it, and what it shows as \"down\" undoes it.")));
}

static void
check_new_id(const SmigWriter *writer, const char *id)
{
	if (smig_graph_find(writer->graph, id))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("revision \"%s\" already exists", id),
				 errhint("Leave the id out to get a random one.")));
}

/*
 * A superuser who writes a revision from what a lesser role has declared does
 * not vouch for it: superusers' runs ask for trust in that role.
 */
static void
keep_author(const SmigRevision *revision, const char *author)
{
	Oid			role = author ? get_role_oid(author, true) : InvalidOid;

	if (author && superuser() && !(OidIsValid(role) && superuser_arg(role)))
		smig_store_set_author(revision->id, author);
}

/*
 * schemamig_autogenerate(message, model, revision): see install/52_drift.sql.
 */
Datum
schemamig_autogenerate(PG_FUNCTION_ARGS)
{
	SmigRevision *revision = palloc0(sizeof(SmigRevision));
	SmigWriter *writer;
	SmigSnapshot *from;
	SmigSnapshot *to;
	Sides		sides;
	List	   *changes;
	List	   *writable;

	revision->message = smig_result_argument(fcinfo, 0, "message");
	smig_caller_check("schemamig_autogenerate()");
	writer = smig_writer_begin("schemamig_autogenerate()");
	revision->id = PG_ARGISNULL(2) ? smig_writer_new_id(writer) :
		text_to_cstring(PG_GETARG_TEXT_PP(2));
	check_new_id(writer, revision->id);
	revision->parents_given = true;
	revision->parents = smig_writer_default_parents(writer);
	smig_generate_check(writer, "schemamig_autogenerate()");
	sides = find_sides(PG_ARGISNULL(1) ? "default" :
					   text_to_cstring(PG_GETARG_TEXT_PP(1)));
	check_drift();
	smig_source_pair(sides.live, sides.model, &from, &to);
	changes = smig_changes_between(from, to);
	writable = smig_changes_writable(changes);
	if (writable == NIL)
	{
		ereport(NOTICE,
				(errmsg("nothing to generate: the live schema is as \"%s\" declares it",
						sides.model),
				 changes == NIL ? 0 :
				 errdetail("But for what schemamig does not write: %s.",
						   smig_changes_objects(changes))));
		PG_RETURN_NULL();
	}
	revision->up = smig_changes_up(writable, false);
	revision->down = smig_changes_down(writable);
	smig_writer_write(writer, list_make1(revision));
	keep_author(revision, sides.author);
	ereport(NOTICE,
			(errmsg("revision \"%s\": %s", revision->id,
					smig_changes_objects(writable)),
			 errhint("Review it with schemamig_show() and schemamig_plan() before you apply it.")));
	PG_RETURN_TEXT_P(cstring_to_text(revision->id));
}
