/*-------------------------------------------------------------------------
 *
 * view.c
 *	  The catalog as a statement of a script will find it.
 *
 * Reads system catalogs only, through caches and index scans; no user
 * relation is opened or locked, so asking never waits for anybody.
 *
 * IDENTIFICATION
 *	  src/lint/view.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_target.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "compat.h"
#include "lint/view.h"

/* Entry of SmigPending.by_oid. */
typedef struct RelationEntry
{
	Oid			oid;			/* hash key */
	SmigRelation *relation;
} RelationEntry;

/* Entry of SmigPending.by_name: who has, or has had, that name. */
typedef struct NameEntry
{
	char		name[NAMEDATALEN];	/* hash key */
	List	   *relations;		/* of SmigRelation * */
} NameEntry;

/*
 * Makes an empty pending state: the catalog as it is.  It lives in a child of
 * the current memory context.
 */
SmigPending *
smig_pending_create(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "schemamig pending state",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SmigPending *pending = palloc0(sizeof(SmigPending));
	HASHCTL		control = {0};

	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(RelationEntry);
	control.hcxt = context;
	pending->context = context;
	pending->by_oid = hash_create("schemamig pending relations", 64, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	control.keysize = NAMEDATALEN;
	control.entrysize = sizeof(NameEntry);
	pending->by_name = hash_create("schemamig pending names", 64, &control,
								   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	pending->transaction = 1;
	MemoryContextSwitchTo(old);
	return pending;
}

/*
 * Frees a pending state and all it has handed out.
 */
void
smig_pending_free(SmigPending *pending)
{
	MemoryContextDelete(pending->context);
}

/*
 * Tells the pending state that the statements so far will have committed.
 */
void
smig_pending_next_transaction(SmigPending *pending)
{
	pending->transaction++;
}

/*
 * Value a setting will have been given by the script, or NULL when the script
 * leaves it alone.  SET LOCAL counts within its transaction only.
 */
const char *
smig_pending_setting(SmigPending *pending, const char *name)
{
	for (int i = list_length(pending->settings) - 1; i >= 0; i--)
	{
		SmigPendingSetting *setting = list_nth(pending->settings, i);

		if (pg_strcasecmp(setting->name, name) != 0)
			continue;
		if (setting->local && setting->transaction != pending->transaction)
			continue;
		return setting->value;
	}
	return NULL;
}

/*
 * The type of that name if this script makes or changes it, else NULL.
 */
SmigPendingType *
smig_pending_type(SmigPending *pending, TypeName *type)
{
	const char *name;
	ListCell   *lc;

	if (type == NULL || type->names == NIL)
		return NULL;
	name = strVal(llast(type->names));
	foreach(lc, pending->types)
	{
		SmigPendingType *found = lfirst(lc);

		if (strcmp(found->name, name) == 0)
			return found;
	}
	return NULL;
}

/*
 * Quoted "schema.name" in the current memory context.
 */
char *
smig_view_quote(const char *schema, const char *name)
{
	return pstrdup(quote_qualified_identifier(schema, name));
}

/*
 * Makes a relation be found by the name and schema that the script has given
 * it; to be called after each change of either.
 */
void
smig_view_remember(SmigPending *pending, SmigRelation *relation)
{
	MemoryContext old = MemoryContextSwitchTo(pending->context);
	NameEntry  *entry;
	bool		found;

	entry = hash_search(pending->by_name, relation->name, HASH_ENTER, &found);
	if (!found)
		entry->relations = NIL;
	entry->relations = list_append_unique_ptr(entry->relations, relation);
	relation->named = true;
	MemoryContextSwitchTo(old);
}

/*
 * Has the relation with that oid been asked for before?
 */
bool
smig_view_is_loaded(SmigPending *pending, Oid oid)
{
	return hash_search(pending->by_oid, &oid, HASH_FIND, NULL) != NULL;
}

/*
 * The relation with that oid, read on first use; NULL when there is none or
 * it will have been dropped.
 */
SmigRelation *
smig_view_get(SmigPending *pending, Oid oid)
{
	RelationEntry *entry;
	SmigRelation *relation;
	HeapTuple	tuple;
	Form_pg_class form;
	char	   *schema;
	MemoryContext old;

	if (!OidIsValid(oid))
		return NULL;
	entry = hash_search(pending->by_oid, &oid, HASH_FIND, NULL);
	if (entry)
		return entry->relation->dropped ? NULL : entry->relation;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_class) GETSTRUCT(tuple);
	schema = get_namespace_name(form->relnamespace);
	old = MemoryContextSwitchTo(pending->context);
	relation = palloc0(sizeof(SmigRelation));
	relation->oid = oid;
	relation->schema = pstrdup(schema ? schema : "");
	relation->name = pstrdup(NameStr(form->relname));
	relation->label = smig_view_quote(relation->schema, relation->name);
	relation->kind = form->relkind;
	relation->persistence = form->relpersistence;
	relation->owner = form->relowner;
	relation->tablespace = form->reltablespace;
	relation->am = form->relam;
	relation->tuples = form->reltuples;
	relation->pages = form->relpages;
	relation->next_attnum = form->relnatts + 1;
	pending->relations = lappend(pending->relations, relation);
	ReleaseSysCache(tuple);
	entry = hash_search(pending->by_oid, &oid, HASH_ENTER, NULL);
	entry->relation = relation;
	smig_view_load(pending, relation);
	MemoryContextSwitchTo(old);
	return relation;
}

/*
 * Name a schema has in the catalog, given the name the script uses for it.
 */
static const char *
catalog_schema(SmigPending *pending, const char *schema)
{
	for (int i = list_length(pending->schema_renames) - 1; i >= 0; i--)
	{
		List	   *rename = list_nth(pending->schema_renames, i);

		if (strcmp(lsecond(rename), schema) == 0)
			schema = linitial(rename);
	}
	return schema;
}

/*
 * The relation schema.name, or NULL.
 */
static SmigRelation *
find_in_schema(SmigPending *pending, const char *schema, const char *name)
{
	const char *catalog_name = catalog_schema(pending, schema);
	NameEntry  *entry = hash_search(pending->by_name, name, HASH_FIND, NULL);
	SmigRelation *relation;
	Oid			namespace;
	ListCell   *lc;

	foreach(lc, entry ? entry->relations : NIL)
	{
		relation = lfirst(lc);
		if (!relation->dropped && strcmp(relation->name, name) == 0 &&
			(strcmp(relation->schema, schema) == 0 ||
			 strcmp(relation->schema, catalog_name) == 0))
			return relation;
	}
	if (strcmp(catalog_name, "pg_temp") == 0)
		namespace = LookupNamespaceNoError("pg_temp");
	else
		namespace = get_namespace_oid(catalog_name, true);
	if (!OidIsValid(namespace))
		return NULL;
	relation = smig_view_get(pending, get_relname_relid(name, namespace));
	if (relation == NULL || relation->named)
		return NULL;			/* renamed or moved away */
	return relation;
}

/*
 * Schemas to look in for unqualified names, in order, as char *; creation
 * happens in the first that is not pg_catalog or temporary.
 */
static List *
search_schemas(SmigPending *pending)
{
	List	   *schemas = NIL;
	ListCell   *lc;

	if (pending->search_path_set)
	{
		bool		has_catalog = false;

		foreach(lc, pending->search_path)
		{
			char	   *name = lfirst(lc);

			if (strcmp(name, "pg_catalog") == 0)
				has_catalog = true;
			if (strcmp(name, "$user") == 0)
				name = GetUserNameFromId(GetUserId(), true);
			if (name)
				schemas = lappend(schemas, name);
		}
		if (!has_catalog)
			schemas = lcons("pg_catalog", schemas);
		return lcons("pg_temp", schemas);
	}
	foreach(lc, fetch_search_path(true))
	{
		char	   *name = get_namespace_name(lfirst_oid(lc));

		if (name)
			schemas = lappend(schemas, name);
	}
	return lcons("pg_temp", schemas);
}

/*
 * The relation a name means at this point of the script, or NULL when there is
 * none.
 */
SmigRelation *
smig_view_find(SmigPending *pending, RangeVar *name)
{
	ListCell   *lc;

	if (name == NULL || name->relname == NULL)
		return NULL;
	if (name->schemaname)
		return find_in_schema(pending, name->schemaname, name->relname);
	foreach(lc, search_schemas(pending))
	{
		SmigRelation *relation = find_in_schema(pending, lfirst(lc),
												name->relname);

		if (relation)
			return relation;
	}
	return NULL;
}

/*
 * Like smig_view_find, for a list of String nodes as object names come.
 */
SmigRelation *
smig_view_find_names(SmigPending *pending, List *names)
{
	RangeVar	name = {.type = T_RangeVar};

	if (names == NIL)
		return NULL;
	name.relname = strVal(llast(names));
	if (list_length(names) >= 2)
		name.schemaname = strVal(list_nth(names, list_length(names) - 2));
	return smig_view_find(pending, &name);
}

/*
 * Schema in which a new relation of that name will be made.
 */
char *
smig_view_creation_schema(SmigPending *pending, RangeVar *name)
{
	ListCell   *lc;

	if (name->schemaname)
		return name->schemaname;
	if (name->relpersistence == RELPERSISTENCE_TEMP)
		return "pg_temp";
	foreach(lc, search_schemas(pending))
	{
		const char *schema = lfirst(lc);
		ListCell   *lc2;

		if (strcmp(schema, "pg_temp") == 0 || strcmp(schema, "pg_catalog") == 0)
			continue;
		if (OidIsValid(get_namespace_oid(catalog_schema(pending, schema), true)))
			return pstrdup(schema);
		foreach(lc2, pending->schemas)
		{
			if (strcmp(lfirst(lc2), schema) == 0)
				return pstrdup(schema);
		}
	}
	return "public";
}

static SmigRelation *
make_relation(SmigPending *pending, RangeVar *name, char kind)
{
	MemoryContext old = MemoryContextSwitchTo(pending->context);
	SmigRelation *relation = palloc0(sizeof(SmigRelation));

	relation->schema = pstrdup(smig_view_creation_schema(pending, name));
	relation->name = pstrdup(name->relname);
	relation->label = smig_view_quote(relation->schema, relation->name);
	relation->kind = kind;
	relation->persistence = name->relpersistence ? name->relpersistence :
		RELPERSISTENCE_PERMANENT;
	relation->loaded = true;
	relation->children_known = true;
	relation->parent_known = true;
	relation->valid = true;
	relation->tuples = -1;
	relation->next_attnum = 1;
	relation->owner = GetUserId();
	relation->transaction = pending->transaction;
	pending->relations = lappend(pending->relations, relation);
	smig_view_remember(pending, relation);
	MemoryContextSwitchTo(old);
	return relation;
}

/*
 * Adds a relation that a statement of the script makes.
 */
SmigRelation *
smig_view_create(SmigPending *pending, RangeVar *name, char kind)
{
	SmigRelation *relation = make_relation(pending, name, kind);

	relation->created = true;
	return relation;
}

/*
 * Like smig_view_find, but never NULL: a table that is found nowhere is taken
 * for one that exists elsewhere and about which nothing is known.
 */
SmigRelation *
smig_view_find_or_unknown(SmigPending *pending, RangeVar *name)
{
	SmigRelation *relation = smig_view_find(pending, name);

	if (relation == NULL)
	{
		relation = make_relation(pending, name, RELKIND_RELATION);
		relation->unknown = true;
	}
	return relation;
}

/*
 * The live column of that name, or NULL.
 */
SmigColumn *
smig_view_column(SmigRelation *relation, const char *name)
{
	ListCell   *lc;

	if (name == NULL)
		return NULL;
	foreach(lc, relation->columns)
	{
		SmigColumn *column = lfirst(lc);

		if (strcmp(column->name, name) == 0)
			return column;
	}
	return NULL;
}

/*
 * The constraint of that name, or NULL.
 */
SmigConstraint *
smig_view_constraint(SmigRelation *relation, const char *name)
{
	ListCell   *lc;

	if (name == NULL)
		return NULL;
	foreach(lc, relation->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);

		if (constraint->name && strcmp(constraint->name, name) == 0)
			return constraint;
	}
	return NULL;
}

/*
 * The index of that name on the relation, or NULL.
 */
SmigRelation *
smig_view_index(SmigRelation *relation, const char *name)
{
	ListCell   *lc;

	if (name == NULL)
		return NULL;
	foreach(lc, relation->indexes)
	{
		SmigRelation *index = lfirst(lc);

		if (!index->dropped && strcmp(index->name, name) == 0)
			return index;
	}
	return NULL;
}

/*
 * The primary key, or NULL.
 */
SmigConstraint *
smig_view_primary_key(SmigRelation *relation)
{
	ListCell   *lc;

	foreach(lc, relation->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);

		if (constraint->type == CONSTRAINT_PRIMARY)
			return constraint;
	}
	return NULL;
}

/*
 * The table a foreign key refers to, or NULL.
 */
SmigRelation *
smig_view_target(SmigPending *pending, SmigConstraint *constraint)
{
	if (constraint->target == NULL)
		constraint->target = smig_view_get(pending, constraint->referenced);
	if (constraint->target && constraint->target->dropped)
		return NULL;
	return constraint->target;
}

/*
 * The partitioned table that this is a partition of, or NULL.
 */
SmigRelation *
smig_view_parent(SmigPending *pending, SmigRelation *relation)
{
	if (!relation->parent_known)
	{
		relation->parent_known = true;
		if (get_rel_relispartition(relation->oid))
			relation->parent =
				smig_view_get(pending,
							  get_partition_parent(relation->oid, true));
	}
	if (relation->parent && relation->parent->dropped)
		return NULL;
	return relation->parent;
}

/*
 * Direct heirs: partitions, or children by inheritance.
 */
List *
smig_view_children(SmigPending *pending, SmigRelation *relation)
{
	List	   *live = NIL;
	ListCell   *lc;

	if (!relation->children_known)
	{
		MemoryContext old = MemoryContextSwitchTo(pending->context);

		relation->children_known = true;
		if (relation->kind != RELKIND_SEQUENCE &&
			relation->kind != RELKIND_VIEW &&
			relation->kind != RELKIND_MATVIEW)
		{
			foreach(lc, find_inheritance_children(relation->oid, NoLock))
			{
				SmigRelation *child = smig_view_get(pending, lfirst_oid(lc));

				if (child)
					relation->children = lappend(relation->children, child);
			}
		}
		MemoryContextSwitchTo(old);
	}
	foreach(lc, relation->children)
	{
		if (!((SmigRelation *) lfirst(lc))->dropped)
			live = lappend(live, lfirst(lc));
	}
	return live;
}

static void
collect_inheritors(SmigPending *pending, SmigRelation *relation, List **found)
{
	ListCell   *lc;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	if (list_member_ptr(*found, relation))
		return;
	*found = lappend(*found, relation);
	foreach(lc, smig_view_children(pending, relation))
		collect_inheritors(pending, lfirst(lc), found);
}

/*
 * The relation itself and all its heirs.
 */
List *
smig_view_inheritors(SmigPending *pending, SmigRelation *relation)
{
	List	   *found = NIL;

	collect_inheritors(pending, relation, &found);
	return found;
}

/*
 * The default partition, or NULL.
 */
SmigRelation *
smig_view_default_partition(SmigPending *pending, SmigRelation *relation)
{
	SmigRelation *partition = relation->new_default;

	if (partition == NULL)
		partition = smig_view_get(pending, relation->default_partition);
	if (partition == NULL || partition->dropped ||
		smig_view_parent(pending, partition) != relation)
		return NULL;
	return partition;
}

/*
 * Has the relation rows of its own on disk that a rewrite or scan would read?
 */
bool
smig_view_has_storage(const SmigRelation *relation)
{
	return relation->kind == RELKIND_RELATION ||
		relation->kind == RELKIND_MATVIEW;
}

/*
 * Is there a relation of that name in the table's schema, or a constraint of
 * that name on it?
 */
static bool
name_taken(SmigPending *pending, SmigRelation *relation, const char *name)
{
	return find_in_schema(pending, relation->schema, name) != NULL ||
		smig_view_constraint(relation, name) != NULL;
}

/*
 * Name the server would choose for a new index, constraint or sequence of a
 * table: table_column_suffix, with a number when that is taken.
 */
char *
smig_view_new_name(SmigPending *pending, SmigRelation *relation,
				   List *columns, const char *suffix)
{
	char	   *middle = NULL;
	char	   *name;
	ListCell   *lc;

	foreach(lc, columns)
	{
		const char *part = lfirst(lc) ? lfirst(lc) : "expr";

		middle = middle ? psprintf("%s_%s", middle, part) : pstrdup(part);
	}
	name = makeObjectName(relation->name, middle, suffix);
	for (int i = 1; name_taken(pending, relation, name); i++)
		name = makeObjectName(relation->name, middle,
							  psprintf("%s%d", suffix, i));
	return name;
}
