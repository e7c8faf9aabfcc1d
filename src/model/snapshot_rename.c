/*-------------------------------------------------------------------------
 *
 * snapshot_rename.c
 *	  A snapshot of one schema as if the schema had another name.
 *
 * Definitions come from PostgreSQL's deparser with every name qualified, so
 * PostgreSQL's own scanner finds the places: the schema's name in front of a
 * dot.  Comments, labels, bodies of functions and other text that is no SQL
 * stay as they are.
 *
 * IDENTIFICATION
 *	  src/model/snapshot_rename.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/keywords.h"
#include "parser/scanner.h"
#include "utils/builtins.h"

#include "diff/kind.h"
#include "model/snapshot.h"

/* Attributes that hold no SQL. */
static const char *const plain_attrs[] = {
	"_body", "_identity_name", "_options", "acl", "attributes",
	"comment", "index_comment", "kinds", "labels", "multirange", "options", "privileges", "roles",
	"statistics", "storage", "tags"
};

typedef struct Renaming
{
	const char *from;			/* as quoted */
	const char *to;				/* as quoted */
	const char *from_name;
	const char *to_name;
	const char *object;			/* for messages */
} Renaming;

/* Every word is an identifier to the scanner; see is_keyword. */
static const ScanKeywordList no_keywords = {.num_keywords = 0};

static int
word_length(const char *text)
{
	int			length = 0;

	while (isalnum((unsigned char) text[length]) || text[length] == '_' ||
		   text[length] == '$' || IS_HIGHBIT_SET(text[length]))
		length++;
	return length;
}

/*
 * Whether a token can be the end of a relation, so that a name after it is an
 * alias: an identifier or a closing parenthesis, or WITH in front of it.
 */
static bool
alias_follows(const char *token)
{
	char		word[NAMEDATALEN];
	int			length = word_length(token);

	if (*token == ')' || *token == '"')
		return true;
	if (length == 0 || length >= NAMEDATALEN ||
		isdigit((unsigned char) *token))
		return false;
	memcpy(word, token, length);
	word[length] = '\0';
	return pg_strcasecmp(word, "with") == 0 ||
		ScanKeywordLookup(word, &ScanKeywords) < 0;
}

SMIG_NORETURN static void
refuse_alias(const Renaming *renaming)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot compare schema %s as if it were %s: an alias in %s has the schema's name",
					renaming->from, renaming->to, renaming->object),
			 errhint("Compare databases instead, or rename the alias.")));
}

/*
 * Whether a literal is the name of something in the schema, as in
 * nextval('schema.sequence'::regclass).
 */
static bool
names_object(const Renaming *renaming, const char *literal)
{
	const char *name = quote_literal_cstr(renaming->from);
	size_t		length = strlen(name) - 1;
	const char *end = literal + 1;

	if (strncmp(literal, name, length) != 0 || literal[length] != '.')
		return false;
	while (*end && (*end != '\'' || *++end == '\''))
		end++;
	return strncmp(end, "::reg", 5) == 0;
}

/*
 * Renames the schema in one piece of SQL.  Errors: 0A000 when a table alias
 * has the schema's name, because "name." could then mean either.
 */
static char *
rename_in_sql(const Renaming *renaming, const char *text)
{
	StringInfoData buf;
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE		location = 0;
	core_yyscan_t scanner;
	size_t		length = strlen(renaming->from);
	int			copied = 0;
	const char *previous = "";
	bool		schema_dot = false; /* the last tokens were "schema." */
	bool		itself = false; /* ... and after it the same name */

	/* in a literal, a quote in the name is doubled */
	if (strstr(text, renaming->from) == NULL &&
		strchr(renaming->from, '\'') == NULL)
		return pstrdup(text);
	initStringInfo(&buf);
	scanner = scanner_init(text, &extra, &no_keywords, NULL);
	while (core_yylex(&value, &location, scanner) != 0)
	{
		const char *here = text + location;
		bool		same = strncmp(here, renaming->from, length) == 0 &&
			(here[0] == '"' ? here[length] != '"' :
		 word_length(here) == length);

		if (*here == '\'' && names_object(renaming, here))
		{
			char	   *name = quote_literal_cstr(renaming->to);

			appendBinaryStringInfo(&buf, text + copied,
								   (int) (here - text) - copied);
			appendBinaryStringInfo(&buf, name, (int) strlen(name) - 1);
			copied = location +
				(int) strlen(quote_literal_cstr(renaming->from)) - 1;
		}

		/* a relation called like its schema is an alias where it has none */
		if (itself && *here != '(' && !alias_follows(here))
			refuse_alias(renaming);
		itself = same && schema_dot;
		if (*here != '.')
			schema_dot = same && here[length] == '.' && *previous != '.';
		if (same && *previous != '.')
		{
			if (here[length] == '.')
			{
				appendBinaryStringInfo(&buf, text + copied,
									   (int) (here - text) - copied);
				appendStringInfoString(&buf, renaming->to);
				copied = location + (int) length;
			}
			else if (alias_follows(previous))
				refuse_alias(renaming);
		}
		previous = here;
	}
	scanner_finish(scanner);
	appendStringInfoString(&buf, text + copied);
	return buf.data;
}

/*
 * Whether an attribute of that name holds something else than SQL with names
 * and constants as the deparser writes them.
 */
bool
smig_attr_is_plain(const char *attr)
{
	for (int i = 0; i < lengthof(plain_attrs); i++)
		if (strcmp(plain_attrs[i], attr) == 0)
			return true;
	return false;
}

/*
 * One text of an object, with the schema's new name.
 */
static const char *
map_text(const SmigObject *object, const char *what, const char *text,
		 void *arg)
{
	Renaming   *renaming = arg;
	bool		self = strcmp(object->kind->name, "schema") == 0;

	renaming->object = object->key;
	if (what == smig_map_name)
		return self ? renaming->to_name : text;
	if (what == smig_map_id)
		return self ? renaming->to : rename_in_sql(renaming, text);
	if (strcmp(what, "_schema") == 0)
		return strcmp(text, renaming->from_name) == 0 ? renaming->to_name :
			text;
	return smig_attr_is_plain(what) ? text : rename_in_sql(renaming, text);
}

/*
 * A copy of "snapshot" in which the schema "from" is called "to" (both
 * unquoted).  Errors: see rename_in_sql; 0A000 when two objects would get one
 * name.
 */
SmigSnapshot *
smig_snapshot_rename_schema(SmigSnapshot *snapshot, const char *from,
							const char *to)
{
	SmigSnapshot *copy;
	SmigObject *clash;
	Renaming	renaming;
	MemoryContext old;

	renaming.from = pstrdup(quote_identifier(from));
	renaming.to = pstrdup(quote_identifier(to));
	renaming.from_name = from;
	renaming.to_name = to;
	copy = smig_snapshot_copy(snapshot, map_text, &renaming, &clash);
	if (clash)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot compare schema \"%s\" as \"%s\"", from, to),
				 errdetail("Two of its objects would have the same name as %s %s.",
						   clash->kind->name, clash->id),
				 errhint("Compare the databases instead: schemamig_diff('database:a', 'database:b').")));
	old = MemoryContextSwitchTo(copy->context);
	copy->schemas = list_make1(pstrdup(to));
	MemoryContextSwitchTo(old);
	return copy;
}
