/*-------------------------------------------------------------------------
 *
 * column.c
 *	  What a column definition of ADD COLUMN or CREATE TABLE comes to.
 *
 * IDENTIFICATION
 *	  src/lint/column.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "compat.h"
#include "lint/column.h"

static const char *const serial_names[] = {
	"smallserial", "serial2", "serial", "serial4", "bigserial", "serial8"
};

/*
 * Is the type one of the serial pseudo types?
 */
bool
smig_column_is_serial(ColumnDef *definition)
{
	TypeName   *type = definition->typeName;

	if (type == NULL || list_length(type->names) != 1 || type->pct_type ||
		type->arrayBounds != NIL)
		return false;
	for (int i = 0; i < lengthof(serial_names); i++)
	{
		if (strcmp(strVal(linitial(type->names)), serial_names[i]) == 0)
			return true;
	}
	return false;
}

/*
 * Does the definition give the column a value of its own: DEFAULT, identity,
 * serial or generated?
 */
bool
smig_column_has_default(ColumnDef *definition)
{
	ListCell   *lc;

	if (smig_column_is_serial(definition))
		return true;
	foreach(lc, definition->constraints)
	{
		Constraint *constraint = lfirst(lc);

		if (constraint->contype == CONSTR_DEFAULT ||
			constraint->contype == CONSTR_IDENTITY ||
			constraint->contype == CONSTR_GENERATED)
			return true;
	}
	return false;
}

/*
 * Is a name in a list of names (elements may be NULL)?
 */
bool
smig_column_listed(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (lfirst(lc) && strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

static bool
mentions_row(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef) || IsA(node, SubLink))
		return true;
	return raw_expression_tree_walker(node, mentions_row, context);
}

/*
 * Is a raw expression free of columns and subqueries?
 */
bool
smig_column_is_constant(Node *raw)
{
	return !mentions_row(raw, NULL);
}

/*
 * Splits a possibly qualified name, as in nextval('s.q'), into String nodes;
 * NIL when it is not a name.
 */
List *
smig_column_split_name(const char *text)
{
	char	   *copy = pstrdup(text);
	List	   *parts = NIL;
	List	   *names = NIL;
	ListCell   *lc;

	if (!SplitIdentifierString(copy, '.', &parts))
		return NIL;
	foreach(lc, parts)
		names = lappend(names, makeString(lfirst(lc)));
	return names;
}

static void
analyse_constraint(SmigNewColumn *column, Constraint *constraint)
{
	switch (constraint->contype)
	{
		case CONSTR_DEFAULT:
			column->default_raw = constraint->raw_expr;
			break;
		case CONSTR_IDENTITY:
			column->identity = constraint->generated_when;
			column->notnull = true;
			break;
		case CONSTR_GENERATED:
			column->generated_raw = constraint->raw_expr;
			if (smig_constraint_virtual(constraint))
				column->virtual = true;
			else
				column->stored = true;
			break;
		case CONSTR_NOTNULL:
			column->notnull = true;
			break;
		case CONSTR_CHECK:
			column->check = true;
			column->checks = lappend(column->checks, constraint);
			break;
		case CONSTR_PRIMARY:
			column->notnull = true;
			column->primary = true;
			column->unique = true;
			break;
		case CONSTR_UNIQUE:
			column->unique = true;
			break;
		case CONSTR_FOREIGN:
			column->foreign_keys = lappend(column->foreign_keys, constraint);
			break;
		default:
			break;
	}
}

/*
 * Fills *column from a definition as the raw parser gives it.
 */
void
smig_column_analyse(SmigPending *pending, SmigRelation *relation,
					ColumnDef *definition, SmigNewColumn *column)
{
	ListCell   *lc;

	memset(column, 0, sizeof(SmigNewColumn));
	column->definition = definition;
	column->serial = smig_column_is_serial(definition);
	if (column->serial)
		column->notnull = true;
	foreach(lc, definition->constraints)
		analyse_constraint(column, lfirst(lc));

	column->domain = smig_expr_constrained_domain(pending,
												  definition->typeName);
	if (!column->serial && !column->identity && column->generated_raw == NULL)
		column->default_kind = smig_expr_default(pending, relation, definition,
												 column->default_raw);
	column->rewrites = column->serial || column->identity || column->stored ||
		column->domain || column->default_kind == SMIG_DEFAULT_VOLATILE;
	column->constant = column->default_kind == SMIG_DEFAULT_STABLE;
}
