/*-------------------------------------------------------------------------
 *
 * kind_publication.c
 *	  Publications and what they publish.
 *
 * IDENTIFICATION
 *	  src/diff/kind_publication.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static void
create_publication(SmigDelta *delta, const SmigObject *publication,
				   SmigCell *cell)
{
	smig_cell_add(cell, "CREATE PUBLICATION %s%s WITH (%s)", publication->id,
				  smig_attr(publication, "all_tables") ? " FOR ALL TABLES" : "",
				  smig_attr(publication, "options"));
}

static bool
alter_publication(SmigDelta *delta, const SmigObject *old,
				  const SmigObject *new, SmigCell *cell)
{
	if (!smig_attr_same(old, new, "all_tables"))
		return false;
	smig_cell_add(cell, "ALTER PUBLICATION %s SET (%s)", new->id,
				  smig_attr(new, "options"));
	return true;
}

static void
create_member(SmigDelta *delta, const SmigObject *member, SmigCell *cell)
{
	const char *columns = smig_attr(member, "columns");
	const char *filter = smig_attr(member, "filter");

	smig_cell_add(cell, "ALTER PUBLICATION %s ADD %s%s%s%s%s%s",
				  member->parent->id, smig_attr(member, "member"),
				  columns ? " (" : "", columns ? columns : "",
				  columns ? ")" : "", filter ? " WHERE " : "",
				  filter ? filter : "");
}

static void
drop_member(SmigDelta *delta, const SmigObject *member, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER PUBLICATION %s DROP %s", member->parent->id,
				  smig_attr(member, "member"));
}

/*
 * Names of publications as they stand after PUBLICATION.
 */
static char *
publication_list(const SmigObject *subscription)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, smig_attr_list(subscription, "publications"))
		names = lappend(names, pstrdup(quote_identifier(lfirst(lc))));
	return smig_join(names, ", ");
}

/*
 * Like pg_dump: nothing is connected to, no slot is made.
 */
static void
create_subscription(SmigDelta *delta, const SmigObject *subscription,
					SmigCell *cell)
{
	List	   *options = smig_attr_list(subscription, "options");

	options = lcons("slot_name = NONE", lcons("connect = false", options));
	smig_cell_add(cell, "CREATE SUBSCRIPTION %s CONNECTION %s PUBLICATION %s WITH (%s)",
				  subscription->id,
				  quote_literal_cstr(smig_attr(subscription, "connection")),
				  publication_list(subscription), smig_join(options, ", "));
	if (smig_attr(subscription, "slot_name"))
		smig_cell_add(cell, "ALTER SUBSCRIPTION %s SET (slot_name = %s)",
					  subscription->id,
					  quote_literal_cstr(smig_attr(subscription, "slot_name")));
	smig_cell_hazard(cell, "subscription_slot", "warning",
					 "the subscription is made without a slot on the publisher, and not enabled",
					 "Make the slot on the publisher, then ENABLE and REFRESH the subscription.");
}

static bool
alter_subscription(SmigDelta *delta, const SmigObject *old,
				   const SmigObject *new, SmigCell *cell)
{
	const char *slot = smig_attr(new, "slot_name");
	List	   *before = smig_attr_list(old, "options");
	List	   *set = NIL;
	ListCell   *lc;

	foreach(lc, smig_attr_list(new, "options"))
	{
		const char *option = lfirst(lc);
		bool		same = false;
		ListCell   *other;

		foreach(other, before)
			same = same || strcmp(lfirst(other), option) == 0;
		if (same)
			continue;
		if (strncmp(option, "two_phase", strlen("two_phase")) == 0)
			return false;
		set = lappend(set, unconstify(char *, option));
	}
	if (!smig_attr_same(old, new, "connection"))
		smig_cell_add(cell, "ALTER SUBSCRIPTION %s CONNECTION %s", new->id,
					  quote_literal_cstr(smig_attr(new, "connection")));
	if (!smig_attr_same(old, new, "publications"))
		smig_cell_add(cell, "ALTER SUBSCRIPTION %s SET PUBLICATION %s WITH (refresh = false)",
					  new->id, publication_list(new));
	if (!smig_attr_same(old, new, "slot_name"))
	{
		if (slot == NULL)
			smig_cell_add(cell, "ALTER SUBSCRIPTION %s DISABLE", new->id);
		smig_cell_add(cell, "ALTER SUBSCRIPTION %s SET (slot_name = %s)",
					  new->id, slot ? quote_literal_cstr(slot) : "NONE");
	}
	if (set)
		smig_cell_add(cell, "ALTER SUBSCRIPTION %s SET (%s)", new->id,
					  smig_join(set, ", "));
	return true;
}

static void
drop_subscription(SmigDelta *delta, const SmigObject *subscription,
				  SmigCell *cell)
{
	smig_cell_add(cell, "ALTER SUBSCRIPTION %s DISABLE", subscription->id);
	if (smig_attr(subscription, "slot_name"))
		smig_cell_add(cell, "ALTER SUBSCRIPTION %s SET (slot_name = NONE)",
					  subscription->id);
	smig_cell_add(cell, "DROP SUBSCRIPTION %s", subscription->id);
	if (smig_attr(subscription, "slot_name"))
		smig_cell_hazard(cell, "subscription_slot", "warning",
						 psprintf("slot %s stays on the publisher",
								  smig_attr(subscription, "slot_name")),
						 "Drop the slot on the publisher.");
}

/* Name and setting of an option, which not all versions have. */
#define OPTION(name, column) \
	"CASE WHEN j.s ? '" column "' THEN '" name " = ' || CASE j.s->>'" column "'" \
	" WHEN 't' THEN 'on' WHEN 'f' THEN 'off' WHEN 'p' THEN 'parallel'" \
	" WHEN 'd' THEN 'off' WHEN 'e' THEN 'on'" \
	" ELSE quote_literal(j.s->>'" column "') END END"

#define SUBSCRIPTION_COLUMNS \
	"SELECT s.oid, 0, 0::oid, 0::oid, 0, quote_ident(s.subname)," \
	" s.subname::text, pg_get_userbyid(s.subowner) AS owner," \
	" s.subpublications AS publications, s.subslotname AS slot_name"
#define SUBSCRIPTION_WHERE \
	" WHERE s.subdbid = (SELECT oid FROM pg_database" \
	" WHERE datname = current_database())"

const SmigKind smig_kinds_publication[] = {
	{
		.name = "publication",
		.sql = "PUBLICATION",
		.classid = 6104,
		.order = 180,
		.flags = SMIG_KIND_GLOBAL,
		.query = "SELECT p.oid, 0, 0::oid, 0::oid, 0, quote_ident(p.pubname),"
		" p.pubname::text, pg_get_userbyid(p.pubowner) AS owner,"
		" p.puballtables AS all_tables,"
		" format('publish = %L, publish_via_partition_root = %s', concat_ws(', ',"
		" CASE WHEN p.pubinsert THEN 'insert' END,"
		" CASE WHEN p.pubupdate THEN 'update' END,"
		" CASE WHEN p.pubdelete THEN 'delete' END,"
		" CASE WHEN p.pubtruncate THEN 'truncate' END), p.pubviaroot::text) AS options"
		" FROM pg_publication p",
		.create = create_publication,
		.alter = alter_publication
	},
	{
		.name = "publication table",
		.classid = 6106,
		.order = 181,
		.flags = SMIG_KIND_GLOBAL | SMIG_KIND_COLUMN_BOUND | SMIG_KIND_LINK,
		.query = "SELECT r.oid, 0, 'pg_publication'::regclass::oid, p.oid, 0,"
		" format('%I TABLE %I.%I', p.pubname, n.nspname, c.relname),"
		" c.relname::text, format('TABLE ONLY %I.%I', n.nspname, c.relname) AS member,"
		" (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname)"
		" FROM pg_attribute a WHERE a.attrelid = c.oid"
		" AND a.attnum = ANY (r.prattrs::int2[])) AS columns,"
		" pg_get_expr(r.prqual, r.prrelid) AS filter"
		" FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid"
		" JOIN pg_class c ON c.oid = r.prrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace",
		.create = create_member,
		.drop = drop_member
	},
	{
		.name = "publication schema",
		.classid = 6237,
		.order = 182,
		.flags = SMIG_KIND_GLOBAL | SMIG_KIND_LINK,
		.query = "SELECT s.oid, 0, 'pg_publication'::regclass::oid, p.oid, 0,"
		" format('%I SCHEMA %I', p.pubname, n.nspname), n.nspname::text,"
		" format('TABLES IN SCHEMA %I', n.nspname) AS member"
		" FROM pg_publication_namespace s JOIN pg_publication p ON p.oid = s.pnpubid"
		" JOIN pg_namespace n ON n.oid = s.pnnspid",
		.create = create_member,
		.drop = drop_member
	},
	{
		/* only superusers see how it connects */
		.name = "subscription",
		.sql = "SUBSCRIPTION",
		.classid = 6100,
		.order = 183,
		.flags = SMIG_KIND_GLOBAL,
		.query = SUBSCRIPTION_COLUMNS " FROM pg_subscription s"
		SUBSCRIPTION_WHERE,
		.superuser_query = SUBSCRIPTION_COLUMNS
		", s.subconninfo AS connection, array_remove(ARRAY["
		OPTION("binary", "subbinary") ","
		OPTION("streaming", "substream") ","
		OPTION("two_phase", "subtwophasestate") ","
		OPTION("disable_on_error", "subdisableonerr") ","
		OPTION("synchronous_commit", "subsynccommit") ","
		OPTION("origin", "suborigin") ","
		OPTION("password_required", "subpasswordrequired") ","
		OPTION("run_as_owner", "subrunasowner") ","
		OPTION("failover", "subfailover")
		"], NULL) AS options"
		" FROM pg_subscription s CROSS JOIN LATERAL (SELECT to_jsonb(s)) j(s)"
		SUBSCRIPTION_WHERE,
		.create = create_subscription,
		.alter = alter_subscription,
		.drop = drop_subscription
	},
	{0}
};
