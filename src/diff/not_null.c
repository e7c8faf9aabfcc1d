/*-------------------------------------------------------------------------
 *
 * not_null.c
 *	  NOT NULL as a constraint: its name, inheritance, validity, comment.
 *
 * PostgreSQL 18 keeps NOT NULL of columns in pg_constraint, 17 that of
 * domains.  An object has the attribute not_null_name where the name is not
 * what PostgreSQL makes up, so that snapshots of older versions, which know no
 * names, look the same in the usual case.
 *
 * IDENTIFICATION
 *	  src/diff/not_null.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "utils/builtins.h"

#include "diff/delta.h"

/*
 * The name that PostgreSQL makes up.
 */
static char *
default_name(const SmigObject *object)
{
	return object->parent ?
		makeObjectName(object->parent->name, object->name, "not_null") :
		makeObjectName(object->name, NULL, "not_null");
}

/*
 * Name of the constraint by which a column or domain is NOT NULL, unquoted.
 */
const char *
smig_not_null_name(const SmigObject *object)
{
	const char *name = smig_attr(object, "_not_null_name");

	return name ? name : default_name(object);
}

/*
 * Completes what has been read of a column or domain: its NOT NULL has a name
 * only where that is not the usual one.
 */
void
smig_not_null_complete(SmigObject *object)
{
	const char *name = smig_attr(object, "_not_null_name");
	char	   *usual;

	if (name == NULL)
		return;
	usual = default_name(object);
	if (strcmp(name, usual) != 0)
		smig_object_set(object, "not_null_name", name);
	pfree(usual);
}

/*
 * Whether other tables may inherit a column.
 */
static bool
may_have_heirs(const SmigObject *column)
{
	ListCell   *lc;

	if (column->parent == NULL)
		return false;
	foreach(lc, column->parent->rdeps)
		if (((const SmigObject *) lfirst(lc))->kind->flags & SMIG_KIND_INHERITS)
			return true;
	return false;
}

/*
 * Whether a statement has to say the name: it is not the usual one, or
 * PostgreSQL might avoid the usual one because a child has it already.
 */
static bool
needs_name(const SmigObject *object)
{
	return smig_attr(object, "not_null_name") ||
		(smig_attr(object, "_not_null_name") && may_have_heirs(object));
}

/*
 * The name as it stands in front of NOT NULL, or nothing where PostgreSQL makes
 * up the same.
 */
static char *
prefix_of(const SmigObject *object)
{
	return needs_name(object) ?
		psprintf("CONSTRAINT %s ",
				 quote_identifier(smig_not_null_name(object))) : "";
}

/*
 * NOT NULL in the definition of a column or domain, with a space in front, or
 * nothing.  NOT VALID has no place there: smig_not_null_after.
 */
char *
smig_not_null_clause(const SmigObject *object)
{
	if (smig_attr(object, "not_null") == NULL ||
		smig_attr(object, "not_null_not_valid"))
		return "";
	return psprintf(" %sNOT NULL%s", prefix_of(object),
					smig_attr(object, "not_null_no_inherit") ?
					" NO INHERIT" : "");
}

/*
 * Whether an inherited column is NOT NULL by what its own table says.
 */
static bool
has_own(const SmigObject *column)
{
	return smig_attr(column, "not_null") &&
		(smig_attr(column, "not_null_own") ||
		 smig_attr(column->origin, "not_null") == NULL ||
		 smig_attr(column->origin, "not_null_no_inherit"));
}

/*
 * Whether a key has columns that are NOT NULL only by what a parent says.  From
 * 18 on, to take an index over as the primary key makes such a constraint the
 * table's own, and nothing takes that back.
 */
bool
smig_not_null_from_parent(const SmigObject *key)
{
	ListCell   *lc;

	foreach(lc, key->deps)
	{
		const SmigObject *column = lfirst(lc);

		if (strcmp(column->kind->name, "column") == 0 && column->origin &&
			smig_attr(column, "_not_null_name") && !has_own(column))
			return true;
	}
	return false;
}

/*
 * NOT NULL of an inherited column of a new table that the table has besides
 * what it inherits, as an element of CREATE TABLE; NULL when there is none, or
 * it has to be said later: smig_not_null_inherited.
 */
char *
smig_not_null_element(const SmigObject *column)
{
	if (!has_own(column) || smig_attr(column, "_not_null_name") == NULL ||
		smig_attr(column, "not_null_not_valid"))
		return NULL;
	return psprintf("%sNOT NULL %s%s", prefix_of(column),
					quote_identifier(column->name),
					smig_attr(column, "not_null_no_inherit") ?
					" NO INHERIT" : "");
}

/*
 * What NOT NULL of a new inherited column needs after the statement that made
 * it: CREATE TABLE, or with "added" ADD COLUMN of the one it is inherited from.
 */
void
smig_not_null_inherited(const SmigObject *column, bool added, SmigCell *cell)
{
	if (has_own(column) && smig_attr(column, "not_null_not_valid") == NULL &&
		(added || smig_attr(column, "_not_null_name") == NULL))
		smig_not_null_set(column, cell);
	smig_not_null_after(column, cell);
}

static void
write_comment(const SmigObject *old, const SmigObject *new, SmigCell *cell)
{
	const char *was = old ? smig_attr(old, "not_null_comment") : NULL;
	const char *is = smig_attr(new, "not_null_comment");
	char	   *name;

	if (was && is ? strcmp(was, is) == 0 : was == is)
		return;
	name = pstrdup(quote_identifier(smig_not_null_name(new)));
	smig_cell_add(cell, "COMMENT ON CONSTRAINT %s ON %s%s IS %s", name,
				  new->parent ? "" : "DOMAIN ",
				  new->parent ? new->parent->id : new->id,
				  is ? quote_literal_cstr(is) : "NULL");
}

static void
add_not_valid(const SmigObject *column, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE %s ADD CONSTRAINT %s NOT NULL %s%s NOT VALID",
				  column->parent->id,
				  pstrdup(quote_identifier(smig_not_null_name(column))),
				  quote_identifier(column->name),
				  smig_attr(column, "not_null_no_inherit") ?
				  " NO INHERIT" : "");
}

/*
 * What NOT NULL of a new column or domain needs after the statement that made
 * it.
 */
void
smig_not_null_after(const SmigObject *object, SmigCell *cell)
{
	if (smig_attr(object, "not_null_not_valid"))
		add_not_valid(object, cell);
	write_comment(NULL, object, cell);
}

/* ---------------- inheritance ---------------- */

/*
 * Columns of other tables that have been and will be inherited from "column".
 */
static List *
heirs_of(SmigDelta *delta, const SmigObject *column)
{
	List	   *heirs = NIL;
	ListCell   *lc;

	foreach(lc, smig_delta_heirs(column))
		if (smig_delta_inherits_both(delta, lfirst(lc)))
			heirs = lappend(heirs, lfirst(lc));
	return heirs;
}

static bool
same_name(const SmigObject *a, const SmigObject *b)
{
	return strcmp(smig_not_null_name(a), smig_not_null_name(b)) == 0;
}

/*
 * Whether the name of NOT NULL is another one, as far as names are known.
 */
static bool
is_renamed(const SmigObject *old, const SmigObject *new)
{
	return smig_attr(old, "_not_null_name") &&
		smig_attr(new, "_not_null_name") && !same_name(old, new);
}

static bool
is_inherited(SmigDelta *delta, const SmigObject *column)
{
	return column->parent && column->origin &&
		smig_attr(column->origin, "not_null") &&
		smig_attr(column->origin, "not_null_no_inherit") == NULL &&
		smig_delta_inherits_both(delta, column);
}

/*
 * Whether the rename of the constraint that this one is inherited from renames
 * it as well.
 */
static bool
rename_comes_along(SmigDelta *delta, const SmigObject *old,
				   const SmigObject *new)
{
	return is_inherited(delta, old) && is_inherited(delta, new) &&
		smig_delta_state(delta, old->origin)->other == new->origin &&
		same_name(old, old->origin) && same_name(new, new->origin);
}

/*
 * Whether PostgreSQL can rename the constraint: not an inherited one, nor one
 * that is inherited under another name.
 */
static bool
can_rename(SmigDelta *delta, const SmigObject *old, const SmigObject *new)
{
	ListCell   *lc;

	if (rename_comes_along(delta, old, new))
		return true;
	if (is_inherited(delta, old) || is_inherited(delta, new))
		return false;
	if (new->parent == NULL)
		return true;
	foreach(lc, heirs_of(delta, old))
		if (!same_name(lfirst(lc), old))
			return false;
	return true;
}

/*
 * Why a column that is NOT NULL before and after cannot be so in the way it is
 * to be; NULL when it can.
 */
const char *
smig_not_null_unsupported(SmigDelta *delta, const SmigObject *old,
						  const SmigObject *new)
{
	if (smig_attr(old, "not_null") == NULL ||
		smig_attr(new, "not_null") == NULL || new->parent == NULL)
		return NULL;
	if (is_renamed(old, new) && !can_rename(delta, old, new))
		return "The name of a NOT NULL constraint that is inherited cannot be changed";
	if (smig_attr(old, "not_null_own") && !smig_attr(new, "not_null_own") &&
		is_inherited(delta, new))
		return "A NOT NULL constraint that a table has itself cannot be turned into one that it only inherits";
	return NULL;
}

/*
 * Writes NOT NULL of the columns inherited from a new or altered one that are
 * to have it under another name than they would be given, the last heirs first.
 */
void
smig_not_null_heirs(SmigDelta *delta, const SmigObject *column, SmigCell *cell)
{
	ListCell   *lc;

	foreach(lc, heirs_of(delta, column))
	{
		const SmigObject *heir = lfirst(lc);
		const SmigObject *old = smig_delta_state(delta, heir)->other;

		if ((old && smig_attr(old, "not_null")) || !is_renamed(column, heir))
			continue;
		smig_not_null_heirs(delta, heir, cell);
		smig_cell_add(cell, "ALTER TABLE %s ADD CONSTRAINT %s NOT NULL %s",
					  heir->parent->id,
					  pstrdup(quote_identifier(smig_not_null_name(heir))),
					  quote_identifier(heir->name));
	}
}

/*
 * Whether columns inherited from this one are to have NOT NULL under names of
 * their own.
 */
bool
smig_not_null_named_heirs(SmigDelta *delta, const SmigObject *column)
{
	ListCell   *lc;

	foreach(lc, heirs_of(delta, column))
		if (is_renamed(column, lfirst(lc)))
			return true;
	return false;
}

/* ---------------- changes ---------------- */

/*
 * Makes a column or domain NOT NULL by one statement.
 */
void
smig_not_null_set(const SmigObject *object, SmigCell *cell)
{
	const char *alter = object->parent ?
		psprintf("ALTER TABLE %s", object->parent->id) :
		psprintf("ALTER DOMAIN %s", object->id);
	const char *column = object->parent ?
		pstrdup(quote_identifier(object->name)) : NULL;

	if (smig_attr(object, "not_null_not_valid"))
		add_not_valid(object, cell);
	else if (needs_name(object) || smig_attr(object, "not_null_no_inherit"))
		smig_cell_add(cell, "%s ADD CONSTRAINT %s NOT NULL%s%s%s", alter,
					  quote_identifier(smig_not_null_name(object)), column ? " " : "",
					  column ? column : "",
					  smig_attr(object, "not_null_no_inherit") ?
					  " NO INHERIT" : "");
	else if (column)
		smig_cell_add(cell, "%s ALTER COLUMN %s SET NOT NULL", alter, column);
	else
		smig_cell_add(cell, "%s SET NOT NULL", alter);
}

/*
 * Whether a column inherited from "old" stays NOT NULL although "old" does not.
 */
static bool
has_keeper(SmigDelta *delta, const SmigObject *old)
{
	ListCell   *lc;

	foreach(lc, heirs_of(delta, old))
	{
		const SmigObject *heir = lfirst(lc);

		if (smig_attr(heir, "not_null") &&
			smig_attr(smig_delta_state(delta, heir)->other, "not_null"))
			return true;
		if (has_keeper(delta, heir))
			return true;
	}
	return false;
}

/*
 * Takes NOT NULL from a column and from those that inherit it and are to lose
 * it as well.  Those that stay NOT NULL are left alone, or, because partitions
 * cannot be, made so again.
 */
void
smig_not_null_drop(SmigDelta *delta, const SmigObject *old, SmigCell *cell)
{
	bool		keeper = has_keeper(delta, old);
	bool		only = keeper && smig_attr(old->parent, "partition_by") == NULL;
	ListCell   *lc;

	smig_cell_add(cell, "ALTER TABLE %s%s ALTER COLUMN %s DROP NOT NULL",
				  only ? "ONLY " : "", old->parent->id,
				  quote_identifier(old->name));
	foreach(lc, heirs_of(delta, old))
	{
		const SmigObject *heir = lfirst(lc);
		const SmigObject *new = smig_delta_state(delta, heir)->other;

		if (smig_attr(heir, "not_null") == NULL)
			continue;
		if (smig_attr(new, "not_null") == NULL)
		{
			/* one with a name of its own may be the child's own */
			if (only || is_renamed(old, heir))
				smig_not_null_drop(delta, heir, cell);
		}
		else if (!only)
			smig_not_null_set(new, cell);
	}
}

static void
write_rename(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			 SmigCell *cell)
{
	char	   *from = pstrdup(quote_identifier(smig_not_null_name(old)));

	if (new->parent && (rename_comes_along(delta, old, new) ||
						!can_rename(delta, old, new)))
		return;
	smig_cell_add(cell, "ALTER %s %s RENAME CONSTRAINT %s TO %s",
				  new->parent ? "TABLE" : "DOMAIN",
				  new->parent ? new->parent->id : new->id, from,
				  quote_identifier(smig_not_null_name(new)));
}

/*
 * Writes what changes of NOT NULL of a column or domain, other than whether it
 * is.
 */
void
smig_not_null_alter(SmigDelta *delta, const SmigObject *old,
					const SmigObject *new, SmigCell *cell)
{
	bool		was = smig_attr(old, "not_null") != NULL;
	bool		is = smig_attr(new, "not_null") != NULL;
	char	   *name = pstrdup(quote_identifier(smig_not_null_name(new)));

	if (was && is && is_renamed(old, new))
		write_rename(delta, old, new, cell);
	if (was && is && !smig_attr_same(old, new, "not_null_no_inherit"))
		smig_cell_add(cell, "ALTER TABLE %s ALTER CONSTRAINT %s %sINHERIT",
					  new->parent->id, name,
					  smig_attr(new, "not_null_no_inherit") ? "NO " : "");
	if (was && is && !smig_attr_same(old, new, "not_null_not_valid"))
	{
		if (smig_attr(old, "not_null_not_valid"))
			smig_cell_add(cell, "ALTER TABLE %s VALIDATE CONSTRAINT %s",
						  new->parent->id, name);
		else
		{
			smig_cell_add(cell, "ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL",
						  new->parent->id, quote_identifier(new->name));
			add_not_valid(new, cell);
		}
	}
	if (was && is && smig_attr(new, "not_null_own") &&
		smig_attr(old, "not_null_own") == NULL && is_inherited(delta, old))
		smig_cell_add(cell, "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL",
					  new->parent->id, quote_identifier(new->name));
	if (is)
		write_comment(was ? old : NULL, new, cell);
}

/* ---------------- snapshots of several versions ---------------- */

/*
 * Whether a snapshot knows the names of NOT NULL constraints of the objects of
 * a kind: as far as one can see, when none is NOT NULL.
 */
static bool
knows_names(const SmigSnapshot *snapshot, const char *kind)
{
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		const SmigObject *object = snapshot->objects[i];

		if (strcmp(object->kind->name, kind) == 0 &&
			smig_attr(object, "not_null"))
			return smig_attr(object, "_not_null_name") != NULL;
	}
	return true;
}

static void
forget_names(SmigSnapshot *snapshot, const char *kind)
{
	static const char *const attrs[] = {
		"_not_null_name", "not_null_name", "not_null_no_inherit",
		"not_null_not_valid", "not_null_own", "not_null_comment"
	};

	for (int i = 0; i < snapshot->nobjects; i++)
		if (strcmp(snapshot->objects[i]->kind->name, kind) == 0)
			for (int j = 0; j < lengthof(attrs); j++)
				smig_object_unset(snapshot->objects[i], attrs[j]);
}

/*
 * Takes from one of two snapshots what the other cannot know, because it was
 * made by an older version of PostgreSQL: that is no difference.
 */
void
smig_not_null_align(SmigSnapshot *a, SmigSnapshot *b)
{
	static const char *const kinds[] = {"column", "domain"};

	for (int i = 0; i < lengthof(kinds); i++)
	{
		bool		first = knows_names(a, kinds[i]);
		bool		second = knows_names(b, kinds[i]);

		if (first && !second)
			forget_names(a, kinds[i]);
		else if (second && !first)
			forget_names(b, kinds[i]);
	}
}
