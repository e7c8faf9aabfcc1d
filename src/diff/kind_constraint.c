/*-------------------------------------------------------------------------
 *
 * kind_constraint.c
 *	  Primary keys, unique, exclusion, check constraints, foreign keys.
 *
 * IDENTIFICATION
 *	  src/diff/kind_constraint.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

/*
 * A constraint as it stands after its name.
 */
char *
smig_constraint_definition(const SmigObject *constraint)
{
	const char *deferrable = smig_attr(constraint, "deferrable");

	return psprintf("%s%s%s%s", smig_attr(constraint, "def"),
					deferrable ? " " : "", deferrable ? deferrable : "",
					smig_attr(constraint, "not_valid") ? " NOT VALID" : "");
}

/*
 * What the index behind a constraint needs, and has no place in its
 * definition.
 */
void
smig_constraint_after(SmigDelta *delta, const SmigObject *constraint,
					  SmigCell *cell)
{
	if (smig_attr(constraint, "_index"))
		smig_index_properties(NULL, constraint, smig_attr(constraint, "_index"),
							  cell);
}

/*
 * Whether the index of a key can be built first, concurrently.
 */
static bool
can_take_index_over(const SmigObject *key)
{
	if (strcmp(key->kind->name, "exclusion") == 0 ||
		smig_attr(key->parent, "partition_by") ||
		strstr(smig_attr(key, "def"), " WITHOUT OVERLAPS)"))
		return false;
	return strcmp(key->kind->name, "primary key") != 0 ||
		!smig_not_null_from_parent(key);
}

/*
 * Keys of a partitioned table are made for it alone: its partitions have
 * their own, which are attached.
 */
static void
create_key(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	if (smig_online(delta, object->parent) && can_take_index_over(object))
	{
		smig_online_create_key(delta, object, cell);
		return;
	}
	smig_cell_add(cell, "ALTER TABLE %s%s ADD CONSTRAINT %s %s",
				  smig_takes_left_out(delta, object->parent, object->id,
									  cell) ? "" : "ONLY ",
				  object->parent->id, quote_identifier(object->name),
				  smig_constraint_definition(object));
	smig_constraint_after(delta, object, cell);
	if (!smig_delta_is_new(delta, object->parent))
		smig_cell_hazard(cell, "constraint_scan", "warning",
						 psprintf("an index is built while %s is locked",
								  object->parent->id),
						 "Build the index concurrently, then add the constraint USING INDEX.");
}

/*
 * Whether a constraint can be added NOT VALID and validated later: foreign keys
 * of partitioned tables cannot, nor what is not enforced.
 */
static bool
can_validate_later(SmigDelta *delta, const SmigObject *object)
{
	return smig_online(delta, object->parent) &&
		smig_attr(object, "not_valid") == NULL &&
		strstr(smig_attr(object, "def"), " NOT ENFORCED") == NULL &&
		strcmp(object->parent->kind->name, "table") == 0 &&
		(strcmp(object->kind->name, "check") == 0 ||
		 smig_attr(object->parent, "partition_by") == NULL);
}

/*
 * A check that stays NOT VALID can be valid in children, which have got it NOT
 * VALID as well.
 */
static void
validate_heirs(SmigDelta *delta, const SmigObject *check, SmigCell *cell)
{
	ListCell   *lc;

	if (smig_attr(check, "not_valid") == NULL)
		return;
	foreach(lc, smig_delta_heirs(check))
	{
		const SmigObject *heir = lfirst(lc);

		/* a new table comes later, and what it inherits is valid */
		if (!smig_delta_state(delta, heir)->implied ||
			smig_delta_is_new(delta, heir->parent))
			continue;
		validate_heirs(delta, heir, cell);
		if (smig_attr(heir, "not_valid"))
			continue;
		smig_cell_break(cell);
		smig_cell_add(cell, "ALTER TABLE %s VALIDATE CONSTRAINT %s",
					  heir->parent->id, quote_identifier(heir->name));
	}
}

static void
create_check(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	if (can_validate_later(delta, object))
	{
		smig_cell_add(cell, "ALTER TABLE %s ADD CONSTRAINT %s %s NOT VALID",
					  object->parent->id, quote_identifier(object->name),
					  smig_constraint_definition(object));
		smig_cell_break(cell);
		smig_cell_add(cell, "ALTER TABLE %s VALIDATE CONSTRAINT %s",
					  object->parent->id, quote_identifier(object->name));
		return;
	}
	smig_cell_add(cell, "ALTER TABLE %s ADD CONSTRAINT %s %s",
				  object->parent->id, quote_identifier(object->name),
				  smig_constraint_definition(object));
	if (!smig_delta_is_new(delta, object->parent) &&
		smig_attr(object, "not_valid") == NULL)
		smig_cell_hazard(cell, "constraint_scan", "warning",
						 psprintf("%s is scanned while it is locked",
								  object->parent->id),
						 "Add the constraint NOT VALID, then validate it.");
	validate_heirs(delta, object, cell);
}

static void
drop_constraint(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE %s%s DROP CONSTRAINT %s",
				  smig_delta_spares(delta, object) ? "ONLY " : "",
				  object->parent->id, quote_identifier(object->name));
}

static void
rename_constraint(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				  SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE %s RENAME CONSTRAINT %s TO %s",
				  old->parent->id, quote_identifier(old->name),
				  quote_identifier(new->name));
}

static bool
alter_key(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
		  SmigCell *cell)
{
	if (!smig_attr_same(old, new, "def") ||
		!smig_attr_same(old, new, "deferrable"))
		return false;
	smig_index_properties(old, new, smig_attr(new, "_index"), cell);
	return true;
}

static bool
alter_check(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			SmigCell *cell)
{
	const char *deferrable = smig_attr(new, "deferrable");

	if (!smig_attr_same(old, new, "def"))
		return false;
	if (!smig_attr_same(old, new, "deferrable"))
		smig_cell_add(cell, "ALTER TABLE %s ALTER CONSTRAINT %s %s",
					  new->parent->id, quote_identifier(new->name),
					  deferrable ? deferrable : "NOT DEFERRABLE");
	if (!smig_attr_same(old, new, "not_valid"))
	{
		if (smig_attr(new, "not_valid"))
			return false;
		smig_cell_add(cell, "ALTER TABLE %s VALIDATE CONSTRAINT %s",
					  new->parent->id, quote_identifier(new->name));
	}
	return true;
}

/*
 * The definition without what can be altered: DEFERRABLE and NOT VALID come
 * last, in this order.
 */
#define CONSTRAINT_COLUMNS \
	"SELECT c.oid, 0, 'pg_class'::regclass::oid, c.conrelid, 0," \
	" format('%I ON %I.%I', c.conname, n.nspname, r.relname), c.conname::text," \
	" n.nspname AS _schema," \
	" left(x.def, length(x.def)" \
	" - CASE WHEN c.convalidated OR x.def NOT LIKE '% NOT VALID' THEN 0 ELSE 10 END" \
	" - CASE WHEN c.condeferrable AND c.contype <> 'c' THEN 11 ELSE 0 END" \
	" - CASE WHEN c.condeferred AND c.contype <> 'c' THEN 19 ELSE 0 END) AS def," \
	" CASE WHEN c.condeferred THEN 'DEFERRABLE INITIALLY DEFERRED'" \
	" WHEN c.condeferrable THEN 'DEFERRABLE' END AS deferrable," \
	" NOT c.convalidated AS not_valid," \
	" c.coninhcount > 0 AS _inherited, c.conislocal AS _local," \
	" c.coninhcount > 0 AND NOT c.conislocal AND NOT r.relispartition" \
	" AND c.contype = 'c' AS inherited"

#define CONSTRAINT_ORIGIN \
	", CASE WHEN c.conparentid <> 0 THEN " \
	SMIG_ADDRESS("pg_constraint", "c.conparentid", "0") " END AS origin"

#define CONSTRAINT_FROM \
	" FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid" \
	" JOIN pg_namespace n ON n.oid = r.relnamespace" \
	" CROSS JOIN LATERAL (SELECT pg_get_constraintdef(c.oid) OFFSET 0) x(def)"

#define CONSTRAINT_WHERE \
	" WHERE r.relnamespace = ANY ($1) AND r.relpersistence <> 't'"

#define KEY_QUERY(type) \
	CONSTRAINT_COLUMNS \
	", format('%I.%I', n.nspname, c.conname) AS _index," \
	" format('%I.%I', n.nspname, c.conname) AS _slot," \
	" CASE WHEN i.reloptions IS NOT NULL THEN (SELECT array_agg(o ORDER BY" \
	" o COLLATE \"C\") FROM unnest(i.reloptions) o) END AS options," \
	" quote_ident(ts.spcname) AS tablespace," \
	" xi.indisclustered AS clustered, xi.indisreplident AS replica_identity," \
	" CASE WHEN i.relispartition THEN (SELECT " \
	SMIG_ADDRESS("pg_class", "h.inhparent", "0") \
	" FROM pg_inherits h WHERE h.inhrelid = i.oid) END AS origin" \
	CONSTRAINT_FROM \
	" JOIN pg_class i ON i.oid = c.conindid" \
	" JOIN pg_index xi ON xi.indexrelid = c.conindid" \
	" LEFT JOIN pg_tablespace ts ON ts.oid = i.reltablespace" \
	CONSTRAINT_WHERE " AND c.contype = '" type "'"

const SmigKind smig_kinds_constraint[] = {
	{
		.name = "primary key",
		.sql = "CONSTRAINT",
		.classid = 2606,
		.order = 100,
		.flags = SMIG_KIND_FOLD | SMIG_KIND_UNFOLD | SMIG_KIND_RENAME,
		.query = KEY_QUERY("p"),
		.create = create_key,
		.alter = alter_key,
		.drop = drop_constraint,
		.rename = rename_constraint
	},
	{
		.name = "unique",
		.sql = "CONSTRAINT",
		.classid = 2606,
		.order = 101,
		.flags = SMIG_KIND_FOLD | SMIG_KIND_UNFOLD | SMIG_KIND_RENAME,
		.query = KEY_QUERY("u"),
		.create = create_key,
		.alter = alter_key,
		.drop = drop_constraint,
		.rename = rename_constraint
	},
	{
		.name = "exclusion",
		.sql = "CONSTRAINT",
		.classid = 2606,
		.order = 102,
		.flags = SMIG_KIND_FOLD | SMIG_KIND_UNFOLD | SMIG_KIND_RENAME,
		.query = KEY_QUERY("x"),
		.create = create_key,
		.alter = alter_key,
		.drop = drop_constraint,
		.rename = rename_constraint
	},
	{
		.name = "check",
		.sql = "CONSTRAINT",
		.classid = 2606,
		.order = 103,
		.flags = SMIG_KIND_FOLD | SMIG_KIND_UNFOLD | SMIG_KIND_RENAME,
		.query = CONSTRAINT_COLUMNS CONSTRAINT_ORIGIN CONSTRAINT_FROM CONSTRAINT_WHERE
		" AND c.contype = 'c'",
		.create = create_check,
		.alter = alter_check,
		.drop = drop_constraint,
		.rename = rename_constraint
	},
	{
		/* not those that a key has for each partition it refers to */
		.name = "foreign key",
		.sql = "CONSTRAINT",
		.classid = 2606,
		.order = 130,
		.flags = SMIG_KIND_UNFOLD | SMIG_KIND_RENAME,
		.query = CONSTRAINT_COLUMNS CONSTRAINT_ORIGIN CONSTRAINT_FROM CONSTRAINT_WHERE
		" AND c.contype = 'f' AND NOT EXISTS (SELECT FROM pg_constraint o"
		" WHERE o.oid = c.conparentid AND o.conrelid = c.conrelid)",
		.create = create_check,
		.alter = alter_check,
		.drop = drop_constraint,
		.rename = rename_constraint
	},
	{0}
};
