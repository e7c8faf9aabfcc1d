/*-------------------------------------------------------------------------
 *
 * approval.c
 *	  Who has approved which text of a revision.
 *
 * An approval is of a checksum, so it is void as soon as the text changes.  It
 * counts when neither the approver's role nor his login is the author's: with
 * the login alone, or the role alone, whoever may SET ROLE could approve his
 * own work.  That is judged when a run asks, from what is stored then.
 *
 * IDENTIFICATION
 *	  src/approval.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "approval.h"
#include "lock.h"
#include "result.h"
#include "settings.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_approve);

/* Revisions listed in one error. */
#define MAX_LISTED 20

/* Digits of a checksum that tell it from others. */
#define MIN_CHECKSUM_DIGITS 8

/* An approval "a" of revision "r" by somebody else than the author. */
#define BY_ANOTHER \
	"a.approved_by NOT IN (r.created_by, coalesce(r.created_login, r.created_by))" \
	" AND a.approved_login NOT IN (r.created_by, coalesce(r.created_login, r.created_by))"

static void
append_line(StringInfo buf, int *count, const char *line)
{
	if (++*count <= MAX_LISTED)
		appendStringInfo(buf, "%s%s", buf->len > 0 ? "\n" : "", line);
}

/*
 * Appends a line for each of the revisions (text[]) that lacks approval.
 */
static void
list_missing(Datum ids, StringInfo detail, int *count)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTARRAYOID};
	Datum		args[1] = {ids};
	MemoryContext old;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT pg_catalog.format('revision \"%s\": %s', r.id,"
						  " CASE WHEN EXISTS (SELECT FROM schemamig.approval a"
						  "   WHERE a.revision = r.id AND a.checksum = r.checksum)"
						  "  THEN 'approved by its author only'"
						  "  WHEN EXISTS (SELECT FROM schemamig.approval a"
						  "   WHERE a.revision = r.id)"
						  "  THEN 'changed after it was approved'"
						  "  ELSE 'not approved' END)"
						  " FROM pg_catalog.unnest($1) WITH ORDINALITY w(id, n)"
						  " JOIN schemamig.revision r ON r.id = w.id"
						  " WHERE NOT EXISTS (SELECT FROM schemamig.approval a"
						  "  WHERE a.revision = r.id AND a.checksum = r.checksum"
						  "  AND " BY_ANOTHER ")"
						  " ORDER BY w.n",
						  1, types, args, NULL, true, 0);
	old = MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
		append_line(detail, count, SPI_getvalue(SPI_tuptable->vals[i],
												SPI_tuptable->tupdesc, 1));
	MemoryContextSwitchTo(old);
	smig_store_end(&scope);
}

/*
 * Refuses a plan with revisions that nobody but their author has approved,
 * where schemamig.require_approval is on.
 *
 * Errors: 42501, with what lacks approval.
 */
void
smig_approval_check(SmigPlan *plan)
{
	StringInfoData detail;
	int			count = 0;

	if (!smig_require_approval || plan->nodes == NIL)
		return;
	initStringInfo(&detail);
	list_missing(smig_result_ids(plan->nodes), &detail, &count);
	if (count == 0)
		return;
	if (count > MAX_LISTED)
		appendStringInfo(&detail, "\nand %d more", count - MAX_LISTED);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the run is not approved"),
			 errdetail("%s", detail.data),
			 errhint("Another role than the author approves a revision by SELECT schemamig_approve('...').")));
}

/*
 * Refuses a checksum that is not the present one.
 *
 * Errors: 22023 when it is too short; 55000 when it is another.
 */
static void
check_checksum(const SmigRevision *revision, const char *checksum)
{
	if (strlen(checksum) < MIN_CHECKSUM_DIGITS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"checksum\" must have at least %d digits",
						MIN_CHECKSUM_DIGITS)));
	if (strncmp(revision->checksum, checksum, strlen(checksum)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("revision \"%s\" has been changed", revision->id),
				 errdetail("Its checksum is %s.", revision->checksum),
				 errhint("Look at it again with SELECT * FROM schemamig_show('%s').",
						 revision->id)));
}

/*
 * Records an approval by the present role; again changes the note.
 *
 * Result: whether it counts, which it does not by the author.
 */
static bool
store_approval(const SmigRevision *revision, const char *note)
{
	SmigStoreScope scope;
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		args[4];
	char		nulls[5] = "    ";
	bool		counts;

	args[0] = CStringGetTextDatum(revision->id);
	args[1] = CStringGetTextDatum(revision->checksum);
	args[2] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	if (note)
		args[3] = CStringGetTextDatum(note);
	else
	{
		args[3] = (Datum) 0;
		nulls[3] = 'n';
	}
	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT FROM schemamig.revision r,"
						  " (SELECT $3 AS approved_by,"
						  "  session_user::text AS approved_login) a"
						  " WHERE r.id = $1 AND r.checksum = $2"
						  " AND " BY_ANOTHER,
						  3, types, args, NULL, false, 0);
	counts = SPI_processed > 0;
	if (counts)
		SPI_execute_with_args("INSERT INTO schemamig.approval"
							  " (revision, checksum, approved_by, note)"
							  " VALUES ($1, $2, $3, $4)"
							  " ON CONFLICT (revision, checksum, approved_by,"
							  "  approved_login) DO UPDATE SET note = $4,"
							  " approved_at = pg_catalog.clock_timestamp()",
							  4, types, args, nulls, false, 0);
	smig_store_end(&scope);
	return counts;
}

/*
 * schemamig_approve(revision, note, checksum): approves the present text of a
 * revision.  Returns its checksum.
 *
 * Errors: those of a target that does not name exactly one revision; 42501 for
 * the author; those of check_checksum; 55006 in a script.
 */
Datum
schemamig_approve(PG_FUNCTION_ARGS)
{
	char	   *target = smig_result_argument(fcinfo, 0, "revision");
	Bitmapset  *applied;
	SmigGraph  *graph;
	SmigNode   *node;
	SmigRevision *revision;

	smig_lock_refuse_in_run("approve");
	smig_store_lock_graph();
	graph = smig_store_load_graph(&applied);
	node = smig_target_resolve_one(graph, applied, target);
	revision = smig_store_get_revision(node->id);
	if (!PG_ARGISNULL(2))
		check_checksum(revision, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (!store_approval(revision, PG_ARGISNULL(1) ? NULL :
						text_to_cstring(PG_GETARG_TEXT_PP(1))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot approve revision \"%s\": it is your own",
						revision->id),
				 errdetail("It was written by role \"%s\".",
						   revision->created_by),
				 errhint("Somebody who logs in as another role has to approve it.")));
	PG_RETURN_TEXT_P(cstring_to_text(revision->checksum));
}
