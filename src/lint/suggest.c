/*-------------------------------------------------------------------------
 *
 * suggest.c
 *	  The same change as a statement, in a form that does not block.
 *
 * The text of a suggestion replaces the statement.  COMMIT in it cuts the
 * script into transactions, CONCURRENTLY statements are steps of their own
 * anyway.
 *
 * IDENTIFICATION
 *	  src/lint/suggest.c
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

/*
 * The name as the script writes it, quoted where needed.
 */
char *
smig_suggest_written(RangeVar *name)
{
	return pstrdup(quote_qualified_identifier(name->schemaname,
											  name->relname));
}

/*
 * quote_identifier that can be called several times in one expression.
 */
char *
smig_suggest_quoted(const char *name)
{
	return pstrdup(quote_identifier(name));
}

/*
 * CREATE INDEX on a partitioned table: on each partition without blocking,
 * then joined to the parent's.
 */
static char *
suggest_partitioned_index(SmigRuleContext *context, IndexStmt *stmt,
						  SmigRelation *relation, SmigSource *source,
						  const char *name)
{
	StringInfoData out;
	int			on = smig_source_find(source, source->start, "on");
	int			i;
	int			rest;
	const char *unique = stmt->unique ? "UNIQUE " : "";
	char	   *index_name = smig_suggest_quoted(name);
	List	   *keys = NIL;
	ListCell   *lc;

	if (on < 0 || !stmt->relation->inh)
		return NULL;
	for (i = on + 1; i < source->ntokens &&
		 source->tokens[i].start < stmt->relation->location; i++)
		;
	i++;
	while (smig_source_token_is(source, i, "."))
		i += 2;
	if (i >= source->ntokens)
		return NULL;
	rest = source->tokens[i].start;
	keys = smig_view_index_columns(stmt->indexParams);

	initStringInfo(&out);
	appendStringInfo(&out, "CREATE %sINDEX %s ON ONLY %s %s;\n", unique,
					 index_name, smig_suggest_written(stmt->relation),
					 smig_source_slice(source, rest, source->end));
	foreach(lc, smig_view_children(context->pending, relation))
	{
		SmigRelation *child = lfirst(lc);
		char	   *child_index;

		if (child->kind != RELKIND_RELATION)
			return NULL;
		child_index = smig_view_new_name(context->pending, child, keys, "idx");
		appendStringInfo(&out,
						 "CREATE %sINDEX CONCURRENTLY %s ON %s %s;\n"
						 "ALTER INDEX %s ATTACH PARTITION %s;\n",
						 unique, smig_suggest_quoted(child_index),
						 smig_view_quote(child->schema, child->name),
						 smig_source_slice(source, rest, source->end),
						 smig_view_quote(relation->schema, name),
						 smig_view_quote(child->schema, child_index));
	}
	return out.data;
}

static char *
suggest_create_index(SmigRuleContext *context, IndexStmt *stmt)
{
	SmigRelation *relation = smig_rule_relation(context, stmt->relation);
	SmigSource *source;
	const char *name = stmt->idxname;
	List	   *keys;
	int			word;

	if (relation == NULL || stmt->concurrent)
		return NULL;
	source = smig_source_read(context->script, context->statement);
	word = smig_source_find(source, source->start, "index");
	if (word < 0)
		return NULL;
	keys = smig_view_index_columns(stmt->indexParams);
	if (name == NULL)
		name = smig_view_new_name(context->pending, relation, keys, "idx");
	if (relation->kind == RELKIND_PARTITIONED_TABLE)
		return suggest_partitioned_index(context, stmt, relation, source,
										 name);
	return smig_source_replace(source, source->tokens[word].end,
							   source->tokens[word].end,
							   stmt->idxname ? " CONCURRENTLY" :
							   psprintf(" CONCURRENTLY %s", smig_suggest_quoted(name)));
}

static char *
suggest_drop_index(SmigRuleContext *context, DropStmt *stmt)
{
	StringInfoData out;
	bool		better = false;
	ListCell   *lc;

	if (stmt->removeType != OBJECT_INDEX || stmt->concurrent ||
		stmt->behavior == DROP_CASCADE)
		return NULL;
	initStringInfo(&out);
	foreach(lc, stmt->objects)
	{
		SmigRelation *index = smig_view_find_names(context->pending,
												   lfirst(lc));

		if (index && (index->created || index->from_constraint ||
					  index->kind == RELKIND_PARTITIONED_INDEX ||
					  smig_view_parent(context->pending, index)))
		{
			appendStringInfo(&out, "DROP INDEX %s;\n",
							 NameListToQuotedString(lfirst(lc)));
			continue;
		}
		better = true;
		appendStringInfo(&out, "DROP INDEX CONCURRENTLY %s%s;\n",
						 stmt->missing_ok ? "IF EXISTS " : "",
						 NameListToQuotedString(lfirst(lc)));
	}
	return better ? out.data : NULL;
}

static char *
suggest_reindex(SmigRuleContext *context, ReindexStmt *stmt)
{
	static const char *const kinds[] = {"INDEX", "TABLE", "SCHEMA", "SYSTEM",
	"DATABASE"};

	if (smig_facts_option(stmt->params, "concurrently") ||
		stmt->kind == REINDEX_OBJECT_SYSTEM)
		return NULL;
	return psprintf("REINDEX %s CONCURRENTLY %s;", kinds[stmt->kind],
					stmt->relation ? smig_suggest_written(stmt->relation) :
					stmt->name ? smig_suggest_quoted(stmt->name) : "");
}

static char *
suggest_refresh(SmigRuleContext *context, RefreshMatViewStmt *stmt)
{
	SmigRelation *view = smig_view_find(context->pending, stmt->relation);
	ListCell   *lc;

	if (stmt->concurrent || stmt->skipData || view == NULL || view->created)
		return NULL;
	foreach(lc, view->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (!index->dropped && index->unique && !index->partial &&
			index->valid && !list_member_ptr(index->keys, NULL))
			return psprintf("REFRESH MATERIALIZED VIEW CONCURRENTLY %s;",
							smig_suggest_written(stmt->relation));
	}
	return NULL;
}

/*
 * A partition made apart and then attached: the parent stays readable and
 * writable.
 */
static char *
suggest_partition_of(SmigRuleContext *context, CreateStmt *stmt)
{
	SmigRelation *parent;
	SmigSource *source;
	char	   *bound;

	if (stmt->partbound == NULL || stmt->partspec || stmt->tableElts ||
		stmt->constraints || stmt->options || stmt->tablespacename ||
		stmt->accessMethod || stmt->if_not_exists ||
		stmt->relation->relpersistence != RELPERSISTENCE_PERMANENT)
		return NULL;
	parent = smig_rule_relation(context, linitial(stmt->inhRelations));
	if (parent == NULL || stmt->partbound->location < 0)
		return NULL;
	source = smig_source_read(context->script, context->statement);
	bound = smig_source_slice(source, stmt->partbound->location, source->end);
	return psprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES"
					" EXCLUDING IDENTITY EXCLUDING STATISTICS"
					" EXCLUDING COMMENTS);\n"
					"ALTER TABLE %s ATTACH PARTITION %s %s%s;\n",
					smig_suggest_written(stmt->relation),
					smig_suggest_written(linitial(stmt->inhRelations)),
					smig_suggest_written(linitial(stmt->inhRelations)),
					smig_suggest_written(stmt->relation),
					stmt->partbound->is_default ? "" : "FOR VALUES ", bound);
}

static char *
suggest_backfill(SmigRuleContext *context, RangeVar *target)
{
	SmigRelation *relation = smig_rule_relation(context, target);
	SmigSource *source;

	if (relation == NULL || !smig_rule_scans(context, relation))
		return NULL;
	source = smig_source_read(context->script, context->statement);
	return psprintf("SELECT schemamig_backfill(%s);",
					quote_literal_cstr(smig_source_without_semicolon(source)));
}

/*
 * SQL that does the same as the whole statement without blocking as long, or
 * NULL when there is no such form or no need of one.  Computed once per
 * statement.
 */
char *
smig_suggest(SmigRuleContext *context)
{
	Node	   *stmt = context->stmt;

	if (context->suggested)
		return context->suggestion;
	context->suggested = true;
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			context->suggestion = smig_suggest_alter_table(context,
														   (AlterTableStmt *) stmt);
			break;
		case T_IndexStmt:
			context->suggestion = suggest_create_index(context,
													   (IndexStmt *) stmt);
			break;
		case T_DropStmt:
			context->suggestion = suggest_drop_index(context,
													 (DropStmt *) stmt);
			break;
		case T_ReindexStmt:
			context->suggestion = suggest_reindex(context,
												  (ReindexStmt *) stmt);
			break;
		case T_RefreshMatViewStmt:
			context->suggestion = suggest_refresh(context,
												  (RefreshMatViewStmt *) stmt);
			break;
		case T_CreateStmt:
			context->suggestion = suggest_partition_of(context,
													   (CreateStmt *) stmt);
			break;
		case T_UpdateStmt:
			if (((UpdateStmt *) stmt)->fromClause == NIL &&
				((UpdateStmt *) stmt)->withClause == NULL)
				context->suggestion =
					suggest_backfill(context, ((UpdateStmt *) stmt)->relation);
			break;
		case T_DeleteStmt:
			if (((DeleteStmt *) stmt)->usingClause == NIL &&
				((DeleteStmt *) stmt)->withClause == NULL)
				context->suggestion =
					suggest_backfill(context, ((DeleteStmt *) stmt)->relation);
			break;
		default:
			break;
	}
	return context->suggestion;
}
