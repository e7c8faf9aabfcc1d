/*-------------------------------------------------------------------------
 *
 * touched.c
 *	  Objects that more than one side of a merge touches.
 *
 * Names are taken from parse trees as the scripts write them.  A merge is not
 * refused for what is found: two branches may well add a column each to the
 * same table.
 *
 * IDENTIFICATION
 *	  src/touched.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "revision.h"

/* Objects that a NOTICE lists before it abbreviates. */
#define LISTED_OBJECTS	20

/* Revisions read at a time. */
#define READ_AT_ONCE	100

typedef struct TouchedKey
{
	char		class;			/* relation 'r', type 't', function 'f' */
	char		name[NAMEDATALEN];
} TouchedKey;

/* All objects of one class and unqualified name. */
typedef struct TouchedEntry
{
	TouchedKey	key;
	List	   *touches;		/* of Touch *, none twice */
} TouchedEntry;

typedef struct Touch
{
	int			side;
	char	   *schema;			/* NULL: not qualified */
} Touch;

typedef struct TouchedSurvey
{
	MemoryContext context;		/* owns entries and touches */
	HTAB	   *entries;
	List	   *order;			/* of TouchedEntry *, as first touched */
	int			side;
} TouchedSurvey;

static void
touch(TouchedSurvey *survey, char class, const char *schema, const char *name)
{
	TouchedKey	key = {0};
	TouchedEntry *entry;
	MemoryContext old;
	Touch	   *touch;
	bool		found;
	ListCell   *lc;

	key.class = class;
	strlcpy(key.name, name, sizeof(key.name));
	entry = hash_search(survey->entries, &key, HASH_ENTER, &found);
	if (!found)
		entry->touches = NIL;
	foreach(lc, entry->touches)
	{
		touch = lfirst(lc);
		if (touch->side == survey->side &&
			(touch->schema && schema ? strcmp(touch->schema, schema) == 0 :
			 touch->schema == schema))
			return;
	}
	old = MemoryContextSwitchTo(survey->context);
	if (!found)
		survey->order = lappend(survey->order, entry);
	touch = palloc(sizeof(Touch));
	touch->side = survey->side;
	touch->schema = schema ? pstrdup(schema) : NULL;
	entry->touches = lappend(entry->touches, touch);
	MemoryContextSwitchTo(old);
}

static void
touch_relation(TouchedSurvey *survey, const RangeVar *relation)
{
	if (relation)
		touch(survey, 'r', relation->schemaname, relation->relname);
}

static void
touch_names(TouchedSurvey *survey, char class, List *names)
{
	int			n = list_length(names);

	touch(survey, class, n > 1 ? strVal(list_nth(names, n - 2)) : NULL,
		  strVal(llast(names)));
}

/*
 * Touches an object as statements name it that handle several kinds.
 */
static void
touch_object(TouchedSurvey *survey, ObjectType type, Node *object)
{
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_INDEX:
			if (object && IsA(object, List))
				touch_names(survey, 'r', (List *) object);
			break;
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			if (object && IsA(object, TypeName))
				touch_names(survey, 't', ((TypeName *) object)->names);
			else if (object && IsA(object, List))
				touch_names(survey, 't', (List *) object);
			break;
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
		case OBJECT_AGGREGATE:
			if (object && IsA(object, ObjectWithArgs))
				touch_names(survey, 'f', ((ObjectWithArgs *) object)->objname);
			break;
		default:
			break;
	}
}

static void
touch_drop(TouchedSurvey *survey, const DropStmt *drop)
{
	ListCell   *lc;

	foreach(lc, drop->objects)
	{
		List	   *names = lfirst(lc);

		/* named by their table and themselves */
		if (drop->removeType == OBJECT_TRIGGER ||
			drop->removeType == OBJECT_POLICY ||
			drop->removeType == OBJECT_RULE)
			touch_names(survey, 'r', list_truncate(list_copy(names),
												   list_length(names) - 1));
		else
			touch_object(survey, drop->removeType, lfirst(lc));
	}
}

static void
touch_relations(TouchedSurvey *survey, List *relations)
{
	ListCell   *lc;

	foreach(lc, relations)
	{
		if (IsA(lfirst(lc), RangeVar))
			touch_relation(survey, lfirst(lc));
	}
}

/* Where a statement of the type names the one relation it touches. */
#define RELATION_AT(type, field) \
	{T_##type, offsetof(type, field)}

static const struct
{
	NodeTag		tag;
	size_t		offset;			/* of a RangeVar * */
}			relation_statements[] =
{
	RELATION_AT(CreateStmt, relation),
	RELATION_AT(AlterTableStmt, relation),
	RELATION_AT(IndexStmt, relation),
	RELATION_AT(RenameStmt, relation),
	RELATION_AT(AlterObjectSchemaStmt, relation),
	RELATION_AT(AlterOwnerStmt, relation),
	RELATION_AT(CreateTrigStmt, relation),
	RELATION_AT(CreatePolicyStmt, table),
	RELATION_AT(AlterPolicyStmt, table),
	RELATION_AT(RuleStmt, relation),
	RELATION_AT(ViewStmt, view),
	RELATION_AT(CreateSeqStmt, sequence),
	RELATION_AT(AlterSeqStmt, sequence),
	RELATION_AT(CompositeTypeStmt, typevar),
	RELATION_AT(RefreshMatViewStmt, relation),
	RELATION_AT(InsertStmt, relation),
	RELATION_AT(UpdateStmt, relation),
	RELATION_AT(DeleteStmt, relation),
	RELATION_AT(MergeStmt, relation),
	RELATION_AT(CopyStmt, relation),
};

/* Where a statement of the type has the names of a type or function. */
static const struct
{
	NodeTag		tag;
	size_t		offset;			/* of a List * of String */
	char		class;
}			name_statements[] =
{
	{T_CreateEnumStmt, offsetof(CreateEnumStmt, typeName), 't'},
	{T_AlterEnumStmt, offsetof(AlterEnumStmt, typeName), 't'},
	{T_CreateRangeStmt, offsetof(CreateRangeStmt, typeName), 't'},
	{T_CreateDomainStmt, offsetof(CreateDomainStmt, domainname), 't'},
	{T_AlterDomainStmt, offsetof(AlterDomainStmt, typeName), 't'},
	{T_CreateFunctionStmt, offsetof(CreateFunctionStmt, funcname), 'f'},
};

static void
touch_statement(TouchedSurvey *survey, Node *node)
{
	for (int i = 0; i < lengthof(relation_statements); i++)
	{
		if (nodeTag(node) == relation_statements[i].tag)
			touch_relation(survey, *(RangeVar **)
						   ((char *) node + relation_statements[i].offset));
	}
	for (int i = 0; i < lengthof(name_statements); i++)
	{
		if (nodeTag(node) == name_statements[i].tag)
			touch_names(survey, name_statements[i].class, *(List **)
						((char *) node + name_statements[i].offset));
	}
	switch (nodeTag(node))
	{
		case T_DropStmt:
			touch_drop(survey, (DropStmt *) node);
			break;
		case T_TruncateStmt:
			touch_relations(survey, ((TruncateStmt *) node)->relations);
			break;
		case T_CreateStatsStmt:
			touch_relations(survey, ((CreateStatsStmt *) node)->relations);
			break;
		case T_CreateTableAsStmt:
			touch_relation(survey, ((CreateTableAsStmt *) node)->into->rel);
			break;
		case T_AlterFunctionStmt:
			touch_names(survey, 'f',
						((AlterFunctionStmt *) node)->func->objname);
			break;
		case T_RenameStmt:
			touch_object(survey, ((RenameStmt *) node)->renameType,
						 ((RenameStmt *) node)->object);
			break;
		case T_AlterObjectSchemaStmt:
			touch_object(survey, ((AlterObjectSchemaStmt *) node)->objectType,
						 ((AlterObjectSchemaStmt *) node)->object);
			break;
		case T_AlterOwnerStmt:
			touch_object(survey, ((AlterOwnerStmt *) node)->objectType,
						 ((AlterOwnerStmt *) node)->object);
			break;
		default:
			break;
	}
}

/*
 * Surveys the up scripts of a side, some revisions at a time.
 */
static void
survey_side(TouchedSurvey *survey, List *nodes)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig merge survey",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ListCell   *next = list_head(nodes);

	while (next)
	{
		List	   *ids = NIL;
		ListCell   *lc;

		while (next && list_length(ids) < READ_AT_ONCE)
		{
			ids = lappend(ids, ((SmigNode *) lfirst(next))->id);
			next = lnext(nodes, next);
		}
		foreach(lc, smig_store_get_revisions(ids))
		{
			SmigRevision *revision = lfirst(lc);
			SmigScript *script;
			ListCell   *lc2;

			CHECK_FOR_INTERRUPTS();
			script = smig_script_parse(revision->up, revision->up_mode,
									   psprintf("up script of revision \"%s\"",
												revision->id));
			foreach(lc2, script->statements)
				touch_statement(survey,
								((SmigStatement *) lfirst(lc2))->raw->stmt);
		}
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/*
 * Name under which the object is touched by two sides; NULL if it is not.  A
 * name without schema may mean any.
 */
static const char *
touched_twice(const TouchedEntry *entry)
{
	ListCell   *lc;

	foreach(lc, entry->touches)
	{
		Touch	   *a = lfirst(lc);
		ListCell   *lc2;

		for_each_cell(lc2, entry->touches, lnext(entry->touches, lc))
		{
			Touch	   *b = lfirst(lc2);

			if (a->side != b->side &&
				(a->schema == NULL || b->schema == NULL ||
				 strcmp(a->schema, b->schema) == 0))
				return quote_qualified_identifier(a->schema ? a->schema : b->schema,
												  entry->key.name);
		}
	}
	return NULL;
}

static const char *
class_name(char class)
{
	return class == 'r' ? "relation" : class == 't' ? "type" : "function";
}

/*
 * Tells by NOTICE which objects are touched, in up scripts, by revisions that
 * belong to one of the heads only, on more than one side.
 */
void
smig_touched_report(SmigWriter *writer, List *heads)
{
	TouchedSurvey survey = {0};
	HASHCTL		control = {0};
	int			nheads = list_length(heads);
	Bitmapset **ancestors = palloc(sizeof(Bitmapset *) * nheads);
	StringInfoData detail;
	int			found = 0;
	ListCell   *lc;

	survey.context = CurrentMemoryContext;
	control.keysize = sizeof(TouchedKey);
	control.entrysize = sizeof(TouchedEntry);
	control.hcxt = CurrentMemoryContext;
	survey.entries = hash_create("schemamig touched objects", 256, &control,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; i < nheads; i++)
		ancestors[i] = smig_graph_close(writer->graph,
										list_make1(list_nth(heads, i)));
	for (int i = 0; i < nheads; i++)
	{
		Bitmapset  *own = bms_copy(ancestors[i]);

		for (int j = 0; j < nheads; j++)
		{
			if (j != i)
				own = bms_del_members(own, ancestors[j]);
		}
		survey.side = i;
		survey_side(&survey, smig_graph_members(writer->graph, own));
		bms_free(own);
	}

	initStringInfo(&detail);
	foreach(lc, survey.order)
	{
		TouchedEntry *entry = lfirst(lc);
		const char *name = touched_twice(entry);

		if (name && ++found <= LISTED_OBJECTS)
			appendStringInfo(&detail, "%s%s %s", found > 1 ? ", " : "",
							 class_name(entry->key.class), name);
	}
	if (found > LISTED_OBJECTS)
		appendStringInfo(&detail, " and %d more", found - LISTED_OBJECTS);
	if (found > 0)
		ereport(NOTICE,
				(errmsg_plural("%d object is touched on more than one side of the merge",
							   "%d objects are touched on more than one side of the merge",
							   found, found),
				 errdetail("Touched by both: %s.", detail.data),
				 errhint("Read the scripts of both sides; the order in which they run is not theirs to choose.")));
	hash_destroy(survey.entries);
}
