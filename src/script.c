/*-------------------------------------------------------------------------
 *
 * script.c
 *	  A script as statements and steps.
 *
 * How statements become steps:
 *
 * - BEGIN is implied; COMMIT and END cut.  What stands between an explicit
 *	 BEGIN and its COMMIT is never cut: there the server's own rules hold.
 * - A statement that is no plain part of a transaction is a step by itself.
 * - Values added to an enum cannot be used in the same transaction, so there
 *	 is a cut behind ALTER TYPE ... ADD VALUE when the value's text occurs in
 *	 a later statement.
 * - With transaction=none each statement is a step, explicit blocks aside,
 *	 like in psql.
 *
 * IDENTIFICATION
 *	  src/script.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "parser/parser.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"
#include "utils/guc.h"

#include "checksum.h"
#include "script_private.h"

/*
 * How often the text may be searched for enum values before we cut without
 * looking: keeps the time linear for scripts with thousands of them.
 */
#define ENUM_SEARCH_PASSES	32

typedef struct StepBuilder
{
	ScriptParse *parse;
	List	   *all;			/* statements with transaction control */
	SmigStep   *open;			/* step that takes further statements */
	bool		in_block;		/* between BEGIN and COMMIT of the script */
	int			block_offset;	/* of the statement that opened it */
	List	   *options;		/* for the next step */
	List	   *added;			/* enum values added in the open step */
	int64		search_budget;	/* bytes */
} StepBuilder;

static const char *const kind_names[] = {
	[SMIG_STEP_TRANSACTION] = "transaction",
	[SMIG_STEP_CONCURRENT] = "concurrent",
	[SMIG_STEP_AUTOCOMMIT] = "autocommit",
	[SMIG_STEP_CALL] = "call",
	[SMIG_STEP_BACKFILL] = "backfill",
};

/*
 * Name of a kind of step, as plan and journal show it.
 */
const char *
smig_script_kind_name(SmigStepKind kind)
{
	return kind_names[kind];
}

/*
 * Source text of one statement, without ';', palloc'd.
 */
char *
smig_script_statement_text(const SmigScript *script,
						   const SmigStatement *statement)
{
	return pnstrdup(script->text + statement->start, statement->length);
}

/*
 * The value that ALTER TYPE ... ADD VALUE adds; NULL for other statements.
 */
static const char *
added_enum_value(const SmigStatement *statement)
{
	const AlterEnumStmt *alter = (const AlterEnumStmt *) statement->raw->stmt;

	if (!IsA(alter, AlterEnumStmt) || alter->oldVal != NULL)
		return NULL;
	return alter->newVal;
}

/*
 * Whether the text of "value" occurs in the script from statement number
 * "from" (index into builder->all) on, statements that add values left out.
 * May say yes when it does not know.
 */
static bool
enum_value_occurs(StepBuilder *builder, const char *value, int from)
{
	const char *text = builder->parse->script->text;
	int			next = from;
	int			at = ((SmigStatement *) list_nth(builder->all, from))->start;

	/* could be written in several ways */
	if (value[0] == '\0' || strpbrk(value, "'\\") != NULL)
		return true;
	for (;;)
	{
		const char *hit;
		SmigStatement *statement = NULL;

		if (builder->search_budget < 0)
			return true;
		hit = strstr(text + at, value);
		builder->search_budget -= (hit ? (hit - text) : builder->parse->length)
			- at + 1;
		if (hit == NULL)
			return false;
		for (; next < list_length(builder->all); next++)
		{
			statement = list_nth(builder->all, next);
			if (hit - text < statement->start + statement->length)
				break;
		}
		if (next == list_length(builder->all))
			return false;
		if (hit - text < statement->start)
			at = statement->start;	/* in a comment between statements */
		else if (added_enum_value(statement))
			at = statement->start + statement->length;
		else
			return true;
	}
}

static void
close_step(StepBuilder *builder)
{
	builder->open = NULL;
	builder->added = NIL;
}

static SmigStep *
append_step(StepBuilder *builder, SmigStepKind kind)
{
	SmigScript *script = builder->parse->script;
	SmigStep   *step = palloc0(sizeof(SmigStep));

	script->steps = lappend(script->steps, step);
	step->text = builder->parse->script->text;
	step->number = list_length(script->steps);
	step->kind = kind;
	return step;
}

/*
 * Closes the open step before statement all[index] if that, or a later one,
 * seems to use an enum value which the step adds.
 */
static void
cut_after_enum_values(StepBuilder *builder, int index)
{
	ListCell   *lc;

	foreach(lc, builder->added)
	{
		if (enum_value_occurs(builder, lfirst(lc), index))
		{
			close_step(builder);
			return;
		}
	}
	builder->added = NIL;
}

static void
begin_block(StepBuilder *builder, const SmigStatement *statement)
{
	const TransactionStmt *begin = (const TransactionStmt *) statement->raw->stmt;

	if (builder->in_block)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("script is already in a transaction block"),
				 errhint("Remove this BEGIN, or write COMMIT before it."),
				 smig_script_error_at(builder->parse, statement->start)));
	/* isolation level and the like must come before the first statement */
	if (begin->options != NIL || builder->added != NIL ||
		builder->parse->script->mode == SMIG_TRANSACTION_NONE)
		close_step(builder);
	builder->in_block = true;
	builder->block_offset = statement->start;
	builder->options = begin->options;
}

static void
commit_block(StepBuilder *builder, const SmigStatement *statement)
{
	const TransactionStmt *commit = (const TransactionStmt *) statement->raw->stmt;

	close_step(builder);
	builder->in_block = commit->chain;
	builder->block_offset = statement->start;
	if (!commit->chain)
		builder->options = NIL;
}

static void
refuse_control(StepBuilder *builder, const SmigStatement *statement)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s does not work in revisions",
					CreateCommandName(statement->raw->stmt)),
			 errhint("A script is applied whole, or not at all since its last COMMIT; handle errors in a DO block with EXCEPTION."),
			 smig_script_error_at(builder->parse, statement->start)));
}

typedef void (*ControlAction) (StepBuilder *builder,
							   const SmigStatement *statement);

/* What a script may do to its transaction; by TransactionStmtKind. */
static const ControlAction control_actions[] = {
	[TRANS_STMT_BEGIN] = begin_block,
	[TRANS_STMT_START] = begin_block,
	[TRANS_STMT_COMMIT] = commit_block,
	[TRANS_STMT_ROLLBACK] = refuse_control,
	[TRANS_STMT_SAVEPOINT] = refuse_control,
	[TRANS_STMT_RELEASE] = refuse_control,
	[TRANS_STMT_ROLLBACK_TO] = refuse_control,
	[TRANS_STMT_PREPARE] = refuse_control,
	[TRANS_STMT_COMMIT_PREPARED] = refuse_control,
	[TRANS_STMT_ROLLBACK_PREPARED] = refuse_control,
};

static void
refuse_in_block(StepBuilder *builder, const SmigStatement *statement,
				StatementKind kind)
{
	const char *name = CreateCommandName(statement->raw->stmt);

	if (kind.kind == SMIG_STEP_CONCURRENT)
		name = psprintf("%s ... CONCURRENTLY", name);
	else if (kind.kind == SMIG_STEP_BACKFILL)
		name = "a backfill";
	ereport(ERROR,
			(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			 errmsg("%s cannot run inside a transaction block", name),
			 errhint("Write COMMIT before it, or remove the script's BEGIN and COMMIT: they are implied."),
			 smig_script_error_at(builder->parse, statement->start)));
}

/*
 * Puts statement all[index], which is no transaction control, into a step.
 */
static void
add_statement(StepBuilder *builder, SmigStatement *statement, int index)
{
	ScriptParse *parse = builder->parse;
	SmigScript *script = parse->script;
	StatementKind kind = smig_script_classify(parse, statement);
	const char *value = added_enum_value(statement);
	bool		alone;

	if (builder->in_block)
	{
		if (kind.refuses_block)
			refuse_in_block(builder, statement, kind);
		kind.kind = SMIG_STEP_TRANSACTION;
	}
	statement->kind = kind.kind;
	script->statements = lappend(script->statements, statement);
	statement->number = list_length(script->statements);

	alone = kind.kind != SMIG_STEP_TRANSACTION ||
		(script->mode == SMIG_TRANSACTION_NONE && !builder->in_block);
	if (alone)
		close_step(builder);
	else if (value == NULL && !builder->in_block)
		cut_after_enum_values(builder, index);
	if (builder->open == NULL)
	{
		builder->open = append_step(builder, kind.kind);
		if (builder->in_block)
			builder->open->options = builder->options;
	}
	builder->open->statements = lappend(builder->open->statements, statement);
	if (alone)
		close_step(builder);
	else if (value && !builder->in_block)
		builder->added = lappend(builder->added, unconstify(char *, value));
}

/*
 * Cuts script->statements, which still has transaction control in it, into
 * steps.
 */
static void
build_steps(ScriptParse *parse)
{
	SmigScript *script = parse->script;
	StepBuilder builder = {0};

	builder.parse = parse;
	builder.all = script->statements;
	builder.search_budget = (int64) parse->length * ENUM_SEARCH_PASSES;
	script->statements = NIL;
	for (int i = 0; i < list_length(builder.all); i++)
	{
		SmigStatement *statement = list_nth(builder.all, i);
		const Node *node = statement->raw->stmt;

		CHECK_FOR_INTERRUPTS();
		if (IsA(node, TransactionStmt))
			control_actions[((const TransactionStmt *) node)->kind]
				(&builder, statement);
		else
			add_statement(&builder, statement, i);
	}
	if (builder.in_block)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("script ends inside a transaction block"),
				 errhint("Write COMMIT at its end, or remove this statement: BEGIN is implied."),
				 smig_script_error_at(parse, builder.block_offset)));
}

/*
 * SHA-256 of a step's statements in hexadecimal, palloc'd: what the journal
 * compares when a run continues.  Computed on demand, because most steps are
 * never in the journal.
 */
char *
smig_script_step_checksum(const SmigStep *step)
{
	SmigChecksum *checksum = smig_checksum_begin();
	ListCell   *lc;

	foreach(lc, step->statements)
	{
		SmigStatement *statement = lfirst(lc);

		smig_checksum_add(checksum, "statement",
						  step->text + statement->start, statement->length);
	}
	return smig_checksum_end(checksum);
}

/*
 * The raw parser, whatever the session has set for string literals: a script
 * means the same for its author, in the plan and in the run.
 */
static List *
parse_statements(const char *text)
{
	bool		save_strings = standard_conforming_strings;
	int			save_quote = backslash_quote;
	List	   *volatile raws = NIL;

	standard_conforming_strings = true;
	backslash_quote = BACKSLASH_QUOTE_SAFE_ENCODING;
	PG_TRY();
	{
		raws = raw_parser(text, RAW_PARSE_DEFAULT);
	}
	PG_FINALLY();
	{
		standard_conforming_strings = save_strings;
		backslash_quote = save_quote;
	}
	PG_END_TRY();
	return raws;
}

/*
 * smig_script_locate without the scanner's NOTICEs, which the raw parser has
 * given already.
 */
static void
locate_statements(ScriptParse *parse, List *raws)
{
	int			save_client = client_min_messages;
	int			save_log = log_min_messages;

	client_min_messages = ERROR;
	log_min_messages = ERROR;
	PG_TRY();
	{
		smig_script_locate(parse, raws);
	}
	PG_FINALLY();
	{
		client_min_messages = save_client;
		log_min_messages = save_log;
	}
	PG_END_TRY();
}

/*
 * Fills *parse and splits the text into the statements of parse->script,
 * transaction control among them.
 */
static void
split_text(ScriptParse *parse, const char *text, const char *what)
{
	SmigScript *script = palloc0(sizeof(SmigScript));
	ErrorContextCallback callback;
	List	   *raws;

	script->text = pstrdup(text);
	parse->what = what;
	parse->script = script;
	parse->length = strlen(text);
	parse->line = 1;
	parse->column = 1;

	smig_script_error_reset();
	callback.callback = smig_script_parse_callback;
	callback.arg = parse;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	raws = parse_statements(script->text);
	error_context_stack = callback.previous;
	locate_statements(parse, raws);
}

/*
 * Parses a script into statements and steps.
 *
 * text: the script, in the server's encoding.  mode: how it is cut.  what:
 * names the script in errors, e.g. up script of revision "x".
 *
 * The result is in the current memory context and refers to a copy of the
 * text there.  Needs no transaction.  Time is linear: 10,000 statements in a
 * megabyte take a fraction of a second.  Errors have an internal position and
 * a CONTEXT with line and column.
 */
SmigScript *
smig_script_parse(const char *text, SmigTransactionMode mode, const char *what)
{
	ScriptParse parse = {0};

	split_text(&parse, text, what);
	parse.script->mode = mode;
	build_steps(&parse);
	return parse.script;
}

/*
 * Splits a text into statements and nothing more: BEGIN and COMMIT are among
 * them, there are no steps, and statements have neither kind nor number.
 * Otherwise as smig_script_parse.
 */
SmigScript *
smig_script_split(const char *text, const char *what)
{
	ScriptParse parse = {0};

	split_text(&parse, text, what);
	return parse.script;
}

/*
 * Whether the whole script can run in one transaction that is not its own
 * (transaction => 'all' or 'caller').  If not, *why (unless NULL) is set to
 * the first statement that needs a transaction, or none, for itself.
 */
bool
smig_script_fits_one_transaction(const SmigScript *script,
								 const SmigStatement **why)
{
	ListCell   *lc;

	foreach(lc, script->steps)
	{
		SmigStep   *step = lfirst(lc);

		if (step->kind != SMIG_STEP_TRANSACTION || step->options != NIL ||
			step->number > 1)
		{
			if (why)
				*why = linitial(step->statements);
			return false;
		}
	}
	return true;
}
