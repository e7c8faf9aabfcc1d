/*-------------------------------------------------------------------------
 *
 * script_kind.c
 *	  What each statement asks for: a transaction, or none.
 *
 * A table by node type; statements that are not in it are transactional.  The
 * list is that of the callers of PreventInTransactionBlock in PostgreSQL 15 to
 * 18, and of what can commit by itself when it runs at top level.
 *
 * IDENTIFICATION
 *	  src/script_kind.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/memutils.h"

#include "script_private.h"

#define BACKFILL_FUNCTION	"schemamig_backfill"
#define FINISH_FUNCTION		"schemamig_backfill_finish"

typedef bool (*StatementTest) (const Node *node);

static bool
index_is_concurrent(const Node *node)
{
	return ((const IndexStmt *) node)->concurrent;
}

static bool
drop_is_concurrent(const Node *node)
{
	return ((const DropStmt *) node)->concurrent;
}

static bool
reindex_is_concurrent(const Node *node)
{
	bool		concurrent = false;
	ListCell   *lc;

	foreach(lc, ((const ReindexStmt *) node)->params)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "concurrently") == 0)
			concurrent = defGetBoolean(option);
	}
	return concurrent;
}

static bool
reindex_is_of_many(const Node *node)
{
	ReindexObjectType kind = ((const ReindexStmt *) node)->kind;

	return kind == REINDEX_OBJECT_SCHEMA || kind == REINDEX_OBJECT_SYSTEM ||
		kind == REINDEX_OBJECT_DATABASE;
}

static bool
table_has_command(const Node *node, AlterTableType subtype, bool concurrent)
{
	ListCell   *lc;

	foreach(lc, ((const AlterTableStmt *) node)->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == subtype &&
			(!concurrent || castNode(PartitionCmd, cmd->def)->concurrent))
			return true;
	}
	return false;
}

static bool
detaches_concurrently(const Node *node)
{
	return table_has_command(node, AT_DetachPartition, true);
}

static bool
finalizes_detach(const Node *node)
{
	return table_has_command(node, AT_DetachPartitionFinalize, false);
}

static bool
is_vacuum(const Node *node)
{
	return ((const VacuumStmt *) node)->is_vacuumcmd;
}

static bool
clusters_everything(const Node *node)
{
	return ((const ClusterStmt *) node)->relation == NULL;
}

static bool
moves_database(const Node *node)
{
	ListCell   *lc;

	foreach(lc, ((const AlterDatabaseStmt *) node)->options)
	{
		if (strcmp(lfirst_node(DefElem, lc)->defname, "tablespace") == 0)
			return true;
	}
	return false;
}

static bool
discards_all(const Node *node)
{
	return ((const DiscardStmt *) node)->target == DISCARD_ALL;
}

/*
 * SELECT [schema.]schemamig_backfill(...), or _finish(...), and nothing else.
 */
static bool
is_backfill(const Node *node)
{
	const SelectStmt *select = (const SelectStmt *) node;
	ResTarget  *target;
	FuncCall   *call;
	const char *name;

	if (select->op != SETOP_NONE || list_length(select->targetList) != 1 ||
		select->distinctClause || select->intoClause || select->fromClause ||
		select->whereClause || select->groupClause || select->havingClause ||
		select->windowClause || select->valuesLists || select->sortClause ||
		select->limitOffset || select->limitCount || select->lockingClause ||
		select->withClause)
		return false;
	target = linitial_node(ResTarget, select->targetList);
	if (target->val == NULL || !IsA(target->val, FuncCall))
		return false;
	call = (FuncCall *) target->val;
	name = strVal(llast(call->funcname));
	return list_length(call->funcname) <= 2 &&
		(strcmp(name, BACKFILL_FUNCTION) == 0 ||
		 strcmp(name, FINISH_FUNCTION) == 0) &&
		!call->agg_order && !call->agg_filter && !call->over &&
		!call->agg_within_group && !call->agg_star && !call->agg_distinct;
}

/*
 * Whether a PL/pgSQL statement begins behind this token.
 */
static bool
begins_statement(const char *token)
{
	static const char *const openers[] =
	{";", ">>", "begin", "then", "else", "loop"};

	for (int i = 0; i < lengthof(openers); i++)
	{
		if (pg_strcasecmp(token, openers[i]) == 0)
			return true;
	}
	return false;
}

/*
 * Whether a PL/pgSQL body has COMMIT, ROLLBACK or CALL (whose procedure may
 * commit) as a statement.  Read by PostgreSQL's scanner, which is PL/pgSQL's
 * too, so strings, comments and ON COMMIT DROP do not count.
 */
static bool
body_commits(const char *body)
{
	SmigScan	scan;
	bool		at_start = true;
	bool		ends_transaction = false;

	smig_scan_begin(&scan, body);
	while (smig_scan_next(&scan))
	{
		/* COMMIT; or COMMIT AND CHAIN; but not a variable of that name */
		if (ends_transaction && (strcmp(scan.token, ";") == 0 ||
								 pg_strcasecmp(scan.token, "and") == 0))
			return true;
		if (at_start && pg_strcasecmp(scan.token, "call") == 0)
			return true;
		ends_transaction = at_start &&
			(pg_strcasecmp(scan.token, "commit") == 0 ||
			 pg_strcasecmp(scan.token, "rollback") == 0);
		at_start = begins_statement(scan.token);
	}
	smig_scan_end(&scan);
	return false;
}

/*
 * body_commits, for a body that the scanner may refuse: PL/pgSQL will report
 * that with a position inside the body when the statement runs.
 */
static bool
body_commits_safely(const char *body)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "schemamig DO body",
												  ALLOCSET_DEFAULT_SIZES);
	volatile bool commits = false;

	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		commits = body_commits(body);
	}
	PG_CATCH();
	{
		int			category = ERRCODE_TO_CATEGORY(geterrcode());

		if (category != ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR) &&
			category != ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION))
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return commits;
}

static bool
contains_word(const char *text, const char *word)
{
	size_t		length = strlen(word);

	for (; *text; text++)
	{
		if (pg_strncasecmp(text, word, length) == 0)
			return true;
	}
	return false;
}

/*
 * A DO that may commit.  Of languages other than PL/pgSQL we know no syntax,
 * so there the mere words count.
 */
static bool
do_commits(const Node *node)
{
	const char *language = "plpgsql";
	const char *body = "";
	ListCell   *lc;

	foreach(lc, ((const DoStmt *) node)->args)
	{
		DefElem    *arg = lfirst_node(DefElem, lc);

		if (strcmp(arg->defname, "as") == 0)
			body = strVal(arg->arg);
		else if (strcmp(arg->defname, "language") == 0)
			language = strVal(arg->arg);
	}
	if (strcmp(language, "plpgsql") != 0)
		return contains_word(body, "commit") || contains_word(body, "rollback");
	return body_commits_safely(body);
}

/* Statements that are no plain part of a transaction; the first match wins. */
static const struct
{
	NodeTag		tag;
	StatementTest test;			/* NULL: always */
	StatementKind kind;
}			kinds[] =
{
	{T_IndexStmt, index_is_concurrent, {SMIG_STEP_CONCURRENT, true}},
	{T_DropStmt, drop_is_concurrent, {SMIG_STEP_CONCURRENT, true}},
	{T_ReindexStmt, reindex_is_concurrent, {SMIG_STEP_CONCURRENT, true}},
	{T_AlterTableStmt, detaches_concurrently, {SMIG_STEP_CONCURRENT, true}},
	{T_AlterTableStmt, finalizes_detach, {SMIG_STEP_CONCURRENT, false}},
	{T_ReindexStmt, reindex_is_of_many, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_ReindexStmt, NULL, {SMIG_STEP_AUTOCOMMIT, false}},	/* partitioned? */
	{T_VacuumStmt, is_vacuum, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_ClusterStmt, clusters_everything, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_ClusterStmt, NULL, {SMIG_STEP_AUTOCOMMIT, false}},	/* partitioned? */
	{T_CreatedbStmt, NULL, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_DropdbStmt, NULL, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_AlterDatabaseStmt, moves_database, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_CreateTableSpaceStmt, NULL, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_DropTableSpaceStmt, NULL, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_AlterSystemStmt, NULL, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_CreateSubscriptionStmt, NULL, {SMIG_STEP_AUTOCOMMIT, false}},
	{T_AlterSubscriptionStmt, NULL, {SMIG_STEP_AUTOCOMMIT, false}},
	{T_DropSubscriptionStmt, NULL, {SMIG_STEP_AUTOCOMMIT, false}},
	{T_DiscardStmt, discards_all, {SMIG_STEP_AUTOCOMMIT, true}},
	{T_CallStmt, NULL, {SMIG_STEP_CALL, false}},
	{T_DoStmt, do_commits, {SMIG_STEP_CALL, false}},
	{T_SelectStmt, is_backfill, {SMIG_STEP_BACKFILL, true}},
};

static bool
copies_from_client(const Node *node)
{
	const CopyStmt *copy = (const CopyStmt *) node;

	return copy->filename == NULL && copy->is_from;
}

static bool
copies_to_client(const Node *node)
{
	const CopyStmt *copy = (const CopyStmt *) node;

	return copy->filename == NULL && !copy->is_from;
}

/* Statements that have no meaning where scripts run: there is no client. */
static const struct
{
	NodeTag		tag;
	StatementTest test;
	const char *name;
	const char *hint;
}			refused[] =
{
	{T_CopyStmt, copies_from_client, "COPY FROM STDIN",
	"Write the rows as INSERT statements."},
	{T_CopyStmt, copies_to_client, "COPY TO STDOUT",
	"A script has no client to send rows to; write them to a table."},
	{T_ListenStmt, NULL, "LISTEN",
	"A script has no client that could receive notifications."},
};

/*
 * Says what step a statement needs.  Raises the error for statements that
 * cannot be part of a script.
 */
StatementKind
smig_script_classify(ScriptParse *parse, const SmigStatement *statement)
{
	const Node *node = statement->raw->stmt;
	StatementKind transactional = {SMIG_STEP_TRANSACTION, false};

	for (int i = 0; i < lengthof(refused); i++)
	{
		if (nodeTag(node) == refused[i].tag &&
			(refused[i].test == NULL || refused[i].test(node)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("%s does not work in revisions", refused[i].name),
					 errhint("%s", refused[i].hint),
					 smig_script_error_at(parse, statement->start)));
	}
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (nodeTag(node) == kinds[i].tag &&
			(kinds[i].test == NULL || kinds[i].test(node)))
			return kinds[i].kind;
	}
	return transactional;
}
