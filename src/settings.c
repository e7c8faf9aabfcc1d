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
 * schemamig.rename: what comparisons shall take for renamed, where the target
 * is no model with directives: "schema.old new", "schema.table.old new",
 * separated by commas.  What has been renamed already is passed over.
 */
char	   *smig_rename = NULL;

/*
 * schemamig.trusted_authors: roles, separated by commas, whose revisions a
 * superuser's run executes as well; "*" for all.  Without it a superuser's run
 * refuses what a role that is no superuser has written, so that the right to
 * write revisions does not become the right to act as a superuser.
 */
char	   *smig_trusted_authors = NULL;

/*
 * schemamig.lint: whether a run looks for hazards in its plan before it
 * starts.  "warn" tells them as notices; "error" refuses the run for those
 * that are errors; "off" does not look.  Silence a rule that is wrong for a
 * statement with "-- schemamig:ignore RULE" in front of it.
 */
int			smig_lint_mode = SMIG_LINT_WARN;

/*
 * schemamig.require_approval: execute only revisions whose present text another
 * role than the author has approved by schemamig_approve().  Only superusers
 * set it, or the one who may approve nothing could switch it off; give it by
 * ALTER DATABASE ... SET, or in postgresql.conf.
 */
bool		smig_require_approval = false;

/*
 * schemamig.guard_pass: lets a superuser change the schema by hand where
 * schemamig_guard('block') is in force.  What is changed is logged.
 */
bool		smig_guard_pass = false;

static const struct config_enum_entry lint_modes[] = {
	{"off", SMIG_LINT_OFF, false},
	{"warn", SMIG_LINT_WARN, false},
	{"error", SMIG_LINT_ERROR, false},
	{NULL, 0, false}
};

/*
 * schemamig.diff_online: whether schemamig_diff and what builds on it write
 * DDL in the form that keeps a table in use: indexes CONCURRENTLY, constraints
 * NOT VALID and validated apart, and so on, in more statements.  Off: the short
 * form, each change one statement, all transactional but ADD VALUE.
 */
bool		smig_diff_online = true;

/*
 * schemamig.batch_target (ms): how long a batch of a backfill should take.
 * The number of rows follows; a batch that takes four times as long is rolled
 * back and made again with half the rows.
 */
int			smig_batch_target = 250;

/*
 * schemamig.workers: processes that work on a backfill, where its argument
 * "workers" is not given.
 */
int			smig_default_workers = 1;

/*
 * schemamig.max_replication_lag (ms): a backfill holds back while a physical
 * standby replays later than this; -1 for off.
 */
int			smig_max_replication_lag = -1;

/*
 * schemamig.max_replication_lag_bytes (kB): a backfill holds back while a
 * standby or a replication slot, physical or logical, is further behind than
 * this; -1 for off.
 */
int			smig_max_replication_lag_bytes = -1;

/*
 * schemamig.max_archive_backlog (segments): a backfill holds back while more
 * WAL segments than this wait to be archived; -1 for off.
 */
int			smig_max_archive_backlog = -1;

/*
 * schemamig.max_wal_rate (kB per second): a backfill holds back while the
 * server writes more WAL than this; 0 for off.
 */
int			smig_max_wal_rate = 0;

/*
 * schemamig.nice: after each batch a backfill sleeps for this multiple of the
 * time the batch took; 0 for not at all.
 */
double		smig_nice = 0;

/*
 * schemamig.vacuum_every (fraction of the table): the driving table is
 * vacuumed whenever this part of it has been gone over, so that the batches
 * after use the space freed; 0 for never.
 */
double		smig_vacuum_every = 0.1;

/*
 * schemamig.throttle_query: a backfill holds back while this query, run as its
 * role between batches, gives true.
 */
char	   *smig_throttle_query = NULL;

/*
 * schemamig.backfill_errors: a backfill with on_error => 'skip' fails when
 * more rows than this had to be kept aside.
 */
int			smig_backfill_errors = 1000;

/*
 * schemamig.snapshots: how many snapshots of the schema are kept, one for each
 * set of revisions that was current after a run; 0: none is taken, and drift
 * is not known.
 */
int			smig_snapshots = 100;

/*
 * schemamig.snapshot_each_revision: a run takes a snapshot after each revision
 * that it has done, not only at its end, so that the schema of any of them is
 * at hand later.  Each costs what pg_dump --schema-only does, while the run
 * waits.
 */
bool		smig_snapshot_each_revision = false;

/*
 * Defines the settings of backfills.
 */
static void
define_backfill_settings(void)
{
	DefineCustomIntVariable("schemamig.batch_target",
							"Sets how long a batch of a backfill should take.",
							"The number of rows of a batch follows.",
							&smig_batch_target,
							250, 1, 60 * 60 * 1000,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("schemamig.workers",
							"Sets how many processes work on a backfill.",
							"Default of the argument workers.",
							&smig_default_workers,
							1, 1, 64,
							PGC_USERSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("schemamig.max_replication_lag",
							"Sets the replay lag of standbys above which backfills hold back.",
							"-1 means no limit.",
							&smig_max_replication_lag,
							-1, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("schemamig.max_replication_lag_bytes",
							"Sets how far standbys and slots may be behind before backfills hold back.",
							"-1 means no limit.",
							&smig_max_replication_lag_bytes,
							-1, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("schemamig.max_archive_backlog",
							"Sets how many WAL segments may wait for the archive before backfills hold back.",
							"-1 means no limit.",
							&smig_max_archive_backlog,
							-1, -1, INT_MAX,
							PGC_USERSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("schemamig.max_wal_rate",
							"Sets how much WAL per second the server may write before backfills hold back.",
							"0 means no limit.",
							&smig_max_wal_rate,
							0, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomRealVariable("schemamig.nice",
							 "Sets how long a backfill sleeps after a batch, in multiples of the batch's time.",
							 "0 means not at all.",
							 &smig_nice,
							 0, 0, 1000,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomRealVariable("schemamig.vacuum_every",
							 "Sets after which fraction of the table a backfill vacuums it.",
							 "0 means never.",
							 &smig_vacuum_every,
							 0.1, 0, 1,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomStringVariable("schemamig.throttle_query",
							   "Sets a query that makes backfills hold back while it gives true.",
							   "Run between batches as the role of the backfill.",
							   &smig_throttle_query,
							   "",
							   PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomIntVariable("schemamig.backfill_errors",
							"Sets how many rows a backfill may keep aside before it fails.",
							"Concerns on_error => 'skip'.",
							&smig_backfill_errors,
							1000, 0, INT_MAX,
							PGC_USERSET, 0,
							NULL, NULL, NULL);
}

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
	DefineCustomStringVariable("schemamig.rename",
							   "Lists what comparisons shall take for renamed.",
							   "Old and new names separated by commas: schema.old new, schema.table.old new.",
							   &smig_rename,
							   "",
							   PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("schemamig.trusted_authors",
							   "Lists the roles whose revisions a superuser's run executes.",
							   "Role names separated by commas, or * for all.",
							   &smig_trusted_authors,
							   "",
							   PGC_SUSET, GUC_LIST_INPUT,
							   NULL, NULL, NULL);
	DefineCustomEnumVariable("schemamig.lint",
							 "Sets what a run does about hazards in its plan.",
							 "off: nothing; warn: tells them; error: refuses the run.",
							 &smig_lint_mode,
							 SMIG_LINT_WARN, lint_modes,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("schemamig.require_approval",
							 "Executes only what another role than its author has approved.",
							 "See schemamig_approve().",
							 &smig_require_approval,
							 false,
							 PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("schemamig.guard_pass",
							 "Lets a superuser change the schema by hand in spite of the guard.",
							 "The change is logged.",
							 &smig_guard_pass,
							 false,
							 PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("schemamig.diff_online",
							 "Writes the DDL of differences in the form that keeps tables in use.",
							 "Off gives the short form, which locks more.",
							 &smig_diff_online,
							 true,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("schemamig.snapshots",
							"Sets how many snapshots of the schema after runs are kept.",
							"0 means that none is taken, and that drift is not known.",
							&smig_snapshots,
							100, 0, 10000,
							PGC_USERSET, 0,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("schemamig.snapshot_each_revision",
							 "Takes a snapshot of the schema after each revision of a run.",
							 "Off takes one at the end of the run.",
							 &smig_snapshot_each_revision,
							 false,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);

	define_backfill_settings();
	MarkGUCPrefixReserved("schemamig");
}
