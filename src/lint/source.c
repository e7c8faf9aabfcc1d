/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Pieces of a statement's text, cut by PostgreSQL's own scanner.
 *
 * A raw parse tree cannot be turned back into SQL, so suggestions are put
 * together from slices of what the author wrote.
 *
 * IDENTIFICATION
 *	  src/lint/source.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "parser/scanner.h"

#include "lint/source.h"
#include "script_private.h"

/*
 * Cuts a statement into tokens.
 */
SmigSource *
smig_source_read(const SmigScript *script, const SmigStatement *statement)
{
	SmigSource *source = palloc0(sizeof(SmigSource));
	char	   *text = pnstrdup(script->text + statement->start,
								statement->length);
	int			allocated = 32;
	int			depth = 0;
	SmigScan	scan;

	source->text = script->text;
	source->start = statement->start;
	source->end = statement->start + statement->length;
	source->tokens = palloc(sizeof(SmigToken) * allocated);
	smig_scan_begin(&scan, text);
	while (smig_scan_next(&scan))
	{
		SmigToken  *token;
		char		first = text[scan.location];

		CHECK_FOR_INTERRUPTS();
		if (source->ntokens == allocated)
		{
			allocated *= 2;
			source->tokens = repalloc(source->tokens,
									  sizeof(SmigToken) * allocated);
		}
		if ((first == ')' || first == ']') && depth > 0)
			depth--;
		token = &source->tokens[source->ntokens++];
		token->start = statement->start + scan.location;
		token->end = statement->start + scan.end;
		token->depth = depth;
		if (first == '(' || first == '[')
			depth++;
	}
	smig_scan_end(&scan);
	return source;
}

/*
 * The text between two offsets, without blanks at its ends.
 */
char *
smig_source_slice(const SmigSource *source, int from, int to)
{
	while (from < to && strchr(" \t\r\n", source->text[from]) != NULL)
		from++;
	while (to > from && strchr(" \t\r\n", source->text[to - 1]) != NULL)
		to--;
	return pnstrdup(source->text + from, to - from);
}

/*
 * The statement with the text between two offsets replaced.
 */
char *
smig_source_replace(const SmigSource *source, int from, int to,
					const char *with)
{
	return psprintf("%.*s%s%.*s;", from - source->start,
					source->text + source->start, with,
					source->end - to, source->text + to);
}

/*
 * The whole statement, ended by a semicolon.
 */
char *
smig_source_without_semicolon(const SmigSource *source)
{
	return smig_source_slice(source, source->start, source->end);
}

/*
 * Is the n-th token that word, in any case?
 */
bool
smig_source_token_is(const SmigSource *source, int n, const char *word)
{
	const SmigToken *token;

	if (n < 0 || n >= source->ntokens)
		return false;
	token = &source->tokens[n];
	return token->end - token->start == strlen(word) &&
		pg_strncasecmp(source->text + token->start, word, strlen(word)) == 0;
}

/*
 * Number of the first token at or behind an offset that is the word, outside
 * of parentheses; -1 when there is none.
 */
int
smig_source_find(const SmigSource *source, int from, const char *word)
{
	for (int i = 0; i < source->ntokens; i++)
	{
		if (source->tokens[i].start >= from && source->tokens[i].depth == 0 &&
			smig_source_token_is(source, i, word))
			return i;
	}
	return -1;
}

/*
 * Offset where the list item that begins at "from" ends: before the next
 * comma or closing parenthesis at its depth, or at the statement's end.
 */
int
smig_source_item_end(const SmigSource *source, int from)
{
	int			depth = -1;
	int			end = source->end;

	for (int i = 0; i < source->ntokens; i++)
	{
		SmigToken  *token = &source->tokens[i];
		char		first = source->text[token->start];

		if (token->start < from)
			continue;
		if (depth < 0)
			depth = token->depth;
		if (token->depth < depth ||
			(token->depth == depth && (first == ',' || first == ';')))
			return end;
		end = token->end;
	}
	return end;
}

/*
 * The commands of an ALTER TABLE, as SmigSlice *, in order.  "relation" is the
 * offset of the table's name.
 */
List *
smig_source_commands(const SmigSource *source, int relation)
{
	List	   *commands = NIL;
	int			i = 0;

	while (i < source->ntokens && source->tokens[i].start < relation)
		i++;
	i++;
	while (smig_source_token_is(source, i, "."))
		i += 2;
	if (smig_source_token_is(source, i, ")"))
		i++;
	if (smig_source_token_is(source, i, "*"))
		i++;
	while (i < source->ntokens)
	{
		SmigSlice  *slice = palloc(sizeof(SmigSlice));

		slice->start = source->tokens[i].start;
		slice->end = smig_source_item_end(source, slice->start);
		commands = lappend(commands, slice);
		while (i < source->ntokens && source->tokens[i].start < slice->end)
			i++;
		i++;					/* the comma */
	}
	return commands;
}
