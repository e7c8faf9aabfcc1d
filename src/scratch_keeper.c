/*-------------------------------------------------------------------------
 *
 * scratch_keeper.c
 *	  The worker that creates a scratch database, and drops it.
 *
 * It does nothing in between but wait for its caller's word, so that the
 * database is dropped whatever becomes of the caller: its segment goes with
 * it.  Only when the keeper itself is killed does the database stay, until the
 * next keeper sweeps it.  An advisory lock, of a class that SQL cannot reach
 * and of no database in particular, says for each scratch database that its
 * keeper lives.  Names, and ALLOW_CONNECTIONS false, make sure that no other
 * database is taken for one.
 *
 * IDENTIFICATION
 *	  src/scratch_keeper.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "libpq/pqsignal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "execute.h"
#include "scratch_private.h"
#include "session.h"
#include "settings.h"

/* How often to look whether the caller is done (ms); its word wakes us. */
#define POLL 200

/* How long to try to drop the database, and how often (ms). */
#define DROP_BUDGET 60000
#define DROP_POLL 500

/*
 * The lock that says that the keeper of a scratch database lives.
 */
void
smig_scratch_lock_tag(LOCKTAG *tag, uint64 number)
{
	SET_LOCKTAG_ADVISORY(*tag, InvalidOid, (uint32) (number >> 32),
						 (uint32) number, SMIG_LOCKCLASS_SCRATCH);
}

/*
 * Maps the segment whose handle is the relay's target; for the life of the
 * process, so before there is a resource owner.
 *
 * Errors: 55000 when the caller is gone already.
 */
SmigScratchShared *
smig_scratch_attach(const SmigRelay *relay, dsm_segment **segment)
{
	*segment = dsm_attach((dsm_handle) strtoul(relay->target, NULL, 10));
	if (*segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the caller of the scratch database is gone")));
	return dsm_segment_address(*segment);
}

/*
 * Runs one statement as a client's: outside a transaction block.
 */
static void
run_utility(const char *sql)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "schemamig utility",
												  ALLOCSET_DEFAULT_SIZES);
	SmigScript *script;

	MemoryContextSwitchTo(context);
	script = smig_script_parse(sql, SMIG_TRANSACTION_REVISION,
							   "statement of schemamig");
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	smig_execute_statement(script, linitial(script->statements),
						   "schemamig scratch database", true);
	CommitTransactionCommand();
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(context);
}

/*
 * Runs a query and returns the first column of its rows, as strings in
 * TopMemoryContext.
 */
static List *
query_strings(const char *query)
{
	List	   *result = NIL;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	SPI_execute(query, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		result = lappend(result, pstrdup(value));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return result;
}

/*
 * Drops one database that a killed keeper has left.  That it cannot be dropped
 * now is no reason to fail: the next keeper tries again.
 */
static void
sweep_one(const char *name)
{
	LOCKTAG		tag;
	MemoryContext context = CurrentMemoryContext;

	smig_scratch_lock_tag(&tag, strtoull(name + strlen(SMIG_SCRATCH_PREFIX),
										 NULL, 16));
	if (LockAcquire(&tag, ExclusiveLock, true, true) ==
		LOCKACQUIRE_NOT_AVAIL)
		return;
	PG_TRY();
	{
		run_utility(psprintf("DROP DATABASE IF EXISTS %s",
							 quote_identifier(name)));
		ereport(LOG,
				(errmsg("dropped scratch database \"%s\", left by a process that was killed",
						name)));
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	LockRelease(&tag, ExclusiveLock, true);
}

/*
 * Drops what killed keepers have left and this role may drop.
 */
static void
sweep(void)
{
	List	   *names;
	ListCell   *lc;

	names = query_strings("SELECT d.datname FROM pg_catalog.pg_database d"
						  " WHERE d.datname OPERATOR(pg_catalog.~)"
						  " '^" SMIG_SCRATCH_PREFIX "[0-9a-f]{16}$'"
						  " AND NOT d.datallowconn"
						  " AND pg_catalog.pg_has_role(d.datdba, 'USAGE')");
	foreach(lc, names)
		sweep_one(lfirst(lc));
}

/*
 * Creates the database with the encoding and locale of this one.
 */
static void
create_database(const char *name)
{
	List	   *texts;

	/* columns of pg_database that only some versions have, by way of json */
	texts = query_strings(psprintf("SELECT pg_catalog.concat_ws(' ', pg_catalog.format("
								   "'CREATE DATABASE %s TEMPLATE template0 ALLOW_CONNECTIONS false"
								   " ENCODING %%L LC_COLLATE %%L LC_CTYPE %%L',"
								   " pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype),"
								   " CASE d.datlocprovider WHEN 'i' THEN 'LOCALE_PROVIDER icu'"
								   " WHEN 'b' THEN 'LOCALE_PROVIDER builtin' END,"
								   " CASE d.datlocprovider WHEN 'i' THEN 'ICU_LOCALE '"
								   " WHEN 'b' THEN 'BUILTIN_LOCALE ' END"
								   " || pg_catalog.quote_literal(coalesce(j->>'daticulocale', j->>'datlocale')),"
								   " 'ICU_RULES ' || pg_catalog.quote_literal(j->>'daticurules'))"
								   " FROM pg_catalog.pg_database d, pg_catalog.to_jsonb(d) j"
								   " WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()",
								   quote_identifier(name)));
	run_utility(linitial(texts));
	run_utility(psprintf("COMMENT ON DATABASE %s IS %s",
						 quote_identifier(name),
						 quote_literal_cstr(psprintf("Scratch database of schemamig, kept by process %d. Dropped when that ends, or at the next use of schemamig.",
													 MyProcPid))));
}

/*
 * Drops the database when its session is gone.
 *
 * Errors: 55006 when somebody still uses it after DROP_BUDGET.
 */
static void
drop_database(const char *name)
{
	for (volatile int waited = 0;; waited += DROP_POLL)
	{
		MemoryContext context = CurrentMemoryContext;
		volatile bool done = false;

		PG_TRY();
		{
			run_utility(psprintf("DROP DATABASE IF EXISTS %s",
								 quote_identifier(name)));
			done = true;
		}
		PG_CATCH();
		{
			if (geterrcode() != ERRCODE_OBJECT_IN_USE || waited > DROP_BUDGET)
				PG_RE_THROW();
			HOLD_INTERRUPTS();
			MemoryContextSwitchTo(context);
			FlushErrorState();
			AbortOutOfAnyTransaction();
			RESUME_INTERRUPTS();
		}
		PG_END_TRY();
		if (done)
			return;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 DROP_POLL, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Creates the database, says so, and drops it when the caller is done or gone.
 */
static void
keep_database(SmigScratchShared *shared)
{
	Oid			database;

	create_database(shared->name);
	StartTransactionCommand();
	database = get_database_oid(shared->name, false);
	CommitTransactionCommand();
	pg_atomic_write_u32(&shared->database, database);
	pgstat_report_activity(STATE_IDLE, NULL);
	while (pg_atomic_read_u32(&shared->done) == 0)
	{
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 POLL, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	drop_database(shared->name);
}

/*
 * Main function of the worker.
 *
 * main_arg: handle of the relay's segment; its target is the handle of the
 *		scratch database's
 */
void
smig_scratch_keeper_main(Datum main_arg)
{
	SmigRelay  *relay;
	SmigScratchShared *shared;
	dsm_segment *segment;
	LOCKTAG		tag;
	char		wait[32];

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	relay = smig_relay_attach(DatumGetUInt32(main_arg));
	shared = smig_scratch_attach(relay, &segment);
	pg_atomic_write_u32(&shared->keeper, (uint32) MyProcPid);
	smig_relay_send_messages(relay);
	BackgroundWorkerInitializeConnectionByOid(relay->shared->database,
											  relay->shared->authenticated_role,
											  0);
	SetClientEncoding(GetDatabaseEncoding());
	StartTransactionCommand();
	RestoreLibraryState(relay->libraries);
	smig_session_take_over(relay);
	/* nobody waits behind CREATE DATABASE: it may take its time */
	snprintf(wait, sizeof(wait), "%d", smig_lock_wait);
	SetConfigOption("lock_timeout", wait, PGC_USERSET, PGC_S_SESSION);
	CommitTransactionCommand();
	MemoryContextSwitchTo(TopMemoryContext);

	smig_scratch_lock_tag(&tag, shared->number);
	(void) LockAcquire(&tag, ExclusiveLock, true, false);
	sweep();
	keep_database(shared);
	LockRelease(&tag, ExclusiveLock, true);
	dsm_detach(segment);
}
