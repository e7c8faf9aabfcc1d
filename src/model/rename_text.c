/*-------------------------------------------------------------------------
 *
 * rename_text.c
 *	  A snapshot as it is after something has been renamed.
 *
 * PostgreSQL stores most references by number, and its deparser writes every
 * name qualified, so that its own scanner finds the places.  Where a text
 * leaves doubt (columns in queries, aliases), the object that has it is marked,
 * so that the caller can recreate it around the rename.
 *
 * IDENTIFICATION
 *	  src/model/rename_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/keywords.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

#include "diff/kind.h"
#include "model/rename_text.h"
#include "script_private.h"

typedef struct Token
{
	int			at;
	int			length;
} Token;

/* One text in pieces; token -1 and beyond the last are empty. */
typedef struct Tokens
{
	const char *text;
	int			n;
	int			max;
	Token	   *tokens;
} Tokens;

typedef struct Renaming
{
	SmigSnapshot *snapshot;
	bool		column;
	bool		function;
	const char *schema;			/* quoted */
	const char *old;			/* quoted */
	const char *new;			/* quoted */
	const char *new_name;
	bool	   *renamed;		/* by index: has the name itself */
	bool	   *scope;			/* by index: a table of such a column */
	bool	   *concerned;		/* by index: mentions it */
	bool	   *doubtful;		/* by index: mentions it in doubt */
} Renaming;

/* Attributes that hold SQL with references to other objects. */
static const char *const sql_attrs[] = {
	"_arguments", "_def", "_result", "_target", "bound", "check", "column", "columns",
	"def", "default", "filter", "from_sql", "function", "generated", "index",
	"inherits", "member", "of", "of_type", "partition_by", "stype",
	"subtype", "to_sql", "type", "using"
};

static bool
is_kind(const SmigObject *object, const char *name)
{
	return strcmp(object->kind->name, name) == 0;
}

/* ---------------- tokens ---------------- */

static void
scan(Tokens *tokens, const char *text)
{
	SmigScan	scan;

	tokens->text = text;
	tokens->n = 0;
	tokens->max = 64;
	tokens->tokens = palloc(sizeof(Token) * tokens->max);
	smig_scan_begin(&scan, text);
	while (smig_scan_next(&scan))
	{
		if (tokens->n == tokens->max)
		{
			tokens->max *= 2;
			tokens->tokens = repalloc(tokens->tokens,
									  sizeof(Token) * tokens->max);
		}
		tokens->tokens[tokens->n].at = scan.location;
		tokens->tokens[tokens->n++].length = scan.end - scan.location;
	}
	smig_scan_end(&scan);
}

static bool
is_token(const Tokens *tokens, int i, const char *text)
{
	return i >= 0 && i < tokens->n &&
		tokens->tokens[i].length == strlen(text) &&
		strncmp(tokens->text + tokens->tokens[i].at, text,
				strlen(text)) == 0;
}

/*
 * Whether a token is a name and no keyword that can follow a relation.
 */
static bool
is_alias(const Tokens *tokens, int i)
{
	char	   *word;

	if (i < 0 || i >= tokens->n)
		return false;
	word = pnstrdup(tokens->text + tokens->tokens[i].at,
					tokens->tokens[i].length);
	if (word[0] == '"')
		return true;
	if (!(isalpha((unsigned char) word[0]) || word[0] == '_' ||
		  IS_HIGHBIT_SET(word[0])))
		return false;
	return ScanKeywordLookup(word, &ScanKeywords) < 0;
}

/* ---------------- renamed relations, types, functions ---------------- */

/*
 * Whether tokens i-2 to i are the qualified name.
 */
static bool
is_reference(const Renaming *renaming, const Tokens *tokens, int i)
{
	bool		call = is_token(tokens, i + 1, "(");

	if (!is_token(tokens, i, renaming->old) || !is_token(tokens, i - 1, ".") ||
		!is_token(tokens, i - 2, renaming->schema) ||
		is_token(tokens, i - 3, "."))
		return false;
	if (renaming->function)
		return call;
	return !call || is_token(tokens, i - 3, "REFERENCES") ||
		is_token(tokens, i - 3, "INTO");
}

/*
 * Whether the relation's name stands for its columns' prefix: "old.column".
 */
static bool
is_prefix(const Renaming *renaming, const Tokens *tokens, int i)
{
	return !renaming->function && is_token(tokens, i, renaming->old) &&
		is_token(tokens, i + 1, ".") && !is_token(tokens, i - 1, ".");
}

/*
 * Whether it is not clear what the bare name means in a text: it is an alias,
 * the schema's name too, or what rules and triggers call their rows.
 */
static bool
in_doubt(const Renaming *renaming, const Tokens *tokens)
{
	bool		prefix = false;
	bool		plain = false;
	bool		aliased = false;

	for (int i = 0; i < tokens->n; i++)
	{
		if (is_reference(renaming, tokens, i))
		{
			if (is_alias(tokens, i + 1))
				aliased = true;
			else
				plain = true;
		}
		else if (is_prefix(renaming, tokens, i))
			prefix = true;
		else if (is_token(tokens, i, renaming->old) &&
				 !is_token(tokens, i - 1, ".") &&
				 is_alias(tokens, i - 1))
			return true;
	}
	if (!prefix)
		return false;
	return !plain || aliased || strcmp(renaming->schema, renaming->old) == 0 ||
		strcmp(renaming->old, "old") == 0 || strcmp(renaming->old, "new") == 0;
}

/* ---------------- renamed columns ---------------- */

/*
 * Whether token i is the column, in a text that belongs to its table.
 */
static bool
is_column(const Renaming *renaming, const Tokens *tokens, int i,
		  const char *table)
{
	static const char *const names_follow[] = {
		"::", "AS", "USING", "TRIGGER", "COLLATE", "STATISTICS", "FUNCTION"
	};

	if (!is_token(tokens, i, renaming->old) || is_token(tokens, i + 1, "("))
		return false;
	if (is_token(tokens, i - 1, "."))
		return is_token(tokens, i - 2, table) ||
			is_token(tokens, i - 2, "new") || is_token(tokens, i - 2, "old");
	for (int j = 0; j < lengthof(names_follow); j++)
		if (is_token(tokens, i - 1, names_follow[j]))
			return false;
	return !is_token(tokens, i + 1, ".");
}

static const SmigObject *
table_of(const SmigObject *object)
{
	while (object->parent)
		object = object->parent;
	return object;
}

/*
 * Whether the text after REFERENCES is about a table of the column.
 */
static bool
refers_to_scope(const Renaming *renaming, const SmigObject *key)
{
	ListCell   *lc;

	foreach(lc, key->deps)
	{
		const SmigObject *on = lfirst(lc);

		/* the key itself depends on columns of both sides */
		if (renaming->renamed[on->index] && on->parent &&
			on->parent != key->parent)
			return true;
	}
	return renaming->scope[key->parent->index] &&
		strstr(smig_attr(key, "def"),
			   psprintf("REFERENCES %s(", key->parent->id)) != NULL;
}

/*
 * Whether tables can stand in the object's text as those of a query do.
 */
static bool
can_hold_query(const SmigObject *object)
{
	static const char *const query_kinds[] = {
		"view", "materialized view", "rule", "function", "procedure", "policy"
	};

	for (int i = 0; i < lengthof(query_kinds); i++)
		if (is_kind(object, query_kinds[i]))
			return true;
	return false;
}

/*
 * Whether a text about a renamed column is more than expressions of its table.
 */
static bool
holds_query(const SmigObject *object)
{
	static const char *const attrs[] = {"using", "check"};

	if (is_kind(object, "publication table") ||
		(can_hold_query(object) && !is_kind(object, "policy")))
		return true;
	for (int i = 0; i < lengthof(attrs); i++)
	{
		const char *text = smig_attr(object, attrs[i]);

		if (text && strstr(text, "SELECT"))
			return true;
	}
	return is_kind(object, "statistics") && smig_attr(object, "expressions");
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/*
 * Names in an array, the column's replaced, and sorted again.
 */
static char *
rename_in_array(const Renaming *renaming, const SmigObject *object,
				const char *attr)
{
	List	   *names = smig_attr_list(object, attr);
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ArrayType  *array;
	int			n = 0;
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(quote_identifier(lfirst(lc)), renaming->old) == 0)
			lfirst(lc) = unconstify(char *, renaming->new_name);
	}
	list_sort(names, compare_names);
	foreach(lc, names)
		elements[n++] = CStringGetTextDatum((char *) lfirst(lc));
	array = construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT);
	return OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(array));
}

/* ---------------- one text ---------------- */

static bool
is_hit(Renaming *renaming, const SmigObject *object, const Tokens *tokens,
	   int i, bool behind_references)
{
	const SmigObject *table;

	if (!renaming->column)
		return is_reference(renaming, tokens, i) ||
			(can_hold_query(object) && is_prefix(renaming, tokens, i));
	table = table_of(object);
	if (behind_references)
		return refers_to_scope(renaming, object) &&
			is_column(renaming, tokens, i, "");
	/* elsewhere it can only be schema.table.column */
	if (!renaming->scope[table->index])
		return is_token(tokens, i, renaming->old) &&
			is_token(tokens, i - 1, ".") && is_token(tokens, i - 3, ".");
	return is_column(renaming, tokens, i,
					 pstrdup(quote_identifier(table->name)));
}

static char *
rename_in_sql(Renaming *renaming, const SmigObject *object, const char *text)
{
	StringInfoData buf;
	Tokens		tokens;
	int			copied = 0;
	bool		key = is_kind(object, "foreign key");
	bool		behind = false;

	if (strstr(text, renaming->old) == NULL)
		return pstrdup(text);
	scan(&tokens, text);
	if (!renaming->column && can_hold_query(object) &&
		in_doubt(renaming, &tokens))
		renaming->doubtful[object->index] = true;
	initStringInfo(&buf);
	for (int i = 0; i < tokens.n; i++)
	{
		const Token *token = &tokens.tokens[i];

		behind = behind || (key && is_token(&tokens, i, "REFERENCES"));
		if (!is_hit(renaming, object, &tokens, i, behind && renaming->column))
			continue;
		appendBinaryStringInfo(&buf, text + copied, token->at - copied);
		appendStringInfoString(&buf, renaming->new);
		copied = token->at + token->length;
	}
	appendStringInfoString(&buf, text + copied);
	pfree(tokens.tokens);
	return buf.data;
}

/*
 * Names of sequences stand in literals: nextval('schema.sequence'::regclass).
 */
static char *
rename_in_literals(const Renaming *renaming, char *sql)
{
	char	   *old = psprintf("%s::regclass",
							   quote_literal_cstr(psprintf("%s.%s", renaming->schema,
														   renaming->old)));
	char	   *new = psprintf("%s::regclass",
							   quote_literal_cstr(psprintf("%s.%s", renaming->schema,
														   renaming->new)));

	return TextDatumGetCString(DirectFunctionCall3Coll(replace_text,
													   C_COLLATION_OID,
													   CStringGetTextDatum(sql),
													   CStringGetTextDatum(old),
													   CStringGetTextDatum(new)));
}

static bool
holds_sql(const char *attr)
{
	for (int i = 0; i < lengthof(sql_attrs); i++)
		if (strcmp(sql_attrs[i], attr) == 0)
			return true;
	return false;
}

/*
 * Whether an object has the name of a renamed one: the row of the object
 * itself, a default of its column, a link of its table, ...
 */
static bool
shares_name(const Renaming *renaming, const SmigObject *object)
{
	if (renaming->renamed[object->index])
		return true;
	if (is_kind(object, "publication table"))
		return !renaming->column &&
			strcmp(quote_identifier(object->name), renaming->old) == 0;
	return object->parent && renaming->renamed[object->parent->index] &&
		(renaming->column ? is_kind(object, "default") :
		 (object->kind->flags & (SMIG_KIND_INHERITS | SMIG_KIND_LINK)) != 0);
}

/*
 * An identity, in which there are only qualified names.
 */
static const char *
rename_references(const Renaming *renaming, const char *id)
{
	StringInfoData buf;
	Tokens		tokens;
	int			copied = 0;

	if (strstr(id, renaming->old) == NULL)
		return id;
	scan(&tokens, id);
	initStringInfo(&buf);
	for (int i = 0; i < tokens.n; i++)
	{
		const Token *token = &tokens.tokens[i];

		/* functions' own names stand in front of a parenthesis, too */
		if (!is_reference(renaming, &tokens, i))
			continue;
		appendBinaryStringInfo(&buf, id + copied, token->at - copied);
		appendStringInfoString(&buf, renaming->new);
		copied = token->at + token->length;
	}
	appendStringInfoString(&buf, id + copied);
	return buf.data;
}

static const char *
map_id(Renaming *renaming, const SmigObject *object, const char *id)
{
	if (!renaming->column)
		return rename_references(renaming, id);
	if (!shares_name(renaming, object))
		return is_kind(object, "security label") ?
			rename_in_sql(renaming, object, id) : id;
	return psprintf("%s.%s", table_of(object)->id, renaming->new);
}

static const char *
map_text(const SmigObject *object, const char *what, const char *text,
		 void *arg)
{
	Renaming   *renaming = arg;

	if (!renaming->concerned[object->index])
		return text;
	if (what == smig_map_name)
		return shares_name(renaming, object) ? renaming->new_name : text;
	if (what == smig_map_id)
		return map_id(renaming, object, text);
	if (!holds_sql(what) || renaming->doubtful[object->index])
		return text;
	if (strcmp(what, "columns") == 0 && text[0] == '{')
		return renaming->column && is_kind(object, "statistics") ?
			rename_in_array(renaming, object, what) : text;
	/* a type may be called like a column */
	if (renaming->column && is_kind(object, "column") &&
		strcmp(what, "generated") != 0)
		return text;
	return rename_in_literals(renaming,
							  rename_in_sql(renaming, object, text));
}

/* ---------------- what is concerned ---------------- */

/*
 * Marks an object, what belongs to it, and what depends on any of that.
 */
static void
mark_concerned(Renaming *renaming, const SmigObject *object)
{
	ListCell   *lc;

	renaming->concerned[object->index] = true;
	foreach(lc, object->rdeps)
		renaming->concerned[((SmigObject *) lfirst(lc))->index] = true;
	foreach(lc, object->children)
		mark_concerned(renaming, lfirst(lc));
}

/*
 * Marks a column and those that are inherited from it.
 */
static void
mark_columns(Renaming *renaming, SmigObject *column)
{
	bool		more = true;

	renaming->renamed[column->index] = true;
	while (more)
	{
		more = false;
		for (int i = 0; i < renaming->snapshot->nobjects; i++)
		{
			SmigObject *heir = renaming->snapshot->objects[i];

			CHECK_FOR_INTERRUPTS();
			if (renaming->renamed[i] || heir->origin == NULL ||
				heir->kind != column->kind ||
				!renaming->renamed[heir->origin->index])
				continue;
			renaming->renamed[i] = more = true;
		}
	}
	for (int i = 0; i < renaming->snapshot->nobjects; i++)
	{
		SmigObject *object = renaming->snapshot->objects[i];

		if (!renaming->renamed[i])
			continue;
		mark_concerned(renaming, object);
		renaming->scope[object->parent->index] = true;
		renaming->concerned[object->parent->index] = true;
	}
}

static bool *
make_marks(const SmigSnapshot *snapshot)
{
	return palloc_extended(sizeof(bool) * Max(snapshot->nobjects, 1),
						   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/*
 * The snapshot as it is when an object has got another name.  NULL when another
 * object has that name.
 *
 * doubtful: by index; set for objects whose texts may not be right then
 */
SmigSnapshot *
smig_rename_object(SmigSnapshot *snapshot, SmigObject *object,
				   const char *name, bool *doubtful)
{
	Renaming	renaming = {0};
	SmigSnapshot *copy;
	SmigObject *clash;

	renaming.snapshot = snapshot;
	renaming.column = object->parent != NULL && is_kind(object, "column");
	renaming.function = is_kind(object, "function") ||
		is_kind(object, "procedure");
	renaming.schema = pstrdup(quote_identifier(renaming.column ? "" :
											   smig_attr(object, "_schema")));
	renaming.old = pstrdup(quote_identifier(object->name));
	renaming.new = pstrdup(quote_identifier(name));
	renaming.new_name = name;
	renaming.renamed = make_marks(snapshot);
	renaming.scope = make_marks(snapshot);
	renaming.concerned = make_marks(snapshot);
	renaming.doubtful = doubtful;
	if (renaming.column)
	{
		mark_columns(&renaming, object);
		for (int i = 0; i < snapshot->nobjects; i++)
			if (renaming.concerned[i] && holds_query(snapshot->objects[i]))
				doubtful[i] = true;
	}
	else
	{
		renaming.renamed[object->index] = true;
		mark_concerned(&renaming, object);
	}
	copy = smig_snapshot_copy(snapshot, map_text, &renaming, &clash);
	return clash ? NULL : copy;
}
