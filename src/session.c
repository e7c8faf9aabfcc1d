/*-------------------------------------------------------------------------
 *
 * session.c
 *	  A worker's session becomes like that of its caller.
 *
 * A worker connects as the role that logged in to the caller's session and
 * reaches the caller's role by the same SET SESSION AUTHORIZATION and SET
 * ROLE, under the usual checks, so it never has more rights than the caller's
 * session.
 *
 * IDENTIFICATION
 *	  src/session.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/guc.h"

#include "session.h"
#include "settings.h"

/*
 * Takes on the session and current role of the caller, under the checks that
 * its SET commands went through.
 */
static void
take_identity(const SmigShared *shared)
{

	if (GetSessionUserId() != shared->session_role)
		SetConfigOption("session_authorization",
						GetUserNameFromId(shared->session_role, false),
						PGC_USERSET, PGC_S_SESSION);
	if (GetUserId() != shared->current_role)
		SetConfigOption("role", shared->current_role == shared->session_role ?
						"none" : GetUserNameFromId(shared->current_role, false),
						PGC_USERSET, PGC_S_SESSION);
	if (GetUserId() != shared->current_role)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("could not take over the role of the caller")));
}

static void
set_own(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_USERSET, PGC_S_SESSION);
}

/*
 * Gives this worker's session the caller's settings, and those of a run on
 * top: its own timeouts, READ COMMITTED and read-write transactions, and the
 * server's encoding on the queue (the caller converts for its client); then
 * its identity.  Needs a transaction.
 *
 * Errors: 42501 when the caller's roles cannot be taken over.
 */
void
smig_session_take_over(const SmigRelay *relay)
{
	char		value[32];

	/* copies checked values of a live session, as a parallel worker does */
	InitializingParallelWorker = true;
	RestoreGUCState(relay->settings);
	InitializingParallelWorker = false;

	set_own("client_encoding", GetDatabaseEncodingName());
	snprintf(value, sizeof(value), "%d", smig_lock_timeout);
	set_own("lock_timeout", value);
	snprintf(value, sizeof(value), "%d", smig_statement_timeout);
	set_own("statement_timeout", value);
	set_own("idle_in_transaction_session_timeout", "0");
	if (GetConfigOption("transaction_timeout", true, false))
		set_own("transaction_timeout", "0");

	/* autovacuum gives way to us after this long, see wait_outside() */
	snprintf(value, sizeof(value), "%d",
			 Max(1, Min(DeadlockTimeout, smig_lock_timeout / 2)));
	SetConfigOption("deadlock_timeout", value, PGC_SUSET, PGC_S_SESSION);
	set_own("default_transaction_isolation", "read committed");
	set_own("default_transaction_read_only", "off");
	set_own("default_transaction_deferrable", "off");
	take_identity(relay->shared);
}
