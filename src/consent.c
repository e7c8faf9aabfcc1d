/*-------------------------------------------------------------------------
 *
 * consent.c
 *	  What a script would destroy, so that the caller can be asked first.
 *
 * The answer is read from the parse trees, statement by statement, so that it
 * is the same on every database; only for type changes the catalog is asked.
 * What the script has created itself is no loss when the script drops it.
 * Statements that a DO block, a function or EXECUTE runs are not seen.
 *
 * IDENTIFICATION
 *	  src/consent.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "consent.h"
#include "consent_private.h"

/* Name of something the script has created: kind, schema, name, column. */
#define CREATED_KEY_SIZE	(4 * NAMEDATALEN)

/* Kinds of names; a table, a view and a sequence cannot share one. */
#define KIND_RELATION		'r'
#define KIND_TYPE			't'
#define KIND_SCHEMA			'n'
#define KIND_COLUMN			'c'
#define KIND_EXTENSION		'e'
#define KIND_DATABASE		'd'

typedef struct Survey
{
	const SmigStatement *statement;
	List	   *losses;
	HTAB	   *created;		/* names; entries are the keys */
	List	   *dropped_at_commit;	/* keys of ON COMMIT DROP tables */
	bool		local_search_path;	/* SET LOCAL search_path in this step */
} Survey;

static void survey_node(Survey *survey, const Node *node);

static void
forget_everything(Survey *survey)
{
	HASHCTL		control = {0};

	if (survey->created)
		hash_destroy(survey->created);
	control.keysize = CREATED_KEY_SIZE;
	control.entrysize = CREATED_KEY_SIZE;
	control.hcxt = CurrentMemoryContext;
	survey->created = hash_create("schemamig created objects", 64, &control,
								  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static char *
created_key(char kind, const char *schema, const char *name, const char *column)
{
	/* a separator that is in no name */
	return psprintf("%c\001%s\001%s\001%s", kind, schema ? schema : "", name,
					column ? column : "");
}

static void
remember(Survey *survey, char kind, const char *schema, const char *name,
		 const char *column)
{
	(void) hash_search(survey->created,
					   created_key(kind, schema, name, column),
					   HASH_ENTER, NULL);
}

static bool
forget(Survey *survey, char kind, const char *schema, const char *name,
	   const char *column)
{
	bool		found;

	(void) hash_search(survey->created,
					   created_key(kind, schema, name, column),
					   HASH_REMOVE, &found);
	return found;
}

static bool
is_created(Survey *survey, char kind, const char *schema, const char *name,
		   const char *column)
{
	bool		found;

	(void) hash_search(survey->created,
					   created_key(kind, schema, name, column),
					   HASH_FIND, &found);
	if (!found && schema)
		(void) hash_search(survey->created,
						   created_key(KIND_SCHEMA, NULL, schema, NULL),
						   HASH_FIND, &found);
	return found;
}

/*
 * Follows a rename or move: the new name is ours if the old one was.
 */
static void
move(Survey *survey, char kind, const char *schema, const char *name,
	 const char *new_schema, const char *new_name)
{
	if (forget(survey, kind, schema, name, NULL))
		remember(survey, kind, new_schema, new_name, NULL);
	else
		(void) forget(survey, kind, new_schema, new_name, NULL);
}

static void
add_loss(Survey *survey, const char *action, const char *object)
{
	SmigLoss   *loss = palloc0(sizeof(SmigLoss));

	loss->statement = survey->statement;
	loss->action = action;
	loss->object = object;
	survey->losses = lappend(survey->losses, loss);
}

/*
 * Splits a possibly qualified name, a list of String.
 */
static void
split_name(List *names, const char **schema, const char **name)
{
	int			n = list_length(names);

	*name = strVal(llast(names));
	*schema = n > 1 ? strVal(list_nth(names, n - 2)) : NULL;
}

static const char *
quote_relation(const RangeVar *relation)
{
	return quote_qualified_identifier(relation->schemaname, relation->relname);
}

static bool
relation_is_created(Survey *survey, const RangeVar *relation)
{
	return is_created(survey, KIND_RELATION, relation->schemaname,
					  relation->relname, NULL);
}

/* ---- what is created ---- */

static void
remember_relation(Survey *survey, const RangeVar *relation, bool may_exist,
				  OnCommitAction on_commit)
{
	const char *schema = relation->schemaname;
	const char *name = relation->relname;

	/* IF NOT EXISTS may leave an old table with data in its place */
	if (may_exist)
		return;
	remember(survey, KIND_RELATION, schema, name, NULL);
	if (on_commit == ONCOMMIT_DROP)
		survey->dropped_at_commit =
			lappend(survey->dropped_at_commit,
					created_key(KIND_RELATION, schema, name, NULL));
}

static void
survey_create_table(Survey *survey, const Node *node)
{
	const CreateStmt *create = (const CreateStmt *) node;

	remember_relation(survey, create->relation, create->if_not_exists,
					  create->oncommit);
}

static void
survey_create_table_as(Survey *survey, const Node *node)
{
	const CreateTableAsStmt *create = (const CreateTableAsStmt *) node;

	survey_node(survey, create->query);
	remember_relation(survey, create->into->rel, create->if_not_exists,
					  create->into->onCommit);
}

static void
survey_create_sequence(Survey *survey, const Node *node)
{
	const CreateSeqStmt *create = (const CreateSeqStmt *) node;

	remember_relation(survey, create->sequence, create->if_not_exists,
					  ONCOMMIT_NOOP);
}

static void
survey_create_schema(Survey *survey, const Node *node)
{
	const CreateSchemaStmt *create = (const CreateSchemaStmt *) node;
	const char *name = create->schemaname;
	ListCell   *lc;

	if (create->if_not_exists)
		return;
	if (name == NULL && create->authrole->roletype == ROLESPEC_CSTRING)
		name = create->authrole->rolename;
	if (name)
		remember(survey, KIND_SCHEMA, NULL, name, NULL);
	foreach(lc, create->schemaElts)
		survey_node(survey, lfirst(lc));
}

static void
remember_type(Survey *survey, List *names)
{
	const char *schema;
	const char *name;

	split_name(names, &schema, &name);
	remember(survey, KIND_TYPE, schema, name, NULL);
}

static void
survey_create_enum(Survey *survey, const Node *node)
{
	remember_type(survey, ((const CreateEnumStmt *) node)->typeName);
}

static void
survey_create_range(Survey *survey, const Node *node)
{
	remember_type(survey, ((const CreateRangeStmt *) node)->typeName);
}

static void
survey_create_domain(Survey *survey, const Node *node)
{
	remember_type(survey, ((const CreateDomainStmt *) node)->domainname);
}

static void
survey_create_composite(Survey *survey, const Node *node)
{
	const RangeVar *type = ((const CompositeTypeStmt *) node)->typevar;

	remember(survey, KIND_TYPE, type->schemaname, type->relname, NULL);
	/* its attributes are altered like columns */
	remember(survey, KIND_RELATION, type->schemaname, type->relname, NULL);
}

static void
survey_define(Survey *survey, const Node *node)
{
	const DefineStmt *define = (const DefineStmt *) node;

	if (define->kind == OBJECT_TYPE)
		remember_type(survey, define->defnames);
}

static void
survey_create_extension(Survey *survey, const Node *node)
{
	const CreateExtensionStmt *create = (const CreateExtensionStmt *) node;

	if (!create->if_not_exists)
		remember(survey, KIND_EXTENSION, NULL, create->extname, NULL);
}

static void
survey_create_database(Survey *survey, const Node *node)
{
	remember(survey, KIND_DATABASE, NULL,
			 ((const CreatedbStmt *) node)->dbname, NULL);
}

/* ---- what moves ---- */

static void
survey_rename(Survey *survey, const Node *node)
{
	const RenameStmt *rename = (const RenameStmt *) node;
	const RangeVar *relation = rename->relation;
	const char *schema;
	const char *name;

	if (rename->renameType == OBJECT_SCHEMA)
	{
		bool		ours = is_created(survey, KIND_SCHEMA, NULL,
									  rename->subname, NULL);

		/* names in it mean something else from now on */
		forget_everything(survey);
		if (ours)
			remember(survey, KIND_SCHEMA, NULL, rename->newname, NULL);
	}
	else if (rename->renameType == OBJECT_COLUMN && relation)
	{
		bool		ours = forget(survey, KIND_COLUMN, relation->schemaname,
								  relation->relname, rename->subname);

		if (ours)
			remember(survey, KIND_COLUMN, relation->schemaname,
					 relation->relname, rename->newname);
		else
			(void) forget(survey, KIND_COLUMN, relation->schemaname,
						  relation->relname, rename->newname);
	}
	else if (rename->renameType == OBJECT_TYPE ||
			 rename->renameType == OBJECT_DOMAIN)
	{
		split_name(castNode(List, rename->object), &schema, &name);
		move(survey, KIND_TYPE, schema, name, schema, rename->newname);
		move(survey, KIND_RELATION, schema, name, schema, rename->newname);
	}
	else if (relation && rename->subname == NULL)
		move(survey, KIND_RELATION, relation->schemaname, relation->relname,
			 relation->schemaname, rename->newname);
}

static void
survey_set_schema(Survey *survey, const Node *node)
{
	const AlterObjectSchemaStmt *alter = (const AlterObjectSchemaStmt *) node;
	const char *schema;
	const char *name;

	if (alter->relation)
		move(survey, KIND_RELATION, alter->relation->schemaname,
			 alter->relation->relname, alter->newschema,
			 alter->relation->relname);
	else if (alter->objectType == OBJECT_TYPE ||
			 alter->objectType == OBJECT_DOMAIN)
	{
		split_name(castNode(List, alter->object), &schema, &name);
		move(survey, KIND_TYPE, schema, name, alter->newschema, name);
		move(survey, KIND_RELATION, schema, name, alter->newschema, name);
	}
}

static void
survey_set(Survey *survey, const Node *node)
{
	const VariableSetStmt *set = (const VariableSetStmt *) node;

	if (set->kind != VAR_RESET_ALL &&
		(set->name == NULL || strcmp(set->name, "search_path") != 0))
		return;
	/* unqualified names mean something else from now on */
	forget_everything(survey);
	if (set->is_local)
		survey->local_search_path = true;
}

/* ---- what is lost ---- */

/* DROP of these loses data, or drops what holds data. */
static const struct
{
	ObjectType	type;
	const char *action;
	char		kind;			/* of name; 0: not tracked */
	bool		only_cascade;	/* no data in itself, but in what depends */
}			drops[] =
{
	{OBJECT_TABLE, "DROP TABLE", KIND_RELATION, false},
	{OBJECT_SEQUENCE, "DROP SEQUENCE", KIND_RELATION, false},
	{OBJECT_SCHEMA, "DROP SCHEMA", KIND_SCHEMA, false},
	{OBJECT_TYPE, "DROP TYPE", KIND_TYPE, false},
	{OBJECT_DOMAIN, "DROP DOMAIN", KIND_TYPE, false},
	{OBJECT_EXTENSION, "DROP EXTENSION", KIND_EXTENSION, false},
	/* partition keys and generated columns may use them */
	{OBJECT_FUNCTION, "DROP FUNCTION CASCADE", 0, true},
	{OBJECT_ROUTINE, "DROP ROUTINE CASCADE", 0, true},
	{OBJECT_AGGREGATE, "DROP AGGREGATE CASCADE", 0, true},
	{OBJECT_OPERATOR, "DROP OPERATOR CASCADE", 0, true},
	{OBJECT_OPCLASS, "DROP OPERATOR CLASS CASCADE", 0, true},
	{OBJECT_OPFAMILY, "DROP OPERATOR FAMILY CASCADE", 0, true},
	{OBJECT_COLLATION, "DROP COLLATION CASCADE", 0, true},
	{OBJECT_LANGUAGE, "DROP LANGUAGE CASCADE", 0, true},
	{OBJECT_CAST, "DROP CAST CASCADE", 0, true},
	{OBJECT_TSCONFIGURATION, "DROP TEXT SEARCH CONFIGURATION CASCADE", 0, true},
	{OBJECT_TSDICTIONARY, "DROP TEXT SEARCH DICTIONARY CASCADE", 0, true},
	/* tables may be stored by one */
	{OBJECT_ACCESS_METHOD, "DROP ACCESS METHOD CASCADE", 0, true},
};

/*
 * The name in one element of DropStmt.objects.
 */
static void
dropped_name(const DropStmt *drop, Node *object, const char **schema,
			 const char **name)
{
	List	   *names;

	*schema = NULL;
	switch (nodeTag(object))
	{
		case T_String:
			*name = strVal(object);
			return;
		case T_TypeName:
			names = ((TypeName *) object)->names;
			break;
		case T_ObjectWithArgs:
			names = ((ObjectWithArgs *) object)->objname;
			break;
		default:
			names = castNode(List, object);
			break;
	}
	/* a cast is named by two types */
	if (drop->removeType == OBJECT_CAST)
		names = linitial_node(TypeName, names)->names;
	/* and of an operator class the access method comes first */
	if (drop->removeType == OBJECT_OPCLASS ||
		drop->removeType == OBJECT_OPFAMILY)
		names = list_copy_tail(names, 1);
	split_name(names, schema, name);
}

static void
survey_drop(Survey *survey, const Node *node)
{
	const DropStmt *drop = (const DropStmt *) node;
	int			which = 0;
	ListCell   *lc;

	while (which < lengthof(drops) && drops[which].type != drop->removeType)
		which++;
	if (which == lengthof(drops) ||
		(drops[which].only_cascade && drop->behavior != DROP_CASCADE))
		return;
	foreach(lc, drop->objects)
	{
		const char *schema;
		const char *name;
		char		kind = drops[which].kind;

		dropped_name(drop, lfirst(lc), &schema, &name);
		if (kind && is_created(survey, kind, schema, name, NULL))
		{
			(void) forget(survey, kind, schema, name, NULL);
			if (kind == KIND_TYPE)
				(void) forget(survey, KIND_RELATION, schema, name, NULL);
		}
		else
			add_loss(survey, drops[which].action,
					 quote_qualified_identifier(schema, name));
	}
}

static void
survey_drop_owned(Survey *survey, const Node *node)
{
	ListCell   *lc;

	foreach(lc, ((const DropOwnedStmt *) node)->roles)
	{
		RoleSpec   *role = lfirst_node(RoleSpec, lc);

		add_loss(survey, "DROP OWNED BY",
				 role->roletype == ROLESPEC_CSTRING ?
				 quote_identifier(role->rolename) : "current role");
	}
}

static void
survey_drop_database(Survey *survey, const Node *node)
{
	const char *name = ((const DropdbStmt *) node)->dbname;

	if (!forget(survey, KIND_DATABASE, NULL, name, NULL))
		add_loss(survey, "DROP DATABASE", quote_identifier(name));
}

static void
survey_alter_table(Survey *survey, const Node *node)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) node;
	const RangeVar *relation = alter->relation;
	bool		is_type = alter->objtype == OBJECT_TYPE;
	ListCell   *lc;

	if (alter->objtype != OBJECT_TABLE && !is_type)
		return;
	if (relation_is_created(survey, relation))
		return;
	foreach(lc, alter->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, lc);
		const char *action = NULL;

		if (command->subtype == AT_AddColumn)
		{
			if (!command->missing_ok)
				remember(survey, KIND_COLUMN, relation->schemaname,
						 relation->relname,
						 castNode(ColumnDef, command->def)->colname);
		}
		else if (command->subtype == AT_DropColumn)
		{
			if (!forget(survey, KIND_COLUMN, relation->schemaname,
						relation->relname, command->name))
				action = is_type ? "DROP ATTRIBUTE" : "DROP COLUMN";
		}
		else if (command->subtype == AT_AlterColumnType)
		{
			if (!is_created(survey, KIND_COLUMN, relation->schemaname,
							relation->relname, command->name) &&
				smig_consent_type_change_loses(relation, command))
				action = is_type ? "ALTER ATTRIBUTE TYPE" : "ALTER COLUMN TYPE";
		}
		if (action)
			add_loss(survey, action,
					 psprintf("%s.%s", quote_relation(relation),
							  quote_identifier(command->name)));
	}
}

static void
survey_truncate(Survey *survey, const Node *node)
{
	ListCell   *lc;

	foreach(lc, ((const TruncateStmt *) node)->relations)
	{
		RangeVar   *relation = lfirst_node(RangeVar, lc);

		if (!relation_is_created(survey, relation))
			add_loss(survey, "TRUNCATE", quote_relation(relation));
	}
}

/*
 * Whether a condition is constantly true as far as one sees at a glance:
 * absent, true, or a constant that equals itself.
 */
static bool
condition_is_true(const Node *condition)
{
	if (condition == NULL)
		return true;
	while (IsA(condition, TypeCast))
		condition = ((const TypeCast *) condition)->arg;
	if (IsA(condition, A_Const))
	{
		const A_Const *constant = (const A_Const *) condition;

		return !constant->isnull && nodeTag(&constant->val) == T_Boolean &&
			constant->val.boolval.boolval;
	}
	if (IsA(condition, A_Expr))
	{
		const A_Expr *expression = (const A_Expr *) condition;

		return expression->kind == AEXPR_OP &&
			strcmp(strVal(llast(expression->name)), "=") == 0 &&
			expression->lexpr && IsA(expression->lexpr, A_Const) &&
			equal(expression->lexpr, expression->rexpr);
	}
	return false;
}

/*
 * Statements in WITH: where they may change data, they stand at top level.
 */
static void
survey_with(Survey *survey, const WithClause *with)
{
	ListCell   *lc;

	if (with == NULL)
		return;
	foreach(lc, with->ctes)
		survey_node(survey, lfirst_node(CommonTableExpr, lc)->ctequery);
}

static void
survey_delete(Survey *survey, const Node *node)
{
	const DeleteStmt *delete = (const DeleteStmt *) node;

	survey_with(survey, delete->withClause);
	if (condition_is_true(delete->whereClause) &&
		!relation_is_created(survey, delete->relation))
		add_loss(survey, "DELETE without WHERE",
				 quote_relation(delete->relation));
}

static void
survey_select(Survey *survey, const Node *node)
{
	const SelectStmt *select = (const SelectStmt *) node;

	survey_with(survey, select->withClause);
	if (select->intoClause)
		remember_relation(survey, select->intoClause->rel, false,
						  select->intoClause->onCommit);
}

static void
survey_insert(Survey *survey, const Node *node)
{
	const InsertStmt *insert = (const InsertStmt *) node;

	survey_with(survey, insert->withClause);
	if (insert->selectStmt)
		survey_node(survey, insert->selectStmt);
}

static void
survey_update(Survey *survey, const Node *node)
{
	survey_with(survey, ((const UpdateStmt *) node)->withClause);
}

static void
survey_merge(Survey *survey, const Node *node)
{
	survey_with(survey, ((const MergeStmt *) node)->withClause);
}

static void
survey_prepare(Survey *survey, const Node *node)
{
	survey_node(survey, ((const PrepareStmt *) node)->query);
}

static void
survey_copy(Survey *survey, const Node *node)
{
	const CopyStmt *copy = (const CopyStmt *) node;

	if (copy->query)
		survey_node(survey, copy->query);
}

static void
survey_explain(Survey *survey, const Node *node)
{
	const ExplainStmt *explain = (const ExplainStmt *) node;
	ListCell   *lc;

	foreach(lc, explain->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "analyze") == 0 && defGetBoolean(option))
			survey_node(survey, explain->query);
	}
}

/* What is looked at; other statements neither lose nor create data. */
static const struct
{
	NodeTag		tag;
	void		(*survey) (Survey *survey, const Node *node);
}			surveys[] =
{
	{T_CreateStmt, survey_create_table},
	{T_CreateTableAsStmt, survey_create_table_as},
	{T_CreateSeqStmt, survey_create_sequence},
	{T_CreateSchemaStmt, survey_create_schema},
	{T_CreateEnumStmt, survey_create_enum},
	{T_CreateRangeStmt, survey_create_range},
	{T_CreateDomainStmt, survey_create_domain},
	{T_CompositeTypeStmt, survey_create_composite},
	{T_DefineStmt, survey_define},
	{T_CreateExtensionStmt, survey_create_extension},
	{T_CreatedbStmt, survey_create_database},
	{T_RenameStmt, survey_rename},
	{T_AlterObjectSchemaStmt, survey_set_schema},
	{T_VariableSetStmt, survey_set},
	{T_DropStmt, survey_drop},
	{T_DropOwnedStmt, survey_drop_owned},
	{T_DropdbStmt, survey_drop_database},
	{T_AlterTableStmt, survey_alter_table},
	{T_TruncateStmt, survey_truncate},
	{T_DeleteStmt, survey_delete},
	{T_SelectStmt, survey_select},
	{T_InsertStmt, survey_insert},
	{T_UpdateStmt, survey_update},
	{T_MergeStmt, survey_merge},
	{T_PrepareStmt, survey_prepare},
	{T_CopyStmt, survey_copy},
	{T_ExplainStmt, survey_explain},
};

static void
survey_node(Survey *survey, const Node *node)
{
	for (int i = 0; i < lengthof(surveys); i++)
	{
		if (nodeTag(node) == surveys[i].tag)
		{
			surveys[i].survey(survey, node);
			return;
		}
	}
}

/*
 * Forgets what the end of a step's transaction ends.
 */
static void
end_step(Survey *survey)
{
	ListCell   *lc;

	foreach(lc, survey->dropped_at_commit)
		(void) hash_search(survey->created, lfirst(lc), HASH_REMOVE, NULL);
	survey->dropped_at_commit = NIL;
	if (survey->local_search_path)
		forget_everything(survey);
	survey->local_search_path = false;
}

/*
 * Lists what a script would destroy, in the order of its statements.
 *
 * Returns a list of SmigLoss in the current memory context, NIL when nothing
 * is lost.  Must be called inside a transaction: type changes are judged by
 * the catalog as it is now.
 */
List *
smig_consent_losses(const SmigScript *script)
{
	Survey		survey = {0};
	ListCell   *lc;

	forget_everything(&survey);
	foreach(lc, script->steps)
	{
		SmigStep   *step = lfirst(lc);
		ListCell   *lc2;

		foreach(lc2, step->statements)
		{
			CHECK_FOR_INTERRUPTS();
			survey.statement = lfirst(lc2);
			survey_node(&survey, survey.statement->raw->stmt);
		}
		end_step(&survey);
	}
	hash_destroy(survey.created);
	return survey.losses;
}
