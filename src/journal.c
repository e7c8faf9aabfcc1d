/*-------------------------------------------------------------------------
 *
 * journal.c
 *	  Runs, steps and the log: what a run writes about itself.
 *
 * A revision that is one transaction leaves no trace in schemamig.step: its
 * effects, its row in schemamig.applied and its log entry commit together.
 * Only a revision of several steps has rows there while it is half done.
 *
 * IDENTIFICATION
 *	  src/journal.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "journal.h"
#include "lock.h"

const SmigLogEntry smig_log_nothing = {
	.steps = -1,
	.duration_us = -1
};

static const char *const state_names[] = {"started", "partial", "done"};

/* A query of ours; its plan is kept for the life of the process. */
typedef struct JournalQuery
{
	const char *text;
	int			nargs;
	Oid			types[15];
	SPIPlanPtr	plan;
} JournalQuery;

/* Arguments of one execution. */
typedef struct JournalArgs
{
	int			n;
	Datum		values[15];
	char		nulls[15];
} JournalArgs;

/*
 * Name of the direction as the SQL interface spells it.
 */
const char *
smig_direction_name(SmigDirection direction)
{
	return direction == SMIG_APPLY ? "apply" : "revert";
}

static void
add_null(JournalArgs *args)
{
	args->values[args->n] = (Datum) 0;
	args->nulls[args->n++] = 'n';
}

static void
add_datum(JournalArgs *args, Datum value)
{
	args->values[args->n] = value;
	args->nulls[args->n++] = ' ';
}

static void
add_text(JournalArgs *args, const char *value)
{
	if (value)
		add_datum(args, CStringGetTextDatum(value));
	else
		add_null(args);
}

/* An integer for which "absent" stands for NULL. */
static void
add_int(JournalArgs *args, int value, int absent)
{
	if (value == absent)
		add_null(args);
	else
		add_datum(args, Int32GetDatum(value));
}

/*
 * Runs the query as the tables' owner.  With "scope" the SPI tuple table is
 * still there and the caller ends the scope.
 *
 * Result: number of rows
 */
static uint64
journal_execute(JournalQuery *query, JournalArgs *args, SmigStoreScope *scope)
{
	SmigStoreScope own;
	uint64		rows;

	Assert(args->n == query->nargs);
	smig_store_begin(scope ? scope : &own);
	if (query->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(query->text, query->nargs, query->types);

		SPI_keepplan(plan);
		query->plan = plan;
	}
	SPI_execute_plan(query->plan, args->values, args->nulls, false, 0);
	rows = SPI_processed;
	if (scope == NULL)
		smig_store_end(&own);
	return rows;
}

static int64
execute_for_int64(JournalQuery *query, JournalArgs *args)
{
	SmigStoreScope scope;
	bool		isnull;
	int64		result;

	journal_execute(query, args, &scope);
	result = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 1, &isnull));
	smig_store_end(&scope);
	return result;
}

/*
 * A fresh run id.  Taken from a sequence, so it is known to the caller before
 * anything is committed.
 */
int64
smig_journal_next_run(void)
{
	static JournalQuery query = {
		"SELECT pg_catalog.nextval('schemamig.run_id_seq')", 0
	};
	JournalArgs args = {0};

	return execute_for_int64(&query, &args);
}

/*
 * Writes the row of a run that begins.
 */
void
smig_journal_run_begin(const SmigRunRow *row)
{
	static JournalQuery query = {
		"INSERT INTO schemamig.run (id, kind, target, transaction,"
		" allow_destructive, detached, role, login_role, application_name,"
		" client, caller_pid, worker_pid, state, running_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
		" CASE $13 WHEN 'running' THEN pg_catalog.clock_timestamp() END)",
		13,
		{INT8OID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, BOOLOID, TEXTOID, TEXTOID,
		TEXTOID, TEXTOID, INT4OID, INT4OID, TEXTOID}
	};
	JournalArgs args = {0};

	add_datum(&args, Int64GetDatum(row->id));
	add_text(&args, row->kind);
	add_text(&args, row->target);
	add_text(&args, row->transaction);
	add_datum(&args, BoolGetDatum(row->allow_destructive));
	add_datum(&args, BoolGetDatum(row->detached));
	add_text(&args, GetUserNameFromId(GetUserId(), false));
	add_text(&args, row->login_role);
	add_text(&args, application_name);
	add_text(&args, row->client);
	add_int(&args, row->caller_pid, 0);
	add_int(&args, row->worker_pid, 0);
	add_text(&args, row->state);
	journal_execute(&query, &args, NULL);
}

/*
 * Changes the state of a run that goes on.
 */
void
smig_journal_run_state(int64 run, const char *state)
{
	static JournalQuery query = {
		"UPDATE schemamig.run SET state = $2,"
		" running_at = CASE $2 WHEN 'running'"
		" THEN pg_catalog.clock_timestamp() ELSE running_at END"
		" WHERE id = $1",
		2, {INT8OID, TEXTOID}
	};
	JournalArgs args = {0};

	add_datum(&args, Int64GetDatum(run));
	add_text(&args, state);
	journal_execute(&query, &args, NULL);
}

/*
 * Records the end of a run: its state and, when it failed, where and why.
 */
void
smig_journal_run_end(int64 run, const char *state, const char *revision,
					 int step, const char *sqlstate, const char *error)
{
	static JournalQuery query = {
		"UPDATE schemamig.run SET state = $2, revision = $3, step = $4,"
		" sqlstate = $5, error = $6, ended_at = pg_catalog.clock_timestamp()"
		" WHERE id = $1",
		6, {INT8OID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID}
	};
	JournalArgs args = {0};

	add_datum(&args, Int64GetDatum(run));
	add_text(&args, state);
	add_text(&args, revision);
	add_int(&args, step, 0);
	add_text(&args, sqlstate);
	add_text(&args, error);
	journal_execute(&query, &args, NULL);
}

/*
 * Whether the table has open runs beside this one, dead or alive.  Asked first,
 * because there are none nearly always and to look at processes takes time.
 */
static bool
has_open_runs(int64 run)
{
	static JournalQuery query = {
		"SELECT pg_catalog.count(*) FROM schemamig.run"
		" WHERE state IN ('waiting', 'running') AND id <> $1"
		" AND kind IN ('apply', 'revert')",
		1, {INT8OID}
	};
	JournalArgs args = {0};

	add_datum(&args, Int64GetDatum(run));
	return execute_for_int64(&query, &args) != 0;
}

/*
 * Closes the rows of earlier runs whose process died without a word.  The
 * caller holds the migration lock, so none of them can be running.
 */
void
smig_journal_close_interrupted(int64 run)
{
	static JournalQuery query = {
		"UPDATE schemamig.run r SET state = 'interrupted',"
		" error = 'the process of the run ended without a word',"
		" ended_at = pg_catalog.clock_timestamp()"
		" WHERE r.state IN ('waiting', 'running') AND r.id <> $1"
		" AND r.kind IN ('apply', 'revert')"
		" AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a"
		"  WHERE a.pid = r.worker_pid AND a.backend_type = 'schemamig worker'"
		"  AND a.backend_start <= r.started_at)",
		1, {INT8OID}
	};
	JournalArgs args = {0};

	if (!has_open_runs(run))
		return;
	add_datum(&args, Int64GetDatum(run));
	journal_execute(&query, &args, NULL);
}

/*
 * Whether another run is under way whose process lives: one that has lost the
 * migration lock for the moment.
 */
bool
smig_journal_other_runs(int64 run)
{
	static JournalQuery query = {
		"SELECT pg_catalog.count(*) FROM schemamig.run r"
		" JOIN pg_catalog.pg_stat_activity a ON a.pid = r.worker_pid"
		" WHERE r.state = 'running' AND r.id <> $1"
		" AND r.kind IN ('apply', 'revert')"
		" AND a.backend_type = 'schemamig worker'"
		" AND a.backend_start >= r.started_at - '1 minute'::interval",
		1, {INT8OID}
	};
	JournalArgs args = {0};

	if (!has_open_runs(run))
		return false;
	add_datum(&args, Int64GetDatum(run));
	return execute_for_int64(&query, &args) != 0;
}

/*
 * Whether the run of this worker has begun its work, and so has reset the
 * pause switch.
 */
bool
smig_journal_is_running(int worker_pid)
{
	static JournalQuery query = {
		"SELECT pg_catalog.count(*) FROM schemamig.run r"
		" WHERE r.state = 'running' AND r.worker_pid = $1",
		1, {INT4OID}
	};
	JournalArgs args = {0};

	add_datum(&args, Int32GetDatum(worker_pid));
	return execute_for_int64(&query, &args) != 0;
}

/*
 * Reads the whole journal: the steps of all half done revisions.
 */
List *
smig_journal_load(void)
{
	static JournalQuery query = {
		"SELECT s.revision, s.direction, s.step, s.state, s.checksum,"
		" s.intent::text, r.target"
		" FROM schemamig.step s LEFT JOIN schemamig.run r ON r.id = s.run"
		" ORDER BY s.revision, s.direction, s.step", 0
	};
	JournalArgs args = {0};
	SmigStoreScope scope;
	List	   *result = NIL;

	journal_execute(&query, &args, &scope);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		SmigJournalStep *row = palloc0(sizeof(SmigJournalStep));
		Datum		values[7];
		bool		nulls[7];
		char	   *state;

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						  values, nulls);
		row->revision = TextDatumGetCString(values[0]);
		row->direction = strcmp(TextDatumGetCString(values[1]), "apply") == 0 ?
			SMIG_APPLY : SMIG_REVERT;
		row->step = DatumGetInt32(values[2]);
		state = TextDatumGetCString(values[3]);
		row->state = strcmp(state, "done") == 0 ? SMIG_STATE_DONE :
			strcmp(state, "partial") == 0 ? SMIG_STATE_PARTIAL :
			SMIG_STATE_STARTED;
		row->checksum = TextDatumGetCString(values[4]);
		row->intent = nulls[5] ? NULL : TextDatumGetCString(values[5]);
		row->target = nulls[6] ? NULL : TextDatumGetCString(values[6]);
		result = lappend(result, row);
	}
	smig_store_end(&scope);
	return result;
}

/*
 * The call that completes a half done revision.  One that is half reverted is
 * completed by the target of its own run, unless that counted from where the
 * database stood then.
 */
char *
smig_journal_continue(const SmigJournalStep *row)
{
	const char *target = row->revision;

	if (row->direction == SMIG_REVERT)
		target = row->target && row->target[0] != '-' ? row->target : "-1";
	return psprintf("SELECT schemamig_%s(%s)",
					smig_direction_name(row->direction),
					quote_literal_cstr(target));
}

/*
 * Refuses to go one way while a revision is half way the other way.
 *
 * rows: the journal (SmigJournalStep)
 *
 * Errors: 55000, with the command that completes the half done revision.
 */
void
smig_journal_check_direction(List *rows, SmigDirection direction)
{
	ListCell   *lc;

	foreach(lc, rows)
	{
		SmigJournalStep *row = lfirst(lc);

		if (row->direction != direction)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("revision \"%s\" is half %s", row->revision,
							row->direction == SMIG_APPLY ? "applied" : "reverted"),
					 errhint("Complete it with %s, or settle it by hand and say so with schemamig_settle().",
							 smig_journal_continue(row))));
	}
}

/*
 * Whether the journal (SmigJournalStep) says that a step of a revision is
 * done, so that a run skips it.
 *
 * Errors: 55000 when its text changed since it was begun.
 */
bool
smig_journal_step_is_done(List *rows, const char *revision,
						  SmigDirection direction, const SmigStep *step)
{
	ListCell   *lc;

	foreach(lc, rows)
	{
		SmigJournalStep *row = lfirst(lc);

		if (row->step != step->number || row->direction != direction ||
			strcmp(row->revision, revision) != 0)
			continue;
		if (strcmp(row->checksum, smig_script_step_checksum(step)) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("step %d of revision \"%s\" was begun with another text",
							step->number, row->revision),
					 errhint("Restore the text of the steps that were begun, or settle by hand and say so with schemamig_settle().")));
		return row->state == SMIG_STATE_DONE;
	}
	return false;
}

/*
 * Writes a step's row, or brings it up to date.
 *
 * intent: jsonb text; NULL keeps what is recorded
 */
void
smig_journal_step(int64 run, const char *revision, SmigDirection direction,
				  const SmigStep *step, SmigStepState state, const char *intent)
{
	static JournalQuery query = {
		"INSERT INTO schemamig.step AS s"
		" (revision, direction, step, kind, state, run, checksum, intent)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)"
		" ON CONFLICT (revision, direction, step) DO UPDATE SET"
		" state = excluded.state, run = excluded.run,"
		" at = pg_catalog.clock_timestamp(), checksum = excluded.checksum,"
		" intent = coalesce(excluded.intent, s.intent)",
		8, {TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID}
	};
	JournalArgs args = {0};

	add_text(&args, revision);
	add_text(&args, smig_direction_name(direction));
	add_datum(&args, Int32GetDatum(step->number));
	add_text(&args, smig_script_kind_name(step->kind));
	add_text(&args, state_names[state]);
	add_datum(&args, Int64GetDatum(run));
	add_text(&args, smig_script_step_checksum(step));
	add_text(&args, intent);
	journal_execute(&query, &args, NULL);
}

/*
 * Forgets a step that left nothing behind.
 */
void
smig_journal_forget_step(const char *revision, SmigDirection direction,
						 int step)
{
	static JournalQuery query = {
		"DELETE FROM schemamig.step"
		" WHERE revision = $1 AND direction = $2 AND step = $3",
		3, {TEXTOID, TEXTOID, INT4OID}
	};
	JournalArgs args = {0};

	add_text(&args, revision);
	add_text(&args, smig_direction_name(direction));
	add_datum(&args, Int32GetDatum(step));
	journal_execute(&query, &args, NULL);
}

/*
 * Sets an open step to done, or back to where it can be run again.
 */
void
smig_journal_settle_step(const SmigJournalStep *row, bool done)
{
	static JournalQuery query = {
		"UPDATE schemamig.step SET state = $4,"
		" at = pg_catalog.clock_timestamp()"
		" WHERE revision = $1 AND direction = $2 AND step = $3",
		4, {TEXTOID, TEXTOID, INT4OID, TEXTOID}
	};
	JournalArgs args = {0};

	if (!done)
	{
		smig_journal_forget_step(row->revision, row->direction, row->step);
		return;
	}
	add_text(&args, row->revision);
	add_text(&args, smig_direction_name(row->direction));
	add_datum(&args, Int32GetDatum(row->step));
	add_text(&args, state_names[SMIG_STATE_DONE]);
	journal_execute(&query, &args, NULL);
}

/*
 * Forgets all steps of a revision.
 */
void
smig_journal_forget(const char *revision)
{
	static JournalQuery query = {
		"DELETE FROM schemamig.step WHERE revision = $1", 1, {TEXTOID}
	};
	JournalArgs args = {0};

	add_text(&args, revision);
	journal_execute(&query, &args, NULL);
}

static SmigField
field(const char *column, Datum value)
{
	return (SmigField)
	{
		column, value, false
	};
}

/* Text, for which a null pointer is NULL. */
static SmigField
text_field(const char *column, const char *value)
{
	SmigField	result = {column, (Datum) 0, value == NULL};

	if (value)
		result.value = CStringGetTextDatum(value);
	return result;
}

/* An integer for which "absent" stands for NULL. */
static SmigField
int_field(const char *column, int value, int absent)
{
	SmigField	result = {column, Int32GetDatum(value), value == absent};

	return result;
}

static SmigField
interval_field(const char *column, int64 us)
{
	SmigField	result = {column, (Datum) 0, us < 0};

	if (us >= 0)
	{
		Interval   *duration = palloc0(sizeof(Interval));

		duration->time = us;
		result.value = IntervalPGetDatum(duration);
	}
	return result;
}

/*
 * Appends an entry to the log.
 */
void
smig_journal_log(const SmigLogEntry *entry)
{
	const char *role = entry->role ? entry->role :
		GetUserNameFromId(GetUserId(), false);
	const char *client = application_name && application_name[0] ?
		application_name : NULL;
	SmigField	fields[] = {
		field("seq",
			  Int64GetDatum(smig_store_next_value("log_entry_seq_seq"))),
		{"run", Int64GetDatum(entry->run), entry->run == 0},
		field("at", TimestampTzGetDatum(GetCurrentTimestamp())),
		text_field("role", role),
		text_field("client", client),
		text_field("event", entry->event),
		text_field("revision", entry->revision),
		text_field("direction", entry->direction),
		int_field("step", entry->step, 0),
		int_field("statement", entry->statement, 0),
		int_field("steps", entry->steps, -1),
		interval_field("duration", entry->duration_us),
		text_field("sqlstate", entry->sqlstate),
		text_field("message", entry->message),
		text_field("detail", entry->detail)
	};

	smig_store_insert_row("log_entry", fields, lengthof(fields));
}

/*
 * Makes sure that a revision is stored as it was run, and stays so until the
 * end of the transaction.
 */
static void
check_unchanged(const SmigRevision *revision)
{
	static JournalQuery query = {
		"SELECT FROM schemamig.revision WHERE id = $1 AND checksum = $2"
		" FOR SHARE",
		2, {TEXTOID, TEXTOID}
	};
	JournalArgs args = {0};

	add_text(&args, revision->id);
	add_text(&args, revision->checksum);
	if (journal_execute(&query, &args, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("revision \"%s\" was changed or removed while it was applied",
						revision->id),
				 errhint("Nothing of its last step was kept. Call the function again.")));
}

static void
insert_applied(int64 run, const char *role, const SmigRevision *revision)
{
	SmigField	fields[] = {
		text_field("revision", revision->id),
		field("applied_at", TimestampTzGetDatum(GetCurrentTimestamp())),
		text_field("applied_by", role),
		{"run", Int64GetDatum(run), run == 0},
		text_field("checksum", revision->checksum)
	};

	/* who changes or removes a revision holds the lock, unless we lost it */
	if (!smig_lock_run_held())
		check_unchanged(revision);
	smig_store_insert_row("applied", fields, lengthof(fields));
}

/*
 * Moves a revision into, or out of, the applied set.
 *
 * role: whose run it is; a script may have set another one
 * journalled: whether it can have rows in the journal, to be removed
 *
 * Errors: 55000 when it was changed or removed while its script had let go of
 * the migration lock.
 */
void
smig_journal_revision_done(int64 run, const char *role,
						   const SmigRevision *revision,
						   SmigDirection direction, bool journalled)
{
	static JournalQuery revert = {
		"DELETE FROM schemamig.applied WHERE revision = $1", 1, {TEXTOID}
	};
	JournalArgs args = {0};

	if (direction == SMIG_APPLY)
		insert_applied(run, role, revision);
	else
	{
		add_text(&args, revision->id);
		(void) journal_execute(&revert, &args, NULL);
	}
	if (journalled)
		smig_journal_forget(revision->id);
}

/*
 * The pause switch is a sequence: setting it is seen at once by the worker,
 * whatever becomes of the transaction of whoever set it.
 */
bool
smig_journal_pause_wanted(void)
{
	static JournalQuery query = {
		"SELECT last_value FROM schemamig.pause_switch", 0
	};
	JournalArgs args = {0};

	return execute_for_int64(&query, &args) != 0;
}

/*
 * Sets the pause switch.
 */
void
smig_journal_set_pause(bool wanted)
{
	static JournalQuery on = {
		"SELECT pg_catalog.setval('schemamig.pause_switch', 1)", 0
	};
	static JournalQuery off = {
		"SELECT pg_catalog.setval('schemamig.pause_switch', 0)", 0
	};
	JournalArgs args = {0};

	(void) execute_for_int64(wanted ? &on : &off, &args);
}
