/*-------------------------------------------------------------------------
 *
 * look_sql.c
 *	  schemamig_sql: a run as a script for psql.
 *
 * The script does what the runner does, step by step, with plain SQL: BEGIN
 * and COMMIT around transactional steps, the other statements outside, and the
 * same rows in schemamig's tables, so that afterwards, or after it stopped in
 * the middle, every function goes on from there.  What it cannot do is what
 * needs a process that watches: tries under lock_timeout, the migration lock,
 * and recovery of an interrupted CONCURRENTLY.
 *
 * A block at its beginning checks that the database is in the state for which
 * the script was written, and stops it otherwise.
 *
 * IDENTIFICATION
 *	  src/look_sql.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "consent.h"
#include "journal.h"
#include "plan.h"
#include "result.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_sql);

/* The run that a range asks for. */
typedef struct SqlRange
{
	const char *target;			/* its upper end */
	bool		from_current;	/* it begins at what is applied here */
	SmigPlan   *plan;
	List	   *journal;		/* of SmigJournalStep *; NIL elsewhere */
} SqlRange;

/* Where the script goes. */
typedef struct SqlOutput
{
	ReturnSetInfo *result;
	char	   *settings;		/* statements that set up the session */
} SqlOutput;

/*
 * Adds a row: one or more whole lines of the script, without the last
 * newline.
 */
static void
put(SqlOutput *output, const char *lines)
{
	Datum		value = CStringGetTextDatum(lines);
	bool		isnull = false;

	tuplestore_putvalues(output->result->setResult, output->result->setDesc,
						 &value, &isnull);
}

/*
 * Text for a line comment: what would end the line becomes a blank.
 */
static char *
comment_text(const char *text)
{
	char	   *result = pstrdup(text);

	for (char *c = result; *c; c++)
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	return result;
}

static char *
literal(const char *text)
{
	return quote_literal_cstr(text);
}

/* ---- the range ---- */

/*
 * Cuts "a:b" in two; an end that is left open becomes base or heads.
 *
 * Errors: 22023 for more than one colon.
 */
static void
split_range(const char *range, const char **from, const char **to)
{
	const char *colon = strchr(range, ':');

	*from = "current";
	*to = range;
	if (colon == NULL)
		return;
	if (strchr(colon + 1, ':'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range \"%s\" is not valid", range),
				 errdetail("It has more than one \":\"."),
				 errhint("Write a target, or from:to, from: or :to.")));
	*from = pnstrdup(range, colon - range);
	*to = colon + 1;
	if (strspn(*from, " \t\r\n") == strlen(*from))
		*from = "base";
	if (strspn(*to, " \t\r\n") == strlen(*to))
		*to = "heads";
}

/*
 * Refuses what only the runner can go on with.
 *
 * Errors: 55000 for a revision of the plan with an interrupted step.
 */
static void
check_no_open_step(const SqlRange *range)
{
	ListCell   *lc;

	foreach(lc, range->journal)
	{
		SmigJournalStep *row = lfirst(lc);

		if (row->state != SMIG_STATE_DONE)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("step %d of revision \"%s\" was interrupted",
							row->step, row->revision),
					 errdetail("A script cannot find out what the interrupted statement has left."),
					 errhint("Continue with SELECT schemamig_%s(%s), or settle by hand and say so with schemamig_settle().",
							 smig_direction_name(row->direction),
							 literal(row->direction == SMIG_APPLY ?
									 row->revision : "-1"))));
	}
}

/*
 * What a range means: which revisions to apply, or to revert, in order.
 */
static SqlRange *
make_range(const char *text)
{
	SqlRange   *range = palloc0(sizeof(SqlRange));
	const char *from;
	Bitmapset  *applied;
	SmigGraph  *graph = smig_store_load_graph(&applied);
	SmigDirection direction;

	split_range(text, &from, &range->target);
	range->from_current = strcmp(from, "current") == 0;
	if (!range->from_current)
		applied = smig_graph_close(graph,
								   smig_target_resolve(graph, applied, from));
	direction = smig_target_direction(graph, applied, range->target);
	range->plan = smig_plan_of_nodes(graph, applied,
									 smig_target_path(graph, applied,
													  range->target,
													  direction),
									 direction);
	if (range->from_current)
	{
		range->journal = smig_journal_load();
		smig_journal_check_direction(range->journal, direction);
		check_no_open_step(range);
	}
	return range;
}

/* ---- the session ---- */

/*
 * The search_path of this session as SET takes it.
 */
static char *
search_path_list(void)
{
	char	   *raw = pstrdup(namespace_search_path);
	List	   *names;
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	if (SplitIdentifierString(raw, ',', &names))
		foreach(lc, names)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
							 literal(lfirst(lc)));
	return buf.len > 0 ? buf.data : pstrdup("''");
}

/*
 * Settings on which the meaning of the script depends.
 */
static char *
session_settings(void)
{
	return psprintf("SET client_encoding = %s;\n"
					"SET standard_conforming_strings = on;\n"
					"SET default_transaction_isolation = 'read committed';\n"
					"SET search_path = %s;",
					literal(pg_get_client_encoding_name()),
					search_path_list());
}

/* Settings that would change how psql reads what follows. */
static const char *const reading_settings[] = {
	"client_encoding",
	"standard_conforming_strings"
};

static bool
changes_reading(const SmigStatement *statement)
{
	const VariableSetStmt *set = (const VariableSetStmt *) statement->raw->stmt;

	if (!IsA(set, VariableSetStmt) || set->name == NULL)
		return false;
	for (int i = 0; i < lengthof(reading_settings); i++)
		if (pg_strcasecmp(set->name, reading_settings[i]) == 0)
			return true;
	return false;
}

/* Statements that run no code of users, so that no setting can change. */
static const NodeTag plain_commands[] = {
	T_AlterEnumStmt, T_CommentStmt, T_CompositeTypeStmt, T_CreateEnumStmt,
	T_CreateFunctionStmt, T_CreateSeqStmt, T_CreateStmt, T_CreateTrigStmt,
	T_DropStmt, T_GrantStmt, T_RenameStmt, T_ViewStmt
};

static bool
is_plain_command(const SmigStatement *statement)
{
	for (int i = 0; i < lengthof(plain_commands); i++)
		if (nodeTag(statement->raw->stmt) == plain_commands[i])
			return true;
	return false;
}

/* Whether a script can leave other settings behind than it found. */
static bool
can_change_settings(const SmigScript *script)
{
	ListCell   *lc;

	foreach(lc, script->statements)
		if (!is_plain_command(lfirst(lc)))
			return true;
	return false;
}

/* Whether a script says SET ROLE or SET SESSION AUTHORIZATION. */
static bool
changes_role(const SmigScript *script)
{
	ListCell   *lc;

	foreach(lc, script->statements)
	{
		const SmigStatement *statement = lfirst(lc);
		const VariableSetStmt *set =
			(const VariableSetStmt *) statement->raw->stmt;

		if (IsA(set, VariableSetStmt) && set->name != NULL &&
			(strcmp(set->name, "role") == 0 ||
			 strcmp(set->name, "session_authorization") == 0))
			return true;
	}
	return false;
}

/* ---- the beginning and the end ---- */

/*
 * Ids and checksums of the plan's revisions as two array constructors.
 */
static void
list_revisions(SmigPlan *plan, StringInfo ids, StringInfo checksums)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig script guard",
												  ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < list_length(plan->nodes); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		const SmigRevision *revision = smig_plan_revision(plan, i)->revision;
		const char *separator = i > 0 ? ",\n\t\t" : "";

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(ids, "%s%s", separator, literal(revision->id));
		appendStringInfo(checksums, "%s%s", separator,
						 literal(revision->checksum));
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

/*
 * Steps of the plan that are done already, as elements of an array.
 */
static char *
list_done_steps(const SqlRange *range)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, range->journal)
	{
		SmigJournalStep *row = lfirst(lc);

		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
						 literal(psprintf("%s step %d", row->revision,
										  row->step)));
	}
	return buf.data;
}

/* Parts of the guard: what must be applied and what must not. */
static const char apply_guard[] =
"\tSELECT string_agg(a.revision, ', ') INTO problem\n"
"\tFROM schemamig.applied a WHERE a.revision = ANY (ids);\n"
"\tIF problem IS NOT NULL THEN\n"
"\t\tRAISE EXCEPTION 'revisions are already applied: %', problem;\n"
"\tEND IF;\n"
"\tSELECT string_agg(DISTINCT n.id, ', ') INTO problem\n"
"\tFROM schemamig.revision r, unnest(r.parents || r.depends_on) n (id)\n"
"\tWHERE r.id = ANY (ids) AND n.id <> ALL (ids)\n"
"\t\tAND NOT EXISTS (SELECT FROM schemamig.applied a WHERE a.revision = n.id);\n"
"\tIF problem IS NOT NULL THEN\n"
"\t\tRAISE EXCEPTION 'revisions are needed, but not applied: %', problem;\n"
"\tEND IF;\n";

static const char revert_guard[] =
"\tSELECT string_agg(w.id, ', ') INTO problem\n"
"\tFROM unnest(ids) w (id)\n"
"\tWHERE NOT EXISTS (SELECT FROM schemamig.applied a WHERE a.revision = w.id);\n"
"\tIF problem IS NOT NULL THEN\n"
"\t\tRAISE EXCEPTION 'revisions are not applied: %', problem;\n"
"\tEND IF;\n"
"\tSELECT string_agg(a.revision, ', ') INTO problem\n"
"\tFROM schemamig.applied a JOIN schemamig.revision r ON r.id = a.revision\n"
"\tWHERE r.parents || r.depends_on && ids AND r.id <> ALL (ids);\n"
"\tIF problem IS NOT NULL THEN\n"
"\t\tRAISE EXCEPTION 'revisions are applied that need what is to be reverted: %', problem;\n"
"\tEND IF;\n";

/*
 * A block that stops the script where its assumptions do not hold.
 */
static void
put_guard(SqlOutput *output, const SqlRange *range)
{
	StringInfoData ids;
	StringInfoData checksums;
	char	   *body;

	initStringInfo(&ids);
	initStringInfo(&checksums);
	list_revisions(range->plan, &ids, &checksums);
	put(output, "-- Is this the database the script was written for?\n"
		"SET search_path = pg_catalog, pg_temp;");
	body = psprintf("\nDECLARE\n"
					"\tids text[] := ARRAY[%s];\n"
					"\tchecksums text[] := ARRAY[%s];\n"
					"\tdone text[] := ARRAY[%s]::text[];\n"
					"\tproblem text;\n"
					"BEGIN\n"
					"\tIF EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database\n"
					"\t\tWHERE d.datname = current_database() AND l.locktype = 'advisory'\n"
					"\t\t\tAND l.objsubid = %d) THEN\n"
					"\t\tRAISE EXCEPTION 'a run of schemamig is in progress';\n"
					"\tEND IF;\n"
					"\tSELECT string_agg(w.id, ', ' ORDER BY w.n) INTO problem\n"
					"\tFROM unnest(ids, checksums) WITH ORDINALITY w (id, checksum, n)\n"
					"\t\tLEFT JOIN schemamig.revision r ON r.id = w.id AND r.checksum = w.checksum\n"
					"\tWHERE r.id IS NULL;\n"
					"\tIF problem IS NOT NULL THEN\n"
					"\t\tRAISE EXCEPTION 'revisions are not here, or have other content: %%', problem;\n"
					"\tEND IF;\n"
					"%s"
					"\tIF done <> ARRAY(SELECT concat(s.revision, ' step ', s.step)\n"
					"\t\tFROM schemamig.step s ORDER BY s.revision, s.direction, s.step) THEN\n"
					"\t\tRAISE EXCEPTION 'the journal of half done revisions is not as it was';\n"
					"\tEND IF;\n"
					"END\n",
					ids.data, checksums.data, list_done_steps(range),
					SMIG_LOCKCLASS_RUN,
					range->plan->direction == SMIG_APPLY ? apply_guard :
					revert_guard);
	put(output, psprintf("DO %s;", smig_script_dollar_quote(body)));
}

static void
put_beginning(SqlOutput *output, const SqlRange *range)
{
	const char *direction = smig_direction_name(range->plan->direction);

	put(output,
		psprintf("-- schemamig: %s to \"%s\"\n"
				 "-- For psql, with the right to write the tables of schema schemamig. Nothing\n"
				 "-- else may migrate the database meanwhile; if the script stops, schemamig\n"
				 "-- knows how far it came.\n"
				 "\\set ON_ERROR_STOP on\n"
				 "\\set ON_ERROR_ROLLBACK off\n"
				 "\\set AUTOCOMMIT on\n"
				 "\\set SINGLELINE off\n"
				 "\\unset FETCH_COUNT",
				 direction, comment_text(range->target)));
	put(output, output->settings);
	put_guard(output, range);
	put(output,
		psprintf("SELECT current_user AS schemamig_role \\gset\n"
				 "BEGIN;\n"
				 "INSERT INTO schemamig.run (kind, target, transaction, role, login_role,\n"
				 "\tapplication_name, client, caller_pid, state, running_at)\n"
				 "VALUES ('%s', %s, 'revision', current_user, session_user,\n"
				 "\tpg_catalog.current_setting('application_name'), 'script', pg_catalog.pg_backend_pid(), 'running', pg_catalog.clock_timestamp())\n"
				 "RETURNING id AS schemamig_run \\gset\n"
				 "INSERT INTO schemamig.log_entry (run, role, client, event, direction, message)\n"
				 "VALUES (:schemamig_run, current_user, pg_catalog.current_setting('application_name'), 'run', '%s', %s);\n"
				 "COMMIT;\n"
				 "SET search_path = %s;",
				 direction, literal(range->target), direction,
				 literal(psprintf("%s to \"%s\"", direction, range->target)),
				 search_path_list()));
}

static void
put_end(SqlOutput *output)
{
	put(output,
		"\n-- done\n"
		"BEGIN;\n"
		"UPDATE schemamig.run SET state = 'done', ended_at = pg_catalog.clock_timestamp()\n"
		"WHERE id = :schemamig_run;\n"
		"INSERT INTO schemamig.log_entry (run, role, client, event)\n"
		"VALUES (:schemamig_run, current_user, pg_catalog.current_setting('application_name'), 'done');\n"
		"COMMIT;\n"
		"RESET ALL;");
}

/* ---- the revisions ---- */

/*
 * Record of a step in the journal: started, partial or done.
 */
static char *
step_record(const SmigPlanned *planned, const SmigStep *step,
			const char *state)
{
	return psprintf("INSERT INTO schemamig.step (revision, direction, step, kind, state, run, checksum)\n"
					"VALUES (%s, '%s', %d, '%s', '%s', :schemamig_run, '%s')\n"
					"ON CONFLICT (revision, direction, step) DO UPDATE\n"
					"SET state = excluded.state, run = excluded.run, at = pg_catalog.clock_timestamp();",
					literal(planned->revision->id),
					smig_direction_name(planned->direction), step->number,
					smig_script_kind_name(step->kind), state,
					smig_script_step_checksum(step));
}

static char *
step_log(const SmigPlanned *planned, const SmigStep *step)
{
	return psprintf("INSERT INTO schemamig.log_entry (run, role, client, event, revision, direction, step, message)\n"
					"VALUES (:schemamig_run, current_user, pg_catalog.current_setting('application_name'), 'step', %s, '%s', %d, '%s');",
					literal(planned->revision->id),
					smig_direction_name(planned->direction), step->number,
					smig_script_kind_name(step->kind));
}

/*
 * Record that the revision is done: the applied set, the journal, the log.
 */
static char *
revision_record(const SmigPlanned *planned, bool journalled)
{
	const SmigRevision *revision = planned->revision;
	const char *id = literal(revision->id);
	const char *direction = smig_direction_name(planned->direction);
	StringInfoData buf;

	initStringInfo(&buf);
	if (planned->direction == SMIG_APPLY)
		appendStringInfo(&buf,
						 "INSERT INTO schemamig.applied (revision, applied_by, run, checksum)\n"
						 "VALUES (%s, current_user, :schemamig_run, '%s');\n",
						 id, revision->checksum);
	else
		appendStringInfo(&buf,
						 "DELETE FROM schemamig.applied WHERE revision = %s;\n",
						 id);
	if (journalled)
		appendStringInfo(&buf,
						 "DELETE FROM schemamig.step WHERE revision = %s;\n",
						 id);
	appendStringInfo(&buf,
					 "INSERT INTO schemamig.log_entry (run, role, client, event, revision, direction, steps, message)\n"
					 "VALUES (:schemamig_run, current_user, pg_catalog.current_setting('application_name'), '%s', %s, '%s', %d, %s);",
					 direction, id, direction,
					 planned->script ? list_length(planned->script->steps) : 0,
					 literal(revision->message));
	return buf.data;
}

/*
 * BEGIN with the characteristics that the script gave its transaction.
 */
static char *
begin_text(const SmigStep *step)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "BEGIN");
	foreach(lc, step->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);
		const A_Const *value = castNode(A_Const, option->arg);

		if (strcmp(option->defname, "transaction_isolation") == 0)
			appendStringInfo(&buf, " ISOLATION LEVEL %s",
							 strVal(&value->val));
		else if (strcmp(option->defname, "transaction_read_only") == 0)
			appendStringInfoString(&buf, intVal(&value->val) ?
								   " READ ONLY" : " READ WRITE");
		else
			appendStringInfoString(&buf, intVal(&value->val) ?
								   " DEFERRABLE" : " NOT DEFERRABLE");
	}
	appendStringInfoChar(&buf, ';');
	return buf.data;
}

/* Whether the script made the step's transaction READ ONLY. */
static bool
is_read_only(const SmigStep *step)
{
	bool		read_only = false;
	ListCell   *lc;

	foreach(lc, step->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "transaction_read_only") == 0)
			read_only = intVal(&castNode(A_Const, option->arg)->val);
	}
	return read_only;
}

static void
put_statement(SqlOutput *output, const SmigPlanned *planned,
			  const SmigStatement *statement, List *losses)
{
	char	   *text = smig_script_psql_text(planned->script, statement);
	ListCell   *lc;

	if (changes_reading(statement))
	{
		put(output, psprintf("-- left out, because psql reads this script: %s",
							 comment_text(text)));
		return;
	}
	foreach(lc, losses)
	{
		SmigLoss   *loss = lfirst(lc);

		if (loss->statement == statement)
			put(output, psprintf("-- destroys: %s %s", loss->action,
								 comment_text(loss->object)));
	}
	put(output, text);
}

/*
 * What ends a step: its record or, after the last one, the revision's.
 */
static void
put_record(SqlOutput *output, const SmigPlanned *planned, const SmigStep *step,
		   bool last, bool journalled, bool other_role)
{
	/* bookkeeping is done by whoever runs the script */
	if (other_role)
		put(output, "SET LOCAL SESSION AUTHORIZATION DEFAULT;\n"
			"SET LOCAL ROLE :\"schemamig_role\";");
	if (last)
		put(output, revision_record(planned, journalled));
	else
	{
		put(output, step_record(planned, step, "done"));
		put(output, step_log(planned, step));
	}
}

static void
put_step(SqlOutput *output, const SmigPlanned *planned, const SmigStep *step,
		 List *losses, bool journalled, bool other_role)
{
	List	   *steps = planned->script->steps;
	bool		last = step == llast(steps);
	bool		transaction = step->kind == SMIG_STEP_TRANSACTION;
	ListCell   *lc;

	if (list_length(steps) > 1)
		put(output, psprintf("\n-- step %d of %d: %s", step->number,
							 list_length(steps),
							 smig_script_kind_name(step->kind)));
	if (transaction)
		put(output, begin_text(step));
	else
	{
		put(output, "BEGIN READ WRITE;");
		if (other_role)
			put(output, "SET LOCAL SESSION AUTHORIZATION DEFAULT;\n"
				"SET LOCAL ROLE :\"schemamig_role\";");
		put(output, step_record(planned, step,
								step->kind == SMIG_STEP_CALL ? "partial" :
								"started"));
		put(output, "COMMIT;");
	}
	foreach(lc, step->statements)
		put_statement(output, planned, lfirst(lc), losses);
	if (is_read_only(step))
		put(output, "COMMIT;");
	if (!transaction || is_read_only(step))
		put(output, "BEGIN READ WRITE;");
	put_record(output, planned, step, last, journalled, other_role);
	put(output, "COMMIT;");
}

/* Whether the journal has rows of this revision. */
static bool
was_begun(const SqlRange *range, const SmigRevision *revision)
{
	ListCell   *lc;

	foreach(lc, range->journal)
		if (strcmp(((SmigJournalStep *) lfirst(lc))->revision, revision->id) == 0)
			return true;
	return false;
}

static void
put_revision(SqlOutput *output, const SqlRange *range,
			 const SmigPlanned *planned, int place)
{
	const SmigRevision *revision = planned->revision;
	const SmigScript *script = planned->script;
	List	   *steps = script ? script->steps : NIL;
	bool		begun = was_begun(range, revision);
	bool		other_role = script && changes_role(script);
	bool		recorded = false;
	List	   *losses = script ? smig_consent_losses(script) : NIL;
	ListCell   *lc;

	put(output, psprintf("\n-- %s \"%s\" (%d of %d)%s%s",
						 smig_direction_name(planned->direction),
						 comment_text(revision->id), place,
						 list_length(range->plan->nodes),
						 revision->message[0] ? ": " : "",
						 comment_text(revision->message)));
	if (script == NULL)
		put(output, "-- has no down script: what it did stays");
	foreach(lc, steps)
	{
		SmigStep   *step = lfirst(lc);

		if (smig_journal_step_is_done(range->journal, revision->id,
									  planned->direction, step))
			continue;
		put_step(output, planned, step, losses,
				 begun || list_length(steps) > 1 ||
				 step->kind != SMIG_STEP_TRANSACTION, other_role);
		recorded = step == llast(steps);
	}
	if (!recorded)
		put(output, psprintf("BEGIN READ WRITE;\n%s\nCOMMIT;",
							 revision_record(planned, begun)));
	if (other_role)
		put(output, "RESET SESSION AUTHORIZATION;\n"
			"SET ROLE :\"schemamig_role\";");
	if (script && can_change_settings(script))
		put(output, psprintf("RESET ALL;\n%s", output->settings));
}

/*
 * schemamig_sql(range): a script for psql that does what a run would do.
 *
 * Errors: those of the targets; 22023 for a range with several colons; 55000
 * where the journal has an interrupted step.
 */
Datum
schemamig_sql(PG_FUNCTION_ARGS)
{
	SqlOutput	output = {0};
	SqlRange   *range;
	MemoryContext context;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	output.result = (ReturnSetInfo *) fcinfo->resultinfo;
	output.settings = session_settings();
	range = make_range(PG_ARGISNULL(0) ? "head" :
					   text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (range->plan->nodes == NIL)
	{
		put(&output, psprintf("-- schemamig: nothing to do, target \"%s\" is reached",
							  comment_text(range->target)));
		return (Datum) 0;
	}
	put_beginning(&output, range);
	context = AllocSetContextCreate(CurrentMemoryContext,
									"schemamig script revision",
									ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < list_length(range->plan->nodes); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		put_revision(&output, range, smig_plan_revision(range->plan, i), i + 1);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	put_end(&output);
	return (Datum) 0;
}
