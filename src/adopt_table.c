/*-------------------------------------------------------------------------
 *
 * adopt_table.c
 *	  Finds and reads the tables in which other tools keep what is done.
 *
 * A tool is a descriptor: the name of its table, the columns by which it is
 * told from tables of the same name, and a query.  Tables are read with the
 * caller's rights.  Only plain tables of built-in types are read, with row
 * security off: behind a view, a policy or the cast of a type there could be
 * somebody else's function, which would get the caller's rights.
 *
 * What the tables look like is in the tools' sources: alembic
 * runtime/migration.py; Flyway's createMetaDataTable.sql; Rails'
 * schema_migration.rb; golang-migrate database/postgres; dbmate
 * pkg/driver/postgres; goose internal/dialect; sqitch's engine/pg.sql; diesel
 * diesel_migrations; sqlx-postgres/src/migrate.rs; django
 * migrations/recorder.py; knex lib/migrations/util/table-creator.js.
 *
 * IDENTIFICATION
 *	  src/adopt_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "adopt.h"
#include "schemamig.h"

typedef struct AdoptTool
{
	const char *name;
	const char *table;
	const char *columns;		/* it has them, ... */
	const char *without;		/* and none of these */
	const char *where;			/* besides, about c (pg_class); or NULL */
	const char *query;			/* %s: the table; version, state, checksum,
								 * name, in the order of time */
} AdoptTool;

/* dbmate's table has a key; that of Rails only since it has the other. */
#define HAS_KEY \
	"EXISTS (SELECT FROM pg_catalog.pg_constraint k" \
	" WHERE k.conrelid = c.oid AND k.contype = 'p')"

/* Rails writes down its environment beside its migrations, since version 5. */
#define IS_RAILS \
	"EXISTS (SELECT FROM pg_catalog.pg_class m" \
	" WHERE m.relnamespace = c.relnamespace" \
	" AND m.relname = 'ar_internal_metadata')"

static const AdoptTool tools[] = {
	{
		"alembic", "alembic_version", "version_num", "", NULL,
		"SELECT version_num::text, 'head', NULL::text, NULL::text"
		" FROM %s ORDER BY 1"
	},
	{
		"dbmate", "schema_migrations", "version", "dirty inserted_at",
		"NOT " IS_RAILS " AND " HAS_KEY,
		"SELECT version::text, 'applied', NULL::text, NULL::text"
		" FROM %s ORDER BY 1"
	},
	{
		"diesel", "__diesel_schema_migrations", "version run_on", "", NULL,
		"SELECT version::text, 'applied', NULL::text, NULL::text"
		" FROM %s ORDER BY run_on, 1"
	},
	{
		"django", "django_migrations", "id app name applied", "", NULL,
		"SELECT app::text || '.' || name::text, 'applied', NULL::text,"
		" NULL::text FROM %s ORDER BY id"
	},
	{
		"flyway", "flyway_schema_history", "installed_rank version type script checksum success",
		"", NULL,
		"SELECT version::text, CASE WHEN NOT success THEN 'failed'"
		" WHEN type = 'BASELINE' THEN 'baseline'"
		" WHEN type LIKE 'UNDO%%' OR type = 'DELETE' THEN 'reverted'"
		" ELSE 'applied' END, checksum::text, script::text"
		" FROM %s WHERE type <> 'SCHEMA' ORDER BY installed_rank"
	},
	{
		"golang-migrate", "schema_migrations", "version dirty", "", NULL,
		"SELECT version::text, CASE WHEN dirty THEN 'dirty' ELSE 'head' END,"
		" NULL::text, NULL::text FROM %s ORDER BY version"
	},
	{
		"goose", "goose_db_version", "id version_id is_applied", "", NULL,
		"SELECT version_id::text,"
		" CASE WHEN is_applied THEN 'applied' ELSE 'reverted' END,"
		" NULL::text, NULL::text FROM %s WHERE version_id <> 0 ORDER BY id"
	},
	{
		"knex", "knex_migrations", "id name batch", "", NULL,
		"SELECT name::text, 'applied', NULL::text, NULL::text"
		" FROM %s ORDER BY id"
	},
	{
		"rails", "schema_migrations", "version", "dirty inserted_at",
		"(" IS_RAILS " OR NOT " HAS_KEY ")",
		"SELECT version::text, 'applied', NULL::text, NULL::text"
		" FROM %s ORDER BY 1"
	},
	{
		"sqitch", "changes", "change_id script_hash change project committed_at", "", NULL,
		"SELECT change_id::text, 'applied', script_hash::text, change::text"
		" FROM %s ORDER BY committed_at, 1"
	},
	{
		"sqlx", "_sqlx_migrations", "version description success checksum", "",
		NULL,
		"SELECT version::text,"
		" CASE WHEN success THEN 'applied' ELSE 'failed' END,"
		" pg_catalog.encode(checksum, 'hex'), description::text"
		" FROM %s ORDER BY version"
	}
};

/* The words of those queries. */
static const struct
{
	const char *name;
	AdoptState	state;
}			states[] = {
	{"applied", ADOPT_APPLIED},
	{"head", ADOPT_HEAD},
	{"baseline", ADOPT_BASELINE},
	{"reverted", ADOPT_REVERTED},
	{"failed", ADOPT_FAILED},
	{"dirty", ADOPT_DIRTY}
};

/* A query of ours with the caller's rights. */
typedef struct CallerScope
{
	MemoryContext context;
	int			nestlevel;
} CallerScope;

static void
caller_begin(CallerScope *scope)
{
	scope->context = CurrentMemoryContext;
	scope->nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("row_security", "off",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
caller_end(CallerScope *scope)
{
	PopActiveSnapshot();
	SPI_finish();
	AtEOXact_GUC(true, scope->nestlevel);
	MemoryContextSwitchTo(scope->context);
}

static const AdoptTool *
find_tool(const char *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < lengthof(tools); i++)
	{
		if (strcmp(tools[i].name, name) == 0)
			return &tools[i];
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", tools[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("tool \"%s\" is not known", name),
			 errhint("Available tools: %s.", known.data)));
}

/*
 * The plain tables that look like the tool's, quoted and qualified: all of
 * the database, or those of them that are "relation".
 */
static List *
tables_of(const AdoptTool *tool, Oid relation)
{
	CallerScope scope;
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, OIDOID};
	Datum		args[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};
	List	   *found = NIL;
	char	   *query;

	args[0] = CStringGetTextDatum(tool->table);
	args[1] = CStringGetTextDatum(tool->columns);
	args[2] = CStringGetTextDatum(tool->without);
	args[3] = ObjectIdGetDatum(relation);
	if (OidIsValid(relation))
		nulls[0] = 'n';
	else
		nulls[3] = 'n';
	query = psprintf("SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname)"
					 " FROM pg_catalog.pg_class c"
					 " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
					 " WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
					 " AND (c.relname = $1 OR c.oid = $4)"
					 " AND n.nspname <> '" SMIG_SCHEMA "'"
					 " AND (SELECT pg_catalog.count(*) = pg_catalog.cardinality("
					 "   pg_catalog.string_to_array($2, ' '))"
					 "  FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid"
					 "  AND a.attnum > 0 AND NOT a.attisdropped"
					 "  AND a.atttypid < " CppAsString2(FirstNormalObjectId)
					 "  AND a.attname = ANY (pg_catalog.string_to_array($2, ' ')))"
					 " AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
					 "  WHERE a.attrelid = c.oid AND a.attnum > 0"
					 "  AND a.attname = ANY (pg_catalog.string_to_array($3, ' ')))"
					 " AND (%s) ORDER BY 1",
					 tool->where && !OidIsValid(relation) ? tool->where : "true");
	caller_begin(&scope);
	SPI_execute_with_args(query, 4, types, args, nulls, true, 0);
	MemoryContextSwitchTo(scope.context);
	for (uint64 i = 0; i < SPI_processed; i++)
		found = lappend(found, SPI_getvalue(SPI_tuptable->vals[i],
											SPI_tuptable->tupdesc, 1));
	caller_end(&scope);
	return found;
}

static AdoptTable *
make_table(const AdoptTool *tool, char *name)
{
	AdoptTable *table = palloc(sizeof(AdoptTable));

	table->tool = tool->name;
	table->table = name;
	return table;
}

/*
 * The table that is named "TOOL:TABLE".
 */
static AdoptTable *
named_table(const AdoptTool *tool, const char *name)
{
	List	   *names = textToQualifiedNameList(cstring_to_text(name));
	RangeVar   *range = makeRangeVarFromNameList(names);
	Oid			relation = RangeVarGetRelid(range, NoLock, false);
	List	   *found = tables_of(tool, relation);

	if (found == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table of %s", name, tool->name),
				 errdetail("It must be a plain table with the columns: %s.",
						   tool->columns),
				 errhint("Name the table in which %s keeps what it has applied.",
						 tool->name)));
	return make_table(tool, linitial(found));
}

/*
 * Finds the table of a tool.
 *
 * tool: its name; its name and that of its table, with a colon between; or
 * NULL for the only one there is
 *
 * Errors: undefined_table where there is none; ambiguous_parameter where there
 * are several.
 */
AdoptTable *
smig_adopt_find(const char *tool)
{
	List	   *found = NIL;
	StringInfoData listed;
	const char *colon = tool ? strchr(tool, ':') : NULL;

	if (colon)
		return named_table(find_tool(pnstrdup(tool, colon - tool)), colon + 1);
	if (tool)
		(void) find_tool(tool);
	initStringInfo(&listed);
	for (int i = 0; i < lengthof(tools); i++)
	{
		ListCell   *lc;

		if (tool && strcmp(tool, tools[i].name) != 0)
			continue;
		foreach(lc, tables_of(&tools[i], InvalidOid))
		{
			found = lappend(found, make_table(&tools[i], lfirst(lc)));
			appendStringInfo(&listed, "%s%s:%s", listed.len > 0 ? ", " : "",
							 tools[i].name, (char *) lfirst(lc));
		}
	}
	if (found == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 tool ? errmsg("there is no table of %s in this database", tool) :
				 errmsg("there is no table of a migration tool in this database"),
				 errhint("If the table has a name of its own, write \"tool:schema.table\". SELECT schemamig_baseline('message') begins with the schema as it is.")));
	if (list_length(found) > 1)
	{
		const AdoptTable *first = linitial(found);

		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("there are several tables of migration tools"),
				 errdetail("They are: %s.", listed.data),
				 errhint("Name one: SELECT * FROM schemamig_adopt(%s).",
						 quote_literal_cstr(psprintf("%s:%s", first->tool,
													 first->table)))));
	}
	return linitial(found);
}

static AdoptState
state_of(const char *name)
{
	for (int i = 0; i < lengthof(states); i++)
		if (strcmp(states[i].name, name) == 0)
			return states[i].state;
	elog(ERROR, "unrecognized state \"%s\"", name);
	return ADOPT_APPLIED;		/* keep compiler quiet */
}

/*
 * Reads what a tool says is done, with the caller's rights: a list of AdoptRow
 * in the order of time.
 *
 * Errors: 42501 for a caller who may not read the table.
 */
List *
smig_adopt_read(const AdoptTable *table)
{
	CallerScope scope;
	const AdoptTool *tool = find_tool(table->tool);
	List	   *rows = NIL;

	caller_begin(&scope);
	SPI_execute(psprintf(tool->query, table->table), true, 0);
	MemoryContextSwitchTo(scope.context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *values[4];
		AdoptRow   *row;

		CHECK_FOR_INTERRUPTS();
		for (int n = 0; n < 4; n++)
			values[n] = SPI_getvalue(tuple, desc, n + 1);
		row = palloc(sizeof(AdoptRow));
		row->version = values[0];
		row->state = state_of(values[1]);
		row->checksum = values[2];
		row->name = values[3];
		rows = lappend(rows, row);
	}
	caller_end(&scope);
	return rows;
}
