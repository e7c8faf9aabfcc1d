/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  schemamig_verify: the revisions proved in a scratch database.
 *
 * Revision by revision: up, down, up again, with a snapshot before and after
 * each.  What a script does wrong is a row of the result.  Where going down
 * has left the scratch database in another state than before, a new one is
 * built without going down, so that one bad down script does not hide what
 * comes after it.
 *
 * IDENTIFICATION
 *	  src/verify.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "build.h"
#include "caller.h"
#include "diff/kind.h"
#include "model/filter.h"
#include "model/stored.h"
#include "proof.h"
#include "result.h"
#include "target.h"

PG_FUNCTION_INFO_V1(schemamig_verify);
PG_FUNCTION_INFO_V1(schemamig_verify_tap);

#define VERIFY_COLUMNS 4

/* Names in one detail. */
#define MAX_NAMED 10

typedef struct Test
{
	bool		ok;
	const char *revision;		/* NULL: about none */
	const char *test;
	const char *detail;			/* NULL: nothing to say */
} Test;

typedef struct Verify
{
	SmigPlan   *plan;
	List	   *tests;			/* of Test * */
	int			slot;			/* the snapshot of how far it came */
	char	   *fingerprint;	/* of that */
	char	   *end;			/* that as JSON; NULL: an up script failed */
} Verify;

static void
add_test(Verify *verify, bool ok, const char *revision, const char *name,
		 const char *detail)
{
	Test	   *test = palloc(sizeof(Test));

	test->ok = ok;
	test->revision = revision;
	test->test = name;
	test->detail = detail;
	verify->tests = lappend(verify->tests, test);
}

/*
 * Whether two schemas with these fingerprints differ in what is compared.
 */
static bool
slots_differ(SmigScratch *scratch, int a, const char *fingerprint_a, int b,
			 const char *fingerprint_b)
{
	SmigSnapshot *before;
	SmigSnapshot *after;

	if (strcmp(fingerprint_a, fingerprint_b) == 0)
		return false;
	before = smig_snapshot_from_json(smig_scratch_snapshot(scratch, a));
	if (!smig_filter_apply(before))
		return true;
	after = smig_snapshot_from_json(smig_scratch_snapshot(scratch, b));
	(void) smig_filter_apply(after);
	return strcmp(smig_snapshot_fingerprint(before),
				  smig_snapshot_fingerprint(after)) != 0;
}

static char *
slot_differences(SmigScratch *scratch, int a, int b, const char *first,
				 const char *second)
{
	char	   *before = smig_scratch_snapshot(scratch, a);
	char	   *after = smig_scratch_snapshot(scratch, b);

	return smig_proof_differences(smig_snapshot_from_json(before),
								  smig_snapshot_from_json(after),
								  first, second);
}

/* ---------------- the tests of a revision ---------------- */

/*
 * Begins anew, with all up scripts up to the nth, which have worked before.
 */
static void
rebuild(SmigScratch *scratch, Verify *verify, int n)
{
	smig_scratch_renew(scratch);
	for (int i = 0; i <= n; i++)
	{
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		error = smig_build_up(scratch,
							  smig_plan_revision(verify->plan, i)->revision);
		if (error)
			ThrowErrorData(error);
	}
	verify->slot = 0;
	verify->fingerprint = smig_scratch_fingerprint(scratch, 0);
}

/*
 * Down and up again.
 *
 * after: slot and fingerprint of the schema after the up script
 *
 * Result: false when the scratch database is not as it was after up.
 */
static bool
verify_way_back(SmigScratch *scratch, Verify *verify,
				const SmigRevision *revision, int after,
				const char *fingerprint)
{
	int			down = (after + 1) % SMIG_SCRATCH_SLOTS;
	int			again = (after + 2) % SMIG_SCRATCH_SLOTS;
	ErrorData  *error = smig_build_down(scratch, revision);

	if (error)
	{
		add_test(verify, false, revision->id, "down", smig_proof_error_text(error));
		return false;
	}
	if (slots_differ(scratch, verify->slot, verify->fingerprint, down,
					 smig_scratch_fingerprint(scratch, down)))
	{
		add_test(verify, false, revision->id, "down",
				 slot_differences(scratch, verify->slot, down, "before up",
								  "after down"));
		return false;
	}
	add_test(verify, true, revision->id, "down", NULL);

	error = smig_build_up(scratch, revision);
	if (error)
	{
		add_test(verify, false, revision->id, "up again", smig_proof_error_text(error));
		return false;
	}
	if (slots_differ(scratch, after, fingerprint, again,
					 smig_scratch_fingerprint(scratch, again)))
	{
		add_test(verify, false, revision->id, "up again",
				 slot_differences(scratch, after, again, "after up",
								  "after up again"));
		return false;
	}
	add_test(verify, true, revision->id, "up again", NULL);
	return true;
}

/*
 * Up, down and up again.
 *
 * Result: false when the up script fails: nothing can follow.
 */
static bool
verify_revision(SmigScratch *scratch, Verify *verify, int n)
{
	SmigRevision *revision = smig_plan_revision(verify->plan, n)->revision;
	int			after = (verify->slot + 1) % SMIG_SCRATCH_SLOTS;
	ErrorData  *error = smig_build_up(scratch, revision);
	char	   *fingerprint;

	if (error)
	{
		add_test(verify, false, revision->id, "up", smig_proof_error_text(error));
		return false;
	}
	fingerprint = smig_scratch_fingerprint(scratch, after);
	add_test(verify, true, revision->id, "up", NULL);
	if (revision->down == NULL)
		add_test(verify, true, revision->id, "down",
				 "irreversible: not tried");
	else if (!verify_way_back(scratch, verify, revision, after, fingerprint))
	{
		rebuild(scratch, verify, n);
		return true;
	}
	verify->slot = after;
	verify->fingerprint = fingerprint;
	return true;
}

static void
verify_work(SmigScratch *scratch, void *arg)
{
	Verify	   *verify = (Verify *) arg;

	verify->slot = 0;
	verify->fingerprint = smig_scratch_fingerprint(scratch, 0);
	for (int i = 0; i < list_length(verify->plan->nodes); i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!verify_revision(scratch, verify, i))
			return;
	}
	verify->end = smig_scratch_snapshot(scratch, verify->slot);
}

/* ---------------- the tests of the whole ---------------- */

/*
 * Whether content and checksums agree, here and where it was applied.
 */
static void
verify_checksums(Verify *verify)
{
	SmigStoreScope scope;
	List	   *bad = NIL;
	ListCell   *lc;

	for (int i = 0; i < list_length(verify->plan->nodes); i++)
	{
		SmigRevision *revision = smig_plan_revision(verify->plan, i)->revision;

		CHECK_FOR_INTERRUPTS();
		if (strcmp(smig_revision_checksum(revision), revision->checksum) != 0)
			bad = lappend(bad, psprintf("\"%s\" is not as it was written",
										revision->id));
	}
	smig_store_begin(&scope);
	SPI_execute("SELECT pg_catalog.format('\"%s\" is not as it was applied', r.id)"
				" FROM schemamig.revision r"
				" JOIN schemamig.applied a ON a.revision = r.id"
				" WHERE a.checksum <> r.checksum ORDER BY r.ordinal", true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
		bad = lappend(bad, SPI_getvalue(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 1));
	smig_store_end(&scope);
	foreach(lc, bad)
		if (foreach_current_index(lc) >= MAX_NAMED)
			lfirst(lc) = "...";
	if (list_length(bad) > MAX_NAMED + 1)
		bad = list_truncate(bad, MAX_NAMED + 1);
	add_test(verify, bad == NIL, NULL, "checksums",
			 bad == NIL ? NULL : smig_join(bad, "; "));
}

static void
verify_heads(Verify *verify)
{
	List	   *heads = smig_graph_heads(verify->plan->graph, false);
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, heads)
		ids = lappend(ids, psprintf("\"%s\"", ((SmigNode *) lfirst(lc))->id));
	add_test(verify, list_length(heads) <= 1, NULL, "single head",
			 list_length(heads) <= 1 ? NULL :
			 psprintf("heads are %s; SELECT schemamig_merge() joins them",
					  smig_join(ids, ", ")));
}

static SmigSnapshot *
end_snapshot(const Verify *verify)
{
	SmigSnapshot *end = smig_snapshot_from_json(verify->end);

	smig_snapshot_hide_secrets(end);
	return end;
}

/*
 * Compares the end with the model, when all revisions are in it.
 */
static void
verify_model(Verify *verify)
{
	SmigModel  *model = smig_stored_model("default");
	SmigSnapshot *end;
	SmigSnapshot *declared;
	char	   *differences;

	if (model == NULL || verify->end == NULL ||
		list_length(verify->plan->nodes) < verify->plan->graph->nnodes)
		return;
	end = end_snapshot(verify);
	declared = smig_snapshot_from_json(model->snapshot);
	if (!model->owners)
		smig_snapshot_adopt_owners(declared, end, model->built_by);
	differences = smig_proof_differences(end, declared, "in the revisions",
										 "in the model");
	add_test(verify, differences == NULL, NULL, "model", differences);
}

/*
 * Compares the end with the live schema, when just these revisions are
 * applied.  Who built the scratch database is no difference.
 */
static void
verify_live(Verify *verify, const Bitmapset *applied)
{
	SmigSnapshot *end;
	SmigSnapshot *live;
	char	   *differences;

	if (verify->end == NULL ||
		!bms_equal(smig_graph_set(verify->plan->nodes), applied))
		return;
	end = end_snapshot(verify);
	live = smig_snapshot_read(NIL);
	smig_snapshot_hide_secrets(live);
	smig_snapshot_adopt_owners(end, live,
							   GetUserNameFromId(GetUserId(), false));
	differences = smig_proof_differences(end, live, "in the revisions", "live");
	add_test(verify, differences == NULL, NULL, "live", differences);
}

/*
 * Runs all tests; a list of Test.
 */
static List *
verify(FunctionCallInfo fcinfo, const char *function)
{
	char	   *target = smig_result_argument(fcinfo, 0, "target");
	Verify		verify = {0};
	Bitmapset  *applied;
	SmigGraph  *graph;

	smig_caller_check(function);
	graph = smig_store_load_graph(&applied);
	verify.plan = smig_build_plan(graph,
								  smig_target_resolve(graph, applied, target));
	verify_checksums(&verify);
	verify_heads(&verify);
	if (verify.plan->nodes != NIL)
		smig_scratch_use("A proof of the revisions", verify_work, &verify);
	verify_model(&verify);
	verify_live(&verify, applied);
	return verify.tests;
}

/*
 * schemamig_verify(target): see install/53_verify.sql.
 */
Datum
schemamig_verify(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, verify(fcinfo, "schemamig_verify()"))
	{
		Test	   *test = lfirst(lc);
		Datum		values[VERIFY_COLUMNS] = {0};
		bool		nulls[VERIFY_COLUMNS] = {false};

		values[0] = BoolGetDatum(test->ok);
		nulls[1] = test->revision == NULL;
		if (test->revision)
			values[1] = CStringGetTextDatum(test->revision);
		values[2] = CStringGetTextDatum(test->test);
		nulls[3] = test->detail == NULL;
		if (test->detail)
			values[3] = CStringGetTextDatum(test->detail);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static void
put_line(ReturnSetInfo *result, const char *line)
{
	Datum		value = CStringGetTextDatum(line);
	bool		isnull = false;

	tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
}

/*
 * A diagnostic: a line of TAP for each line of the text.
 */
static void
put_diagnostic(ReturnSetInfo *result, char *text)
{
	char	   *line = text;

	while (line)
	{
		char	   *end = strchr(line, '\n');

		if (end)
			*end++ = '\0';
		put_line(result, psprintf("# %s", line));
		line = end;
	}
}

/*
 * schemamig_verify_tap(target): see install/53_verify.sql.
 */
Datum
schemamig_verify_tap(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *tests;
	int			number = 0;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	tests = verify(fcinfo, "schemamig_verify_tap()");
	put_line(result, psprintf("1..%d", list_length(tests)));
	foreach(lc, tests)
	{
		Test	   *test = lfirst(lc);

		put_line(result, psprintf("%s %d - %s%s%s", test->ok ? "ok" : "not ok",
								  ++number,
								  test->revision ? test->revision : "",
								  test->revision ? ": " : "", test->test));
		if (test->detail)
			put_diagnostic(result, pstrdup(test->detail));
	}
	return (Datum) 0;
}
