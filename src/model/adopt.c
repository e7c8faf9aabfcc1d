/*-------------------------------------------------------------------------
 *
 * adopt.c
 *	  Makes snapshots of different origin comparable: owners and secrets.
 *
 * IDENTIFICATION
 *	  src/model/adopt.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "diff/kind.h"
#include "model/stored.h"
#include "text_array.h"

static void
replace_attr(SmigObject *object, const char *name, const char *value)
{
	smig_object_unset(object, name);
	smig_object_set(object, name, value);
}

/*
 * Takes away what not everybody may read: the options of user mappings, which
 * may be passwords.  A snapshot that is kept must not have them, nor one that
 * is compared with it.
 */
void
smig_snapshot_hide_secrets(SmigSnapshot *snapshot)
{
	for (int i = 0; i < snapshot->nobjects; i++)
		if (strcmp(snapshot->objects[i]->kind->name, "user mapping") == 0)
			smig_object_unset(snapshot->objects[i], "options");
}

/*
 * Appends a role's name as aclitem's output does.
 */
static void
append_role(StringInfo buf, const char *role)
{
	bool		safe = true;

	for (const char *c = role; *c; c++)
		if (!isalnum((unsigned char) *c) && *c != '_')
			safe = false;
	if (safe)
	{
		appendStringInfoString(buf, role);
		return;
	}
	appendStringInfoChar(buf, '"');
	for (const char *c = role; *c; c++)
	{
		if (*c == '"')
			appendStringInfoChar(buf, '"');
		appendStringInfoChar(buf, *c);
	}
	appendStringInfoChar(buf, '"');
}

/*
 * Copies one role of an aclitem to buf, "from" replaced by "to"; returns what
 * follows it.
 */
static const char *
copy_role(StringInfo buf, const char *item, const char *from, const char *to)
{
	StringInfoData role;

	initStringInfo(&role);
	if (*item == '"')
	{
		for (item++; *item; item++)
		{
			if (*item == '"' && *++item != '"')
				break;
			appendStringInfoChar(&role, *item);
		}
	}
	else
		while (*item && *item != '=' && *item != '/')
			appendStringInfoChar(&role, *item++);
	append_role(buf, strcmp(role.data, from) == 0 ? to : role.data);
	pfree(role.data);
	return item;
}

static int
compare_strings(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/*
 * Replaces a role in an access list, and sorts it again.
 */
static void
adopt_acl(SmigObject *object, const char *from, const char *to)
{
	List	   *items = NIL;
	ListCell   *lc;

	foreach(lc, smig_attr_list(object, "acl"))
	{
		const char *item = lfirst(lc);
		StringInfoData buf;

		initStringInfo(&buf);
		if (*item == '=')
			;					/* PUBLIC has no name */
		else
			item = copy_role(&buf, item, from, to);
		for (; *item && *item != '/'; item++)
			appendStringInfoChar(&buf, *item);
		if (*item == '/')
		{
			appendStringInfoChar(&buf, '/');
			(void) copy_role(&buf, item + 1, from, to);
		}
		items = lappend(items, buf.data);
	}
	list_sort(items, compare_strings);
	replace_attr(object, "acl",
				 OidOutputFunctionCall(F_ARRAY_OUT, smig_text_array(items)));
}

/*
 * Gives what "owner" owns in "snapshot" to whoever owns the same object in
 * "other", or to the current role where "other" has none: so that who built a
 * model makes no difference.
 */
void
smig_snapshot_adopt_owners(SmigSnapshot *snapshot, const SmigSnapshot *other,
						   const char *owner)
{
	const char *user = GetUserNameFromId(GetUserId(), false);
	const char **heirs = palloc0(sizeof(char *) * Max(snapshot->nobjects, 1));

	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];
		const char *has = smig_attr(object, "owner");
		SmigObject *same;

		CHECK_FOR_INTERRUPTS();
		if (has == NULL || strcmp(has, owner) != 0)
			continue;
		same = smig_snapshot_find(unconstify(SmigSnapshot *, other),
								  object->key);
		heirs[i] = same ? smig_attr(same, "owner") : user;
		if (heirs[i] == NULL || strcmp(heirs[i], owner) == 0)
			heirs[i] = NULL;
	}
	for (int i = 0; i < snapshot->nobjects; i++)
	{
		SmigObject *object = snapshot->objects[i];
		const char *heir = heirs[i];

		/* the privileges of a column name the owner of its table */
		if (heir == NULL && object->parent && smig_attr(object, "owner") == NULL)
			heir = heirs[object->parent->index];
		if (heir == NULL)
			continue;
		if (smig_attr(object, "acl"))
			adopt_acl(object, owner, heir);
		if (heirs[i])
			replace_attr(object, "owner", heir);
	}
	pfree(heirs);
}
