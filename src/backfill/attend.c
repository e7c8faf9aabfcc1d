/*-------------------------------------------------------------------------
 *
 * attend.c
 *	  What happens between two batches.
 *
 * Every process looks into the ledger before each batch: for what it has been
 * told by schemamig_pause() and schemamig_backfill_set(), and whether anything
 * speaks against the next batch.  The leader besides keeps its crew at the
 * number asked for, vacuums the table and reports.  No snapshot and no lock on
 * the table is held meanwhile.
 *
 * IDENTIFICATION
 *	  src/backfill/attend.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "backfill/engine.h"
#include "compat.h"
#include "execute.h"
#include "settings.h"
#include "step.h"

/* Parts that a VACUUM is done in while a standby cannot follow. */
#define TIGHT_VACUUMS 5

/* Memory (kB) of a VACUUM that leaves the indexes alone. */
#define UPDATE_VACUUM_MEMORY 1024

/* Time between reports, and between looks into the ledger at rest (ms). */
#define REPORT_EVERY 5000
#define REST_POLL 500

/*
 * Whether two reasons are of the same kind: the part in front of the colon.
 */
static bool
same_kind(const char *a, const char *b)
{
	size_t		length;

	if (a == NULL || b == NULL)
		return a == b;
	length = strcspn(a, ":");
	return length == strcspn(b, ":") && strncmp(a, b, length) == 0;
}

static void
set_text(SmigEngine *engine, char **text, const char *value)
{
	if (*text)
		pfree(*text);
	*text = value ? MemoryContextStrdup(engine->context, value) : NULL;
}

/*
 * Tells once when the backfill begins to hold back, and once when that ends.
 */
static void
tell_hold(SmigEngine *engine, const char *reason)
{
	const char *label = smig_engine_label(engine->backfill);

	if (!same_kind(reason, engine->held_by))
	{
		if (reason)
			ereport(NOTICE,
					(errmsg("%s holds back: %s", label, reason),
					 errhidecontext(true)));
		else
			ereport(NOTICE,
					(errmsg("%s goes on", label), errhidecontext(true)));
		set_text(engine, &engine->held_by, reason);
	}
	if ((engine->nice > 0) != engine->told_nice)
	{
		engine->told_nice = engine->nice > 0;
		if (engine->told_nice)
			ereport(NOTICE,
					(errmsg("%s holds back: nice: it sleeps %g times as long as it works",
							label, engine->nice), errhidecontext(true)));
		else
			ereport(NOTICE,
					(errmsg("%s no longer sleeps between batches", label),
					 errhidecontext(true)));
	}
}

/*
 * Takes over what has been set meanwhile.
 */
static void
take_over(SmigEngine *engine, const SmigLook *look)
{
	int			target = look->batch_target > 0 ? look->batch_target :
		smig_batch_target;
	int64		fixed = engine->backfill->options.batch_size;

	if (target != engine->batch_target)
	{
		/* at once, without waiting for what the next batches show */
		engine->batch = Max(engine->batch * target / engine->batch_target, 1);
		if (fixed > 0)
			engine->batch = Min(engine->batch, fixed);
		engine->slice = engine->slice * target / engine->batch_target;
		engine->batch_target = target;
	}
	engine->nice = look->nice >= 0 ? look->nice : smig_nice;
	engine->workers = look->workers;
}

/*
 * Looks once into the ledger.
 *
 * Result: why the next batch must wait, in the batch context; NULL when
 * nothing speaks against it.
 */
static char *
look_around(SmigEngine *engine, SmigLook *look)
{
	char	   *reason;

	StartTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	smig_engine_set_local("synchronous_commit", "off");
	smig_ledger_look(engine->backfill->id, look);
	take_over(engine, look);
	reason = look->paused ? pstrdup("paused") : smig_throttle_reason();
	if (engine->leader)
	{
		const char *shown = reason ? reason :
			engine->nice > 0 ? psprintf("nice: %g", engine->nice) : NULL;

		if (!same_kind(shown, engine->throttled_by))
		{
			smig_ledger_throttled(engine->backfill->id, shown);
			set_text(engine, &engine->throttled_by, shown);
		}
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	return reason;
}

/*
 * Whether the role may vacuum the table, which it is told once when not, and
 * nobody holds a lock on it that VACUUM would wait for.
 */
static bool
can_vacuum(SmigEngine *engine)
{
	Oid			relation = engine->backfill->plan->relation;
	bool		is_free;

	if (engine->may_not_vacuum)
		return false;
	StartTransactionCommand();
	is_free = ConditionalLockRelationOid(relation, ShareUpdateExclusiveLock);
	if (is_free)
	{
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));

		engine->may_not_vacuum = HeapTupleIsValid(tuple) &&
			!smig_vacuum_is_permitted(relation,
									  (Form_pg_class) GETSTRUCT(tuple));
		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(engine->batch_context);
	return is_free && !engine->may_not_vacuum;
}

/*
 * Executes VACUUM without what it says of a lock that somebody has taken since
 * can_vacuum(): it is skipped then, and done later.
 *
 * memory: kB of maintenance_work_mem at the most
 */
static void
execute_vacuum(SmigEngine *engine, SmigScript *script, int memory)
{
	int			save_messages = client_min_messages;
	int			save_memory = maintenance_work_mem;

	client_min_messages = ERROR;
	maintenance_work_mem = Min(maintenance_work_mem, memory);
	PG_TRY();
	{
		StartTransactionCommand();
		MemoryContextSwitchTo(engine->batch_context);
		smig_execute_statement(script, linitial(script->statements),
							   "schemamig backfill", true);
		CommitTransactionCommand();
	}
	PG_FINALLY();
	{
		client_min_messages = save_messages;
		maintenance_work_mem = save_memory;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(engine->batch_context);
}

/*
 * Vacuums the table so that the batches after use the space that the ones
 * before have freed.  Skipped where somebody holds a lock on it.
 *
 * For an UPDATE space in the table is all that is needed; what is dead in the
 * indexes takes a scan of all of each of them, and is left for a VACUUM when the
 * work is over.  Then VACUUM has no use for the list of dead rows that it makes
 * all the same, and which grows with the part of the table that is done.
 */
static void
vacuum_table(SmigEngine *engine, const SmigClaim *claim, const SmigLook *look)
{
	bool		is_update = engine->backfill->plan->command == CMD_UPDATE;
	SmigScript *script;
	double		every = smig_vacuum_every;

	/* what VACUUM writes must be replayed too, all at once */
	if (smig_throttle_is_tight())
		every /= TIGHT_VACUUMS;
	/* the stripes of a range free space for each other */
	if (claim->stripe > 0 || (claim->stripes > 1 &&
							  !smig_place_equal(claim->position, claim->start)))
		return;
	/* under a snapshot that is kept, VACUUM could free nothing */
	if (smig_vacuum_every <= 0 || engine->position ||
		engine->backfill->plan->command == CMD_INSERT ||
		look->scanned - engine->vacuumed_at <
		(int64) (every * look->total) ||
		look->scanned - engine->vacuumed_at < FIRST_BATCH)
		return;
	if (!can_vacuum(engine))
		return;
	engine->vacuumed_at = look->scanned;
	script = smig_script_parse(psprintf("VACUUM (TRUNCATE off, SKIP_LOCKED%s) %s",
										is_update ? ", INDEX_CLEANUP off" : "",
										engine->backfill->plan->relation_name),
							   SMIG_TRANSACTION_REVISION, "backfill");
	execute_vacuum(engine, script,
				   is_update ? UPDATE_VACUUM_MEMORY : maintenance_work_mem);
}

/*
 * A report every few seconds.
 */
static void
report(SmigEngine *engine, const SmigLook *look)
{
	int64		ms = smig_engine_elapsed(engine->begin);

	if (smig_engine_elapsed(engine->reported) < REPORT_EVERY)
		return;
	engine->reported = GetCurrentTimestamp();
	ereport(NOTICE,
			(errmsg("%s: " INT64_FORMAT " rows processed, %d %% of about "
					INT64_FORMAT " gone over, " INT64_FORMAT " rows per second",
					smig_engine_label(engine->backfill), look->all_done,
					look->all_total > 0 ?
					(int) Min(100, look->all_scanned * 100 / look->all_total) :
					100, look->all_total, look->scanned * 1000 / Max(ms, 1)),
			 errhidecontext(true)));
}

/*
 * Has as many helpers at work as are wanted.  A leader that works alone has
 * claimed everything, so it gives back what it does not need first.
 */
static void
keep_crew(SmigEngine *engine, SmigClaim *claim, const SmigLook *look)
{
	if (claim->nulls)
		return;
	if (engine->workers > 1 && !look->unclaimed && claim->stripes == 1 &&
		claim->rows > 2 * smig_engine_range_size(engine))
	{
		SmigPlace	old = claim->upper;

		StartTransactionCommand();
		MemoryContextSwitchTo(engine->batch_context);
		if (smig_ledger_narrow(engine->backfill, claim,
							   smig_engine_range_size(engine)))
		{
			claim->upper = smig_engine_copy_place(engine->context, claim->upper);
			list_free_deep(old);
		}
		CommitTransactionCommand();
		MemoryContextSwitchTo(engine->batch_context);
	}
	else if (look->unclaimed)
		smig_crew_fill(engine->crew, engine->workers - 1);
}

/*
 * Prepares for the next batch of the claim: waits while anything speaks
 * against it, and takes over what has been set.
 *
 * Result: false when this process is not needed any more; the claim has been
 * given back.
 */
bool
smig_engine_attend(SmigEngine *engine, SmigClaim *claim)
{
	for (;;)
	{
		SmigLook	look;
		char	   *reason;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		smig_crew_check(engine->crew);
		reason = look_around(engine, &look);
		if (engine->number > 0 && engine->number >= engine->workers)
		{
			StartTransactionCommand();
			smig_ledger_release(engine->backfill->id, claim);
			CommitTransactionCommand();
			return false;
		}
		if (engine->leader)
		{
			tell_hold(engine, reason);
			if (reason == NULL)
			{
				vacuum_table(engine, claim, &look);
				report(engine, &look);
				keep_crew(engine, claim, &look);
			}
		}
		if (reason == NULL)
			return true;
		smig_step_wait(SMIG_HOLD_POLL);
		MemoryContextReset(engine->batch_context);
	}
}

/*
 * Sleeps after a batch, as long as "nice" asks for; what is set meanwhile takes
 * effect.
 *
 * ms: milliseconds that the batch took
 */
void
smig_engine_rest(SmigEngine *engine, int64 ms)
{
	TimestampTz begin = GetCurrentTimestamp();

	for (;;)
	{
		double		left = ms * engine->nice - smig_engine_elapsed(begin);
		SmigLook	look;

		if (left < 1)
			return;
		smig_step_wait((long) Min(left, REST_POLL));
		if (left <= REST_POLL)
			continue;
		StartTransactionCommand();
		smig_ledger_look(engine->backfill->id, &look);
		take_over(engine, &look);
		CommitTransactionCommand();
		MemoryContextSwitchTo(engine->batch_context);
	}
}
