/*-------------------------------------------------------------------------
 *
 * source.c
 *	  What a source of a comparison means: live, schema:, database:, ...
 *
 * IDENTIFICATION
 *	  src/model/source.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/kind.h"
#include "model/snapshot.h"
#include "model/stored.h"
#include "state.h"

typedef enum SourceKind
{
	SOURCE_LIVE,
	SOURCE_EMPTY,
	SOURCE_SCHEMA,
	SOURCE_DATABASE,
	SOURCE_MODEL,
	SOURCE_REVISION,
	SOURCE_JSON
} SourceKind;

typedef struct Source
{
	SourceKind	kind;
	const char *name;			/* of the schema, database, model: unquoted */
	SmigModel  *model;			/* set when it has been read */
} Source;

static Source
parse_source(const char *text)
{
	Source		source = {SOURCE_LIVE, NULL, NULL};

	if (strcmp(text, "live") == 0)
		return source;
	source.kind = SOURCE_EMPTY;
	if (strcmp(text, "empty") == 0)
		return source;
	source.kind = SOURCE_SCHEMA;
	source.name = text + strlen("schema:");
	if (strncmp(text, "schema:", strlen("schema:")) == 0)
		return source;
	source.kind = SOURCE_DATABASE;
	source.name = text + strlen("database:");
	if (strncmp(text, "database:", strlen("database:")) == 0)
		return source;
	source.kind = SOURCE_MODEL;
	source.name = "default";
	if (strcmp(text, "model") == 0)
		return source;
	source.name = text + strlen("model:");
	if (strncmp(text, "model:", strlen("model:")) == 0)
		return source;
	source.kind = SOURCE_REVISION;
	source.name = text + strlen("revision:");
	if (strncmp(text, "revision:", strlen("revision:")) == 0)
		return source;
	source.kind = SOURCE_JSON;
	source.name = text;
	while (*text == ' ' || *text == '\n' || *text == '\t' || *text == '\r')
		text++;
	if (*text == '{')
		return source;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("source \"%s\" is not known", source.name),
			 errhint("Use live, model, model:<name>, revision:<id>, schema:<name>, database:<name>, empty, or the jsonb of schemamig_snapshot().")));
}

/*
 * A new database has the schema public; what is compared with "empty" is
 * compared with that.
 */
static SmigSnapshot *
empty_snapshot(SmigSnapshot *other)
{
	SmigSnapshot *snapshot = smig_snapshot_create(NULL);

	snapshot->whole = other == NULL || other->whole;
	if (snapshot->whole)
	{
		List	   *attrs = NIL;

		attrs = lappend(lappend(attrs, "owner"), "pg_database_owner");
		attrs = lappend(lappend(attrs, "acl"),
						"{=U/pg_database_owner,pg_database_owner=UC/pg_database_owner}");
		attrs = lappend(lappend(attrs, "comment"), "standard public schema");
		smig_snapshot_add(snapshot, smig_kind_find("schema"), "public",
						  "public", attrs);
	}
	smig_snapshot_link(snapshot);
	return snapshot;
}

/*
 * The snapshot of a text that nothing else needs.
 */
static SmigSnapshot *
from_text(char *text, SmigSnapshot *beside)
{
	SmigSnapshot *snapshot = smig_snapshot_from_json_beside(text, beside);

	pfree(text);
	return snapshot;
}

/*
 * Reads a source; "schemas" limits it to those (NIL: the whole database),
 * "beside" is the other side, when that has been read.
 */
static SmigSnapshot *
read_source(Source *source, List *schemas, SmigSnapshot *beside)
{
	SmigSnapshot *snapshot;

	switch (source->kind)
	{
		case SOURCE_LIVE:
			return smig_snapshot_read_beside(schemas, beside);
		case SOURCE_SCHEMA:
			return smig_snapshot_read_beside(list_make1(unconstify(char *,
																   source->name)),
											 beside);
		case SOURCE_DATABASE:
			return smig_snapshot_read_database(source->name, schemas, beside);
		case SOURCE_MODEL:
			source->model = smig_stored_model_required(source->name);
			snapshot = from_text(source->model->snapshot, beside);
			source->model->snapshot = NULL;
			return snapshot;
		case SOURCE_REVISION:
			return from_text(smig_state_of_revision(source->name), beside);
		case SOURCE_JSON:
			return smig_snapshot_from_json_beside(source->name, beside);
		case SOURCE_EMPTY:
			break;
	}
	return NULL;
}

static bool
is_kept(const Source *source)
{
	return source->kind == SOURCE_MODEL || source->kind == SOURCE_REVISION;
}

/*
 * Where a model does not say who owns things, that is no difference.
 */
static void
adopt_owners(const Source *source, SmigSnapshot *snapshot,
			 const SmigSnapshot *other)
{
	if (source->model && !source->model->owners)
		smig_snapshot_adopt_owners(snapshot, other, source->model->built_by);
}

/*
 * Follows what models and the setting say of renames.  There is nothing to
 * rename in what is compared with nothing.
 */
static SmigSnapshot *
follow_hints(const Source *first, const Source *second, SmigSnapshot *from,
			 SmigSnapshot *to)
{
	List	   *hints;

	if (first->kind == SOURCE_EMPTY || second->kind == SOURCE_EMPTY)
		return from;
	hints = smig_rename_hints_of_setting();
	if (second->model)
		hints = list_concat(hints,
							smig_rename_hints_of_model(second->model->name,
													   second->model->source,
													   false));
	else if (first->model)
		hints = list_concat(hints,
							smig_rename_hints_of_model(first->model->name,
													   first->model->source,
													   true));
	return smig_rename_apply(from, to, hints);
}

/*
 * Reads the two sides of a comparison.  When one is a schema, the other is
 * reduced to one schema too, and called by the source's name: "schema:a" and
 * "schema:b" are compared as if they had the same name.  Errors: 22023 for
 * sources that are not known or cannot be compared, those of reading.
 */
void
smig_source_pair(const char *source, const char *target, SmigSnapshot **from,
				 SmigSnapshot **to)
{
	Source		first = parse_source(source);
	Source		second = parse_source(target);
	List	   *schemas = NIL;

	if (first.kind == SOURCE_SCHEMA)
		schemas = list_make1(unconstify(char *, first.name));
	else if (second.kind == SOURCE_SCHEMA)
		schemas = list_make1(unconstify(char *, second.name));
	*from = read_source(&first, schemas, NULL);
	*to = read_source(&second, schemas, *from);
	if (is_kept(&first) || is_kept(&second))
	{
		if (*from)
			smig_snapshot_hide_secrets(*from);
		if (*to)
			smig_snapshot_hide_secrets(*to);
	}
	if (*from == NULL)
		*from = empty_snapshot(*to);
	if (*to == NULL)
		*to = empty_snapshot(*from);
	if ((*from)->whole != (*to)->whole)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot compare a whole database with single schemas"),
				 errhint("Make both snapshots with the same list of schemas.")));
	adopt_owners(&first, *from, *to);
	adopt_owners(&second, *to, *from);
	if (!(*from)->whole && list_length((*from)->schemas) == 1 &&
		list_length((*to)->schemas) == 1 &&
		strcmp(linitial((*from)->schemas), linitial((*to)->schemas)) != 0)
		*to = smig_snapshot_rename_schema(*to, linitial((*to)->schemas),
										  linitial((*from)->schemas));
	*from = follow_hints(&first, &second, *from, *to);
}
