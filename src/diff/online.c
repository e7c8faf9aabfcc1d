/*-------------------------------------------------------------------------
 *
 * online.c
 *	  The forms of changes that keep a table in use.
 *
 * Each takes several statements that commit apart, so that none both scans
 * the table and keeps writers out: stripe's pg-schema-diff and the
 * strong_migrations gem use the same recipes.
 *
 * IDENTIFICATION
 *	  src/diff/online.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"

#include "diff/delta.h"

/*
 * Whether changes of what belongs to a table should keep it in use: it exists
 * before, and the short form was not asked for.
 */
bool
smig_online(SmigDelta *delta, const SmigObject *table)
{
	return delta->online && !smig_delta_is_new(delta, table);
}

/*
 * A primary key or unique constraint: the index is built concurrently and then
 * taken over.  Not for partitioned tables, nor exclusion constraints.
 */
void
smig_online_create_key(SmigDelta *delta, const SmigObject *key, SmigCell *cell)
{
	static const char nulls[] = "NULLS NOT DISTINCT ";
	bool		primary = strcmp(key->kind->name, "primary key") == 0;
	const char *type = primary ? "PRIMARY KEY" : "UNIQUE";
	const char *columns = smig_attr(key, "def") + strlen(type) + 1;
	const char *deferrable = smig_attr(key, "deferrable");
	char	   *options = smig_option_list(key, "options");
	const char *space = smig_attr(key, "tablespace");
	char	   *name = pstrdup(quote_identifier(key->name));
	bool		distinct = strncmp(columns, nulls, strlen(nulls)) != 0;

	if (!distinct)
		columns += strlen(nulls);
	smig_cell_alone(cell, "CREATE UNIQUE INDEX CONCURRENTLY %s ON %s %s%s%s%s%s%s%s",
					name, key->parent->id, columns,
					distinct ? "" : " NULLS NOT DISTINCT",
					options ? " WITH (" : "", options ? options : "",
					options ? ")" : "",
					space ? " TABLESPACE " : "", space ? space : "");
	smig_cell_add(cell, "ALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %s%s%s",
				  key->parent->id, name, type, name,
				  deferrable ? " " : "", deferrable ? deferrable : "");
	smig_constraint_after(delta, key, cell);
}

/*
 * NOT NULL by way of a constraint that is validated apart, which spares SET
 * NOT NULL its scan.
 */
void
smig_online_set_not_null(const SmigObject *column, SmigCell *cell)
{
	const char *table = column->parent->id;
	char	   *name = pstrdup(quote_identifier(column->name));
	char	   *constraint = pstrdup(quote_identifier(smig_not_null_name(column)));

	if (cell->text.len > 0)
		smig_cell_break(cell);
#ifdef SMIG_HAVE_NOT_NULL_CONSTRAINTS
	smig_cell_add(cell, "ALTER TABLE %s ADD CONSTRAINT %s NOT NULL %s%s NOT VALID",
				  table, constraint, name,
				  smig_attr(column, "not_null_no_inherit") ?
				  " NO INHERIT" : "");
	smig_cell_break(cell);
	if (smig_attr(column, "not_null_not_valid"))
		return;
	smig_cell_add(cell, "ALTER TABLE %s VALIDATE CONSTRAINT %s", table,
				  constraint);
#else
	smig_cell_add(cell, "ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID",
				  table, constraint, name);
	smig_cell_break(cell);
	smig_cell_add(cell, "ALTER TABLE %s VALIDATE CONSTRAINT %s", table,
				  constraint);
	smig_cell_break(cell);
	smig_cell_add(cell, "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", table,
				  name);
	smig_cell_add(cell, "ALTER TABLE %s DROP CONSTRAINT %s", table, constraint);
#endif
	smig_cell_break(cell);
}

/* ---------------- columns with volatile defaults ---------------- */

static bool
collect_functions(Node *node, void *context)
{
	List	  **names = context;

	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
		*names = lappend(*names, strVal(llast(((FuncCall *) node)->funcname)));
	return raw_expression_tree_walker(node, collect_functions, context);
}

/*
 * Whether a function of this name is not known to give the same result for all
 * rows of a statement.
 */
static bool
may_be_volatile(const char *name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	bool		steady;

	SPI_connect();
	values[0] = CStringGetTextDatum(name);
	SPI_execute_with_args("SELECT FROM pg_proc WHERE proname = $1::name"
						  " HAVING count(*) > 0 AND bool_and(provolatile <> 'v')",
						  1, types, values, NULL, true, 1);
	steady = SPI_processed > 0;
	SPI_finish();
	return !steady;
}

static bool
is_volatile(const char *expression)
{
	List	   *names = NIL;
	RawStmt    *statement;
	ListCell   *lc;

	if (strchr(expression, '(') == NULL)
		return false;			/* no call of a function */
	statement = linitial_node(RawStmt,
							  raw_parser(psprintf("SELECT %s", expression),
										 RAW_PARSE_DEFAULT));
	(void) collect_functions(statement->stmt, &names);
	foreach(lc, names)
		if (may_be_volatile(lfirst(lc)))
			return true;
	return false;
}

/*
 * Schema of this extension, quoted.
 */
static char *
own_schema(void)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *schema = NULL;

	SPI_connect();
	SPI_execute("SELECT quote_ident(n.nspname) FROM pg_extension e"
				" JOIN pg_namespace n ON n.oid = e.extnamespace"
				" WHERE e.extname = 'schemamig'", true, 1);
	if (SPI_processed > 0)
		schema = MemoryContextStrdup(caller,
									 SPI_getvalue(SPI_tuptable->vals[0],
												  SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return schema;
}

static bool
has_key(const SmigObject *table)
{
	return smig_child_of_kind(table, "primary key") != NULL &&
		smig_attr(table, "partition_by") == NULL;
}

/*
 * A column whose default differs from row to row is added without it, which
 * needs no rewrite; then the default is set, and the rows are filled in
 * batches.  False, and nothing written, where the plain form does: the table
 * is not in use, the default is a constant, or there is no key to fill by.
 */
bool
smig_online_add_column(SmigDelta *delta, const SmigObject *column,
					   SmigCell *cell)
{
	const SmigObject *value = smig_child_of_kind(column, "default");
	const SmigObject *table = smig_delta_state(delta, column->parent)->other;
	char	   *name = pstrdup(quote_identifier(column->name));
	char	   *schema;

	if (value == NULL || !smig_delta_state(delta, value)->folded ||
		!smig_online(delta, column->parent) || table == NULL ||
		!has_key(table) || !has_key(column->parent) ||
		!is_volatile(smig_attr(value, "def")))
		return false;
	schema = own_schema();
	if (schema == NULL)
		return false;
	smig_cell_add(cell, "ALTER TABLE %s ADD COLUMN %s", column->parent->id,
				  smig_column_bare_definition(delta, column));
	smig_cell_add(cell, "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s",
				  column->parent->id, name, smig_attr(value, "def"));
	smig_column_after(delta, column, cell);
	smig_cell_alone(cell, "SELECT %s.schemamig_backfill(%s)", schema,
					quote_literal_cstr(psprintf("UPDATE %s SET %s = DEFAULT WHERE %s IS NULL",
												column->parent->id, name,
												name)));
	if (smig_attr(column, "not_null"))
		smig_online_set_not_null(column, cell);
	return true;
}
