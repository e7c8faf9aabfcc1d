/*-------------------------------------------------------------------------
 *
 * script_scan.c
 *	  Where statements begin and end, and the directives in comments.
 *
 * The raw parser of PostgreSQL 15 to 17 lets a statement begin right behind
 * the previous ';', comments included; that of 18 at its first token.  Both
 * say little about the end.  One pass of PostgreSQL's own scanner over the
 * whole script gives the first and the last token of each statement; between
 * tokens there are only blanks and comments, in which directives are found:
 *
 *		-- schemamig:ignore RULE, RULE		for one statement
 *		-- schemamig:ignore-file RULE, RULE	for the whole script
 *		-- schemamig:rename OLD NEW			in models, for comparisons
 *
 * A directive belongs to the statement it stands in or before; behind the end
 * of a statement, on the same line, it belongs to that one.
 *
 * IDENTIFICATION
 *	  src/script_scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/keywords.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"

#include "script_private.h"

#define DIRECTIVE_PREFIX	"schemamig:"

/*
 * Starts to scan a NUL-terminated text.  The caller keeps SmigScan.
 */
void
smig_scan_begin(SmigScan *scan, const char *text)
{
	memset(scan, 0, sizeof(*scan));
	scan->scanner = scanner_init(text, &scan->extra, &ScanKeywords,
								 ScanKeywordTokens);
	/* as everywhere in this module: independent of the session's settings */
	scan->extra.standard_conforming_strings = true;
	scan->extra.backslash_quote = BACKSLASH_QUOTE_SAFE_ENCODING;
	/* the raw parser has warned already */
	scan->extra.escape_string_warning = false;
}

/*
 * Moves to the next token; false at the end of the text, with location there.
 *
 * flex puts a NUL behind the token it has just matched (pg_stat_statements
 * finds the length of constants that way).
 */
bool
smig_scan_next(SmigScan *scan)
{
	core_YYSTYPE value;
	YYLTYPE		location;
	int			token;

	scan->previous_end = scan->end;
	token = core_yylex(&value, &location, scan->scanner);
	scan->location = location;
	scan->token = scan->extra.scanbuf + location;
	scan->end = location + strlen(scan->token);
	return token != 0;
}

/*
 * Frees the scanner.
 */
void
smig_scan_end(SmigScan *scan)
{
	scanner_finish(scan->scanner);
}

/*
 * Sets parse->line and parse->column for a byte offset that is not before
 * the one of the last call.
 */
static void
advance_position(ScriptParse *parse, int offset)
{
	const char *text = parse->script->text;
	int			encoding = GetDatabaseEncoding();

	while (parse->offset < offset)
	{
		if (text[parse->offset] == '\n')
		{
			parse->line++;
			parse->column = 1;
			parse->offset++;
		}
		else
		{
			parse->column++;
			parse->offset += pg_encoding_mblen(encoding, text + parse->offset);
		}
	}
}

/*
 * Reads the rules of a directive from [from, to): names separated by blanks
 * or commas.
 */
static List *
parse_rules(ScriptParse *parse, int directive, const char *name,
			int from, int to)
{
	const char *text = parse->script->text;
	List	   *rules = NIL;

	while (from < to)
	{
		int			start = from;

		while (from < to && strchr(" \t\r\f\v,", text[from]) == NULL)
			from++;
		if (from > start)
			rules = lappend(rules, pnstrdup(text + start, from - start));
		else
			from++;
	}
	if (rules == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("directive \"schemamig:%s\" names no rule", name),
				 errhint("Write -- schemamig:%s RULE, RULE.", name),
				 smig_script_error_at(parse, directive)));
	return rules;
}

/*
 * Keeps what a directive says is renamed; it is read when schemas are compared.
 */
static void
add_rename(ScriptParse *parse, int directive, int from, int to)
{
	SmigRenameLine *rename = palloc(sizeof(SmigRenameLine));
	int			column;

	rename->text = pnstrdup(parse->script->text + from, to - from);
	rename->offset = directive;
	smig_script_position(parse->script->text, directive, &rename->line,
						 &column);
	parse->script->renames = lappend(parse->script->renames, rename);
}

/*
 * Looks at the line comment text[from, to), which begins with "--".
 */
static void
read_comment(ScriptParse *parse, int from, int to)
{
	const char *text = parse->script->text;
	int			at = from + 2;
	int			name_start;
	char	   *name;

	while (at < to && (text[at] == ' ' || text[at] == '\t'))
		at++;
	if (to - at < strlen(DIRECTIVE_PREFIX) ||
		pg_strncasecmp(text + at, DIRECTIVE_PREFIX,
					   strlen(DIRECTIVE_PREFIX)) != 0)
		return;
	at += strlen(DIRECTIVE_PREFIX);
	name_start = at;
	while (at < to && strchr(" \t\r\f\v", text[at]) == NULL)
		at++;
	name = pnstrdup(text + name_start, at - name_start);

	if (strcmp(name, "ignore-file") == 0)
		parse->script->ignore =
			list_concat(parse->script->ignore,
						parse_rules(parse, from, name, at, to));
	else if (strcmp(name, "ignore") == 0)
	{
		List	   *rules = parse_rules(parse, from, name, at, to);
		SmigStatement *target = parse->inside ? parse->inside : parse->trailing;

		if (target)
			target->ignore = list_concat(target->ignore, rules);
		else
		{
			if (parse->pending == NIL)
				parse->pending_offset = from;
			parse->pending = list_concat(parse->pending, rules);
		}
	}
	else if (strcmp(name, "rename") == 0)
		add_rename(parse, from, at, to);
	else
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("unrecognized directive \"schemamig:%s\"", name),
				 errdetail("A script can contain \"schemamig:ignore\" and \"schemamig:ignore-file\", a model also \"schemamig:rename\"."),
				 errhint("Load text with headers by schemamig_load; change the comment if it is none of ours."),
				 smig_script_error_at(parse, from)));
	pfree(name);
}

/*
 * Reads what stands between two tokens: blanks and comments, nothing else.
 */
static void
read_gap(ScriptParse *parse, int from, int to)
{
	const char *text = parse->script->text;
	int			depth = 0;

	while (from < to)
	{
		if (depth == 0 && text[from] == '-')
		{
			int			start = from;

			while (from < to && text[from] != '\n' && text[from] != '\r')
				from++;
			read_comment(parse, start, from);
			continue;
		}
		if (text[from] == '/' && text[from + 1] == '*')
		{
			depth++;
			from++;
		}
		else if (depth > 0 && text[from] == '*' && text[from + 1] == '/')
		{
			depth--;
			from++;
		}
		else if (text[from] == '\n')
			parse->trailing = NULL;
		from++;
	}
}

/*
 * Reads the tokens of one statement, whose text ends at "limit".  Returns
 * whether there are more tokens in the script.
 */
static bool
read_statement(ScriptParse *parse, SmigScan *scan, SmigStatement *statement,
			   int limit)
{
	bool		more;

	advance_position(parse, scan->location);
	statement->start = scan->location;
	statement->line = parse->line;
	statement->column = parse->column;
	statement->ignore = parse->pending;
	parse->pending = NIL;
	parse->inside = statement;
	do
	{
		statement->length = scan->end - statement->start;
		more = smig_scan_next(scan);
		read_gap(parse, scan->previous_end, scan->location);
	} while (more && scan->location < limit);
	parse->inside = NULL;
	parse->trailing = statement;

	/* what was meant for BEGIN or COMMIT is meant for what follows */
	if (IsA(statement->raw->stmt, TransactionStmt) && statement->ignore)
	{
		parse->pending = statement->ignore;
		parse->pending_offset = statement->start;
		statement->ignore = NIL;
		parse->trailing = NULL;
	}
	return more;
}

/*
 * Makes a SmigStatement of each raw statement, transaction control included,
 * and appends them to script->statements; kind and number are not set yet.
 * Time is linear in the length of the script.
 */
void
smig_script_locate(ScriptParse *parse, List *raws)
{
	SmigScan	scan;
	bool		more;
	ListCell   *lc;

	smig_scan_begin(&scan, parse->script->text);
	more = smig_scan_next(&scan);
	read_gap(parse, 0, scan.location);
	foreach(lc, raws)
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);
		SmigStatement *statement = palloc0(sizeof(SmigStatement));
		int			from = Max(raw->stmt_location, 0);
		int			limit = raw->stmt_len > 0 ? from + raw->stmt_len :
			parse->length;

		CHECK_FOR_INTERRUPTS();
		/* the ';' of earlier statements, empty ones too */
		while (more && scan.location < from)
		{
			more = smig_scan_next(&scan);
			read_gap(parse, scan.previous_end, scan.location);
		}
		statement->raw = raw;
		more = read_statement(parse, &scan, statement, limit);
		parse->script->statements = lappend(parse->script->statements,
											statement);
	}
	while (more)
	{
		more = smig_scan_next(&scan);
		read_gap(parse, scan.previous_end, scan.location);
	}
	smig_scan_end(&scan);
	if (parse->pending != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("directive \"schemamig:ignore\" does not stand before a statement"),
				 errhint("Put it before the statement it is meant for, or use schemamig:ignore-file."),
				 smig_script_error_at(parse, parse->pending_offset)));
}
