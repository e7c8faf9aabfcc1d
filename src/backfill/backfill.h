/*-------------------------------------------------------------------------
 *
 * backfill.h
 *	  Backfills: one statement over a whole table, batch by batch.
 *
 * IDENTIFICATION
 *	  src/backfill/backfill.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_BACKFILL_H
#define SMIG_BACKFILL_H

#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "nodes/params.h"

#include "journal.h"
#include "schemamig.h"

/* Columns of a key at the most, as of an index. */
#define SMIG_KEY_COLUMNS INDEX_MAX_KEYS

struct SmigRequest;
struct SmigRunnerHost;

/* What the caller of schemamig_backfill asks for. */
typedef struct SmigBackfillOptions
{
	char	   *statement;
	int			batch_size;		/* rows; 0: found by time */
	int			workers;
	List	   *key;			/* of char *; NIL: primary key */
	bool		skip;			/* on_error => 'skip' */
	char	   *verify;			/* query that must give true, or NULL */
	char	   *name;			/* NULL: nameless, not to be resumed by name */
} SmigBackfillOptions;

/*
 * By what the driving table is cut into batches: the columns of a btree
 * index, or physical position (ncolumns 0).
 */
typedef struct SmigKey
{
	int			ncolumns;
	AttrNumber	columns[SMIG_KEY_COLUMNS];
	char	   *names[SMIG_KEY_COLUMNS];
	Oid			types[SMIG_KEY_COLUMNS];
	int32		typmods[SMIG_KEY_COLUMNS];
	Oid			collations[SMIG_KEY_COLUMNS];
	Oid			families[SMIG_KEY_COLUMNS]; /* of the default btree opclass */
	Oid			less_equal[SMIG_KEY_COLUMNS];	/* operators of the family */
	Oid			greater[SMIG_KEY_COLUMNS];
	Oid			greater_equal[SMIG_KEY_COLUMNS];
	bool		nullable;		/* rows with a null in the key can exist */
} SmigKey;

/* A place in the key's order: ncolumns values as text, or NULL for none. */
typedef List *SmigPlace;

/* Which rows a batch takes, besides the statement's own condition. */
typedef struct SmigRange
{
	SmigPlace	after;			/* exclusive; NIL: from the beginning */
	SmigPlace	upto;			/* inclusive; NIL: to the end */
	bool		nulls;			/* instead: rows with a null in the key */
	bool		exact;			/* instead: just the row at "upto" */
	List	   *own_xids;		/* physical position only: xids (text) whose
								 * row versions this backfill has written */
} SmigRange;

/* The statement, understood. */
typedef struct SmigBackfillPlan
{
	const char *statement;
	CmdType		command;
	Oid			relation;		/* the driving table */
	char	   *relation_name;	/* qualified and quoted */
	SmigKey		key;
} SmigBackfillPlan;

/* A row of schemamig.backfill. */
typedef struct SmigBackfill
{
	int64		id;
	SmigBackfillOptions options;
	SmigBackfillPlan *plan;
	char	   *state;
	int64		rows_done;
	int64		rows_total;
	int64		errors;
	SmigPlace	last;			/* upper bound, fixed at the start */
	bool		empty;			/* no row had a key at the start */
	bool		nulls_done;
	Oid			relation;		/* the driving table when it began */
	Oid			filenode;		/* physical position only */
} SmigBackfill;

/* A range somebody works on: a row of schemamig.backfill_range. */
typedef struct SmigClaim
{
	int64		id;
	SmigPlace	position;		/* checkpoint: done up to here */
	SmigPlace	upper;
	int64		rows;			/* left in it, about */
} SmigClaim;

/* analyse.c */
extern SmigBackfillPlan *smig_backfill_analyse(const char *statement,
											   List *key);
extern uint64 smig_backfill_run_range(const SmigBackfillPlan *plan,
									  const SmigRange *range);

/* key.c */
extern void smig_key_choose(SmigKey *key, Oid relation, List *names);
extern SmigPlace smig_key_last(const SmigBackfillPlan *plan);
extern SmigPlace smig_key_step(const SmigBackfillPlan *plan, SmigPlace after,
							   SmigPlace upto, int64 rows);
extern Node *smig_key_condition(const SmigKey *key, int varno,
								const SmigRange *range, List **values);
extern ParamListInfo smig_key_parameters(const SmigKey *key, List *values);

/* ledger.c */
extern bool smig_place_equal(SmigPlace a, SmigPlace b);
extern SmigBackfill *smig_ledger_find(const char *name);
extern SmigBackfill *smig_ledger_read(int64 id);
extern void smig_ledger_create(SmigBackfill *backfill, int64 run,
							   const char *revision, int step);
extern void smig_ledger_set_state(int64 id, const char *state,
								  const char *sqlstate, const char *error);
extern bool smig_ledger_claim(SmigBackfill *backfill, int64 chunk,
							  SmigClaim *claim);
extern void smig_ledger_checkpoint(int64 id, const SmigClaim *claim,
								   uint64 rows, int64 scanned, int batch_ms,
								   int64 batch_size);
extern void smig_ledger_nulls_done(int64 id, uint64 rows);
extern void smig_ledger_error(int64 id, SmigPlace place, const char *sqlstate,
							  const char *message);
extern List *smig_ledger_errors(int64 id);
extern void smig_ledger_forget_error(int64 id, SmigPlace place, uint64 rows);
extern List *smig_ledger_own_xids(int64 id);
extern void smig_ledger_add_own_xid(int64 id);
extern void smig_ledger_progress(int64 id, int64 *done, int64 *scanned,
								 int64 *total, int64 *errors);

extern void smig_ledger_resume(SmigBackfill *backfill, int64 run);
extern void smig_ledger_delete(int64 id);
extern bool smig_ledger_has_open_ranges(int64 id);
extern void smig_ledger_throttled(int64 id, const char *reason);
extern int64 smig_ledger_rows_of_run(int64 run);

/* throttle.c */
extern char *smig_throttle_reason(void);
extern bool smig_throttle_is_tight(void);

/* lead.c */
extern int64 smig_backfill_run(int64 run, const SmigBackfillOptions *options,
							   const char *revision, int step);
extern void smig_backfill_help(int64 id);
extern void smig_backfill_forget(const char *name);

extern void smig_backfill_main(const struct SmigRequest *request,
							   const struct SmigRunnerHost *host);

/* finish.c */
extern int64 smig_backfill_await(int64 run, const char *name);
extern int	smig_backfill_restart(void);

/* options.c */
extern char *smig_backfill_awaited(const RawStmt *raw, const char *text);
extern char *smig_backfill_options_json(FunctionCallInfo fcinfo);
extern SmigBackfillOptions *smig_backfill_options_from_json(const char *json);
extern SmigBackfillOptions *smig_backfill_options_of_step(const RawStmt *raw,
														  const char *text,
														  const char *name);

#endif							/* SMIG_BACKFILL_H */
