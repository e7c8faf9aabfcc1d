/*-------------------------------------------------------------------------
 *
 * file.c
 *	  The file format of revisions: text to headers and scripts, and back.
 *
 *		-- schemamig:revision 0335b1eb9c40
 *		-- schemamig:message add batch_item_id to messages
 *		-- schemamig:parents f922ca16e42c
 *		-- schemamig:labels billing
 *		-- schemamig:depends_on 54c76f7cabca
 *
 *		-- schemamig:up
 *		ALTER TABLE messages ADD COLUMN batch_item_id text;
 *
 *		-- schemamig:down transaction=none
 *		ALTER TABLE messages DROP COLUMN batch_item_id;
 *
 * Headers come in any order before the sections "up" and "down"; a header
 * behind a section begins the next revision.  Parents and dependencies are
 * full ids or labels; "replaces" lists what a squash is made of.  Among headers there may be blank
 * lines and comments, which are not kept.  Absent "parents" means the single
 * head, empty "parents" a base; no "down" means irreversible, an empty one
 * that there is nothing to undo.
 *
 * A section is all lines up to the next header.  Blank lines around it and its
 * last line end are not part of the script, so that files can be written and
 * concatenated as it looks best.  A script that begins or ends with a blank
 * line is written with the option "exact": then the script is every byte but
 * the last line end.  A line of a script that looks like a header, in a string
 * for instance, is written with one dash more ("--- schemamig:up"), and lines
 * of that look lose one dash when read, so any text comes back as it was.
 * "-- schemamig:ignore" and "ignore-file" belong to the script.
 *
 * Text whose lines end in CR LF is read as well, and keeps them in scripts; a
 * byte order mark is skipped.
 *
 * IDENTIFICATION
 *	  src/file.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "checksum.h"
#include "file.h"

#define HEADER_PREFIX		"schemamig:"
#define BYTE_ORDER_MARK		"\xEF\xBB\xBF"

#define BLANKS				" \t\r\f\v"
#define LIST_SEPARATORS		BLANKS ","

static const char *const mode_names[] = {
	[SMIG_TRANSACTION_REVISION] = "revision",
	[SMIG_TRANSACTION_NONE] = "none",
};

/* A line of the source; offsets are from the start of the source. */
typedef struct FileLine
{
	int			number;			/* from 1 */
	int			start;
	int			end;			/* without line end */
	int			next;			/* where the next line starts */
	/* of a line that looks like a header */
	int			dashes_at;
	int			dashes;			/* 2: a header; more: one that is escaped; 0:
								 * an ordinary line */
	int			name_at;
	int			value_at;
} FileLine;

/* A section being read. */
typedef struct FileSection
{
	const char *name;			/* NULL: none */
	int			line;			/* of its header */
	int			body;			/* where the text starts */
	bool		exact;
	bool		crlf;			/* the header's line ends in CR LF */
} FileSection;

typedef struct FileParse
{
	const char *source;
	const char *file;			/* its name, or NULL */
	int			length;
	FileLine	line;			/* current line */
	SmigRevision *revision;		/* current revision, NULL before the first */
	bool		has_sections;
	int			seen;			/* bit per header */
	FileSection section;
	int			comment_line;	/* of an open block comment, or 0 */
	List	   *revisions;
} FileParse;

static bool
is_blank(char c)
{
	return c != '\0' && strchr(BLANKS, c) != NULL;
}

/*
 * Skips blanks, and a byte order mark: files are concatenated with it.
 */
static int
skip_blanks(const char *text, int at, int end)
{
	if (GetDatabaseEncoding() == PG_UTF8 && end - at >= 3 &&
		memcmp(text + at, BYTE_ORDER_MARK, 3) == 0)
		at += 3;
	while (at < end && is_blank(text[at]))
		at++;
	return at;
}

/*
 * Finds out whether line->start .. line->end looks like a header.  Generous
 * about blanks and case, because a misspelt "--schemamig:down" that went
 * unnoticed would make the down script part of the up script.
 */
static void
classify_line(const char *text, FileLine *line)
{
	int			at = skip_blanks(text, line->start, line->end);
	int			dashes = 0;
	int			length;

	line->dashes = 0;
	line->dashes_at = at;
	while (at < line->end && text[at] == '-')
	{
		at++;
		dashes++;
	}
	if (dashes < 2)
		return;
	while (at < line->end && is_blank(text[at]))
		at++;
	if (line->end - at < strlen(HEADER_PREFIX) ||
		pg_strncasecmp(text + at, HEADER_PREFIX, strlen(HEADER_PREFIX)) != 0)
		return;
	at += strlen(HEADER_PREFIX);
	line->name_at = at;
	while (at < line->end && !is_blank(text[at]))
		at++;
	line->value_at = at;
	length = at - line->name_at;
	/* directives belong to the script */
	if ((length == 6 && strncmp(text + line->name_at, "ignore", 6) == 0) ||
		(length == 11 && strncmp(text + line->name_at, "ignore-file", 11) == 0))
		return;
	line->dashes = dashes;
}

/*
 * Reads the line that starts at "start"; false at the end of the text.
 */
static bool
read_line(const char *text, int length, int start, FileLine *line)
{
	const char *newline;

	if (start >= length)
		return false;
	newline = memchr(text + start, '\n', length - start);
	line->number++;
	line->start = start;
	line->end = newline ? newline - text : length;
	line->next = newline ? line->end + 1 : length;
	if (newline && line->end > start && text[line->end - 1] == '\r')
		line->end--;
	classify_line(text, line);
	return true;
}

/*
 * Says for a message where in its source a revision is: palloc'd.
 *
 * file: name of the file, or NULL for a source without a name; line: from 1
 */
char *
smig_file_place(const char *file, int line)
{
	return file ? psprintf("line %d of file \"%s\"", line, file) :
		psprintf("line %d of the source", line);
}

static int
source_line(const FileParse *parse, int line)
{
	errcontext("%s", smig_file_place(parse->file, line));
	return 0;
}

/*
 * Cuts blank lines around text[*from, *to) off, and the last line end.
 */
static void
strip_blank_lines(const char *text, int *from, int *to)
{
	int			at = *from;

	/* in front: up to the start of the first line that is not blank */
	while (at < *to && (is_blank(text[at]) || text[at] == '\n'))
	{
		if (text[at++] == '\n')
			*from = at;
	}
	if (at == *to)
	{
		*from = *to;
		return;
	}
	/* behind: up to the end of the last line that is not blank */
	at = *to;
	while (is_blank(text[at - 1]) || text[at - 1] == '\n')
	{
		if (text[--at] == '\n')
			*to = (text[at - 1] == '\r') ? at - 1 : at;
	}
}

/*
 * Copies text[from, to), with "change" dashes added to (1) or taken from (-1)
 * each line that looks like a header and has at least "least" of them.
 */
static char *
copy_body(const char *text, int from, int to, int least, int change)
{
	StringInfoData body;
	FileLine	line = {0};
	char	   *result;

	initStringInfo(&body);
	for (int at = from; read_line(text, to, at, &line); at = line.next)
	{
		CHECK_FOR_INTERRUPTS();
		if (line.dashes >= least)
		{
			appendBinaryStringInfo(&body, text + at, line.dashes_at - at);
			if (change > 0)
				appendStringInfoChar(&body, '-');
			at = line.dashes_at + (change < 0 ? 1 : 0);
		}
		appendBinaryStringInfo(&body, text + at, line.next - at);
	}
	/* a buffer has room to grow, which a source of many scripts cannot spare */
	result = pnstrdup(body.data, body.len);
	pfree(body.data);
	return result;
}

/*
 * Ends the section being read at the start of the current line.
 */
static void
end_section(FileParse *parse, int end)
{
	FileSection *section = &parse->section;
	const char *text = parse->source;
	int			from = section->body;
	int			to = end;
	int			first_line = section->line + 1;
	char	   *body;

	if (section->name == NULL)
		return;
	if (!section->exact)
		strip_blank_lines(text, &from, &to);
	else if (to > from && text[to - 1] == '\n')
	{
		to--;
		if (section->crlf && to > from && text[to - 1] == '\r')
			to--;
	}
	for (int i = section->body; i < from; i++)
	{
		if (text[i] == '\n')
			first_line++;
	}
	body = copy_body(text, from, to, 3, -1);
	if (strcmp(section->name, "up") == 0)
	{
		parse->revision->up = body;
		parse->revision->up_line = first_line;
	}
	else
	{
		parse->revision->down = body;
		parse->revision->down_line = first_line;
	}
	section->name = NULL;
}

/*
 * Ends the current revision: all that it must have is there.
 */
static void
end_revision(FileParse *parse)
{
	SmigRevision *revision = parse->revision;

	if (revision == NULL)
		return;
	if (revision->id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("revision without header \"revision\""),
				 errhint("Write -- schemamig:revision ID; all headers of a revision stand before its up and down sections."),
				 source_line(parse, revision->line)));
	if (revision->up == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("revision \"%s\" has no section \"up\"", revision->id),
				 errhint("Write -- schemamig:up and the script below it; an empty one does nothing."),
				 source_line(parse, revision->line)));
	revision->checksum = smig_revision_checksum(revision);
	parse->revisions = lappend(parse->revisions, revision);
	parse->revision = NULL;
}

/*
 * Value of the header on the current line, without blanks around it.
 */
static char *
header_value(FileParse *parse)
{
	const char *text = parse->source;
	int			from = parse->line.value_at;
	int			to = parse->line.end;

	while (from < to && is_blank(text[from]))
		from++;
	while (to > from && is_blank(text[to - 1]))
		to--;
	return pnstrdup(text + from, to - from);
}

/*
 * Splits a value into names.  Duplicates are left to who knows what they are.
 */
static List *
split_names(char *value, const char *separators)
{
	List	   *names = NIL;
	char	   *state;

	for (char *name = strtok_r(value, separators, &state); name != NULL;
		 name = strtok_r(NULL, separators, &state))
		names = lappend(names, name);
	return names;
}

static void
read_revision(FileParse *parse, char *value)
{
	if (value[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("header \"revision\" is empty"),
				 errhint("Write -- schemamig:revision ID."),
				 source_line(parse, parse->line.number)));
	parse->revision->id = value;
}

static void
read_message(FileParse *parse, char *value)
{
	parse->revision->message = value;
}

static void
read_parents(FileParse *parse, char *value)
{
	parse->revision->parents = split_names(value, LIST_SEPARATORS);
	parse->revision->parents_given = true;
}

static void
read_depends_on(FileParse *parse, char *value)
{
	parse->revision->depends_on = split_names(value, LIST_SEPARATORS);
}

static void
read_labels(FileParse *parse, char *value)
{
	parse->revision->labels = split_names(value, LIST_SEPARATORS);
}

static void
read_replaces(FileParse *parse, char *value)
{
	parse->revision->replaces = split_names(value, LIST_SEPARATORS);
}

/*
 * Reads "transaction=none" and "exact" behind the name of a section.
 */
static void
begin_section(FileParse *parse, const char *name, char *value,
			  SmigTransactionMode *mode)
{
	FileSection *section = &parse->section;
	ListCell   *lc;

	section->name = name;
	section->line = parse->line.number;
	section->body = parse->line.next;
	section->exact = false;
	section->crlf = parse->line.next - parse->line.end == 2;
	parse->has_sections = true;
	foreach(lc, split_names(value, BLANKS))
	{
		const char *option = lfirst(lc);

		if (strcmp(option, "exact") == 0)
			section->exact = true;
		else if (strcmp(option, "transaction=none") == 0)
			*mode = SMIG_TRANSACTION_NONE;
		else if (strcmp(option, "transaction=revision") == 0)
			*mode = SMIG_TRANSACTION_REVISION;
		else
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("unrecognized option \"%s\" of section \"%s\"",
							option, name),
					 errhint("Options are transaction=revision, transaction=none and exact."),
					 source_line(parse, parse->line.number)));
	}
}

static void
read_up(FileParse *parse, char *value)
{
	begin_section(parse, "up", value, &parse->revision->up_mode);
}

static void
read_down(FileParse *parse, char *value)
{
	begin_section(parse, "down", value, &parse->revision->down_mode);
}

static const struct
{
	const char *name;
	bool		section;
	void		(*read) (FileParse *parse, char *value);
}			headers[] =
{
	{"revision", false, read_revision},
	{"message", false, read_message},
	{"parents", false, read_parents},
	{"depends_on", false, read_depends_on},
	{"labels", false, read_labels},
	{"replaces", false, read_replaces},
	{"up", true, read_up},
	{"down", true, read_down},
};

/*
 * Handles the current line, which is a header.
 */
static void
read_header(FileParse *parse)
{
	FileLine   *line = &parse->line;
	char	   *name = pnstrdup(parse->source + line->name_at,
								line->value_at - line->name_at);
	int			which = 0;

	while (which < lengthof(headers) && strcmp(name, headers[which].name) != 0)
		which++;
	if (which == lengthof(headers))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("unrecognized header \"schemamig:%s\"", name),
				 errdetail("Headers are revision, message, parents, depends_on, labels, replaces, up and down."),
				 errhint("If the line is part of a script, write it with one dash more: it is taken off again."),
				 source_line(parse, line->number)));

	end_section(parse, line->start);
	if (parse->has_sections && !headers[which].section)
		end_revision(parse);
	if (parse->revision == NULL)
	{
		parse->revision = palloc0(sizeof(SmigRevision));
		parse->revision->message = pstrdup("");
		parse->revision->file = parse->file;
		parse->revision->line = line->number;
		parse->has_sections = false;
		parse->seen = 0;
	}
	if (parse->seen & (1 << which))
	{
		const char *id = parse->revision->id;

		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("header \"%s\" is given twice", name),
				 id ? errdetail("It is in revision \"%s\", which begins at line %d.",
								id, parse->revision->line) : 0,
				 errhint("A revision ends with its up or down section; check whether the one before has it."),
				 source_line(parse, line->number)));
	}
	parse->seen |= 1 << which;
	headers[which].read(parse, header_value(parse));
	pfree(name);
}

/*
 * Checks a line outside sections: blank or comment.
 */
static void
read_outside(FileParse *parse)
{
	const char *text = parse->source;
	FileLine   *line = &parse->line;
	int			at = skip_blanks(text, line->start, line->end);

	while (at < line->end)
	{
		if (parse->comment_line)
		{
			if (text[at] == '*' && at + 1 < line->end && text[at + 1] == '/')
			{
				parse->comment_line = 0;
				at++;
			}
			at++;
		}
		else if (at + 1 < line->end && text[at] == '/' && text[at + 1] == '*')
		{
			parse->comment_line = line->number;
			at += 2;
		}
		else if (at + 1 < line->end && text[at] == '-' && text[at + 1] == '-')
			return;
		else if (is_blank(text[at]))
			at++;
		else
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("text outside the sections \"up\" and \"down\""),
					 errdetail("Only comments and blank lines can stand there."),
					 errhint("Write -- schemamig:revision ID and -- schemamig:up before the script."),
					 source_line(parse, line->number)));
	}
}

/*
 * Parses a text with one or more revisions.
 *
 * Returns a list of SmigRevision in the current memory context, with the
 * names in parents and depends_on as they stand there.  Raises 42601 with the
 * line in CONTEXT for what is no such file.  The scripts are not looked into.
 */
List *
smig_file_parse(const char *source)
{
	return smig_file_parse_named(source, NULL);
}

/*
 * The same for the content of a file whose name errors shall tell.
 */
List *
smig_file_parse_named(const char *source, const char *file)
{
	FileParse	parse = {0};

	parse.source = source;
	parse.file = file;
	parse.length = strlen(source);
	for (int at = 0; read_line(source, parse.length, at, &parse.line);
		 at = parse.line.next)
	{
		CHECK_FOR_INTERRUPTS();
		if (parse.line.dashes == 2 && !parse.comment_line)
			read_header(&parse);
		else if (parse.section.name == NULL)
			read_outside(&parse);
	}
	end_section(&parse, parse.length);
	if (parse.comment_line)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("unterminated /* comment"),
				 errhint("Close it before the next header."),
				 source_line(&parse, parse.comment_line)));
	end_revision(&parse);
	if (parse.revisions == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 file ? errmsg("file \"%s\" contains no revision", file) :
				 errmsg("source contains no revision"),
				 errhint("A revision begins with -- schemamig:revision ID and has a section -- schemamig:up.")));
	return parse.revisions;
}

static void
append_list(StringInfo out, const char *name, List *values)
{
	ListCell   *lc;

	appendStringInfo(out, "-- " HEADER_PREFIX "%s", name);
	foreach(lc, values)
		appendStringInfo(out, "%s %s", lc == list_head(values) ? "" : ",",
						 (char *) lfirst(lc));
	appendStringInfoChar(out, '\n');
}

/*
 * Writes a section so that it reads back as "body", byte for byte.  Returns
 * whether the section is exact: then nothing may come between it and the next
 * header.
 */
static bool
append_section(StringInfo out, const char *name, const char *body,
			   SmigTransactionMode mode)
{
	int			length = strlen(body);
	char	   *line = psprintf("%s\n", body);
	int			from = 0;
	int			to = length + 1;
	bool		exact;

	strip_blank_lines(line, &from, &to);
	exact = length > 0 && (from != 0 || to != length);
	pfree(line);

	appendStringInfo(out, "-- " HEADER_PREFIX "%s", name);
	if (mode != SMIG_TRANSACTION_REVISION)
		appendStringInfo(out, " transaction=%s", mode_names[mode]);
	if (exact)
		appendStringInfoString(out, " exact");
	appendStringInfoChar(out, '\n');
	if (length > 0)
	{
		appendStringInfoString(out, copy_body(body, 0, length, 2, 1));
		appendStringInfoChar(out, '\n');
	}
	return exact;
}

/*
 * Writes a revision in the file format, palloc'd.  smig_file_parse of it
 * gives the same content back.
 */
char *
smig_file_format(const SmigRevision *revision)
{
	StringInfoData out;
	bool		exact;

	initStringInfo(&out);
	appendStringInfo(&out, "-- " HEADER_PREFIX "revision %s\n", revision->id);
	if (revision->message[0] != '\0')
		appendStringInfo(&out, "-- " HEADER_PREFIX "message %s\n",
						 revision->message);
	append_list(&out, "parents", revision->parents);
	if (revision->labels != NIL)
		append_list(&out, "labels", revision->labels);
	if (revision->depends_on != NIL)
		append_list(&out, "depends_on", revision->depends_on);
	if (revision->replaces != NIL)
		append_list(&out, "replaces", revision->replaces);
	appendStringInfoChar(&out, '\n');
	exact = append_section(&out, "up", revision->up, revision->up_mode);
	if (revision->down)
	{
		if (!exact)
			appendStringInfoChar(&out, '\n');
		append_section(&out, "down", revision->down, revision->down_mode);
	}
	return out.data;
}

/*
 * SHA-256, in hexadecimal, of both scripts and their transaction modes: what
 * decides whether two revisions do the same.  A missing down script differs
 * from an empty one.
 */
char *
smig_revision_checksum(const SmigRevision *revision)
{
	SmigChecksum *checksum = smig_checksum_begin();
	const char *up_mode = mode_names[revision->up_mode];
	const char *down_mode = mode_names[revision->down_mode];

	smig_checksum_add(checksum, "up_transaction", up_mode, strlen(up_mode));
	smig_checksum_add(checksum, "up", revision->up, strlen(revision->up));
	smig_checksum_add(checksum, "down_transaction", down_mode,
					  strlen(down_mode));
	smig_checksum_add(checksum, "down", revision->down,
					  revision->down ? strlen(revision->down) : 0);
	return smig_checksum_end(checksum);
}

/*
 * The file, and the line in it, that a line of an imported script comes from.
 *
 * source: SmigRevision.up_source or down_source.  line: from 1; less means the
 * first.
 */
int
smig_revision_source_line(List *source, int line, const char **file)
{
	const SmigSourceLine *found = linitial(source);
	ListCell   *lc;

	foreach(lc, source)
	{
		const SmigSourceLine *from = lfirst(lc);

		if (from->line <= line)
			found = from;
	}
	*file = found->file;
	return found->file_line + Max(line - found->line, 0);
}
