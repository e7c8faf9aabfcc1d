/*-------------------------------------------------------------------------
 *
 * snapshot_read.c
 *	  Reads a snapshot from the catalogs of the current database.
 *
 * One query for each kind, one for each of: members of extensions, catalog
 * rows that are part of another object, dependencies, comments.  The number
 * of queries does not depend on the number of objects.  All run with the
 * caller's own rights, search_path pinned to pg_catalog so that every name in
 * a definition comes out qualified.
 *
 * IDENTIFICATION
 *	  src/model/snapshot_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "diff/kind.h"
#include "model/snapshot.h"

/* Columns of a kind's query before its attributes. */
#define FIXED_COLUMNS 7

typedef struct Address
{
	Oid			class;
	Oid			object;
	int32		sub;
} Address;

typedef struct AddressEntry
{
	Address		address;
	SmigObject *object;			/* NULL: not in the snapshot */
	bool		aliased;		/* is part of "alias" */
	bool		member;			/* belongs to an extension */
	Address		alias;
} AddressEntry;

/* A reference that is resolved when all kinds have been read. */
typedef struct Pending
{
	SmigObject *object;
	Address		address;
	bool		origin;
} Pending;

typedef struct Reader
{
	SmigSnapshot *snapshot;
	HTAB	   *addresses;
	MemoryContext context;		/* what is needed only while reading */
	List	   *pending;		/* of Pending * */
	Datum		schemas;		/* oid[] */
} Reader;

/*
 * Rows of catalogs that stand for, or are part of, another object.
 */
static const char alias_query[] =
"SELECT 'pg_rewrite'::regclass::oid, r.oid, 0, 'pg_class'::regclass::oid, r.ev_class, 0"
" FROM pg_rewrite r WHERE r.rulename = '_RETURN' AND r.oid >= 16384"
" UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, 'pg_class'::regclass, c.oid, 0"
" FROM pg_class c JOIN pg_type t ON t.oid = c.reltype"
" WHERE c.relkind <> 'c' AND c.oid >= 16384"
" UNION ALL SELECT 'pg_class'::regclass, c.oid, 0, 'pg_type'::regclass, c.reltype, 0"
" FROM pg_class c WHERE c.relkind = 'c' AND c.oid >= 16384"
" UNION ALL SELECT 'pg_type'::regclass, t.typarray, 0, 'pg_type'::regclass, t.oid, 0"
" FROM pg_type t WHERE t.typarray >= 16384"
" UNION ALL SELECT 'pg_type'::regclass, r.rngmultitypid, 0, 'pg_type'::regclass, r.rngtypid, 0"
" FROM pg_range r WHERE r.rngtypid >= 16384"
" UNION ALL SELECT 'pg_class'::regclass, c.conindid, 0, 'pg_constraint'::regclass, c.oid, 0"
" FROM pg_constraint c WHERE c.contype IN ('p', 'u', 'x') AND c.oid >= 16384"
" UNION ALL SELECT 'pg_constraint'::regclass, t.tgconstraint, 0, 'pg_trigger'::regclass, t.oid, 0"
" FROM pg_trigger t WHERE t.tgconstraint <> 0 AND NOT t.tgisinternal"
" UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, 0, 'pg_class'::regclass, d.adrelid, d.adnum::int"
" FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
" WHERE a.attgenerated <> ''"
" UNION ALL SELECT 'pg_class'::regclass, d.objid, 0, 'pg_class'::regclass, d.refobjid, d.refobjsubid"
" FROM pg_depend d JOIN pg_class c ON c.oid = d.objid"
" WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass"
" AND d.deptype = 'i' AND c.relkind = 'S'"
" UNION ALL SELECT d.classid, d.objid, 0, d.refclassid, d.refobjid, 0"
" FROM pg_depend d"
" WHERE d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass)"
" AND d.refclassid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass)"
" AND d.deptype IN ('i', 'a') AND d.objid >= 16384";

static const char schema_query[] =
"SELECT n.oid, n.nspname::text FROM pg_namespace n"
" WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" AND n.nspname <> 'schemamig'"
" AND NOT EXISTS (SELECT FROM pg_depend d"
" WHERE d.classid = 'pg_namespace'::regclass"
" AND d.objid = n.oid AND d.deptype = 'e')"
" ORDER BY n.nspname COLLATE \"C\"";

static const char member_query[] =
"SELECT d.classid, d.objid, d.refobjid FROM pg_depend d"
" WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass";

static const char depend_query[] =
"SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid,"
" d.deptype FROM pg_depend d"
" WHERE d.deptype IN ('n', 'a', 'i') AND d.objid >= 16384"
" AND (d.refobjid >= 16384 OR d.refclassid = 'pg_namespace'::regclass)";

static const char comment_query[] =
"SELECT d.classoid, d.objoid, d.objsubid, d.description FROM pg_description d"
" WHERE d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass";

static AddressEntry *
address_entry(Reader *reader, Address address, bool make)
{
	bool		found;
	AddressEntry *entry = hash_search(reader->addresses, &address,
									  make ? HASH_ENTER : HASH_FIND, &found);

	if (make && !found)
	{
		entry->object = NULL;
		entry->aliased = false;
		entry->member = false;
	}
	return entry;
}

/*
 * The object an address belongs to, or NULL.  A column that is no object of
 * its own counts as its relation.
 */
static SmigObject *
resolve(Reader *reader, Address address)
{
	for (int depth = 0; depth < 8; depth++)
	{
		AddressEntry *entry = address_entry(reader, address, false);

		if (entry && entry->object)
			return entry->object;
		if (entry && entry->aliased)
			address = entry->alias;
		else if (address.sub != 0)
			address.sub = 0;
		else
			return NULL;
	}
	return NULL;
}

/* Plans live as long as the process: planning takes longer than reading. */
typedef struct PlanEntry
{
	const char *query;			/* its address: the texts are constants */
	SPIPlanPtr	plan;
} PlanEntry;

static SPIPlanPtr
plan_of(const char *query)
{
	static HTAB *plans = NULL;
	PlanEntry  *entry;
	SPIPlanPtr	plan;
	Oid			types[1] = {OIDARRAYOID};
	bool		found;

	if (plans == NULL)
	{
		HASHCTL		control = {
			.keysize = sizeof(char *),
			.entrysize = sizeof(PlanEntry)
		};

		plans = hash_create("schemamig catalog plans", 64, &control,
							HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(plans, &query, HASH_FIND, NULL);
	if (entry)
		return entry->plan;
	plan = SPI_prepare_cursor(query, strstr(query, "$1") ? 1 : 0, types,
							  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare catalog query: %s", query);
	entry = hash_search(plans, &query, HASH_ENTER, &found);
	entry->plan = plan;
	return plan;
}

static uint64
run_query(Reader *reader, const char *query)
{
	Datum		values[1] = {reader->schemas};

	CHECK_FOR_INTERRUPTS();
	if (SPI_execute_plan(plan_of(query), values, NULL, true,
						 0) != SPI_OK_SELECT)
		elog(ERROR, "catalog query failed: %s", query);
	return SPI_processed;
}

static Oid
row_oid(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

static int32
row_int(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

static Address
row_address(uint64 row, int column)
{
	Address		address;

	memset(&address, 0, sizeof(address));
	address.class = row_oid(row, column);
	address.object = row_oid(row, column + 1);
	address.sub = row_int(row, column + 2);
	return address;
}

static void
read_members(Reader *reader)
{
	uint64		n = run_query(reader, member_query);

	for (uint64 i = 0; i < n; i++)
	{
		Address		address = {row_oid(i, 1), row_oid(i, 2), 0};
		AddressEntry *entry = address_entry(reader, address, true);

		entry->member = true;
		entry->aliased = true;
		entry->alias.class = ExtensionRelationId;
		entry->alias.object = row_oid(i, 3);
		entry->alias.sub = 0;
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
read_aliases(Reader *reader)
{
	uint64		n = run_query(reader, alias_query);

	for (uint64 i = 0; i < n; i++)
	{
		AddressEntry *entry = address_entry(reader, row_address(i, 1), true);

		if (entry->aliased)
			continue;
		entry->aliased = true;
		entry->alias = row_address(i, 4);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Remembers a reference "class.oid.subid" of an object.
 */
static void
add_pending(Reader *reader, SmigObject *object, const char *text, bool origin)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	Pending    *pending = palloc0(sizeof(Pending));

	pending->object = object;
	pending->origin = origin;
	if (sscanf(text, "%u.%u.%d", &pending->address.class,
			   &pending->address.object, &pending->address.sub) != 3)
		elog(ERROR, "malformed address \"%s\"", text);
	reader->pending = lappend(reader->pending, pending);
	MemoryContextSwitchTo(old);
}

/*
 * Text of one column's value; NULL for SQL NULL and for false.
 */
static char *
column_text(Datum value, bool isnull, Form_pg_attribute attribute,
			FmgrInfo *output)
{
	if (isnull)
		return NULL;
	if (attribute->atttypid == BOOLOID)
		return DatumGetBool(value) ? "t" : NULL;
	if (attribute->atttypid == TEXTOID)
		return TextDatumGetCString(value);
	return OutputFunctionCall(output, value);
}

static void
read_row(Reader *reader, const SmigKind *kind, HeapTuple tuple,
		 TupleDesc descriptor, FmgrInfo *output, const char **names)
{
	Datum	   *values = palloc(sizeof(Datum) * descriptor->natts);
	bool	   *nulls = palloc(sizeof(bool) * descriptor->natts);
	List	   *attrs = NIL;
	List	   *refs = NIL;
	Address		address;
	Address		parent_address;
	AddressEntry *entry;
	SmigObject *parent = NULL;
	SmigObject *extension = NULL;
	SmigObject *object;
	ListCell   *lc;

	memset(&address, 0, sizeof(address));
	memset(&parent_address, 0, sizeof(parent_address));
	heap_deform_tuple(tuple, descriptor, values, nulls);
	address.class = kind->classid;
	address.object = DatumGetObjectId(values[0]);
	entry = address_entry(reader, address, false);
	if (kind->classid != InvalidOid && entry && entry->member)
		return;					/* belongs to an extension */
	address.sub = DatumGetInt32(values[1]);
	parent_address.class = DatumGetObjectId(values[2]);
	parent_address.object = DatumGetObjectId(values[3]);
	parent_address.sub = DatumGetInt32(values[4]);
	if (parent_address.class != InvalidOid)
	{
		parent = resolve(reader, parent_address);
		if (parent == NULL || parent->kind->classid == ExtensionRelationId)
		{
			if (!(kind->flags & SMIG_KIND_ANYWHERE) ||
				!reader->snapshot->whole)
				return;
			extension = parent;
			parent = NULL;
		}
	}
	for (int i = FIXED_COLUMNS; i < descriptor->natts; i++)
	{
		char	   *text = column_text(values[i], nulls[i],
									   TupleDescAttr(descriptor, i),
									   &output[i]);

		if (text == NULL)
			continue;
		if (strncmp(names[i], "dep_", 4) == 0 ||
			strcmp(names[i], "origin") == 0)
			refs = lappend(lappend(refs, unconstify(char *, names[i])), text);
		else
			attrs = lappend(lappend(attrs, unconstify(char *, names[i])), text);
	}
	object = smig_snapshot_add(reader->snapshot, kind,
							   TextDatumGetCString(values[5]),
							   TextDatumGetCString(values[6]), attrs);
	if (object == NULL)
		return;
	object->parent = parent;
	if (kind->complete)
		kind->complete(object);
	if (extension && extension != parent)
		smig_object_depend(object, extension);
	if (kind->classid != InvalidOid)
		address_entry(reader, address, true)->object = object;
	for (lc = list_head(refs); lc; lc = lnext(refs, lnext(refs, lc)))
		add_pending(reader, object, lfirst(lnext(refs, lc)),
					strcmp(lfirst(lc), "origin") == 0);
}

/*
 * Lets the functions that a base type needs depend on its shell, not on its
 * definition.
 */
static void
cut_base_types(SmigSnapshot *snapshot)
{
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *type = snapshot->objects[i];
		ListCell   *lc;

		if (strcmp(type->kind->name, "base type") != 0)
			continue;
		foreach(lc, type->deps)
		{
			SmigObject *function = lfirst(lc);
			ListCell   *dep;

			foreach(dep, function->deps)
				if (lfirst(dep) == type)
					lfirst(dep) = type->parent;
		}
	}
}

/*
 * Reads all objects of one kind.
 */
static void
read_kind(Reader *reader, const SmigKind *kind)
{
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext,
													  "schemamig snapshot row",
													  ALLOCSET_DEFAULT_SIZES);
	uint64		n = run_query(reader, kind->superuser_query && superuser() ?
							  kind->superuser_query : kind->query);
	TupleDesc	descriptor = SPI_tuptable->tupdesc;
	FmgrInfo   *output = palloc0(sizeof(FmgrInfo) * descriptor->natts);
	const char **names = palloc0(sizeof(char *) * descriptor->natts);

	for (int i = FIXED_COLUMNS; i < descriptor->natts; i++)
	{
		Oid			function;
		bool		varlena;

		getTypeOutputInfo(TupleDescAttr(descriptor, i)->atttypid, &function,
						  &varlena);
		fmgr_info(function, &output[i]);
		names[i] = MemoryContextStrdup(reader->snapshot->context,
									   NameStr(TupleDescAttr(descriptor, i)->attname));
	}
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(row_context);

		CHECK_FOR_INTERRUPTS();
		read_row(reader, kind, SPI_tuptable->vals[i], descriptor, output,
				 names);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	MemoryContextDelete(row_context);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Whether an edge of pg_depend says nothing about order: inheritance and
 * ownership of sequences are objects of their own here.
 */
static bool
edge_is_modelled(SmigObject *object, Address from, SmigObject *on, Address to)
{
	bool		from_table = object->parent == NULL &&
		(object->kind->flags & SMIG_KIND_DATA) && from.sub == 0 &&
		from.class == RelationRelationId;

	if (!from_table || to.class != RelationRelationId)
		return false;
	if (to.sub != 0)
		return strcmp(object->kind->name, "sequence") == 0;
	return on->parent == NULL && (on->kind->flags & SMIG_KIND_DATA);
}

static void
read_dependencies(Reader *reader)
{
	uint64		n = run_query(reader, depend_query);
	ListCell   *lc;

	for (uint64 i = 0; i < n; i++)
	{
		Address		from = row_address(i, 1);
		Address		to = row_address(i, 4);
		SmigObject *object = resolve(reader, from);
		SmigObject *on;

		CHECK_FOR_INTERRUPTS();
		if (object == NULL || object->kind->classid == ExtensionRelationId)
		{
			AddressEntry *entry = address_entry(reader, from, false);

			if (object == NULL || (entry && entry->member))
				continue;
		}
		on = resolve(reader, to);
		if (on == NULL || edge_is_modelled(object, from, on, to))
			continue;
		smig_object_depend(object, on);
	}
	SPI_freetuptable(SPI_tuptable);
	foreach(lc, reader->pending)
	{
		Pending    *pending = lfirst(lc);
		SmigObject *on = resolve(reader, pending->address);

		if (on == NULL)
			continue;
		if (pending->origin)
			pending->object->origin = on;
		else
			smig_object_depend(pending->object, on);
	}
}

static void
read_comments(Reader *reader)
{
	uint64		n = run_query(reader, comment_query);

	for (uint64 i = 0; i < n; i++)
	{
		Address		address = row_address(i, 1);
		AddressEntry *entry = address_entry(reader, address, false);
		char	   *text = SPI_getvalue(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 4);

		if (entry == NULL)
			continue;
		if (entry->object)
			smig_object_set(entry->object, "comment", text);
		else if (entry->aliased && !entry->member &&
				 entry->alias.class == ConstraintRelationId)
		{
			/* the index behind a constraint has a comment of its own */
			SmigObject *constraint = resolve(reader, entry->alias);

			if (constraint)
				smig_object_set(constraint, "index_comment", text);
		}
		else if (entry->aliased && !entry->member &&
				 entry->alias.class == TypeRelationId)
		{
			SmigObject *type = resolve(reader, entry->alias);

			if (type && smig_attr(type, "comment") == NULL)
				smig_object_set(type, "comment", text);
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * The schemas to read: those named, or all but the system's, ours and the
 * extensions'.  Fills snapshot->schemas and reader->schemas.
 */
static void
find_schemas(Reader *reader, List *names)
{
	SmigSnapshot *snapshot = reader->snapshot;
	Datum	   *oids;
	uint64		n;
	ListCell   *lc;

	n = run_query(reader, schema_query);
	oids = palloc(sizeof(Datum) * Max(n, 1));
	reader->schemas = 0;
	for (uint64 i = 0, used = 0; i < n; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 2);
		bool		wanted = names == NIL;
		MemoryContext old;

		foreach(lc, names)
			wanted = wanted || strcmp(lfirst(lc), name) == 0;
		if (!wanted)
			continue;
		oids[used++] = ObjectIdGetDatum(row_oid(i, 1));
		old = MemoryContextSwitchTo(snapshot->context);
		snapshot->schemas = lappend(snapshot->schemas, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	SPI_freetuptable(SPI_tuptable);
	reader->schemas = PointerGetDatum(construct_array(oids,
													  list_length(snapshot->schemas),
													  OIDOID, sizeof(Oid),
													  true, TYPALIGN_INT));
	foreach(lc, names)
	{
		ListCell   *found;
		bool		known = false;

		foreach(found, snapshot->schemas)
			known = known || strcmp(lfirst(lc), lfirst(found)) == 0;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_SCHEMA),
					 errmsg("schema \"%s\" does not exist or cannot be compared",
							(char *) lfirst(lc)),
					 errdetail("System schemas and schemas of extensions are left out.")));
	}
}

/*
 * Settings on which the text of definitions depends.  Between NewGUCNestLevel
 * and AtEOXact_GUC of the caller.
 */
void
smig_snapshot_pin_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"quote_all_identifiers", "off"},
		{"standard_conforming_strings", "on"},
		{"DateStyle", "ISO, YMD"},
		{"IntervalStyle", "postgres"},
		{"TimeZone", "UTC"},
		{"bytea_output", "hex"},
		{"extra_float_digits", "1"},
		{"jit", "off"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1],
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Whether the catalog of a kind has any row that initdb has not made.  To look
 * is cheaper by far than to plan the kind's query, and most catalogs have none.
 * Schemas, languages and extensions count that initdb has made.
 */
static bool
may_have_objects(const SmigKind *kind)
{
	ScanKeyData key;
	Relation	catalog;
	SysScanDesc scan;
	bool		found;

	if (!OidIsValid(kind->classid) || kind->classid == NamespaceRelationId ||
		kind->classid == LanguageRelationId ||
		kind->classid == ExtensionRelationId ||
		kind->classid == RelationRelationId ||
		kind->classid == TypeRelationId)
		return true;
	catalog = table_open(kind->classid, AccessShareLock);
	/* the oid is the first column of all these catalogs */
	ScanKeyInit(&key, 1, BTGreaterEqualStrategyNumber, F_OIDGE,
				ObjectIdGetDatum(FirstNormalObjectId));
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/*
 * Reads the schemas named (char *, unquoted), or with NIL the whole database:
 * all schemas that are not the system's, ours or an extension's, and the
 * objects that live outside schemas.  Needs no right beyond reading the
 * catalogs.  The result is in a context below the current one.
 *
 * beside: see smig_snapshot_create
 *
 * Source of the decomposition: pg_dump's (src/bin/pg_dump/pg_dump_sort.c).
 */
SmigSnapshot *
smig_snapshot_read_beside(List *schemas, SmigSnapshot *beside)
{
	MemoryContext caller = CurrentMemoryContext;
	Reader		reader;
	HASHCTL		control = {
		.keysize = sizeof(Address),
		.entrysize = sizeof(AddressEntry)
	};
	int			nestlevel = NewGUCNestLevel();

	memset(&reader, 0, sizeof(reader));
	reader.snapshot = smig_snapshot_create(beside);
	reader.snapshot->whole = schemas == NIL;
	smig_snapshot_pin_settings();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	control.hcxt = reader.context = CurrentMemoryContext;
	reader.addresses = hash_create("schemamig catalog addresses", 4096,
								   &control,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	find_schemas(&reader, schemas);
	read_members(&reader);
	read_aliases(&reader);
	for (int i = 0; i < smig_kind_count(); i++)
	{
		const SmigKind *kind = smig_kind_nth(i);

		if (kind->query &&
			(reader.snapshot->whole || !(kind->flags & SMIG_KIND_GLOBAL)) &&
			may_have_objects(kind))
			read_kind(&reader, kind);
	}
	read_dependencies(&reader);
	cut_base_types(reader.snapshot);
	read_comments(&reader);
	PopActiveSnapshot();
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	MemoryContextSwitchTo(caller);
	smig_snapshot_link(reader.snapshot);
	return reader.snapshot;
}

/*
 * The same of a snapshot that stands alone.
 */
SmigSnapshot *
smig_snapshot_read(List *schemas)
{
	return smig_snapshot_read_beside(schemas, NULL);
}
