/*-------------------------------------------------------------------------
 *
 * steer.c
 *	  Changing a backfill while it runs.
 *
 * What is set stands in the ledger, where every process of the backfill looks
 * before each batch; so it also holds when the backfill is resumed.
 *
 * IDENTIFICATION
 *	  src/backfill/steer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "backfill/backfill.h"

PG_FUNCTION_INFO_V1(schemamig_backfill_set);

/*
 * The backfill of that name.
 *
 * Errors: 42704 when there is none, 42501 when it is of a role that the caller
 * is no member of.
 */
static SmigBackfill *
find_own(const char *name)
{
	SmigBackfill *backfill;
	Oid			role;

	smig_backfill_await_record(name);
	backfill = smig_ledger_find(name);
	role = get_role_oid(backfill->role, true);
	if (!OidIsValid(role) ? !superuser() :
		!has_privs_of_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to steer the backfill of role \"%s\"",
						backfill->role)));
	if (strcmp(backfill->state, "done") == 0)
		ereport(NOTICE,
				(errmsg("backfill \"%s\" is done already", name)));
	return backfill;
}

static void
check_range(const char *argument, double value, double least, double most)
{
	if (!(value >= least && value <= most))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between %g and %g", argument,
						least, most)));
}

/*
 * schemamig_backfill_set(name text, batch_target integer, workers integer,
 * nice double precision)
 */
Datum
schemamig_backfill_set(PG_FUNCTION_ARGS)
{
	SmigBackfill *backfill;
	int			batch_target = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	int			workers = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	double		nice = PG_ARGISNULL(3) ? -1 : PG_GETARG_FLOAT8(3);

	PreventCommandIfReadOnly("schemamig_backfill_set()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "name")));
	if (!PG_ARGISNULL(1))
		check_range("batch_target", batch_target, 1, 60 * 60 * 1000);
	if (!PG_ARGISNULL(2))
		check_range("workers", workers, 1, SMIG_MAX_WORKERS);
	if (!PG_ARGISNULL(3))
		check_range("nice", nice, 0, 1000);
	backfill = find_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	smig_ledger_adjust(backfill->id, batch_target, workers, nice);
	PG_RETURN_VOID();
}
