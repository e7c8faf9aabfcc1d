/*-------------------------------------------------------------------------
 *
 * suggest_alter.c
 *	  The same change as an ALTER TABLE, command by command, without blocking.
 *
 * IDENTIFICATION
 *	  src/lint/suggest_alter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "catalog/namespace.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "lint/facts_internal.h"
#include "lint/rules.h"
#include "lint/source.h"

/* What the recipes of one ALTER TABLE share. */
typedef struct Recipe
{
	SmigRuleContext *context;
	SmigSource *source;
	SmigRelation *relation;
	const char *name;			/* of the table, quoted, as written */
	const char *head;			/* "ALTER TABLE name" with its options */
	List	   *names;			/* of char *: names given so far */
	StringInfo	out;
} Recipe;

/*
 * Name for something new of the table, that no other recipe of this statement
 * has given either.
 */
static char *
new_name(Recipe *recipe, List *columns, const char *suffix)
{
	char	   *name = smig_view_new_name(recipe->context->pending,
										  recipe->relation, columns, suffix);

	for (int i = 1; smig_column_listed(recipe->names, name); i++)
		name = smig_view_new_name(recipe->context->pending, recipe->relation,
								  columns, psprintf("%s%d", suffix, i));
	recipe->names = lappend(recipe->names, name);
	return name;
}

static void
cut(Recipe *recipe)
{
	appendStringInfoString(recipe->out, "COMMIT;\n");
}

static void
append_validate(Recipe *recipe, const char *constraint)
{
	cut(recipe);
	appendStringInfo(recipe->out, "ALTER TABLE %s VALIDATE CONSTRAINT %s;\n",
					 recipe->name, smig_suggest_quoted(constraint));
}

/*
 * SET NOT NULL without a scan under a strong lock.
 */
static void
append_not_null(Recipe *recipe, const char *column)
{
	char	   *constraint = new_name(recipe,
									  list_make1((char *) column),
									  "not_null");

	if (SMIG_NOT_NULL_NOT_VALID)
	{
		appendStringInfo(recipe->out,
						 "ALTER TABLE %s ADD CONSTRAINT %s NOT NULL %s NOT VALID;\n",
						 recipe->name, smig_suggest_quoted(constraint),
						 smig_suggest_quoted(column));
		append_validate(recipe, constraint);
		return;
	}
	appendStringInfo(recipe->out,
					 "ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID;\n",
					 recipe->name, smig_suggest_quoted(constraint),
					 smig_suggest_quoted(column));
	append_validate(recipe, constraint);
	cut(recipe);
	appendStringInfo(recipe->out,
					 "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;\n"
					 "ALTER TABLE %s DROP CONSTRAINT %s;\n",
					 recipe->name, smig_suggest_quoted(column),
					 recipe->name, smig_suggest_quoted(constraint));
}

static void
append_column_list(StringInfo out, List *columns)
{
	ListCell   *lc;

	appendStringInfoChar(out, '(');
	foreach(lc, columns)
		appendStringInfo(out, "%s%s", lc == list_head(columns) ? "" : ", ",
						 quote_identifier(strVal(lfirst(lc))));
	appendStringInfoChar(out, ')');
}

/*
 * UNIQUE or PRIMARY KEY by an index that is built beforehand.  Returns false
 * where there is no way.
 */
static bool
append_unique(Recipe *recipe, Constraint *constraint, List *keys)
{
	bool		primary = constraint->contype == CONSTR_PRIMARY;
	List	   *names = NIL;
	char	   *name = constraint->conname;
	ListCell   *lc;

	if (constraint->indexname || constraint->options ||
		constraint->indexspace || constraint->contype == CONSTR_EXCLUSION ||
		recipe->relation->kind == RELKIND_PARTITIONED_TABLE)
		return false;
	foreach(lc, keys)
		names = lappend(names, strVal(lfirst(lc)));
	if (name == NULL)
		name = new_name(recipe, primary ? NIL : names,
						primary ? "pkey" : "key");
	if (primary)
	{
		foreach(lc, names)
		{
			SmigColumn *column = smig_view_column(recipe->relation,
												  lfirst(lc));

			if (column == NULL || !column->notnull)
				append_not_null(recipe, lfirst(lc));
		}
	}
	appendStringInfo(recipe->out, "CREATE UNIQUE INDEX CONCURRENTLY %s ON %s ",
					 smig_suggest_quoted(name), recipe->name);
	append_column_list(recipe->out, keys);
	if (constraint->including)
	{
		appendStringInfoString(recipe->out, " INCLUDE ");
		append_column_list(recipe->out, constraint->including);
	}
	if (constraint->nulls_not_distinct)
		appendStringInfoString(recipe->out, " NULLS NOT DISTINCT");
	appendStringInfo(recipe->out,
					 ";\nALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %s%s%s;\n",
					 recipe->name, smig_suggest_quoted(name),
					 primary ? "PRIMARY KEY" : "UNIQUE", smig_suggest_quoted(name),
					 constraint->deferrable ? " DEFERRABLE" : "",
					 constraint->initdeferred ? " INITIALLY DEFERRED" : "");
	return true;
}

/*
 * Name a CHECK or FOREIGN KEY will have.
 */
static char *
constraint_name(Recipe *recipe, Constraint *constraint, const char *column)
{
	List	   *names = NIL;
	ListCell   *lc;

	if (constraint->conname)
		return constraint->conname;
	if (constraint->contype == CONSTR_FOREIGN)
	{
		foreach(lc, constraint->fk_attrs)
			names = lappend(names, strVal(lfirst(lc)));
		if (column)
			names = list_make1((char *) column);
		return new_name(recipe, names, "fkey");
	}
	names = smig_expr_column_names(constraint->raw_expr);
	names = list_length(names) == 1 ? names : NIL;
	return new_name(recipe, names, "check");
}

/*
 * Adds the text of a constraint as NOT VALID, then validates it.
 */
static void
append_not_valid(Recipe *recipe, Constraint *constraint, const char *text,
				 const char *column)
{
	char	   *name = constraint_name(recipe, constraint, column);

	appendStringInfo(recipe->out, "%s ADD ", recipe->head);
	if (constraint->conname == NULL)
		appendStringInfo(recipe->out, "CONSTRAINT %s ", smig_suggest_quoted(name));
	if (column && constraint->contype == CONSTR_FOREIGN)
	{
		/* a column's REFERENCES has no FOREIGN KEY (column) in front */
		if (constraint->conname)
			appendStringInfo(recipe->out, "CONSTRAINT %s ", smig_suggest_quoted(name));
		appendStringInfo(recipe->out, "FOREIGN KEY (%s) %s NOT VALID;\n",
						 smig_suggest_quoted(column), text);
	}
	else
		appendStringInfo(recipe->out, "%s NOT VALID;\n", text);
	append_validate(recipe, name);
}

static bool
recipe_add_constraint(Recipe *recipe, Constraint *constraint,
					  const SmigSlice *slice)
{
	int			start = constraint->location;

	switch (constraint->contype)
	{
		case CONSTR_CHECK:
		case CONSTR_FOREIGN:
			if (constraint->skip_validation || start < 0)
				return false;
			if (constraint->contype == CONSTR_FOREIGN &&
				recipe->relation->kind == RELKIND_PARTITIONED_TABLE &&
				!SMIG_PARTITIONED_FK_NOT_VALID)
				return false;
			append_not_valid(recipe, constraint,
							 smig_source_slice(recipe->source, start,
											   slice->end), NULL);
			return true;
		case CONSTR_UNIQUE:
		case CONSTR_PRIMARY:
			return append_unique(recipe, constraint, constraint->keys);
		default:
			return false;
	}
}

/*
 * Where the next part of a column definition begins behind "location".
 */
static int
next_part(ColumnDef *definition, int location, int end)
{
	int			next = end;
	ListCell   *lc;

	foreach(lc, definition->constraints)
	{
		Constraint *constraint = lfirst(lc);

		if (constraint->location > location && constraint->location < next)
			next = constraint->location;
	}
	if (definition->collClause && definition->collClause->location > location &&
		definition->collClause->location < next)
		next = definition->collClause->location;
	return next;
}

/*
 * Integer type behind a serial type, and the word for its sequence.
 */
static const char *
serial_type(TypeName *type)
{
	const char *name = strVal(linitial(type->names));

	if (strcmp(name, "bigserial") == 0 || strcmp(name, "serial8") == 0)
		return "bigint";
	if (strcmp(name, "smallserial") == 0 || strcmp(name, "serial2") == 0)
		return "smallint";
	return "integer";
}

/*
 * Rows that were there before the column get its value in batches.
 */
static void
append_backfill(Recipe *recipe, const char *column)
{
	char	   *update = psprintf("UPDATE %s SET %s = DEFAULT WHERE %s IS NULL",
								  recipe->name, smig_suggest_quoted(column),
								  smig_suggest_quoted(column));

	cut(recipe);
	appendStringInfo(recipe->out, "SELECT schemamig_backfill(%s);\n",
					 quote_literal_cstr(update));
}

static void
append_identity(Recipe *recipe, SmigNewColumn *column, const char *column_name,
				const char *type)
{
	char	   *helper = new_name(recipe,
								  list_make1((char *) column_name),
								  "fill");
	const char *schema = recipe->relation->schema;
	char	   *sequence = smig_view_quote(schema, helper);
	char	   *set;

	appendStringInfo(recipe->out,
					 "CREATE SEQUENCE %s AS %s;\n"
					 "%s ADD COLUMN %s %s;\n"
					 "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT nextval(%s);\n",
					 sequence, type, recipe->head, smig_suggest_quoted(column_name), type,
					 recipe->name, smig_suggest_quoted(column_name),
					 quote_literal_cstr(sequence));
	append_backfill(recipe, column_name);
	append_not_null(recipe, column_name);
	set = psprintf("setval(pg_get_serial_sequence(%s, %s), nextval(%s))",
				   quote_literal_cstr(recipe->name),
				   quote_literal_cstr(column_name),
				   quote_literal_cstr(sequence));
	cut(recipe);
	appendStringInfo(recipe->out,
					 "ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT,"
					 " ALTER COLUMN %s ADD GENERATED %s AS IDENTITY;\n"
					 "SELECT %s;\n"
					 "DROP SEQUENCE %s;\n",
					 recipe->name, smig_suggest_quoted(column_name),
					 smig_suggest_quoted(column_name),
					 column->identity == 'a' ? "ALWAYS" : "BY DEFAULT",
					 set, sequence);
}

static void
append_serial(Recipe *recipe, const char *column_name, const char *type)
{
	char	   *name = new_name(recipe,
								list_make1((char *) column_name), "seq");
	char	   *sequence = smig_view_quote(recipe->relation->schema, name);

	appendStringInfo(recipe->out,
					 "CREATE SEQUENCE %s AS %s;\n"
					 "%s ADD COLUMN %s %s;\n"
					 "ALTER SEQUENCE %s OWNED BY %s.%s;\n"
					 "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT nextval(%s);\n",
					 sequence, type, recipe->head, smig_suggest_quoted(column_name), type,
					 sequence, recipe->name, smig_suggest_quoted(column_name),
					 recipe->name, smig_suggest_quoted(column_name),
					 quote_literal_cstr(sequence));
	append_backfill(recipe, column_name);
	append_not_null(recipe, column_name);
}

/*
 * A column, with the parts of its definition that cost nothing; what it gets
 * by a backfill comes after.  "end" is where the definition ends.
 */
static void
append_column(Recipe *recipe, AlterTableCmd *cmd, SmigNewColumn *column,
			  const char *type, int end)
{
	ColumnDef  *definition = column->definition;
	SmigSource *source = recipe->source;
	char	   *name = smig_suggest_quoted(definition->colname);
	bool		plain = !column->rewrites;
	StringInfoData kept;
	StringInfoData later;
	ListCell   *lc;

	initStringInfo(&kept);
	initStringInfo(&later);
	if (definition->collClause)
	{
		int			start = definition->collClause->location;

		appendStringInfo(&kept, " %s",
						 smig_source_slice(source, start,
										   next_part(definition, start, end)));
	}
	foreach(lc, definition->constraints)
	{
		Constraint *constraint = lfirst(lc);
		int			start = constraint->location;
		char	   *text;

		if (start < 0)
			continue;
		text = smig_source_slice(source, start,
								 next_part(definition, start, end));
		if (constraint->contype == CONSTR_NULL ||
			(plain && (constraint->contype == CONSTR_DEFAULT ||
					   constraint->contype == CONSTR_NOTNULL)))
			appendStringInfo(&kept, " %s", text);
		else if (constraint->contype == CONSTR_DEFAULT)
			appendStringInfo(&later,
							 "ALTER TABLE %s ALTER COLUMN %s SET %s;\n",
							 recipe->name, name, text);
	}
	appendStringInfo(recipe->out, "%s ADD COLUMN %s%s %s%s;\n%s",
					 recipe->head, cmd->missing_ok ? "IF NOT EXISTS " : "",
					 name, type, kept.data, later.data);
	if (plain)
		return;
	append_backfill(recipe, definition->colname);
	if (column->notnull)
		append_not_null(recipe, definition->colname);
}

/*
 * Adds the column with what costs nothing and returns the rest of the work in
 * further statements.
 */
static bool
recipe_add_column(Recipe *recipe, AlterTableCmd *cmd, const SmigSlice *slice)
{
	ColumnDef  *definition = castNode(ColumnDef, cmd->def);
	SmigSource *source = recipe->source;
	SmigNewColumn column;
	char	   *type;
	bool		plain;
	ListCell   *lc;

	smig_column_analyse(recipe->context->pending, recipe->relation, definition,
						&column);
	if (column.stored || column.virtual || column.domain ||
		(column.notnull && !column.primary && !column.serial &&
		 !column.identity && column.default_kind == SMIG_DEFAULT_NONE))
		return false;
	plain = !column.rewrites;
	if (plain && !column.check && !column.unique && column.foreign_keys == NIL)
		return false;
	if ((!plain && (column.primary || recipe->relation->heap)) ||
		definition->typeName->location < 0 ||
		(column.primary && column.default_kind == SMIG_DEFAULT_NONE))
		return false;

	type = smig_source_slice(source, definition->typeName->location,
							 next_part(definition,
									   definition->typeName->location,
									   slice->end));
	if (column.serial)
		append_serial(recipe, definition->colname,
					  serial_type(definition->typeName));
	else if (column.identity)
	{
		foreach(lc, definition->constraints)
		{
			Constraint *constraint = lfirst(lc);

			if (constraint->contype == CONSTR_IDENTITY && constraint->options)
				return false;
		}
		append_identity(recipe, &column, definition->colname, type);
	}
	else
		append_column(recipe, cmd, &column, type, slice->end);
	foreach(lc, definition->constraints)
	{
		Constraint *constraint = lfirst(lc);
		char	   *text;

		if (constraint->location < 0)
			continue;
		text = smig_source_slice(source, constraint->location,
								 next_part(definition, constraint->location,
										   slice->end));
		if (constraint->contype == CONSTR_FOREIGN)
		{
			int			word = smig_source_find(source, constraint->location,
												"references");

			if (word >= 0)
				text = smig_source_slice(source, source->tokens[word].start,
										 next_part(definition,
												   constraint->location,
												   slice->end));
		}
		if (constraint->contype == CONSTR_CHECK ||
			constraint->contype == CONSTR_FOREIGN)
			append_not_valid(recipe, constraint, text, definition->colname);
		else if (constraint->contype == CONSTR_UNIQUE ||
				 constraint->contype == CONSTR_PRIMARY)
			(void) append_unique(recipe, constraint,
								 list_make1(makeString(definition->colname)));
	}
	return true;
}

/*
 * Indexes that the partition lacks and ATTACH would build under lock.
 */
static void
append_partition_indexes(Recipe *recipe, SmigRelation *child,
						 const char *child_name)
{
	ListCell   *lc;

	foreach(lc, recipe->relation->indexes)
	{
		SmigRelation *index = lfirst(lc);
		ListCell   *lc2;
		bool		there = false;
		char	   *name;
		StringInfoData columns;

		if (index->dropped || index->partial || index->exclusion ||
			list_member_ptr(index->keys, NULL))
			continue;
		foreach(lc2, child->indexes)
		{
			SmigRelation *own = lfirst(lc2);

			if (!own->dropped && own->unique == index->unique &&
				smig_facts_same_names(own->keys, index->keys))
				there = true;
		}
		if (there)
			continue;
		name = smig_view_new_name(recipe->context->pending, child,
								  index->keys, "idx");
		initStringInfo(&columns);
		foreach(lc2, index->keys)
			appendStringInfo(&columns, "%s%s",
							 lc2 == list_head(index->keys) ? "" : ", ",
							 quote_identifier(lfirst(lc2)));
		appendStringInfo(recipe->out,
						 "CREATE %sINDEX CONCURRENTLY %s ON %s (%s);\n",
						 index->unique ? "UNIQUE " : "",
						 smig_suggest_quoted(name), child_name, columns.data);
	}
}

static bool
recipe_attach(Recipe *recipe, AlterTableCmd *cmd, const SmigSlice *slice)
{
	SmigPending *pending = recipe->context->pending;
	PartitionCmd *partition = castNode(PartitionCmd, cmd->def);
	SmigRelation *child = smig_view_find(pending, partition->name);
	SmigRelation *other = smig_view_default_partition(pending,
													  recipe->relation);
	SmigRelation *tables[2] = {child, other};
	char	   *names[2] = {NULL, NULL};
	bool		better = false;

	if (child == NULL || child->created || partition->bound == NULL ||
		partition->bound->is_default ||
		child->kind != RELKIND_RELATION ||
		(other && other->kind != RELKIND_RELATION))
		return false;
	for (int i = 0; i < 2; i++)
	{
		char	   *condition;
		char	   *table;

		if (tables[i] == NULL ||
			smig_expr_partition_proved(pending, recipe->relation, tables[i],
									   partition->bound, i == 1))
			continue;
		condition = smig_expr_partition_condition(pending, recipe->relation,
												  tables[i], partition->bound,
												  i == 1);
		if (condition == NULL)
			return false;
		table = i == 0 ? smig_suggest_written(partition->name) :
			smig_view_quote(tables[i]->schema, tables[i]->name);
		names[i] = smig_view_new_name(pending, tables[i], NIL, "bound");
		appendStringInfo(recipe->out,
						 "ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID;\n"
						 "COMMIT;\n"
						 "ALTER TABLE %s VALIDATE CONSTRAINT %s;\n"
						 "COMMIT;\n",
						 table, smig_suggest_quoted(names[i]), condition,
						 table, smig_suggest_quoted(names[i]));
		better = true;
	}
	if (smig_rule_scans(recipe->context, child))
	{
		append_partition_indexes(recipe, child, smig_suggest_written(partition->name));
		better = true;
	}
	if (!better)
		return false;
	appendStringInfo(recipe->out, "%s %s;\n", recipe->head,
					 smig_source_slice(recipe->source, slice->start,
									   slice->end));
	for (int i = 0; i < 2; i++)
	{
		if (names[i])
			appendStringInfo(recipe->out,
							 "ALTER TABLE %s DROP CONSTRAINT %s;\n",
							 i == 0 ? smig_suggest_written(partition->name) :
							 smig_view_quote(tables[i]->schema,
											 tables[i]->name),
							 smig_suggest_quoted(names[i]));
	}
	return true;
}

/*
 * DETACH CONCURRENTLY leaves a CHECK of the bound behind, unless others imply
 * it, which the plain form does not.
 */
static void
append_detach(Recipe *recipe, PartitionCmd *partition, const SmigSlice *slice)
{
	SmigPending *pending = recipe->context->pending;
	SmigRelation *child = smig_view_find(pending, partition->name);
	List	   *key = smig_view_partition_key(pending, recipe->relation);

	appendStringInfo(recipe->out, "%s %s CONCURRENTLY;\n", recipe->head,
					 smig_source_slice(recipe->source, slice->start,
									   slice->end));
	if (child && key != NIL)
		appendStringInfo(recipe->out,
						 "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s;\n",
						 smig_suggest_written(partition->name),
						 smig_suggest_quoted(smig_view_new_name(pending, child,
																list_length(key) == 1 ?
																key : NIL, "check")));
}

/*
 * Appends what replaces one command of ALTER TABLE; false to keep it.
 */
static bool
recipe_command(Recipe *recipe, AlterTableCmd *cmd, const SmigSlice *slice)
{
	SmigPending *pending = recipe->context->pending;

	switch (cmd->subtype)
	{
		case AT_AddColumn:
			if (cmd->missing_ok &&
				smig_view_column(recipe->relation,
								 castNode(ColumnDef, cmd->def)->colname))
				return false;
			return recipe_add_column(recipe, cmd, slice);
		case AT_SetNotNull:
			if (smig_expr_proves_not_null(pending, recipe->relation, cmd->name))
				return false;
			append_not_null(recipe, cmd->name);
			return true;
		case AT_AddConstraint:
			return recipe_add_constraint(recipe,
										 castNode(Constraint, cmd->def),
										 slice);
		case AT_DetachPartition:
			if (castNode(PartitionCmd, cmd->def)->concurrent ||
				smig_view_default_partition(pending, recipe->relation))
				return false;
			append_detach(recipe, castNode(PartitionCmd, cmd->def), slice);
			return true;
		case AT_AttachPartition:
			return recipe_attach(recipe, cmd, slice);
		case AT_ValidateConstraint:
			{
				SmigConstraint *constraint =
					smig_view_constraint(recipe->relation, cmd->name);

				if (constraint == NULL || !constraint->added ||
					constraint->valid ||
					constraint->transaction != pending->transaction)
					return false;
				cut(recipe);
				appendStringInfo(recipe->out, "%s %s;\n", recipe->head,
								 smig_source_slice(recipe->source,
												   slice->start, slice->end));
				return true;
			}
		default:
			return false;
	}
}

/*
 * SQL that does the same as an ALTER TABLE without blocking as long; NULL when
 * there is no such form or no need of one.
 */
char *
smig_suggest_alter_table(SmigRuleContext *context, AlterTableStmt *stmt)
{
	Recipe		recipe = {context};
	StringInfoData out;
	StringInfoData kept;
	List	   *slices;
	bool		changed = false;
	ListCell   *lc;
	ListCell   *lc2;

	if (stmt->objtype != OBJECT_TABLE)
		return NULL;
	recipe.relation = smig_rule_relation(context, stmt->relation);
	if (recipe.relation == NULL || stmt->relation->location < 0)
		return NULL;
	recipe.source = smig_source_read(context->script, context->statement);
	slices = smig_source_commands(recipe.source, stmt->relation->location);
	if (list_length(slices) != list_length(stmt->cmds))
		return NULL;
	recipe.name = smig_suggest_written(stmt->relation);
	recipe.head = smig_source_slice(recipe.source, recipe.source->start,
									((SmigSlice *) linitial(slices))->start);
	initStringInfo(&out);
	initStringInfo(&kept);
	recipe.out = &out;
	forboth(lc, stmt->cmds, lc2, slices)
	{
		SmigSlice  *slice = lfirst(lc2);
		int			length = out.len;

		/* in the order written, which is that of new columns */
		if (kept.len > 0)
			appendStringInfo(&out, "%s %s;\n", recipe.head, kept.data);
		if (recipe_command(&recipe, lfirst(lc), slice))
		{
			changed = true;
			resetStringInfo(&kept);
			continue;
		}
		out.len = length;		/* a recipe that gave up halfway */
		out.data[length] = '\0';
		appendStringInfo(&kept, "%s%s", kept.len > 0 ? ", " : "",
						 smig_source_slice(recipe.source, slice->start,
										   slice->end));
	}
	if (!changed)
		return NULL;
	if (kept.len > 0)
		appendStringInfo(&out, "%s %s;\n", recipe.head, kept.data);
	return out.data;
}
