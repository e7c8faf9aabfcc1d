/*-------------------------------------------------------------------------
 *
 * scratch_session.c
 *	  The worker that works in a scratch database.
 *
 * It does what its caller asks, command by command, with the rights of the
 * caller's present role and the caller's settings: runs a script, or reads a
 * snapshot.  An error ends a command, not the session.
 *
 * A script runs as a run would run it, step by step, but without records,
 * retries and batches: nobody else is there.  schemamig need not be installed
 * in the database; a backfill is done as the statement it is.
 *
 * IDENTIFICATION
 *	  src/scratch_session.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "catalog/namespace.h"
#include "libpq/pqsignal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/timeout.h"

#include "execute.h"
#include "model/snapshot.h"
#include "scratch_private.h"
#include "session.h"

/* A script in progress, for the context of errors. */
typedef struct Work
{
	const char *what;			/* "model \"default\"" */
	SmigScript *script;
	const SmigStatement *statement; /* NULL between statements */
	int			flags;
	MemoryContext context;		/* outlives transactions */
} Work;

static SmigRelay *relay = NULL;
static shm_mq_handle *commands = NULL;
static shm_mq_handle *results = NULL;
static char *slots[SMIG_SCRATCH_SLOTS]; /* snapshots as JSON */

/* ---------------- scripts ---------------- */

static void
work_context(void *arg)
{
	Work	   *work = (Work *) arg;
	int			line;
	int			column;

	if (work->statement == NULL)
		return;
	smig_script_map_error(work->script, work->statement, &line, &column);
	errcontext("%s, line %d, column %d", work->what, line, column);
}

static bool
is_shared_kind(ObjectType type)
{
	return type == OBJECT_DATABASE || type == OBJECT_ROLE ||
		type == OBJECT_TABLESPACE || type == OBJECT_SUBSCRIPTION ||
		type == OBJECT_PARAMETER_ACL;
}

/*
 * Whether a statement acts on what all databases share, or on others than the
 * scratch database: roles, databases, tablespaces, subscriptions, the server.
 */
static bool
acts_outside(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_CreateRoleStmt:
		case T_AlterRoleStmt:
		case T_AlterRoleSetStmt:
		case T_DropRoleStmt:
		case T_GrantRoleStmt:
		case T_DropOwnedStmt:
		case T_ReassignOwnedStmt:
		case T_CreatedbStmt:
		case T_AlterDatabaseStmt:
		case T_AlterDatabaseSetStmt:
		case T_AlterDatabaseRefreshCollStmt:
		case T_DropdbStmt:
		case T_CreateTableSpaceStmt:
		case T_AlterTableSpaceOptionsStmt:
		case T_DropTableSpaceStmt:
		case T_AlterSystemStmt:
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
		case T_DropSubscriptionStmt:
			return true;
		case T_RenameStmt:
			return is_shared_kind(((const RenameStmt *) node)->renameType);
		case T_CommentStmt:
			return is_shared_kind(((const CommentStmt *) node)->objtype);
		case T_SecLabelStmt:
			return is_shared_kind(((const SecLabelStmt *) node)->objtype);
		case T_GrantStmt:
			return is_shared_kind(((const GrantStmt *) node)->objtype);
		case T_AlterOwnerStmt:
			return is_shared_kind(((const AlterOwnerStmt *) node)->objectType);
		default:
			return false;
	}
}

/*
 * Whether a statement is passed over: what would act outside of the scratch
 * database; and in a model settings that this server does not have, as a newer
 * pg_dump writes them, and schemamig itself, which is no part of a model and
 * which only a superuser can create.
 */
static bool
is_passed_over(const Work *work)
{
	const Node *node = work->statement->raw->stmt;

	if (acts_outside(node))
		return true;
	if (!(work->flags & SMIG_SCRATCH_MODEL))
		return false;
	if (IsA(node, VariableSetStmt))
	{
		const VariableSetStmt *set = (const VariableSetStmt *) node;

		return set->kind == VAR_SET_VALUE && set->name &&
			strchr(set->name, '.') == NULL &&
			GetConfigOption(set->name, true, false) == NULL;
	}
	if (superuser())
		return false;
	if (IsA(node, CreateExtensionStmt))
		return strcmp(((const CreateExtensionStmt *) node)->extname,
					  SMIG_EXTENSION_NAME) == 0;
	if (IsA(node, CommentStmt))
	{
		const CommentStmt *comment = (const CommentStmt *) node;

		return comment->objtype == OBJECT_EXTENSION &&
			strcmp(strVal(comment->object), SMIG_EXTENSION_NAME) == 0;
	}
	return false;
}

/*
 * Executes one statement of a script in the current transaction.
 */
static void
execute(Work *work, const SmigStatement *statement)
{
	CHECK_FOR_INTERRUPTS();
	work->statement = statement;
	MemoryContextSwitchTo(work->context);
	if (is_passed_over(work))
		ereport(NOTICE,
				(errmsg("passed over line %d of %s: %s", statement->line,
						work->what,
						smig_script_statement_text(work->script, statement))));
	else
		smig_execute_statement(work->script, statement,
							   psprintf("schemamig scratch database, %s",
										work->what), true);
	work->statement = NULL;
}

/*
 * The statement that a call of schemamig_backfill() is about: its first
 * argument or the one named so.  NULL when there is none: the call only waits
 * for, or ends, a backfill.
 */
static char *
backfill_statement(const Node *node)
{
	const SelectStmt *select = (const SelectStmt *) node;
	const FuncCall *call = (const FuncCall *)
		linitial_node(ResTarget, select->targetList)->val;
	ListCell   *lc;

	if (!IsA(call, FuncCall) ||
		strcmp(strVal(llast(call->funcname)), "schemamig_backfill") != 0)
		return NULL;
	foreach(lc, call->args)
	{
		Node	   *argument = lfirst(lc);

		if (IsA(argument, NamedArgExpr))
		{
			NamedArgExpr *named = (NamedArgExpr *) argument;

			if (strcmp(named->name, "statement") != 0)
				continue;
			argument = (Node *) named->arg;
		}
		if (IsA(argument, TypeCast))
			argument = ((TypeCast *) argument)->arg;
		if (IsA(argument, A_Const) && !((A_Const *) argument)->isnull &&
			IsA(&((A_Const *) argument)->val, String))
			return pstrdup(strVal(&((A_Const *) argument)->val));
		break;
	}
	return NULL;
}

static void run_script(Work *work);

/*
 * Does a backfill as the statement it is.
 */
static void
run_backfill(Work *work, const SmigStatement *statement)
{
	char	   *text = backfill_statement(statement->raw->stmt);
	Work		inner = *work;

	if (text == NULL)
		return;
	inner.script = smig_script_parse(text, SMIG_TRANSACTION_REVISION,
									 psprintf("backfill in line %d of %s",
											  statement->line, work->what));
	inner.what = psprintf("backfill in line %d of %s", statement->line,
						  work->what);
	inner.statement = NULL;
	run_script(&inner);
}

/*
 * Runs a step in a transaction block, with the options of its BEGIN.
 */
static void
run_transaction(Work *work, const SmigStep *step)
{
	ListCell   *lc;

	StartTransactionCommand();
	BeginTransactionBlock();
	CommitTransactionCommand();

	StartTransactionCommand();
	foreach(lc, step->options)
	{
		DefElem    *item = lfirst_node(DefElem, lc);

		SetPGVariable(item->defname, list_make1(item->arg), true);
	}
	foreach(lc, step->statements)
		execute(work, lfirst(lc));
	CommitTransactionCommand();

	StartTransactionCommand();
	EndTransactionBlock(false);
	CommitTransactionCommand();
	MemoryContextSwitchTo(work->context);
}

static void
run_script(Work *work)
{
	ErrorContextCallback callback;
	ListCell   *lc;

	callback.callback = work_context;
	callback.arg = work;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	foreach(lc, work->script->steps)
	{
		SmigStep   *step = lfirst(lc);

		if (step->kind == SMIG_STEP_TRANSACTION)
			run_transaction(work, step);
		else if (step->kind == SMIG_STEP_BACKFILL)
			run_backfill(work, linitial(step->statements));
		else
		{
			StartTransactionCommand();
			execute(work, linitial(step->statements));
			CommitTransactionCommand();
			MemoryContextSwitchTo(work->context);
		}
	}
	error_context_stack = callback.previous;
}

/*
 * Ends what a script has left in the session.
 */
static void
end_script(void)
{
	StartTransactionCommand();
	PortalHashTableDeleteAll();
	DropAllPreparedStatements();
	ResetTempTableNamespace();
	ResetSequenceCaches();
	smig_session_take_over(relay);
	/* what is built here may be lost with the server */
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION);
	CommitTransactionCommand();
}

/* ---------------- snapshots ---------------- */

/*
 * Reads a snapshot into a slot and returns its fingerprint.
 */
static char *
take_snapshot(int slot, MemoryContext context)
{
	SmigSnapshot *snapshot;
	char	   *fingerprint;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	snapshot = smig_snapshot_read(NIL);
	fingerprint = smig_snapshot_fingerprint(snapshot);
	if (slots[slot])
		pfree(slots[slot]);
	slots[slot] = MemoryContextStrdup(TopMemoryContext,
									  smig_snapshot_to_json(snapshot));
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return fingerprint;
}

/* ---------------- commands ---------------- */

static void
answer(char type, const char *data, Size length)
{
	char	   *message = palloc(length + 1);

	message[0] = type;
	if (length > 0)
		memcpy(message + 1, data, length);
	if (shm_mq_send(results, length + 1, message, false, true) !=
		SHM_MQ_SUCCESS)
		proc_exit(0);
	pfree(message);
}

static void
answer_text(const char *text)
{
	Size		length = strlen(text);

	for (Size sent = 0; sent < length; sent += SMIG_SCRATCH_PIECE)
		answer(SMIG_SCRATCH_PART, text + sent,
			   Min(SMIG_SCRATCH_PIECE, length - sent));
}

/*
 * Carries out one command; its texts are in "context".
 */
static void
obey(char type, char *arguments, MemoryContext context)
{
	Work		work = {0};
	char	   *what;

	switch (type)
	{
		case SMIG_SCRATCH_RUN:
			what = arguments + 2;
			work.what = what;
			work.flags = arguments[1];
			work.context = context;
			work.script = smig_script_parse(what + strlen(what) + 1,
											(SmigTransactionMode) arguments[0],
											what);
			run_script(&work);
			end_script();
			break;
		case SMIG_SCRATCH_FINGERPRINT:
			answer_text(take_snapshot(arguments[0], context));
			break;
		case SMIG_SCRATCH_SNAPSHOT:
			answer_text(slots[(int) arguments[0]]);
			break;
	}
}

/*
 * obey(), with an error reported to the caller.
 */
static void
try_command(char type, char *arguments, MemoryContext context)
{
	volatile bool failed = false;

	PG_TRY();
	{
		obey(type, arguments, context);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		EmitErrorReport();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		debug_query_string = NULL;
		error_context_stack = NULL;
		failed = true;
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	if (failed)
		end_script();
	MemoryContextSwitchTo(context);
	pgstat_report_activity(STATE_IDLE, NULL);
	answer(failed ? SMIG_SCRATCH_FAILED : SMIG_SCRATCH_OK, NULL, 0);
}

/*
 * Main function of the worker.
 *
 * main_arg: handle of the relay's segment; its target is the handle of the
 *		scratch database's
 */
void
smig_scratch_session_main(Datum main_arg)
{
	SmigScratchShared *shared;
	dsm_segment *segment;
	shm_mq	   *queue;
	MemoryContext context;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	relay = smig_relay_attach(DatumGetUInt32(main_arg));
	shared = smig_scratch_attach(relay, &segment);
	queue = (shm_mq *) ((char *) shared + shared->commands);
	shm_mq_set_receiver(queue, MyProc);
	commands = shm_mq_attach(queue, segment, NULL);
	queue = (shm_mq *) ((char *) shared + shared->results);
	shm_mq_set_sender(queue, MyProc);
	results = shm_mq_attach(queue, segment, NULL);
	smig_relay_send_messages(relay);

	/* the database allows no connections but ours */
	BackgroundWorkerInitializeConnectionByOid(pg_atomic_read_u32(&shared->database),
											  relay->shared->authenticated_role,
											  BGWORKER_BYPASS_ALLOWCONN);
	SetClientEncoding(GetDatabaseEncoding());
	StartTransactionCommand();
	RestoreLibraryState(relay->libraries);
	CommitTransactionCommand();
	end_script();

	context = AllocSetContextCreate(TopMemoryContext, "schemamig command",
									ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		Size		size;
		void	   *data;
		char	   *command;

		MemoryContextSwitchTo(TopMemoryContext);
		if (shm_mq_receive(commands, &size, &data, false) != SHM_MQ_SUCCESS)
			break;
		MemoryContextSwitchTo(context);
		command = palloc(size);
		memcpy(command, data, size);
		try_command(command[0], command + 1, context);
		MemoryContextSwitchTo(TopMemoryContext);
		MemoryContextReset(context);
	}
}
