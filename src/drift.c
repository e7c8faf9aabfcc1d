/*-------------------------------------------------------------------------
 *
 * drift.c
 *	  schemamig_check, schemamig_drift and schemamig_repair.
 *
 * IDENTIFICATION
 *	  src/drift.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "caller.h"
#include "changes.h"
#include "diff/diff.h"
#include "generate.h"
#include "journal.h"
#include "lock.h"
#include "model/stored.h"
#include "settings.h"
#include "stamp.h"
#include "state.h"

PG_FUNCTION_INFO_V1(schemamig_check);
PG_FUNCTION_INFO_V1(schemamig_drift);
PG_FUNCTION_INFO_V1(schemamig_repair);

/* Message of a repair that is given none. */
#define DEFAULT_MESSAGE "record what was changed outside of revisions"

/*
 * Writes the rows of a difference as the function's result.
 */
static void
return_difference(FunctionCallInfo fcinfo, SmigSnapshot *from,
				  SmigSnapshot *to)
{
	int			nestlevel = NewGUCNestLevel();

	smig_snapshot_pin_settings();
	smig_diff_put((ReturnSetInfo *) fcinfo->resultinfo, from, to);
	AtEOXact_GUC(true, nestlevel);
}

/*
 * schemamig_check(): see install/52_drift.sql.
 */
Datum
schemamig_check(PG_FUNCTION_ARGS)
{
	SmigSnapshot *from;
	SmigSnapshot *to;

	InitMaterializedSRF(fcinfo, 0);
	smig_source_pair("live", "model", &from, &to);
	return_difference(fcinfo, from, to);
	return (Datum) 0;
}

/*
 * The schema as it was when the current revisions had become current.
 *
 * Errors: 55000 when that is not known.
 */
SmigSnapshot *
smig_drift_expected(void)
{
	SmigKeptState *state;

	if (smig_journal_load() != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a revision is half done: what the schema should be is not known"),
				 errhint("SELECT next FROM schemamig_status() says how to go on.")));
	state = smig_state_find();
	if (state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no snapshot of the current revisions is kept"),
				 errdetail_internal("%s", smig_snapshots == 0 ?
									"None is taken while schemamig.snapshots is 0." :
									"One is taken at the end of each run."),
				 errhint("Apply a revision; or SELECT schemamig_stamp('current') takes the schema as it is now for what it should be.")));
	return smig_snapshot_from_json(smig_state_snapshot(state->fingerprint));
}

static SmigSnapshot *
live_snapshot(void)
{
	SmigSnapshot *live = smig_snapshot_read(NIL);

	smig_snapshot_hide_secrets(live);
	return live;
}

/*
 * schemamig_drift(): see install/52_drift.sql.
 */
Datum
schemamig_drift(PG_FUNCTION_ARGS)
{
	SmigSnapshot *expected = smig_drift_expected();

	InitMaterializedSRF(fcinfo, 0);
	return_difference(fcinfo, expected, live_snapshot());
	return (Datum) 0;
}

/*
 * Refuses to write a revision from a difference where revisions are pending:
 * it would not follow from the live schema.
 *
 * Errors: 55000.
 */
void
smig_generate_check(const SmigWriter *writer, const char *function)
{
	int			pending = writer->graph->nnodes -
		bms_num_members(writer->applied);

	if (smig_journal_load() != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot execute %s while a revision is half done",
						function),
				 errhint("SELECT next FROM schemamig_status() says how to go on.")));
	if (pending > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot execute %s: the database is not at head",
						function),
				 errdetail_plural("%d revision is not applied.",
								  "%d revisions are not applied.",
								  pending, pending),
				 errhint("SELECT schemamig_apply('heads') applies them; schemamig_remove(revision) removes what is not wanted.")));
}

/*
 * Marks a revision that has just been written as applied.
 */
static void
mark_applied(const SmigRevision *revision)
{
	SmigLogEntry entry = smig_log_nothing;
	int64		run = smig_stamp_record(revision->id);

	smig_journal_revision_done(run, smig_writer_role(), revision, SMIG_APPLY,
							   false);
	entry.run = run;
	entry.event = "stamp";
	entry.revision = revision->id;
	entry.direction = "apply";
	entry.message = "marked as applied: it records what was changed outside of revisions";
	smig_journal_log(&entry);
	smig_state_record(run);
}

/*
 * schemamig_repair(message): see install/52_drift.sql.
 */
Datum
schemamig_repair(PG_FUNCTION_ARGS)
{
	SmigRevision *revision = palloc0(sizeof(SmigRevision));
	SmigWriter *writer;
	List	   *changes;
	List	   *writable;

	smig_caller_check("schemamig_repair()");
	/* the run lock first, as runs do */
	smig_lock_run_for_writing("repair");
	writer = smig_writer_begin("schemamig_repair()");
	smig_generate_check(writer, "schemamig_repair()");
	changes = smig_changes_between(smig_drift_expected(), live_snapshot());
	writable = smig_changes_writable(changes);
	if (writable == NIL)
	{
		if (changes == NIL)
			ereport(NOTICE,
					(errmsg("nothing to repair: the schema has not drifted")));
		else
			ereport(NOTICE,
					(errmsg("nothing to repair that schemamig writes DDL for"),
					 errdetail("%s", smig_changes_objects(changes))));
		PG_RETURN_NULL();
	}
	revision->id = smig_writer_new_id(writer);
	revision->message = PG_ARGISNULL(0) ? DEFAULT_MESSAGE :
		text_to_cstring(PG_GETARG_TEXT_PP(0));
	revision->parents_given = true;
	revision->parents = smig_writer_default_parents(writer);
	revision->up = smig_changes_up(writable, true);
	revision->down = smig_changes_down(writable);
	smig_writer_write(writer, list_make1(revision));
	mark_applied(revision);
	ereport(NOTICE,
			(errmsg("revision \"%s\" records: %s", revision->id,
					smig_changes_objects(writable))));
	PG_RETURN_TEXT_P(cstring_to_text(revision->id));
}
