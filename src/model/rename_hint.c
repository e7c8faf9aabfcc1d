/*-------------------------------------------------------------------------
 *
 * rename_hint.c
 *	  Hints that say what a comparison shall take for renamed.
 *
 * They stand in the text of a model ("-- schemamig:rename OLD NEW") or in the
 * setting schemamig.rename, for sources that have no text.  A hint that has been
 * followed already does nothing, so that a model can keep it.
 *
 * IDENTIFICATION
 *	  src/model/rename_hint.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "diff/kind.h"
#include "model/declare.h"
#include "model/rename_private.h"
#include "model/rename_text.h"
#include "script.h"
#include "settings.h"

/* Kinds that a hint can be about, besides columns, attributes and values. */
static const char *const kinds[] = {
	"table", "foreign table", "view", "materialized view", "sequence", "index",
	"enum", "domain", "composite type", "function", "procedure"
};

/* ---------------- reading ---------------- */

SMIG_NORETURN static void
bad_hint(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("invalid rename \"%s\"", text),
			 errhint("Write: -- schemamig:rename schema.old new, or schema.table.old new for a column, an attribute or a value of an enum.")));
}

/*
 * Splits at the first blank outside of double quotes; NULL when there is none.
 */
static char *
second_word(char *text)
{
	bool		quoted = false;

	for (; *text; text++)
	{
		if (*text == '"')
			quoted = !quoted;
		else if (!quoted && isspace((unsigned char) *text))
		{
			*text++ = '\0';
			while (isspace((unsigned char) *text))
				text++;
			return text;
		}
	}
	return NULL;
}

static char *
trimmed(const char *text, int length)
{
	while (length > 0 && isspace((unsigned char) *text))
	{
		text++;
		length--;
	}
	while (length > 0 && isspace((unsigned char) text[length - 1]))
		length--;
	return pnstrdup(text, length);
}

/*
 * Reads one hint: OLD NEW.  Errors: 42601.
 */
static SmigHint *
parse_hint(const char *text)
{
	SmigHint   *hint = palloc0(sizeof(SmigHint));
	char	   *old = trimmed(text, (int) strlen(text));
	char	   *new;
	List	   *parts;
	List	   *name;
	ListCell   *lc;

	hint->text = pstrdup(old);
	new = second_word(old);
	if (new == NULL || !SplitIdentifierString(old, '.', &parts) ||
		!SplitIdentifierString(new, '.', &name) || list_length(name) != 1 ||
		parts == NIL || list_length(parts) > SMIG_HINT_PARTS)
		bad_hint(hint->text);
	foreach(lc, parts)
		hint->parts[hint->nparts++] = lfirst(lc);
	hint->name = linitial(name);
	return hint;
}

/*
 * The hints of the setting schemamig.rename, which are separated by commas.
 */
List *
smig_rename_hints_of_setting(void)
{
	List	   *hints = NIL;
	const char *start = smig_rename;
	bool		quoted = false;

	for (const char *at = smig_rename;; at++)
	{
		if (*at == '"')
			quoted = !quoted;
		if (*at && (quoted || *at != ','))
			continue;
		if (trimmed(start, (int) (at - start))[0])
			hints = lappend(hints, parse_hint(pnstrdup(start, at - start)));
		if (*at == '\0')
			return hints;
		start = at + 1;
	}
}

static void
rename_context(void *arg)
{
	errcontext("line %d", ((SmigRenameLine *) arg)->line);
}

/*
 * Reads the hints of a script's directives, for errors only, which name the
 * line.
 */
void
smig_rename_check(const List *lines)
{
	ListCell   *lc;

	foreach(lc, lines)
	{
		const SmigRenameLine *line = lfirst(lc);
		ErrorContextCallback callback = {.previous = error_context_stack};

		callback.callback = rename_context;
		callback.arg = unconstify(SmigRenameLine *, line);
		error_context_stack = &callback;
		(void) parse_hint(line->text);
		error_context_stack = callback.previous;
	}
}

/*
 * The hint read the other way round.
 */
static void
invert(SmigHint *hint)
{
	char	   *name = hint->name;

	hint->name = hint->parts[hint->nparts - 1];
	hint->parts[hint->nparts - 1] = name;
	hint->inverse = true;
}

/*
 * The hints in a model's text.
 *
 * inverse: the model is what is left, not what is aimed at
 */
List *
smig_rename_hints_of_model(const char *name, const char *source, bool inverse)
{
	List	   *hints = NIL;
	ListCell   *lc;

	if (strstr(source, "rename") == NULL)
		return NIL;
	foreach(lc, smig_declare_renames(source, name))
	{
		SmigHint   *hint = parse_hint(((SmigRenameLine *) lfirst(lc))->text);

		if (inverse)
			invert(hint);
		hints = lappend(hints, hint);
	}
	return hints;
}

/* ---------------- finding ---------------- */

static bool
is_kind(const SmigObject *object, const char *name)
{
	return strcmp(object->kind->name, name) == 0;
}

static bool
is_column(const SmigObject *object)
{
	return is_kind(object, "column") || is_kind(object, "attribute");
}

static bool
can_be_renamed(const SmigObject *object)
{
	for (int i = 0; i < lengthof(kinds); i++)
		if (is_kind(object, kinds[i]))
			return true;
	return false;
}

/*
 * Whether an object has this name, as far as it is given.
 */
static bool
has_name(const SmigObject *object, char *const *parts, int n)
{
	const char *schema;

	if (strcmp(object->name, parts[n - 1]) != 0)
		return false;
	if (is_column(object))
		return n >= 2 && strcmp(object->parent->name, parts[n - 2]) == 0 &&
			(n == 2 || strcmp(smig_attr(object->parent, "_schema"),
							  parts[0]) == 0);
	schema = smig_attr(object, "_schema");
	return can_be_renamed(object) && n <= 2 &&
		(n == 1 || (schema && strcmp(schema, parts[0]) == 0));
}

/*
 * The one object that has the name, or NULL.  Errors: 42P09 when there are
 * several.
 */
static SmigObject *
find_named(const SmigSnapshot *snapshot, char *const *parts, int n,
		   const SmigHint *hint)
{
	SmigObject *found = NULL;

	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];

		CHECK_FOR_INTERRUPTS();
		if (!has_name(object, parts, n))
			continue;
		/* schema.table before table.column, which can be written in full */
		if (found && n == 2 && is_column(found) != is_column(object))
		{
			if (is_column(found))
				found = object;
			continue;
		}
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_ALIAS),
					 errmsg("rename \"%s\" is ambiguous", hint->text),
					 errdetail("It can mean %s %s and %s %s.",
							   found->kind->name, found->id,
							   object->kind->name, object->id),
					 errhint("Write the schema before the name.")));
		found = object;
	}
	return found;
}

/*
 * The object that a hint is about, called "name".  The table of a column may be
 * named as it was or as it will be.
 */
static SmigObject *
find_object(const SmigRenaming *work, const SmigSnapshot *snapshot, const SmigHint *hint,
			char *name)
{
	char	   *parts[SMIG_HINT_PARTS];
	SmigObject *found;
	ListCell   *lc;

	memcpy(parts, hint->parts, sizeof(parts));
	parts[hint->nparts - 1] = name;
	found = find_named(snapshot, parts, hint->nparts, hint);
	if (found || hint->nparts < 2)
		return found;
	foreach(lc, work->hints)
	{
		const SmigHint *other = lfirst(lc);

		if (other == hint ||
			strcmp(other->parts[other->nparts - 1],
				   hint->parts[hint->nparts - 2]) != 0)
			continue;
		parts[hint->nparts - 2] = other->name;
		found = find_named(snapshot, parts, hint->nparts, hint);
		if (found)
			return found;
	}
	return NULL;
}

static char *
new_id(const SmigObject *object, const char *name)
{
	const char *arguments;

	if (is_column(object))
		return psprintf("%s.%s", object->parent->id, quote_identifier(name));
	arguments = is_kind(object, "function") || is_kind(object, "procedure") ?
		strrchr(object->id, '(') : NULL;
	return psprintf("%s%s",
					quote_qualified_identifier(smig_attr(object, "_schema"),
											   name),
					arguments ? arguments : "");
}

static SmigObject *
find_id(SmigSnapshot *snapshot, const SmigKind *kind, const char *id)
{
	return smig_snapshot_find(snapshot, psprintf("%s %s", kind->name, id));
}

/* ---------------- doing ---------------- */

static char *
statement(const SmigObject *object, const char *id, const char *old,
		  const char *new)
{
	if (is_column(object))
		return psprintf("ALTER %s %s RENAME %s %s TO %s;",
						object->parent->kind->sql, object->parent->id,
						is_kind(object, "attribute") ? "ATTRIBUTE" : "COLUMN",
						pstrdup(quote_identifier(old)),
						quote_identifier(new));
	return psprintf("ALTER %s %s RENAME TO %s;", object->kind->sql, id,
					quote_identifier(new));
}

static void
check_inherited(const SmigObject *object, const SmigHint *hint)
{
	if (object->origin && is_column(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot follow rename \"%s\": the column is inherited",
						hint->text),
				 errhint("Rename column %s, and this one is renamed with it.",
						 object->origin->id)));
}

/*
 * Renames one object.
 */
static void
rename_object(SmigRenaming *work, SmigObject *object, const char *name,
			  const SmigHint *hint)
{
	SmigRename *rename = palloc0(sizeof(SmigRename));
	SmigSnapshot *renamed;

	rename->kind = object->kind;
	rename->old_id = object->id;
	rename->new_id = new_id(object, name);
	rename->up = statement(object, object->id, object->name, name);
	rename->down = statement(object, rename->new_id, name, object->name);
	if (is_kind(object, "attribute"))
		renamed = smig_rename_attribute(work, hint, object, name);
	else
		renamed = smig_rename_object(work->from, object, name,
									 work->doubtful);
	if (renamed == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("cannot follow rename \"%s\": something else has the name",
						hint->text)));
	work->from = renamed;
	work->renames = lappend(work->renames, rename);
}

/*
 * The sequence that a column owns, or NULL.
 */
static SmigObject *
owned_sequence(const SmigObject *column)
{
	ListCell   *lc;

	foreach(lc, column->rdeps)
	{
		const SmigObject *link = lfirst(lc);

		if (is_kind(link, "sequence owner"))
			return link->parent;
	}
	return NULL;
}

/*
 * Renames the sequence of a serial column with its table or column, where the
 * target has it so: dropping one loses its value.
 */
static bool
rename_sequence(SmigRenaming *work, const SmigObject *column, const SmigHint *hint)
{
	SmigObject *target = smig_snapshot_find(work->to, column->key);
	SmigObject *old = owned_sequence(column);
	SmigObject *new = target ? owned_sequence(target) : NULL;

	if (old == NULL || new == NULL || strcmp(old->key, new->key) == 0 ||
		smig_snapshot_find(work->to, old->key) ||
		smig_snapshot_find(work->from, new->key) ||
		strcmp(smig_attr(old, "_schema"), smig_attr(new, "_schema")) != 0)
		return false;
	rename_object(work, old, new->name, hint);
	return true;
}

static void
rename_sequences(SmigRenaming *work, const SmigKind *kind, const char *id,
				 const SmigHint *hint)
{
	bool		more = true;

	while (more)
	{
		SmigObject *object = find_id(work->from, kind, id);
		ListCell   *lc;

		more = false;
		Assert(object != NULL);
		if (is_column(object))
			(void) rename_sequence(work, object, hint);
		else
			foreach(lc, object->children)
			{
				if (is_column(lfirst(lc)) &&
					rename_sequence(work, lfirst(lc), hint))
				{
					more = true;	/* "object" is of an old snapshot now */
					break;
				}
			}
	}
}

/*
 * Whether a hint has another as a condition: its new name is still in use, but
 * will be free.
 */
static bool
name_will_be_free(const SmigRenaming *work, const SmigObject *holder)
{
	ListCell   *lc;

	foreach(lc, work->hints)
	{
		const SmigHint *other = lfirst(lc);

		if (other->state == SMIG_HINT_PENDING &&
			has_name(holder, other->parts, other->nparts))
			return true;
	}
	return false;
}

/*
 * Whether anything could have been there to be renamed: a hint says nothing
 * about a database that is still empty.
 */
static bool
has_tables(const SmigSnapshot *snapshot)
{
	for (int i = 0; i < snapshot->nobjects; i++)
		if (is_kind(snapshot->objects[i], "table"))
			return true;
	return false;
}

/*
 * Refuses to follow a hint.
 */
void
smig_rename_refuse(const SmigHint *hint, int code, const char *why,
				   const char *advice)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("cannot follow rename \"%s\": %s", hint->text, why),
			 errhint("%s", advice)));
}

/*
 * Whether a name will be taken by what another hint renames.
 */
static bool
is_new_name(const SmigRenaming *work, const SmigHint *hint, const SmigObject *object)
{
	ListCell   *lc;

	foreach(lc, work->hints)
	{
		const SmigHint *other = lfirst(lc);

		if (other != hint && strcmp(other->name, object->name) == 0)
			return true;
	}
	return false;
}

/*
 * Whether an object has its name from a hint.
 */
static bool
was_renamed(const SmigRenaming *work, const SmigObject *object)
{
	ListCell   *lc;

	foreach(lc, work->renames)
	{
		const SmigRename *rename = lfirst(lc);

		if (rename->kind == object->kind &&
			strcmp(rename->new_id, object->id) == 0)
			return true;
	}
	return false;
}

SMIG_NORETURN static void
ambiguous_value(const SmigHint *hint, const SmigObject *type,
				const SmigObject *object)
{
	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_ALIAS),
			 errmsg("rename \"%s\" is ambiguous", hint->text),
			 errdetail("It can mean a value of enum %s and %s %s.", type->id,
					   object->kind->name, object->id),
			 errhint("Write the schema before the name.")));
}

/*
 * Follows a hint, if it can be now; whether it is done.
 */
static bool
follow(SmigRenaming *work, SmigHint *hint)
{
	SmigObject *old = find_object(work, work->from, hint,
								  hint->parts[hint->nparts - 1]);
	SmigObject *new = find_object(work, work->from, hint, hint->name);
	SmigObject *type = smig_rename_find_enum(work, hint);
	SmigObject *left;
	char	   *id;

	if (type)
	{
		if (old || new)
			ambiguous_value(hint, type, old ? old : new);
		return smig_rename_follow_value(work, hint, type);
	}
	if (old == NULL)
	{
		if (new == NULL && !hint->inverse && has_tables(work->from))
			smig_rename_refuse(hint, ERRCODE_UNDEFINED_OBJECT,
							   "nothing has the old name, and nothing the new one",
							   "Correct the names: schema.old new, or schema.table.old new for a column, an attribute or a value of an enum.");
		return true;
	}
	left = smig_snapshot_find(work->to, old->key);
	if (new && was_renamed(work, new))
		smig_rename_refuse(hint, ERRCODE_DUPLICATE_OBJECT,
						   "another rename gives the same name", "Take one of them away.");
	if (new)
	{
		if (name_will_be_free(work, new))
			return false;
		if (left)
			return true;		/* long done, and the old name used again */
		smig_rename_refuse(hint, ERRCODE_DUPLICATE_OBJECT,
						   "both names are in use",
						   "Take the hint away, or the object that has the new name.");
	}
	check_inherited(old, hint);
	id = new_id(old, hint->name);
	if (find_id(work->to, old->kind, id) == NULL && hint->inverse)
		return true;			/* the target has been renamed already */
	if (find_id(work->to, old->kind, id) == NULL)
		smig_rename_refuse(hint, ERRCODE_UNDEFINED_OBJECT,
						   psprintf("the target has no %s %s", old->kind->name, id),
						   "Correct the new name: it is a name alone, without schema or table.");
	if (left && !is_new_name(work, hint, old))
		smig_rename_refuse(hint, ERRCODE_DUPLICATE_OBJECT,
						   psprintf("the target still has %s %s", old->kind->name, old->id),
						   "Take the hint away if both are wanted.");
	rename_object(work, old, hint->name, hint);
	rename_sequences(work, old->kind, id, hint);
	return true;
}

/*
 * Follows the hints about tables, then those about columns, each when the name
 * it needs is free.
 */
static void
follow_all(SmigRenaming *work)
{
	bool		more = true;

	while (more)
	{
		bool		progress = false;
		const SmigHint *stuck = NULL;
		ListCell   *lc;

		more = false;
		foreach(lc, work->hints)
		{
			SmigHint   *hint = lfirst(lc);

			if (hint->state != SMIG_HINT_PENDING)
				continue;
			if (follow(work, hint))
			{
				hint->state = SMIG_HINT_DONE;
				progress = true;
			}
			else
				stuck = hint;
		}
		more = stuck != NULL;
		if (more && !progress)
			smig_rename_refuse(stuck, ERRCODE_DUPLICATE_OBJECT,
							   "the names go round in a circle",
							   "Rename in two steps, by way of another name.");
	}
}

/*
 * Columns last, because their tables may be named either way; stable.
 */
static int
compare_hints(const ListCell *a, const ListCell *b)
{
	return ((SmigHint *) lfirst(a))->nparts - ((SmigHint *) lfirst(b))->nparts;
}

/* ---------------- what is recreated ---------------- */

/*
 * Adds what depends on doubtful objects, and what belongs to them.  Errors: 0A000
 * where that would lose rows.
 */
static void
spread_doubt(const SmigSnapshot *snapshot, bool *doubtful)
{
	bool		more = true;

	while (more)
	{
		more = false;
		for (int i = 0; i < snapshot->nobjects; i++)
		{
			const SmigObject *object = snapshot->objects[i];
			const SmigObject *because = NULL;
			ListCell   *lc;

			CHECK_FOR_INTERRUPTS();
			if (doubtful[i])
				continue;
			if (object->parent && doubtful[object->parent->index])
				because = object->parent;
			foreach(lc, object->deps)
				if (doubtful[((SmigObject *) lfirst(lc))->index])
					because = lfirst(lc);
			if (because == NULL)
				continue;
			if ((object->kind->flags & SMIG_KIND_DATA) &&
				because != object->parent)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot follow the renames: %s %s would have to be recreated around them, and %s %s, which holds data, depends on it",
								because->kind->name, because->id,
								object->kind->name, object->id),
						 errhint("Write the rename by hand, in a revision of its own.")));
			doubtful[i] = more = true;
		}
	}
}

static const char *
same_text(const SmigObject *object, const char *what, const char *text,
		  void *arg)
{
	return text;
}

/*
 * Follows hints: the snapshot as it is after the renames, without what has to
 * be recreated around them, which its members "renames", "original" and
 * "reduced" tell.  Without any rename, "from" itself.
 *
 * Errors: 42704 for names that nothing has, 42710 for those in use, 42P09 for
 * ambiguous ones, 0A000 where a rename would lose rows.
 */
SmigSnapshot *
smig_rename_apply(SmigSnapshot *from, SmigSnapshot *to, List *hints)
{
	SmigRenaming work = {0};
	SmigObject *clash;

	if (hints == NIL)
		return from;
	work.from = from;
	work.to = to;
	work.hints = hints;
	list_sort(work.hints, compare_hints);
	work.doubtful = palloc_extended(sizeof(bool) * Max(from->nobjects, 1),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	follow_all(&work);
	if (work.renames == NIL)
		return from;
	spread_doubt(from, work.doubtful);
	work.from->original = from;
	work.from->reduced = smig_snapshot_copy(from, same_text, NULL, &clash);
	work.from->renames = work.renames;
	smig_snapshot_leave_out(work.from->reduced, work.doubtful, false);
	smig_snapshot_leave_out(work.from, work.doubtful, false);
	return work.from;
}
