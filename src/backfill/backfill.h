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

/* Processes that work on a backfill at the most. */
#define SMIG_MAX_WORKERS 64

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
	char	   *search_path;	/* with which it was begun, when it is taken
								 * up by itself; or NULL */
} SmigBackfillOptions;

/*
 * By what the driving table is cut into batches: the columns of a btree
 * index, or physical position (ncolumns 0).
 */
typedef struct SmigKey
{
	int			ncolumns;
	AttrNumber	columns[SMIG_KEY_COLUMNS];	/* of the root */
	AttrNumber	own_columns[SMIG_KEY_COLUMNS];	/* of the table itself */
	char	   *names[SMIG_KEY_COLUMNS];
	Oid			types[SMIG_KEY_COLUMNS];
	int32		typmods[SMIG_KEY_COLUMNS];
	Oid			column_collations[SMIG_KEY_COLUMNS];
	Oid			collations[SMIG_KEY_COLUMNS];	/* of the index */
	Oid			families[SMIG_KEY_COLUMNS]; /* operator families of the index */
	Oid			less[SMIG_KEY_COLUMNS]; /* operators of the family */
	Oid			less_equal[SMIG_KEY_COLUMNS];
	Oid			greater[SMIG_KEY_COLUMNS];
	Oid			greater_equal[SMIG_KEY_COLUMNS];
	Oid			hashes[SMIG_KEY_COLUMNS];	/* hash functions; or invalid */
	bool		nullable;		/* rows with a null in the key can exist */
} SmigKey;

/* A place in the key's order: ncolumns values as text, or NULL for none. */
typedef List *SmigPlace;

/* Which rows a batch takes, besides the statement's own condition. */
typedef struct SmigRange
{
	SmigPlace	after;			/* exclusive; NIL: from the beginning */
	SmigPlace	upto;			/* inclusive; NIL: to the end */
	int			stripe;			/* of so many: only its rows; see stripe.c */
	int			stripes;
	bool		exact;			/* instead: just the row at "upto" */
	bool		by_position;	/* instead: the rows at these places */
	List	   *tids;			/* of ItemPointer; their rows are locked */
	TimestampTz planned_at;		/* when the statement was ready to run */
} SmigRange;

/* The statement, understood. */
typedef struct SmigBackfillPlan
{
	const char *statement;
	CmdType		command;
	Oid			root;			/* the driving table */
	char	   *root_name;		/* qualified and quoted */
	bool		tree;			/* it is several tables, to be done one by one */
	bool		moves;			/* and the statement moves rows between them */
	bool		part;			/* this plan is for one of them, */
	Oid			relation;		/* namely this one; else the root */
	char	   *relation_name;
	int64		rows_per_block; /* about; at least 1 */
	int64		striped_rows;	/* in a range done in stripes, at the most; 0
								 * where stripes are of no use */
	SmigKey		key;
} SmigBackfillPlan;

/* A row of schemamig.backfill. */
typedef struct SmigBackfill
{
	int64		id;
	int64		parent;			/* for one of several tables: of them all */
	SmigBackfillOptions options;
	SmigBackfillPlan *plan;
	char	   *state;
	int64		rows_done;
	int64		rows_total;
	int64		errors;
	SmigPlace	last;			/* upper bound, fixed at the start */
	bool		empty;			/* no row had a key at the start */
	bool		nulls_done;
	int64		bytes_before;	/* size of the table at the start */
	char	   *role;			/* whose rights it uses */
	char	   *error;			/* why it failed, or NULL */
	Oid			relation;		/* the driving table when it began */
	char	   *relation_name;	/* its name then */
	Oid			filenode;		/* of the table when position was begun */
	char	   *snapshot;		/* exported, for physical position; or NULL */
	TransactionId since;		/* when that began; or invalid */
} SmigBackfill;

/* A range somebody works on: a row of schemamig.backfill_range. */
typedef struct SmigClaim
{
	int64		id;
	SmigPlace	start;			/* where it begins */
	SmigPlace	position;		/* checkpoint: done up to here */
	SmigPlace	upper;
	int			stripe;			/* the one at hand */
	int			stripes;		/* it is done in; 1: in one go */
	int64		rows;			/* left in it, about */
	bool		nulls;			/* of the rows with a null in the key */
} SmigClaim;

/* A row kept aside: of schemamig.backfill_error. */
typedef struct SmigBadRow
{
	SmigPlace	place;
	bool		by_position;	/* place: ctid and xmin */
} SmigBadRow;

struct SmigRunnerHost;

/* How far a backfill has come, and what it has been told meanwhile. */
typedef struct SmigLook
{
	int64		done;			/* rows processed */
	int64		scanned;		/* rows gone over */
	int64		total;			/* rows, about */
	int64		all_done;		/* the same of all parts, if this is one */
	int64		all_scanned;
	int64		all_total;
	int64		errors;			/* rows kept aside */
	int64		wal_bytes;		/* WAL of its batches */
	int64		bytes_before;	/* size of the table at the start */
	int			workers;
	int			batch_target;	/* ms; 0: the setting */
	double		nice;			/* negative: the setting */
	bool		paused;
	bool		unclaimed;		/* something is left to hand out */
} SmigLook;

/* analyse.c */
extern SmigBackfillPlan *smig_backfill_analyse(const char *statement,
											   List *key, Oid part);
extern bool smig_backfill_is_repeatable(const SmigBackfillPlan *plan);
extern void smig_backfill_check_rights(const SmigBackfillPlan *plan);
extern uint64 smig_backfill_run_range(const SmigBackfillPlan *plan,
									  SmigRange *range);

/* key.c */
extern void smig_key_choose(SmigKey *key, Oid relation, List *names);
extern SmigPlace smig_key_last(const SmigBackfillPlan *plan);
extern SmigPlace smig_key_step(const SmigBackfillPlan *plan, SmigPlace after,
							   SmigPlace upto, int64 rows);
extern bool smig_key_has_nulls(const SmigBackfillPlan *plan);
extern Node *smig_key_column(const SmigKey *key, int varno, int column);
extern Node *smig_key_condition(const SmigKey *key, int varno,
								const SmigRange *range, List **values);
extern ParamListInfo smig_key_parameters(const SmigKey *key, List *values);

/* part.c */
extern void smig_part_restrict(Query *level, int varno, Oid part);
extern bool smig_part_is_below(Oid table, Oid root);
extern bool smig_part_belongs(const SmigBackfillPlan *plan);
extern List *smig_part_tables(Oid root);
extern bool smig_part_moves(const Query *query, Oid root);

/* stripe.c */
extern int64 smig_stripe_rows(const SmigBackfillPlan *plan, const Query *query);
extern Node *smig_stripe_condition(const SmigKey *key, int varno, int stripe,
								   int stripes);
extern void smig_stripe_advance(SmigClaim *claim);

/* ledger.c */
extern bool smig_place_equal(SmigPlace a, SmigPlace b);
extern SmigBackfill *smig_ledger_find(const char *name);
extern SmigBackfill *smig_ledger_read(int64 id);
extern void smig_ledger_create(SmigBackfill *backfill, int64 run,
							   const char *revision, int step);
extern void smig_ledger_set_total(int64 id, int64 rows);
extern List *smig_ledger_parts(int64 id, bool retry);
extern void smig_ledger_share_snapshot(int64 id, const char *snapshot,
									   TransactionId since);
extern void smig_ledger_set_state(int64 id, const char *state,
								  const char *sqlstate, const char *error);
extern bool smig_ledger_claim(SmigBackfill *backfill, int64 chunk,
							  int stripes, SmigClaim *claim);
extern void smig_ledger_checkpoint(int64 id, const SmigClaim *claim,
								   uint64 rows, int64 scanned, int batch_ms,
								   int64 batch_size, uint64 wal_bytes);
extern void smig_ledger_release(int64 id, const SmigClaim *claim);
extern bool smig_ledger_narrow(SmigBackfill *backfill, SmigClaim *claim,
							   int64 chunk);
extern void smig_ledger_nulls_done(int64 id);
extern void smig_ledger_claim_nulls(SmigBackfill *backfill, SmigPlace last,
									SmigClaim *claim);
extern void smig_ledger_begin_position(SmigBackfill *backfill, bool restart,
									   bool nulls);
extern void smig_ledger_error(int64 id, const SmigBadRow *row,
							  const char *sqlstate, const char *message);
extern List *smig_ledger_errors(int64 id);
extern void smig_ledger_forget_error(int64 id, SmigPlace place, uint64 rows);
extern List *smig_ledger_own_xids(int64 id, bool all);
extern void smig_ledger_add_own_xid(int64 id);
extern void smig_ledger_look(int64 id, SmigLook *look);
extern void smig_ledger_adjust(int64 id, int batch_target, int workers,
							   double nice);
extern void smig_ledger_resume(SmigBackfill *backfill, int64 run);
extern void smig_ledger_delete(int64 id);
extern bool smig_ledger_has_open_ranges(int64 id);
extern void smig_ledger_throttled(int64 id, const char *reason);
extern void smig_ledger_close_interrupted(void);
extern int64 smig_ledger_rows_of_run(int64 run);

/* throttle.c */
extern char *smig_throttle_reason(void);
extern bool smig_throttle_is_tight(void);

/* lead.c */
extern int64 smig_backfill_run(int64 run, const SmigBackfillOptions *options,
							   const char *revision, int step,
							   bool *on_record);
extern void smig_backfill_help(const char *what,
							   const struct SmigRunnerHost *host);
extern void smig_backfill_forget(const char *name);

extern void smig_backfill_main(const struct SmigRequest *request,
							   const struct SmigRunnerHost *host);

/* finish.c */
extern int64 smig_backfill_await(int64 run, const char *name);
extern void smig_backfill_await_record(const char *name);
extern int	smig_backfill_restart(void);
extern void smig_backfill_restart_at_commit(void);

/* options.c */
extern char *smig_backfill_awaited(const RawStmt *raw, const char *text);
extern char *smig_backfill_options_json(FunctionCallInfo fcinfo);
extern SmigBackfillOptions *smig_backfill_options_from_json(const char *json);
extern SmigBackfillOptions *smig_backfill_options_of_step(const RawStmt *raw,
														  const char *text,
														  const char *name);

#endif							/* SMIG_BACKFILL_H */
