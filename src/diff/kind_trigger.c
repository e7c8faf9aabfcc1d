/*-------------------------------------------------------------------------
 *
 * kind_trigger.c
 *	  Triggers, rules, policies, event triggers.
 *
 * IDENTIFICATION
 *	  src/diff/kind_trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

/*
 * Writes the state of a trigger or rule that is not the usual one.
 */
static void
write_enabled(const SmigObject *object, const char *what, SmigCell *cell)
{
	const char *enabled = smig_attr(object, "enabled");

	smig_cell_add(cell, "ALTER TABLE %s %s %s %s", object->parent->id,
				  enabled ? enabled : "ENABLE", what,
				  quote_identifier(object->name));
}

static void
create_trigger(SmigDelta *delta, const SmigObject *trigger, SmigCell *cell)
{
	smig_cell_add(cell, "%s", smig_attr(trigger, "def"));
	if (smig_attr(trigger, "enabled"))
		write_enabled(trigger, "TRIGGER", cell);
}

static bool
alter_trigger(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			  SmigCell *cell)
{
	static const char start[] = "CREATE TRIGGER ";
	const char *def = smig_attr(new, "def");

	if (!smig_attr_same(old, new, "def"))
	{
		/* constraint triggers cannot be replaced */
		if (strncmp(def, start, strlen(start)) != 0 ||
			strncmp(smig_attr(old, "def"), start, strlen(start)) != 0)
			return false;
		smig_cell_add(cell, "CREATE OR REPLACE TRIGGER %s",
					  def + strlen(start));
		/* one that is replaced is enabled */
		if (smig_attr(new, "enabled"))
			write_enabled(new, "TRIGGER", cell);
	}
	else if (!smig_attr_same(old, new, "enabled"))
		write_enabled(new, "TRIGGER", cell);
	return true;
}

static void
rename_on_table(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
				SmigCell *cell)
{
	smig_cell_add(cell, "ALTER %s %s RENAME TO %s", old->kind->sql, old->id,
				  quote_identifier(new->name));
}

static char *
without_semicolon(const char *text)
{
	char	   *copy = pstrdup(text);
	size_t		length = strlen(copy);

	if (length > 0 && copy[length - 1] == ';')
		copy[length - 1] = '\0';
	return copy;
}

static void
create_rule(SmigDelta *delta, const SmigObject *rule, SmigCell *cell)
{
	smig_cell_add(cell, "%s", without_semicolon(smig_attr(rule, "def")));
	if (smig_attr(rule, "enabled"))
		write_enabled(rule, "RULE", cell);
}

static bool
alter_rule(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
		   SmigCell *cell)
{
	static const char start[] = "CREATE RULE ";

	if (!smig_attr_same(old, new, "def"))
		smig_cell_add(cell, "CREATE OR REPLACE RULE %s",
					  without_semicolon(smig_attr(new, "def") + strlen(start)));
	if (!smig_attr_same(old, new, "enabled"))
		write_enabled(new, "RULE", cell);
	return true;
}

/*
 * The part of a policy that ALTER POLICY can change as well.
 */
static char *
policy_body(const SmigObject *policy)
{
	StringInfoData buf;
	const char *using = smig_attr(policy, "using");
	const char *check = smig_attr(policy, "check");

	initStringInfo(&buf);
	appendStringInfo(&buf, " TO %s", smig_join(smig_attr_list(policy, "roles"),
											   ", "));
	if (using)
		appendStringInfo(&buf, " USING (%s)", using);
	if (check)
		appendStringInfo(&buf, " WITH CHECK (%s)", check);
	return buf.data;
}

static void
create_policy(SmigDelta *delta, const SmigObject *policy, SmigCell *cell)
{
	smig_cell_add(cell, "CREATE POLICY %s%s FOR %s%s", policy->id,
				  smig_attr(policy, "restrictive") ? " AS RESTRICTIVE" : "",
				  smig_attr(policy, "command"), policy_body(policy));
}

static bool
alter_policy(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			 SmigCell *cell)
{
	if (!smig_attr_same(old, new, "restrictive") ||
		!smig_attr_same(old, new, "command") ||
		(smig_attr(old, "using") && !smig_attr(new, "using")) ||
		(smig_attr(old, "check") && !smig_attr(new, "check")))
		return false;
	smig_cell_add(cell, "ALTER POLICY %s%s", new->id, policy_body(new));
	return true;
}

static void
create_event_trigger(SmigDelta *delta, const SmigObject *trigger, SmigCell *cell)
{
	StringInfoData buf;
	List	   *tags = NIL;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, smig_attr_list(trigger, "tags"))
		tags = lappend(tags, quote_literal_cstr(lfirst(lc)));
	if (tags)
		appendStringInfo(&buf, " WHEN TAG IN (%s)", smig_join(tags, ", "));
	smig_cell_add(cell, "CREATE EVENT TRIGGER %s ON %s%s EXECUTE FUNCTION %s()",
				  trigger->id, smig_attr(trigger, "event"), buf.data,
				  smig_attr(trigger, "function"));
	if (smig_attr(trigger, "enabled"))
		smig_cell_add(cell, "ALTER EVENT TRIGGER %s %s", trigger->id,
					  smig_attr(trigger, "enabled"));
}

static bool
alter_event_trigger(SmigDelta *delta, const SmigObject *old,
					const SmigObject *new, SmigCell *cell)
{
	static const char *const alterable[] = {"enabled", NULL};
	const char *enabled = smig_attr(new, "enabled");

	if (!smig_only_differs(old, new, alterable))
		return false;
	smig_cell_add(cell, "ALTER EVENT TRIGGER %s %s", new->id,
				  enabled ? enabled : "ENABLE");
	return true;
}

#define ENABLED(column) \
	" CASE " column " WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'" \
	" WHEN 'A' THEN 'ENABLE ALWAYS' END AS enabled"

/*
 * A partition's copy of a trigger that is enabled in another way than the
 * trigger itself.
 */
static void
write_copy_enabled(const SmigObject *copy, const char *enabled, SmigCell *cell)
{
	smig_cell_add(cell, "ALTER TABLE ONLY %s %s TRIGGER %s", copy->parent->id,
				  enabled ? enabled : "ENABLE", quote_identifier(copy->name));
}

static void
create_trigger_copy(SmigDelta *delta, const SmigObject *copy, SmigCell *cell)
{
	write_copy_enabled(copy, smig_attr(copy, "enabled"), cell);
}

static bool
alter_trigger_copy(SmigDelta *delta, const SmigObject *old,
				   const SmigObject *new, SmigCell *cell)
{
	write_copy_enabled(new, smig_attr(new, "enabled"), cell);
	return true;
}

static void
drop_trigger_copy(SmigDelta *delta, const SmigObject *copy, SmigCell *cell)
{
	ListCell   *lc;

	foreach(lc, copy->deps)
	{
		const SmigObject *trigger = lfirst(lc);
		const SmigState *state = smig_delta_state(delta, trigger);

		if (strcmp(trigger->kind->name, "trigger") == 0 &&
			(state->fate == SMIG_FATE_KEEP || state->fate == SMIG_FATE_ALTER))
			write_copy_enabled(copy, smig_attr(state->other, "enabled"), cell);
	}
}

const SmigKind smig_kinds_trigger[] = {
	{
		.name = "trigger",
		.sql = "TRIGGER",
		.classid = 2620,
		.order = 140,
		.flags = SMIG_KIND_COLUMN_BOUND | SMIG_KIND_RENAME | SMIG_KIND_UNFOLD,
		.query = "SELECT t.oid, 0, 'pg_class'::regclass::oid, c.oid, 0,"
		" format('%I ON %I.%I', t.tgname, n.nspname, c.relname), t.tgname::text,"
		" pg_get_triggerdef(t.oid) AS def," ENABLED("t.tgenabled")
		" FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" WHERE c.relnamespace = ANY ($1) AND NOT t.tgisinternal"
		" AND t.tgparentid = 0",
		.create = create_trigger,
		.alter = alter_trigger,
		.rename = rename_on_table
	},
	{
		.name = "trigger copy",
		.order = 143,
		.query = "SELECT 0::oid, 0, 'pg_class'::regclass::oid, c.oid, 0,"
		" format('%I ON %I.%I', t.tgname, n.nspname, c.relname), t.tgname::text,"
		ENABLED("t.tgenabled") ","
		" p.tgenabled AS trigger_enabled,"
		SMIG_ADDRESS("pg_trigger", "p.oid", "0") " AS dep_trigger"
		" FROM pg_trigger t JOIN pg_trigger p ON p.oid = t.tgparentid"
		" JOIN pg_class c ON c.oid = t.tgrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" WHERE c.relnamespace = ANY ($1) AND NOT t.tgisinternal"
		" AND t.tgenabled <> p.tgenabled",
		.create = create_trigger_copy,
		.alter = alter_trigger_copy,
		.drop = drop_trigger_copy
	},
	{
		.name = "rule",
		.sql = "RULE",
		.classid = 2618,
		.order = 141,
		.flags = SMIG_KIND_COLUMN_BOUND | SMIG_KIND_UNFOLD,
		.query = "SELECT r.oid, 0, 'pg_class'::regclass::oid, c.oid, 0,"
		" format('%I ON %I.%I', r.rulename, n.nspname, c.relname), r.rulename::text,"
		" pg_get_ruledef(r.oid) AS def," ENABLED("r.ev_enabled")
		" FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" WHERE c.relnamespace = ANY ($1) AND r.rulename <> '_RETURN'",
		.create = create_rule,
		.alter = alter_rule
	},
	{
		.name = "policy",
		.sql = "POLICY",
		.classid = 3256,
		.order = 142,
		.flags = SMIG_KIND_COLUMN_BOUND | SMIG_KIND_RENAME | SMIG_KIND_UNFOLD,
		.query = "SELECT p.oid, 0, 'pg_class'::regclass::oid, c.oid, 0,"
		" format('%I ON %I.%I', p.polname, n.nspname, c.relname), p.polname::text,"
		" NOT p.polpermissive AS restrictive,"
		" CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'"
		" WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END AS command,"
		" (SELECT array_agg(CASE WHEN o = 0 THEN 'PUBLIC' ELSE"
		" quote_ident(pg_get_userbyid(o)) END ORDER BY pg_get_userbyid(o)"
		" COLLATE \"C\") FROM unnest(p.polroles) o) AS roles,"
		" pg_get_expr(p.polqual, p.polrelid) AS using,"
		" pg_get_expr(p.polwithcheck, p.polrelid) AS check"
		" FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" WHERE c.relnamespace = ANY ($1)",
		.create = create_policy,
		.alter = alter_policy,
		.rename = rename_on_table
	},
	{
		.name = "event trigger",
		.sql = "EVENT TRIGGER",
		.classid = 3466,
		.order = 190,
		.flags = SMIG_KIND_GLOBAL,
		.query = "SELECT e.oid, 0, 0::oid, 0::oid, 0, quote_ident(e.evtname),"
		" e.evtname::text, pg_get_userbyid(e.evtowner) AS owner,"
		" e.evtevent AS event, e.evttags AS tags,"
		" format('%I.%I', n.nspname, p.proname) AS function," ENABLED("e.evtenabled")
		" FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid"
		" JOIN pg_namespace n ON n.oid = p.pronamespace",
		.create = create_event_trigger,
		.alter = alter_event_trigger
	},
	{0}
};
