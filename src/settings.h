/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings schemamig.*.
 *
 * IDENTIFICATION
 *	  src/settings.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SETTINGS_H
#define SMIG_SETTINGS_H

/* Values of schemamig.lint. */
typedef enum SmigLintMode
{
	SMIG_LINT_OFF,
	SMIG_LINT_WARN,
	SMIG_LINT_ERROR
} SmigLintMode;

extern int	smig_lock_timeout;
extern int	smig_lock_wait;
extern int	smig_statement_timeout;
extern bool smig_allow_destructive;
extern char *smig_trusted_authors;
extern char *smig_rename;
extern int	smig_lint_mode;
extern bool smig_require_approval;
extern bool smig_guard_pass;
extern bool smig_diff_online;
extern int	smig_snapshots;
extern bool smig_snapshot_each_revision;

extern int	smig_batch_target;
extern int	smig_default_workers;
extern int	smig_max_replication_lag;
extern int	smig_max_replication_lag_bytes;
extern int	smig_max_archive_backlog;
extern int	smig_max_wal_rate;
extern double smig_nice;
extern double smig_vacuum_every;
extern char *smig_throttle_query;
extern int	smig_backfill_errors;

extern void smig_settings_define(void);

#endif							/* SMIG_SETTINGS_H */
