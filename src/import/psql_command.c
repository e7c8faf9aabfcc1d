/*-------------------------------------------------------------------------
 *
 * psql_command.c
 *	  psql's commands, as far as they mean something without a client.
 *
 * IDENTIFICATION
 *	  src/import/psql_command.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "psql.h"

/* How deep files can include each other. */
#define MAX_DEPTH	16

#define BLANKS		" \t\r\f\v"

/* A \if whose \endif has not come yet. */
typedef struct Condition
{
	bool		active;			/* this branch is read */
	bool		done;			/* a branch has been, or none may be */
	bool		outer;			/* the surrounding text is read */
} Condition;

typedef struct PsqlCommand
{
	const char *name;
	void		(*run) (PsqlTranslation *t, const char *name, int *at);
	const char *hint;			/* for those that are refused */
} PsqlCommand;

/*
 * Whether the current text is in no \if whose condition says no.
 */
bool
smig_psql_active(const PsqlTranslation *t)
{
	return t->conditions == NIL ||
		((const Condition *) linitial(t->conditions))->active;
}

/*
 * Reads an argument of a psql command from *at on; NULL at the end of the
 * command.
 */
static char *
read_argument(PsqlTranslation *t, int *at)
{
	const char *text = t->text;
	StringInfoData value;
	int			i = *at;

	while (i < t->length && strchr(BLANKS, text[i]))
		i++;
	*at = i;
	if (i >= t->length || text[i] == '\n' || text[i] == '\\')
		return NULL;
	initStringInfo(&value);
	while (i < t->length && strchr(BLANKS "\n\\", text[i]) == NULL)
	{
		char		c = text[i];
		char	   *expanded;
		int			end;

		if (c == '`')
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("psql commands cannot run programs in an import"),
					 errhint("Write the value that the program in backquotes gives."),
					 smig_psql_error_at(t, i)));
		if (c == ':' && (expanded = smig_psql_expand(t, i, &end)) != NULL)
		{
			appendStringInfoString(&value, expanded);
			i = end;
		}
		else if (c == '\'')
		{
			for (i++; i < t->length && text[i] != '\n'; i++)
			{
				if (text[i] == '\'' && text[i + 1] != '\'')
					break;
				if (text[i] == '\'' || text[i] == '\\')
					i++;
				appendStringInfoChar(&value, text[i]);
			}
			i++;
		}
		else
		{
			appendStringInfoChar(&value, c);
			i++;
		}
	}
	*at = Min(i, t->length);
	return value.data;
}

static void
run_nothing(PsqlTranslation *t, const char *name, int *at)
{
	*at = smig_psql_line_end(t, *at);
}

static void
run_set(PsqlTranslation *t, const char *name, int *at)
{
	char	   *variable = read_argument(t, at);
	StringInfoData value;
	char	   *part;

	initStringInfo(&value);
	while ((part = read_argument(t, at)) != NULL)
		appendStringInfoString(&value, part);
	if (variable && smig_psql_active(t))
		t->import->variables = smig_import_variable_set(t->import->variables,
														variable, value.data);
}

static void
run_unset(PsqlTranslation *t, const char *name, int *at)
{
	char	   *variable = read_argument(t, at);

	if (variable && smig_psql_active(t))
		t->import->variables = smig_import_variable_set(t->import->variables,
														variable, NULL);
}

/*
 * \g is a semicolon, and so is \; for the server.
 */
static void
run_send(PsqlTranslation *t, const char *name, int *at)
{
	if (!smig_psql_active(t))
		return;
	if (strcmp(name, "g") == 0 && read_argument(t, at) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\\g with an argument does not work in an import"),
				 errhint("Write a semicolon."),
				 smig_psql_error_at(t, *at)));
	smig_import_script_raw(t->script, ";", 1);
	t->statement = -1;
}

static void
run_quit(PsqlTranslation *t, const char *name, int *at)
{
	if (smig_psql_active(t))
		t->ended = true;
	*at = smig_psql_line_end(t, *at);
}

static void
run_encoding(PsqlTranslation *t, const char *name, int *at)
{
	char	   *encoding = read_argument(t, at);

	if (smig_psql_active(t) && encoding &&
		pg_char_to_encoding(encoding) != PG_UTF8 &&
		pg_char_to_encoding(encoding) != GetDatabaseEncoding())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot import a file in encoding \"%s\"", encoding),
				 errhint("Convert it to the client's encoding, and take \\encoding out."),
				 smig_psql_error_at(t, *at)));
}

/*
 * Finds an included file: as the path stands, below the including file's
 * directory, or the only one with that end.
 */
static ImportFile *
included_file(PsqlTranslation *t, const char *path, bool relative)
{
	const char *beside = psprintf("%s%s", smig_import_directory(t->file), path);
	ImportFile *file = smig_import_find_file(t->import,
											 relative ? beside : path);

	if (file == NULL)
		file = smig_import_find_file(t->import, relative ? path : beside);
	return file ? file : smig_import_find_suffix(t->import, path);
}

static void
run_include(PsqlTranslation *t, const char *name, int *at)
{
	int			from = *at;
	char	   *path = read_argument(t, at);
	bool		relative = strcmp(name, "ir") == 0 ||
		strcmp(name, "include_relative") == 0;
	PsqlTranslation inner = {0};
	ImportFile *file;

	if (!smig_psql_active(t))
		return;
	file = path ? included_file(t, path, relative) : NULL;
	if (file == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("file \"%s\", which \\%s includes, is not in the source",
						path ? path : "", name),
				 errhint("Pass it together with the other files."),
				 smig_psql_error_at(t, from)));
	if (t->depth >= MAX_DEPTH || t->statement >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 t->statement >= 0 ?
				 errmsg("\\%s stands inside a statement", name) :
				 errmsg("files include each other more than %d deep", MAX_DEPTH),
				 errhint("Write the included text in its place."),
				 smig_psql_error_at(t, from)));
	file->used = true;
	inner.import = t->import;
	inner.script = t->script;
	inner.file = file;
	inner.line = 1;
	inner.text = file->text;
	inner.length = strlen(file->text);
	inner.depth = t->depth + 1;
	smig_import_script_raw(t->script, "\n", 1);
	smig_import_script_from(t->script, file->path, 1);
	smig_psql_translate(&inner);
	smig_import_script_raw(t->script, "\n", 1);
	smig_import_script_from(t->script, t->file->path, smig_psql_line(t, from));
}

static void
run_copy(PsqlTranslation *t, const char *name, int *at)
{
	int			from = *at;
	int			end = smig_psql_line_end(t, from);
	char	   *rest = pnstrdup(t->text + from, end - from);
	char	   *stdin_at;

	*at = end;
	if (!smig_psql_active(t))
		return;
	stdin_at = strstr(rest, " pstdin");
	if (stdin_at)
		memcpy(stdin_at, "  stdin", 7);
	for (stdin_at = rest; *stdin_at; stdin_at++)
	{
		if (pg_strncasecmp(stdin_at, " from ", 6) == 0)
			break;
	}
	while (*stdin_at && (pg_strncasecmp(stdin_at, " from ", 6) == 0 ||
						 *stdin_at == ' '))
		stdin_at += *stdin_at == ' ' ? 1 : 4;
	if (pg_strncasecmp(stdin_at, "from", 4) == 0)
		stdin_at += strspn(stdin_at + 4, " ") + 4;
	if (pg_strncasecmp(stdin_at, "stdin", 5) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\\copy works in an import only from stdin"),
				 errdetail("The file is on the client, and a revision has no client."),
				 errhint("Put the rows behind the command, or write them as INSERT statements."),
				 smig_psql_error_at(t, from)));
	smig_psql_replace_copy(t, psprintf("COPY %s", rest), at);
}

/*
 * Whether an argument of \if says yes.
 */
static bool
is_true(PsqlTranslation *t, const char *value, int at)
{
	bool		result = false;

	if (value == NULL || !parse_bool(value, &result))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("condition \"%s\" of psql is no boolean",
						value ? value : ""),
				 errhint("Set the variable to true or false."),
				 smig_psql_error_at(t, at)));
	return result;
}

static void
run_if(PsqlTranslation *t, const char *name, int *at)
{
	Condition  *condition = palloc0(sizeof(Condition));
	int			from = *at;
	char	   *value = read_argument(t, at);

	condition->outer = smig_psql_active(t);
	condition->active = condition->outer && is_true(t, value, from);
	condition->done = condition->active;
	t->conditions = lcons(condition, t->conditions);
}

static Condition *
open_condition(PsqlTranslation *t, const char *name, int at)
{
	if (t->conditions == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\\%s without \\if", name),
				 errhint("Write \\if before it."),
				 smig_psql_error_at(t, at)));
	return linitial(t->conditions);
}

static void
run_elif(PsqlTranslation *t, const char *name, int *at)
{
	Condition  *condition = open_condition(t, name, *at);
	int			from = *at;
	char	   *value = read_argument(t, at);

	condition->active = condition->outer && !condition->done &&
		is_true(t, value, from);
	condition->done = condition->done || condition->active;
}

static void
run_else(PsqlTranslation *t, const char *name, int *at)
{
	Condition  *condition = open_condition(t, name, *at);

	condition->active = condition->outer && !condition->done;
	condition->done = true;
}

static void
run_endif(PsqlTranslation *t, const char *name, int *at)
{
	(void) open_condition(t, name, *at);
	t->conditions = list_delete_first(t->conditions);
}

/* What is not here is refused. */
static const PsqlCommand commands[] = {
	{"set", run_set},
	{"unset", run_unset},
	{"i", run_include},
	{"include", run_include},
	{"ir", run_include},
	{"include_relative", run_include},
	{"copy", run_copy},
	{"if", run_if},
	{"elif", run_elif},
	{"else", run_else},
	{"endif", run_endif},
	{"g", run_send},
	{";", run_send},
	{"q", run_quit},
	{"quit", run_quit},
	{"encoding", run_encoding},
	/* these change only what psql shows */
	{"echo", run_nothing},
	{"qecho", run_nothing},
	{"warn", run_nothing},
	{"timing", run_nothing},
	{"pset", run_nothing},
	{"x", run_nothing},
	{"t", run_nothing},
	{"a", run_nothing},
	{"f", run_nothing},
	{"H", run_nothing},
	{"C", run_nothing},
	{"p", run_nothing},
	{"conninfo", run_nothing},
	{"errverbose", run_nothing},
	{"restrict", run_nothing},
	{"unrestrict", run_nothing},
	/* these say what to do instead */
	{"c", NULL, "A revision stays in its database: leave the command out."},
	{"connect", NULL, "A revision stays in its database: leave the command out."},
	{"gexec", NULL, "Write a DO block with EXECUTE."},
	{"gset", NULL, "Write a DO block with a variable."},
	{"!", NULL, "A revision cannot run programs."},
	{"o", NULL, "A revision has no output: leave the command out."},
};

/*
 * Whether a command only describes objects: \d and all that begin with it.
 */
static bool
describes(const char *name)
{
	return name[0] == 'd' || (name[0] == 's' && (name[1] == 'f' || name[1] == 'v')) ||
		strcmp(name, "l") == 0 || strcmp(name, "l+") == 0 ||
		strcmp(name, "z") == 0;
}

static void
refuse_command(PsqlTranslation *t, const char *name, const char *hint, int at)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("psql command \"\\%s\" does not work in an import", name),
			 errhint("%s", hint ? hint : "Write what it does in SQL, or leave it out."),
			 smig_psql_error_at(t, at)));
}

/*
 * Handles the psql command at the current token, a backslash.
 */
void
smig_psql_run(PsqlTranslation *t)
{
	int			from = t->scan.location;
	int			at = from + 1;
	int			which = 0;
	char	   *name;

	while (at < t->length && strchr(BLANKS "\n\\;:'", t->text[at]) == NULL)
		at++;
	if (at == from + 1 && at < t->length && t->text[at] == ';')
		at++;
	name = pnstrdup(t->text + from + 1, at - from - 1);
	while (which < lengthof(commands) && strcmp(commands[which].name, name) != 0)
		which++;

	smig_psql_take(t, from, smig_psql_active(t));
	if (which < lengthof(commands) && commands[which].run)
		commands[which].run(t, name, &at);
	else if (!smig_psql_active(t) || describes(name))
		at = smig_psql_line_end(t, at);
	else
		refuse_command(t, name, which < lengthof(commands) ?
					   commands[which].hint : NULL, from);
	if (t->copied < at)
		smig_psql_take(t, at, false);
	smig_psql_blank(t, from + 1, at);
}
