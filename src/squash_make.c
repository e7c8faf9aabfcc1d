/*-------------------------------------------------------------------------
 *
 * squash_make.c
 *	  schemamig_squash: one revision with the scripts of many.
 *
 * The scripts stand one behind the other, with a line of comment that says
 * where each is from.  Settings that a script makes end with its revision, so
 * they are reset behind it.  A script whose statements are steps of their own
 * among scripts that are not is cut by COMMIT.
 *
 * IDENTIFICATION
 *	  src/squash_make.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "result.h"
#include "revision.h"
#include "squash_prove.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_squash);

/* A script in the making. */
typedef struct Joined
{
	StringInfoData text;
	bool		mixed;			/* some parts are steps by statement, some not */
	bool		open;			/* the last part may share its transaction */
} Joined;

/*
 * The parameter that a statement sets for longer than its transaction; NULL
 * when it sets none.
 */
static const char *
lasting_setting(Node *statement)
{
	VariableSetStmt *set;

	if (IsA(statement, VariableSetStmt))
	{
		set = (VariableSetStmt *) statement;
		return set->is_local || set->kind == VAR_SET_MULTI ? NULL : set->name;
	}
	if (IsA(statement, SelectStmt))
	{
		List	   *targets = ((SelectStmt *) statement)->targetList;
		ListCell   *lc;

		/* SELECT pg_catalog.set_config('search_path', '', false) */
		foreach(lc, targets)
		{
			Node	   *value = ((ResTarget *) lfirst(lc))->val;
			FuncCall   *call = (FuncCall *) value;
			Node	   *name;

			if (!IsA(value, FuncCall) || list_length(call->args) != 3 ||
				strcmp(strVal(llast(call->funcname)), "set_config") != 0)
				continue;
			name = linitial(call->args);
			if (IsA(name, A_Const) && IsA(&((A_Const *) name)->val, String))
				return strVal(&((A_Const *) name)->val);
		}
	}
	return NULL;
}

/*
 * Appends RESET for what a script has set.
 */
static void
reset_settings(StringInfo out, const SmigScript *script)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, script->statements)
	{
		const char *name = lasting_setting(((SmigStatement *) lfirst(lc))->raw->stmt);
		ListCell   *lc2;
		bool		known = false;

		foreach(lc2, names)
			known |= name && strcmp(lfirst(lc2), name) == 0;
		if (name && !known)
			names = lappend(names, pstrdup(name));
	}
	foreach(lc, names)
	{
		const char *name = lfirst(lc);
		const char *dot = strchr(name, '.');

		if (dot)
			appendStringInfo(out, "RESET %s.%s;\n",
							 quote_identifier(pnstrdup(name, dot - name)),
							 quote_identifier(dot + 1));
		else
			appendStringInfo(out, "RESET %s;\n", quote_identifier(name));
	}
}

/*
 * Whether the text behind the last statement ends it.
 */
static bool
ends_statement(const SmigScript *script)
{
	const SmigStatement *last;
	const char *rest;

	if (script->statements == NIL)
		return true;
	last = llast(script->statements);
	rest = script->text + last->start + last->length;
	return rest[strspn(rest, " \t\r\n\f\v")] == ';';
}

/*
 * Appends a script of which each statement is a step of its own.
 */
static void
append_single_steps(Joined *joined, const SmigScript *script)
{
	ListCell   *lc;

	if (joined->open)
		appendStringInfoString(&joined->text, "COMMIT;\n");
	joined->open = false;
	foreach(lc, script->statements)
		appendStringInfo(&joined->text, "%s;\nCOMMIT;\n",
						 smig_script_statement_text(script, lfirst(lc)));
}

static void
append_script(Joined *joined, const SmigRevision *revision, bool down,
			  bool last)
{
	StringInfo	out = &joined->text;
	const char *text = down ? revision->down : revision->up;
	SmigTransactionMode mode = down ? revision->down_mode : revision->up_mode;
	SmigScript *script = smig_script_parse(text, mode, revision->id);

	if (script->statements == NIL)
		return;
	appendStringInfo(out, "%s-- %s%s%s\n", out->len > 0 ? "\n" : "",
					 revision->id, revision->message[0] ? ": " : "",
					 revision->message);
	if (joined->mixed && mode == SMIG_TRANSACTION_NONE)
		append_single_steps(joined, script);
	else
	{
		appendStringInfoString(out, text);
		/* the text may end in a comment */
		appendStringInfoString(out, ends_statement(script) ? "\n" : "\n;\n");
		joined->open = true;
	}
	if (!last)
		reset_settings(out, script);
}

/*
 * Joins the up or the down scripts of revisions in the order of execution.
 *
 * Result: the script and its mode; NULL when a revision has no down script
 */
static char *
join_scripts(List *revisions, bool down, SmigTransactionMode *mode)
{
	Joined		joined = {0};
	int			single = 0;
	ListCell   *lc;

	initStringInfo(&joined.text);
	foreach(lc, revisions)
	{
		const SmigRevision *revision = lfirst(lc);

		if (down && revision->down == NULL)
			return NULL;
		single += (down ? revision->down_mode : revision->up_mode) ==
			SMIG_TRANSACTION_NONE;
	}
	*mode = single == list_length(revisions) ? SMIG_TRANSACTION_NONE :
		SMIG_TRANSACTION_REVISION;
	joined.mixed = single > 0 && *mode == SMIG_TRANSACTION_REVISION;
	foreach(lc, revisions)
	{
		CHECK_FOR_INTERRUPTS();
		append_script(&joined, lfirst(lc), down,
					  lnext(revisions, lc) == NULL);
	}
	/* what stands around a script is not part of it in files */
	while (joined.text.len > 0 && joined.text.data[joined.text.len - 1] == '\n')
		joined.text.data[--joined.text.len] = '\0';
	return joined.text.data;
}

static void
refuse_range(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the range is not one line of revisions"),
			 errdetail("%s", detail),
			 errhint("Choose a range in which each revision has the one before as its only parent, and only the last has other followers.")));
}

/*
 * Checks that the nodes, oldest first, follow each other and that nobody
 * follows one of them but the next and, the last, others.
 */
static void
check_line(List *nodes)
{
	SmigNode   *before = NULL;
	ListCell   *lc;

	if (list_length(nodes) < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is nothing to squash"),
				 errdetail("The number of revisions in the range is %d.",
						   list_length(nodes)),
				 errhint("Name a range of two or more, as from:to.")));
	foreach(lc, nodes)
	{
		SmigNode   *node = lfirst(lc);
		ListCell   *lc2;

		if (before && (list_length(node->parents) != 1 ||
					   linitial(node->parents) != before))
			refuse_range(psprintf("Revision \"%s\" does not follow \"%s\" alone.",
								  node->id, before->id));
		if (before && list_length(before->children) != 1)
			refuse_range(psprintf("Revision \"%s\" has %d followers.",
								  before->id, list_length(before->children)));
		if (lnext(nodes, lc) != NULL)
			foreach(lc2, node->dependents)
				if (!list_member_ptr(nodes, lfirst(lc2)))
					refuse_range(psprintf("Revision \"%s\" depends on \"%s\".",
										  ((SmigNode *) lfirst(lc2))->id,
										  node->id));
		before = node;
	}
}

static List *
node_ids(List *nodes)
{
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, nodes)
		ids = lappend(ids, pstrdup(((SmigNode *) lfirst(lc))->id));
	return ids;
}

/*
 * Refuses a range of which a part is applied or half done.
 */
static void
check_applied(List *ids, const char *range)
{
	int			applied = list_length(smig_writer_applied(ids));

	if ((applied == 0 || applied == list_length(ids)) &&
		smig_writer_journalled(ids) == NIL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the range is applied in part"),
			 errdetail("Of %d revisions, %d are applied.", list_length(ids),
					   applied),
			 errhint("Apply all of it first: SELECT schemamig_apply(%s).",
					 quote_literal_cstr(llast(ids)))));
}

static List *
add_names(List *names, List *more, List *without)
{
	ListCell   *lc;

	foreach(lc, more)
	{
		ListCell   *lc2;
		bool		known = false;

		foreach(lc2, names)
			known |= strcmp(lfirst(lc2), lfirst(lc)) == 0;
		foreach(lc2, without)
			known |= strcmp(lfirst(lc2), lfirst(lc)) == 0;
		if (!known)
			names = lappend(names, lfirst(lc));
	}
	return names;
}

/*
 * schemamig_squash(range, message, revision, verify) returns the id.
 *
 * Errors: those of the range; invalid_parameter_value where it is not one
 * line; object_not_in_prerequisite_state where a part is applied;
 * object_in_use while a run is in progress; those of smig_squash_prove.
 */
Datum
schemamig_squash(PG_FUNCTION_ARGS)
{
	char	   *range = smig_result_argument(fcinfo, 0, "range");
	SmigRevision *squash = palloc0(sizeof(SmigRevision));
	SmigWriter *writer;
	List	   *nodes = NIL;
	List	   *ups;
	List	   *downs = NIL;
	List	   *ids;
	ListCell   *lc;

	squash->message = smig_result_argument(fcinfo, 1, "message");
	writer = smig_writer_begin("schemamig_squash()");
	smig_writer_lock_run("squash revisions");
	writer->graph = smig_store_load_graph(&writer->applied);
	foreach(lc, smig_target_range(writer->graph, writer->applied, range))
		nodes = lcons(lfirst(lc), nodes);
	check_line(nodes);
	ids = node_ids(nodes);
	check_applied(ids, range);

	ups = smig_store_get_revisions(ids);
	foreach(lc, ups)
	{
		SmigRevision *revision = lfirst(lc);

		if (revision->replaces != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("revision \"%s\" is a squash itself",
							revision->id),
					 errhint("When every database has it, take the header \"replaces\" out of its file and load it again.")));
		downs = lcons(revision, downs);
		squash->labels = add_names(squash->labels, revision->labels, NIL);
		squash->depends_on = add_names(squash->depends_on,
									   revision->depends_on, ids);
	}
	squash->replaces = ids;
	squash->parents = ((SmigRevision *) linitial(ups))->parents;
	squash->parents_given = true;
	squash->up = join_scripts(ups, false, &squash->up_mode);
	squash->down = join_scripts(downs, true, &squash->down_mode);
	if (PG_ARGISNULL(2))
		squash->id = smig_writer_new_id(writer);
	else
		squash->id = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (smig_graph_find(writer->graph, squash->id))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("revision \"%s\" already exists", squash->id),
				 errhint("Choose another id.")));
	if (PG_ARGISNULL(3) || PG_GETARG_BOOL(3))
		smig_squash_prove(writer->graph, llast(nodes), squash,
						  !PG_ARGISNULL(3));
	smig_writer_write(writer, list_make1(squash));
	PG_RETURN_TEXT_P(cstring_to_text(squash->id));
}
