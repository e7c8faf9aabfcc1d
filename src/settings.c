/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Definition of the settings schemamig.*.
 *
 * Each variable is documented where it stands; the short description is what
 * pg_settings shows.
 *
 * IDENTIFICATION
 *	  src/settings.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "settings.h"

/*
 * schemamig.lock_timeout (ms): how long one try of a step may wait for a
 * lock.  A queue of application queries never waits longer than this behind
 * a migration: the try is rolled back and made again later.  A script that
 * sets lock_timeout itself overrides it for its revision.
 */
int			smig_lock_timeout = 500;

/*
 * schemamig.lock_wait (ms): the budget for all tries of one step together,
 * the pauses between them included.  When it is used up the run fails with
 * the names of the sessions in the way.
 */
int			smig_lock_wait = 10 * 60 * 1000;

/*
 * schemamig.statement_timeout (ms): how long one statement of a script may
 * run; 0 for no limit.  The caller's own statement_timeout limits its call,
 * not the statements of the script.
 */
int			smig_statement_timeout = 0;

/*
 * schemamig.allow_destructive: default of the argument allow_destructive of
 * schemamig_apply and its sisters.  Off: a run that would drop data, or could
 * not be undone, stops before it starts and lists what would be lost.
 */
bool		smig_allow_destructive = false;

/*
 * schemamig.trusted_authors: roles, separated by commas, whose revisions a
 * superuser's run executes as well; "*" for all.  Without it a superuser's run
 * refuses what a role that is no superuser has written, so that the right to
 * write revisions does not become the right to act as a superuser.
 */
char	   *smig_trusted_authors = NULL;

/*
 * Defines every setting and reserves the prefix.  Called once per process,
 * from _PG_init.
 */
void
smig_settings_define(void)
{
	DefineCustomIntVariable("schemamig.lock_timeout",
							"Sets how long one try of a step waits for a lock.",
							"The step is rolled back and tried again within schemamig.lock_wait.",
							&smig_lock_timeout,
							500, 1, 60 * 60 * 1000,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("schemamig.lock_wait",
							"Sets how long a step tries to get its locks in all.",
							"After that the run fails and names the sessions in the way.",
							&smig_lock_wait,
							10 * 60 * 1000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("schemamig.statement_timeout",
							"Sets how long one statement of a script may run.",
							"0 means no limit.",
							&smig_statement_timeout,
							0, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("schemamig.allow_destructive",
							 "Allows runs to drop data without asking.",
							 "Default of the argument allow_destructive.",
							 &smig_allow_destructive,
							 false,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomStringVariable("schemamig.trusted_authors",
							   "Lists the roles whose revisions a superuser's run executes.",
							   "Role names separated by commas, or * for all.",
							   &smig_trusted_authors,
							   "",
							   PGC_SUSET, GUC_LIST_INPUT,
							   NULL, NULL, NULL);

	MarkGUCPrefixReserved("schemamig");
}
