/*-------------------------------------------------------------------------
 *
 * rename_value_text.c
 *	  A snapshot as it is after a value of an enum has been renamed.
 *
 * PostgreSQL stores values by number, and its deparser writes each constant
 * with its type behind it: 'value'::schema.type.  Those, and plain arrays of
 * them, are rewritten.  Where the value stands inside a constant of another
 * type (a composite type, a range, a domain), the object that has it is marked,
 * so that the caller recreates it around the rename.
 *
 * IDENTIFICATION
 *	  src/model/rename_value_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "diff/kind.h"
#include "model/rename_private.h"
#include "script_private.h"

typedef struct Relabeling
{
	const SmigHint *hint;
	const SmigSnapshot *snapshot;
	SmigSnapshot *to;
	const SmigObject *type;
	const char *old;
	const char *new;
	const char *old_literal;
	const char *new_literal;
	const char *found;			/* the old one, as it is inside of a literal */
	bool		simple;			/* neither needs quotes inside of an array */
	List	   *holders;		/* of SmigObject *: types that hold such
								 * values */
	bool	   *is_holder;		/* by index */
	bool	   *concerned;		/* by index: can mention the value */
	bool	   *doubtful;		/* by index: mentions it in doubt */
} Relabeling;

static bool
is_kind(const SmigObject *object, const char *name)
{
	return strcmp(object->kind->name, name) == 0;
}

/* ---------------- what is concerned ---------------- */

static void
add_holder(Relabeling *work, SmigObject *holder)
{
	if (holder == NULL || work->is_holder[holder->index])
		return;
	work->is_holder[holder->index] = true;
	work->holders = lappend(work->holders, holder);
}

static void
mark_concerned(Relabeling *work, const SmigObject *object)
{
	ListCell   *lc;

	work->concerned[object->index] = true;
	foreach(lc, object->children)
		mark_concerned(work, lfirst(lc));
}

/*
 * Collects the types that hold values of the enum, row types among them, and
 * marks whatever depends on any.
 */
static void
find_holders(Relabeling *work, SmigObject *type)
{
	static const char *const kinds[] = {
		"domain", "range type", "view", "materialized view", "composite type"
	};

	add_holder(work, type);
	/* the list grows under way */
	for (int n = 0; n < list_length(work->holders); n++)
	{
		const SmigObject *holder = list_nth(work->holders, n);
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		mark_concerned(work, holder);
		foreach(lc, holder->rdeps)
		{
			SmigObject *user = lfirst(lc);

			mark_concerned(work, user);
			if (is_kind(user, "attribute") || is_kind(user, "column"))
				add_holder(work, user->parent);
			for (int i = 0; i < lengthof(kinds); i++)
				if (is_kind(user, kinds[i]))
					add_holder(work, user);
		}
	}
}

/*
 * Marks an object as one to be recreated.  Errors: 0A000 when it holds data.
 */
static void
doubt(const Relabeling *work, const SmigObject *object)
{
	if (object->kind->flags & SMIG_KIND_DATA)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot follow rename \"%s\": %s %s would have to be recreated, and holds data",
						work->hint->text, object->kind->name, object->id),
				 errhint("Write the rename by hand, in a revision of its own.")));
	work->doubtful[object->index] = true;
}

/* ---------------- constants ---------------- */

/*
 * A constant as the deparser writes it.
 */
static char *
literal(const char *value)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '\'');
	for (; *value; value++)
	{
		if (*value == '\'')
			appendStringInfoChar(&buf, '\'');
		appendStringInfoChar(&buf, *value);
	}
	appendStringInfoChar(&buf, '\'');
	return buf.data;
}

/*
 * Whether a value stands in an array without quotes, and means itself.
 */
static bool
is_simple(const char *value)
{
	if (*value == '\0' || pg_strcasecmp(value, "null") == 0)
		return false;
	for (; *value; value++)
		if (!isalnum((unsigned char) *value) && *value != '_' &&
			*value != '-' && !IS_HIGHBIT_SET(*value))
			return false;
	return true;
}

/*
 * Appends an array constant, with the value renamed; false when it is not
 * plain to see where the value is.
 */
static bool
append_array(StringInfo buf, const Relabeling *work, const char *text,
			 int length)
{
	size_t		old = strlen(work->old);

	if (!work->simple || memchr(text, '\\', length) != NULL ||
		memchr(text, '"', length) != NULL)
		return false;
	for (int i = 0; i < length;)
	{
		int			word = (int) strcspn(text + i, "{},'");

		if (word == old && strncmp(text + i, work->old, old) == 0)
			appendStringInfoString(buf, work->new);
		else if (word > 0)
			appendBinaryStringInfo(buf, text + i, word);
		i += word;
		if (i < length)
			appendStringInfoChar(buf, text[i++]);
	}
	return true;
}

/*
 * Whether a text begins with "::" and the type, or an array of it.
 */
static bool
is_cast(const char *text, const char *type, bool *array)
{
	size_t		length = strlen(type);
	const char *behind;

	if (strncmp(text, "::", 2) != 0 ||
		strncmp(text + 2, type, length) != 0)
		return false;
	behind = text + 2 + length;
	*array = *behind == '[';
	return !isalnum((unsigned char) *behind) && *behind != '_' &&
		*behind != '$' && *behind != '"' && *behind != '.' &&
		!IS_HIGHBIT_SET(*behind);
}

/*
 * Appends one constant as it is after the rename; false where that is not
 * known.
 *
 * text, length: the constant; what is behind it is its type
 */
static bool
append_constant(StringInfo buf, const Relabeling *work, const char *text,
				int length)
{
	char	   *constant = pnstrdup(text, length);
	bool		array;
	ListCell   *lc;

	if (is_cast(text + length, work->type->id, &array))
	{
		if (!array)
		{
			appendStringInfoString(buf, strcmp(constant, work->old_literal) == 0 ?
								   work->new_literal : constant);
			return true;
		}
		if (append_array(buf, work, text, length))
			return true;
	}
	appendStringInfoString(buf, constant);
	if (strstr(constant, work->found) == NULL)
		return true;
	foreach(lc, work->holders)
	{
		const SmigObject *holder = lfirst(lc);
		const char *multirange = smig_attr(holder, "multirange");

		if (is_cast(text + length, holder->id, &array))
			return false;
		if (multirange &&
			is_cast(text + length,
					quote_qualified_identifier(smig_attr(holder, "_schema"),
											   multirange), &array))
			return false;
	}
	return true;
}

/*
 * SQL of an object after the rename.
 */
static const char *
rename_in_sql(Relabeling *work, const SmigObject *object, const char *text)
{
	StringInfoData buf;
	SmigScan	scan;
	int			copied = 0;
	bool		known = true;

	initStringInfo(&buf);
	smig_scan_begin(&scan, text);
	while (known && smig_scan_next(&scan))
	{
		if (text[scan.location] != '\'')
			continue;
		appendBinaryStringInfo(&buf, text + copied, scan.location - copied);
		known = append_constant(&buf, work, text + scan.location,
								scan.end - scan.location);
		copied = scan.end;
	}
	smig_scan_end(&scan);
	if (!known)
	{
		doubt(work, object);
		return text;
	}
	appendStringInfoString(&buf, text + copied);
	return buf.data;
}

/*
 * The bound of a partition, where constants have no types.  Errors: 0A000 when
 * the table is partitioned by more than the enum itself.
 */
static const char *
rename_in_bound(const Relabeling *work, const SmigObject *partition,
				const char *text)
{
	char	   *table = unconstify(char *, smig_attr(partition, "of"));
	const SmigObject *parent =
		smig_snapshot_find(unconstify(SmigSnapshot *, work->snapshot),
					   psprintf("table %s", table));
	ListCell   *lc;

	if (strstr(text, work->found) == NULL || parent == NULL ||
		!work->is_holder[parent->index])
		return text;
	foreach(lc, parent->children)
	{
		const SmigObject *column = lfirst(lc);
		const char *type = is_kind(column, "column") ?
			smig_attr(column, "type") : NULL;
		const char *by = smig_attr(parent, "partition_by");

		if (type && by && strcmp(type, work->type->id) == 0 &&
			strcmp(by, psprintf("LIST (%s)",
								quote_identifier(column->name))) == 0)
		{
			StringInfoData buf;
			SmigScan	scan;
			int			copied = 0;
			size_t		length = strlen(work->old_literal);

			initStringInfo(&buf);
			smig_scan_begin(&scan, text);
			while (smig_scan_next(&scan))
			{
				if (scan.end - scan.location != length ||
					strncmp(text + scan.location, work->old_literal,
							length) != 0)
					continue;
				appendBinaryStringInfo(&buf, text + copied,
									   scan.location - copied);
				appendStringInfoString(&buf, work->new_literal);
				copied = scan.end;
			}
			smig_scan_end(&scan);
			appendStringInfoString(&buf, text + copied);
			return buf.data;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot follow rename \"%s\": the bound of partition %s may have the value",
					work->hint->text, partition->id),
			 errdetail("It can be followed where the table is partitioned by list, by the column of the enum alone."),
			 errhint("Write the rename by hand, in a revision of its own.")));
	return NULL;				/* keep the compiler quiet */
}

/*
 * The values of the enum itself.
 */
static char *
renamed_values(const Relabeling *work)
{
	List	   *values = smig_attr_list(work->type, "labels");
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(values), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, values)
		elements[n++] =
			CStringGetTextDatum(strcmp(lfirst(lc), work->old) == 0 ?
								work->new : (char *) lfirst(lc));
	return OidOutputFunctionCall(F_ARRAY_OUT,
								 PointerGetDatum(construct_array(elements, n,
																 TEXTOID, -1,
																 false,
																 TYPALIGN_INT)));
}

/*
 * Whether the text is one that PostgreSQL keeps as it was written, and checks
 * when the object is created.
 */
static bool
is_kept_text(const SmigObject *object, const char *what)
{
	return strcmp(what, "initcond") == 0 || strcmp(what, "minitcond") == 0 ||
		(strcmp(what, "expressions") == 0 && is_kind(object, "statistics"));
}

static const char *
map_text(const SmigObject *object, const char *what, const char *text,
		 void *arg)
{
	Relabeling *work = arg;

	if (what == smig_map_name || what == smig_map_id ||
		!work->concerned[object->index] || work->doubtful[object->index])
		return text;
	if (object == work->type && strcmp(what, "labels") == 0)
		return renamed_values(work);
	if (smig_attr_is_plain(what) || strstr(text, work->found) == NULL)
		return text;
	if (is_kept_text(object, what))
	{
		doubt(work, object);
		return text;
	}
	if (strcmp(what, "bound") == 0)
		return rename_in_bound(work, object, text);
	return rename_in_sql(work, object, text);
}

/*
 * Marks functions whose quoted bodies may name the value and change with it:
 * PostgreSQL checks them when they are created.
 */
static void
doubt_bodies(const Relabeling *work)
{
	for (int i = 0; i < work->snapshot->nobjects; i++)
	{
		const SmigObject *object = work->snapshot->objects[i];
		const char *body = smig_attr(object, "_body");
		const SmigObject *target;

		CHECK_FOR_INTERRUPTS();
		if (body == NULL || strstr(body, work->found) == NULL ||
			strstr(smig_attr(object, "def"), "\n LANGUAGE sql\n") == NULL)
			continue;
		target = smig_snapshot_find(work->to, object->key);
		if (target == NULL || !smig_attr_same(object, target, "def"))
			doubt(work, object);
	}
}

/*
 * The snapshot as it is when a value of an enum has got another name; marks
 * objects whose texts may not be right then as doubtful.
 *
 * Errors: 0A000 where data would have to be recreated, or for odd values.
 */
SmigSnapshot *
smig_rename_value(const SmigRenaming *renaming, const SmigHint *hint,
				  SmigObject *type)
{
	Relabeling	work = {0};
	SmigObject *clash;
	Size		size = sizeof(bool) * Max(renaming->from->nobjects, 1);

	work.hint = hint;
	work.snapshot = renaming->from;
	work.to = renaming->to;
	work.type = type;
	work.old = hint->parts[hint->nparts - 1];
	work.new = hint->name;
	if (strpbrk(work.old, "\\\"") || strpbrk(work.new, "\\\""))
		smig_rename_refuse(hint, ERRCODE_FEATURE_NOT_SUPPORTED,
						   "a value has a backslash or a double quote",
						   "Write the rename by hand, in a revision of its own.");
	work.old_literal = literal(work.old);
	work.new_literal = literal(work.new);
	work.found = pnstrdup(work.old_literal + 1, strlen(work.old_literal) - 2);
	work.simple = is_simple(work.old) && is_simple(work.new);
	work.is_holder = palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	work.concerned = palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	work.doubtful = renaming->doubtful;
	find_holders(&work, type);
	doubt_bodies(&work);
	return smig_snapshot_copy(renaming->from, map_text, &work, &clash);
}
