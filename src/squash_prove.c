/*-------------------------------------------------------------------------
 *
 * squash_prove.c
 *	  Proves in a scratch database that a squash does what the revisions do
 *	  that it replaces.
 *
 * What comes before is built twice: once the revisions follow it, one by one,
 * and go back again; once the squash.  The schemas must be the same both times,
 * after up and after down.
 *
 * IDENTIFICATION
 *	  src/squash_prove.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "build.h"
#include "caller.h"
#include "model/snapshot.h"
#include "proof.h"
#include "squash_prove.h"

/* A schema on the way. */
typedef struct Stop
{
	char	   *fingerprint;
	char	   *json;
} Stop;

typedef struct Proof
{
	SmigPlan   *plan;			/* to the end of the range */
	const SmigRevision *squash;
	Stop		up;				/* after the revisions of the range */
	Stop		down;			/* and back; NULL where that failed */
	bool		must;			/* what cannot be proved is an error */
	bool		proved;
} Proof;

static bool
is_replaced(const Proof *proof, const SmigRevision *revision)
{
	ListCell   *lc;

	foreach(lc, proof->squash->replaces)
		if (strcmp(lfirst(lc), revision->id) == 0)
			return true;
	return false;
}

static Stop
look(SmigScratch *scratch, int slot)
{
	Stop		stop;

	stop.fingerprint = smig_scratch_fingerprint(scratch, slot);
	stop.json = smig_scratch_snapshot(scratch, slot);
	return stop;
}

/*
 * What cannot be proved: an error where a proof is asked for, or else a
 * WARNING.
 */
static void
not_proved(const Proof *proof, bool down, const char *detail)
{
	ereport(proof->must ? ERROR : WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg(down ? "it cannot be proved that the down script of \"%s\" does what it replaces" :
					"it cannot be proved that \"%s\" does what it replaces",
					proof->squash->id),
			 errdetail("%s.", detail),
			 proof->must ?
			 errhint("With verify => false the squash is made without proof.") :
			 errhint("SELECT * FROM schemamig_verify() in a database without the squash shows what is wrong.")));
}

static void
refuse(const Proof *proof, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("\"%s\" would not do what \"%s\" to \"%s\" do one by one",
					proof->squash->id,
					(char *) linitial(proof->squash->replaces),
					(char *) llast(proof->squash->replaces)),
			 errdetail("%s.", detail),
			 errhint("Squash a smaller range, or load a revision by hand that names them in its header \"schemamig:replaces\".")));
}

/*
 * Refuses the squash where it has led to another schema.
 */
static void
compare(const Proof *proof, const Stop *wanted, const Stop *got,
		const char *when)
{
	char	   *differences;

	if (strcmp(wanted->fingerprint, got->fingerprint) == 0)
		return;
	differences = smig_proof_differences(smig_snapshot_from_json(wanted->json),
										 smig_snapshot_from_json(got->json),
										 "without the squash",
										 "with the squash");
	if (differences)
		refuse(proof, psprintf("%s: %s", when, differences));
}

/*
 * Runs the up scripts, with those that are replaced or without; false when
 * one fails.
 */
static bool
build(SmigScratch *scratch, const Proof *proof, bool replaced)
{
	for (int i = 0; i < list_length(proof->plan->nodes); i++)
	{
		SmigRevision *revision = smig_plan_revision(proof->plan, i)->revision;
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (!replaced && is_replaced(proof, revision))
			continue;
		error = smig_build_up(scratch, revision);
		if (error)
		{
			not_proved(proof, false, smig_proof_error_text(error));
			return false;
		}
	}
	return true;
}

/*
 * Takes the revisions of the range back; false when a down script fails.
 */
static bool
take_back(SmigScratch *scratch, const Proof *proof)
{
	for (int i = list_length(proof->plan->nodes) - 1; i >= 0; i--)
	{
		SmigRevision *revision = smig_plan_revision(proof->plan, i)->revision;
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (!is_replaced(proof, revision))
			continue;
		error = smig_build_down(scratch, revision);
		if (error)
		{
			not_proved(proof, true, smig_proof_error_text(error));
			return false;
		}
	}
	return true;
}

static void
prove_work(SmigScratch *scratch, void *arg)
{
	Proof	   *proof = (Proof *) arg;
	const SmigRevision *squash = proof->squash;
	ErrorData  *error;
	Stop		end;

	if (!build(scratch, proof, true))
		return;
	proof->up = look(scratch, 0);
	if (squash->down && take_back(scratch, proof))
		proof->down = look(scratch, 1);

	smig_scratch_renew(scratch);
	if (!build(scratch, proof, false))
		return;
	error = smig_build_up(scratch, squash);
	if (error)
		refuse(proof, smig_proof_error_text(error));
	end = look(scratch, 0);
	compare(proof, &proof->up, &end, "after up");
	if (proof->down.json)
	{
		error = smig_build_down(scratch, squash);
		if (error)
			refuse(proof, smig_proof_error_text(error));
		end = look(scratch, 1);
		compare(proof, &proof->down, &end, "after down");
	}
	proof->proved = true;
}

/*
 * Why nothing can be proved by this caller here; NULL when it can.
 */
static const char *
obstacle(const Proof *proof)
{
	if (!smig_scratch_allowed())
		return psprintf("Role \"%s\" may not create databases, and a proof needs one for a moment",
						GetUserNameFromId(GetUserId(), false));
	if (InLocalUserIdChange() || InSecurityRestrictedOperation())
		return "Scripts do not run with the rights of a SECURITY DEFINER function";
	for (int i = 0; i < list_length(proof->plan->nodes); i++)
	{
		SmigRevision *revision = smig_plan_revision(proof->plan, i)->revision;

		CHECK_FOR_INTERRUPTS();
		if (!smig_plan_trusts_author(revision))
			return psprintf("Revision \"%s\" was written by role \"%s\", whose scripts a superuser's session does not execute",
							revision->id, revision->created_by);
	}
	return NULL;
}

/*
 * Proves a squash that has not been written yet.
 *
 * last: the last revision of the range.  must: false when what cannot be
 * proved is a WARNING, and no right to create databases a NOTICE.
 *
 * Errors: 42P17 when it does something else than what it replaces; with
 * must, what stands against a proof.
 */
void
smig_squash_prove(SmigGraph *graph, SmigNode *last, const SmigRevision *squash,
				  bool must)
{
	Proof		proof = {0};
	Bitmapset  *set = smig_graph_close(graph, list_make1(last));
	const char *reason;

	proof.squash = squash;
	proof.must = must;
	proof.plan = smig_plan_of_nodes(graph, NULL,
									smig_graph_order(graph, set, false),
									SMIG_APPLY);
	if (must)
		smig_caller_check("schemamig_squash()");
	reason = obstacle(&proof);
	if (reason)
	{
		ereport(must ? ERROR : NOTICE,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("it is not proved that \"%s\" does what it replaces",
						squash->id),
				 errdetail("%s.", reason),
				 must ?
				 errhint("With verify => false the squash is made without proof.") :
				 errhint("Somebody who may can prove all revisions: SELECT * FROM schemamig_verify().")));
		return;
	}
	smig_scratch_use("A proof of the squash", prove_work, &proof);
	if (proof.proved)
		ereport(NOTICE,
				(errmsg("\"%s\" is proved to give the same schema as what it replaces, %s",
						squash->id,
						proof.down.json ? "up and down" : "up")));
}
