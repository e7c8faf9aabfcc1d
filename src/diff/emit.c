/*-------------------------------------------------------------------------
 *
 * emit.c
 *	  Writing DDL: cells, options, and what all kinds have in common.
 *
 * IDENTIFICATION
 *	  src/diff/emit.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"

#include "diff/delta.h"

/*
 * Prepares an empty cell in the current memory context.
 */
void
smig_cell_init(SmigCell *cell)
{
	initStringInfo(&cell->text);
	initStringInfo(&cell->hazards);
	cell->transactional = true;
	cell->destructive = false;
	cell->earlier = NIL;
}

static void
pg_attribute_printf(2, 0)
add_statement(SmigCell *cell, const char *format, va_list args)
{
	int			start;

	if (cell->text.len > 0)
		appendStringInfoChar(&cell->text, '\n');
	start = cell->text.len;
	for (;;)
	{
		va_list		copy;
		int			needed;

		va_copy(copy, args);
		needed = appendStringInfoVA(&cell->text, format, copy);
		va_end(copy);
		if (needed == 0)
			break;
		enlargeStringInfo(&cell->text, needed);
	}
	smig_text_stabilize(&cell->text, start);
	appendStringInfoChar(&cell->text, ';');
}

/*
 * Adds one statement, written without its semicolon.
 */
void
smig_cell_add(SmigCell *cell, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	add_statement(cell, format, args);
	va_end(args);
}

/*
 * What follows goes into a cell of its own, to be committed apart.
 */
void
smig_cell_break(SmigCell *cell)
{
	SmigCell   *done;
	List	   *earlier;

	if (cell->text.len == 0)
		return;
	done = palloc(sizeof(SmigCell));
	*done = *cell;
	done->earlier = NIL;
	earlier = lappend(cell->earlier, done);
	smig_cell_init(cell);
	cell->earlier = earlier;
}

/*
 * Adds a statement that cannot be part of a transaction, in a cell that holds
 * nothing else.
 */
void
smig_cell_alone(SmigCell *cell, const char *format,...)
{
	va_list		args;

	smig_cell_break(cell);
	va_start(args, format);
	add_statement(cell, format, args);
	va_end(args);
	cell->transactional = false;
	smig_cell_break(cell);
}

/*
 * All cells of an action that hold statements (SmigCell *), in order.  What
 * was noted after the last statement is about that statement.
 */
List *
smig_cell_parts(SmigCell *cell)
{
	SmigCell   *last;

	if (cell->text.len > 0)
		return lappend(list_copy(cell->earlier), cell);
	if (cell->earlier == NIL)
		return NIL;
	last = llast(cell->earlier);
	last->destructive = last->destructive || cell->destructive;
	if (cell->hazards.len > 0)
		appendStringInfo(&last->hazards, "%s%s",
						 last->hazards.len > 0 ? ", " : "",
						 cell->hazards.data);
	resetStringInfo(&cell->hazards);
	return cell->earlier;
}

/*
 * Notes what the statements of the cell can do that hurts.  "suggestion" may
 * be NULL.
 */
void
smig_cell_hazard(SmigCell *cell, const char *rule, const char *severity,
				 const char *message, const char *suggestion)
{
	if (cell->hazards.len > 0)
		appendStringInfoString(&cell->hazards, ", ");
	appendStringInfoString(&cell->hazards, "{\"rule\": ");
	escape_json(&cell->hazards, rule);
	appendStringInfoString(&cell->hazards, ", \"severity\": ");
	escape_json(&cell->hazards, severity);
	appendStringInfoString(&cell->hazards, ", \"message\": ");
	escape_json(&cell->hazards, message);
	if (suggestion)
	{
		appendStringInfoString(&cell->hazards, ", \"suggestion\": ");
		escape_json(&cell->hazards, suggestion);
	}
	appendStringInfoChar(&cell->hazards, '}');
}

/*
 * The strings of a list with a separator between them.
 */
char *
smig_join(List *strings, const char *separator)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, strings)
	{
		if (buf.len > 0)
			appendStringInfoString(&buf, separator);
		appendStringInfoString(&buf, lfirst(lc));
	}
	return buf.data;
}

/*
 * Splits "name=value"; returns the value and ends the name before it.
 */
static char *
split_option(char *option)
{
	char	   *equals = strchr(option, '=');

	if (equals == NULL)
		return "";
	*equals = '\0';
	return equals + 1;
}

/*
 * Storage parameters as they stand in WITH (...), or NULL when there are none.
 */
char *
smig_option_list(const SmigObject *object, const char *attr)
{
	List	   *options = smig_attr_list(object, attr);
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, options)
	{
		char	   *name = lfirst(lc);
		char	   *value = split_option(name);

		parts = lappend(parts, psprintf("%s=%s", name,
										quote_literal_cstr(value)));
	}
	return parts ? smig_join(parts, ", ") : NULL;
}

/*
 * Options of foreign objects as they stand in OPTIONS (...), or NULL.
 */
char *
smig_foreign_option_list(const SmigObject *object, const char *attr)
{
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, smig_attr_list(object, attr))
	{
		char	   *name = lfirst(lc);
		char	   *value = split_option(name);

		parts = lappend(parts, psprintf("%s %s", quote_identifier(name),
										quote_literal_cstr(value)));
	}
	return parts ? smig_join(parts, ", ") : NULL;
}

static const char *
find_option(List *options, const char *name)
{
	size_t		length = strlen(name);
	ListCell   *lc;

	foreach(lc, options)
	{
		const char *option = lfirst(lc);

		if (strncmp(option, name, length) == 0 && option[length] == '=')
			return option + length + 1;
	}
	return NULL;
}

/*
 * Writes SET and RESET for the storage parameters that differ.  "alter" is the
 * statement up to there.
 */
void
smig_emit_options(SmigCell *cell, const char *alter, const SmigObject *old,
				  const SmigObject *new, const char *attr)
{
	List	   *before = old ? smig_attr_list(old, attr) : NIL;
	List	   *after = smig_attr_list(new, attr);
	List	   *set = NIL;
	List	   *reset = NIL;
	ListCell   *lc;

	foreach(lc, after)
	{
		char	   *name = pstrdup(lfirst(lc));
		char	   *value = split_option(name);
		const char *present = find_option(before, name);

		if (present == NULL || strcmp(present, value) != 0)
			set = lappend(set, psprintf("%s=%s", name,
										quote_literal_cstr(value)));
	}
	foreach(lc, before)
	{
		char	   *name = pstrdup(lfirst(lc));

		(void) split_option(name);
		if (find_option(after, name) == NULL)
			reset = lappend(reset, name);
	}
	if (reset)
		smig_cell_add(cell, "%s RESET (%s)", alter, smig_join(reset, ", "));
	if (set)
		smig_cell_add(cell, "%s SET (%s)", alter, smig_join(set, ", "));
}

/*
 * Writes OPTIONS (ADD, SET, DROP) for the options of a foreign object that
 * differ.
 */
void
smig_emit_foreign_options(SmigCell *cell, const char *alter,
						  const SmigObject *old, const SmigObject *new,
						  const char *attr)
{
	List	   *before = smig_attr_list(old, attr);
	List	   *after = smig_attr_list(new, attr);
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, after)
	{
		char	   *name = pstrdup(lfirst(lc));
		char	   *value = split_option(name);
		const char *present = find_option(before, name);

		if (present == NULL || strcmp(present, value) != 0)
			parts = lappend(parts, psprintf("%s %s %s",
											present ? "SET" : "ADD",
											quote_identifier(name),
											quote_literal_cstr(value)));
	}
	foreach(lc, before)
	{
		char	   *name = pstrdup(lfirst(lc));

		(void) split_option(name);
		if (find_option(after, name) == NULL)
			parts = lappend(parts, psprintf("DROP %s",
											quote_identifier(name)));
	}
	if (parts)
		smig_cell_add(cell, "%s OPTIONS (%s)", alter, smig_join(parts, ", "));
}

/*
 * Whether the compared attributes that differ are all among "attrs", which
 * ends with NULL.  Owner, privileges and comment never count.
 */
bool
smig_only_differs(const SmigObject *old, const SmigObject *new,
				  const char *const *attrs)
{
	static const char *const common[] = {"acl", "comment", "owner"};

	for (int side = 0; side < 2; side++)
	{
		const SmigObject *object = side == 0 ? old : new;

		for (int i = 0; i < object->nattrs; i++)
		{
			const char *name = object->attrs[i].name;
			bool		allowed = name[0] == '_' ||
				smig_attr_same(old, new, name);

			for (int j = 0; !allowed && j < lengthof(common); j++)
				allowed = strcmp(name, common[j]) == 0;
			for (int j = 0; !allowed && attrs && attrs[j]; j++)
				allowed = strcmp(name, attrs[j]) == 0;
			if (!allowed)
				return false;
		}
	}
	return true;
}

/*
 * Writes owner, privileges and comment: of a new object when "old" is NULL,
 * else those that differ.
 */
void
smig_emit_extras(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				 SmigCell *cell)
{
	const SmigKind *kind = new->kind;
	const char *owner = smig_attr(new, "owner");
	const char *before = old ? smig_attr(old, "owner") : delta->user;
	const char *comment = smig_attr(new, "comment");

	if (owner && before && strcmp(owner, before) != 0)
		smig_cell_add(cell, "ALTER %s %s OWNER TO %s", kind->sql, new->id,
					  quote_identifier(owner));
	if (kind->acl_sql && (smig_attr(new, "acl") || old == NULL ||
						  smig_attr(old, "acl")))
		smig_emit_privileges(delta, old, new, before, cell);
	if (old ? !smig_attr_same(old, new, "comment") : comment != NULL)
		smig_cell_add(cell, "COMMENT ON %s %s IS %s", kind->sql, new->id,
					  comment ? quote_literal_cstr(comment) : "NULL");
}

/*
 * Writes what creates the object, complete.
 */
void
smig_emit_create(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	const SmigKind *kind = object->kind;

	if (kind->create)
		kind->create(delta, object, cell);
	else
	{
		const char *def = smig_attr(object, "def");

		Assert(def != NULL);
		smig_cell_add(cell, "%s", def);
	}
	if (smig_delta_state(delta, object)->unsupported &&
		cell->text.len == 0)
		return;
	smig_emit_extras(delta, NULL, object, cell);
}

/*
 * Writes what drops the object.
 */
void
smig_emit_drop(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	const SmigKind *kind = object->kind;

	if (kind->drop)
		kind->drop(delta, object, cell);
	else
		smig_cell_add(cell, "DROP %s %s", kind->sql, object->id);
	if (kind->flags & SMIG_KIND_DATA)
		cell->destructive = true;
}

/*
 * Writes what turns "old" into "new" in place; false when that cannot be done
 * (nothing useful is in the cell then).
 */
bool
smig_emit_alter(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				SmigCell *cell)
{
	bool		own = !smig_only_differs(old, new, NULL) ||
		smig_delta_state(delta, old)->retype;

	if (own && (new->kind->alter == NULL ||
				!new->kind->alter(delta, old, new, cell)))
		return false;
	smig_emit_extras(delta, old, new, cell);
	return true;
}

/*
 * Writes the rename of an object that is otherwise the same.
 */
void
smig_emit_rename(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				 SmigCell *cell)
{
	if (new->kind->rename)
		new->kind->rename(delta, old, new, cell);
	else
		smig_cell_add(cell, "ALTER %s %s RENAME TO %s", new->kind->sql,
					  old->id, quote_identifier(new->name));
}
