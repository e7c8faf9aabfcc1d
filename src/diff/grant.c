/*-------------------------------------------------------------------------
 *
 * grant.c
 *	  Privileges: from access lists to GRANT and REVOKE.
 *
 * IDENTIFICATION
 *	  src/diff/grant.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "diff/delta.h"

typedef struct Grant
{
	char	   *grantee;		/* unquoted; "" is PUBLIC */
	char	   *grantor;
	char		plain[64];		/* letters without grant option */
	char		option[64];		/* letters with it */
} Grant;

static const struct
{
	char		letter;
	const char *word;
}			privileges[] =
{
	{'a', "INSERT"}, {'r', "SELECT"}, {'w', "UPDATE"}, {'d', "DELETE"},
	{'D', "TRUNCATE"}, {'x', "REFERENCES"}, {'t', "TRIGGER"},
	{'X', "EXECUTE"}, {'U', "USAGE"}, {'C', "CREATE"}, {'T', "TEMPORARY"},
	{'c', "CONNECT"}, {'s', "SET"}, {'A', "ALTER SYSTEM"}, {'m', "MAINTAIN"}
};

/*
 * Reads a possibly quoted role name and returns what follows it.
 */
static const char *
read_role(const char *text, char **role)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (*text != '"')
	{
		while (*text && *text != '=' && *text != '/')
			appendStringInfoChar(&buf, *text++);
	}
	else
	{
		text++;
		while (*text)
		{
			if (*text == '"' && text[1] != '"')
			{
				text++;
				break;
			}
			if (*text == '"')
				text++;
			appendStringInfoChar(&buf, *text++);
		}
	}
	*role = buf.data;
	return text;
}

/*
 * One item of an access list, as aclitem prints it.
 */
static Grant *
read_grant(const char *item)
{
	Grant	   *grant = palloc0(sizeof(Grant));
	int			nplain = 0;
	int			noption = 0;

	item = read_role(item, &grant->grantee);
	if (*item == '=')
		item++;
	for (; *item && *item != '/'; item++)
	{
		if (nplain + noption >= 60 || *item == '*')
			continue;
		if (item[1] == '*')
			grant->option[noption++] = *item;
		else
			grant->plain[nplain++] = *item;
	}
	if (*item == '/')
		item++;
	(void) read_role(item, &grant->grantor);
	return grant;
}

/*
 * The privileges PostgreSQL gives by itself when an object is created.
 */
static List *
builtin_grants(ObjectType type, const char *owner)
{
	Acl		   *acl = acldefault(type, BOOTSTRAP_SUPERUSERID);
	AclItem    *items = ACL_DAT(acl);
	List	   *result = NIL;

	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		Grant	   *grant = palloc0(sizeof(Grant));
		AclMode		mode = ACLITEM_GET_PRIVS(items[i]);
		int			n = 0;

		if (mode == ACL_NO_RIGHTS)
			continue;
		grant->grantee = items[i].ai_grantee == ACL_ID_PUBLIC ?
			"" : pstrdup(owner);
		grant->grantor = pstrdup(owner);
		for (int bit = 0; bit < N_ACL_RIGHTS; bit++)
			if (mode & ((AclMode) 1 << bit))
				grant->plain[n++] = ACL_ALL_RIGHTS_STR[bit];
		result = lappend(result, grant);
	}
	return result;
}

static List *
read_grants(List *items)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, items)
		result = lappend(result, read_grant(lfirst(lc)));
	return result;
}

static List *
object_grants(const SmigObject *object)
{
	const char *owner = smig_attr(object, "owner");

	if (owner == NULL)
		owner = smig_attr(object, "_owner");
	if (smig_attr(object, "acl") == NULL)
		return object->kind->acl_type == OBJECT_COLUMN ? NIL :
			builtin_grants(object->kind->acl_type, owner ? owner : "");
	return read_grants(smig_attr_list(object, "acl"));
}

static bool
same_role(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static Grant *
find_grant(List *grants, const Grant *like)
{
	ListCell   *lc;

	foreach(lc, grants)
	{
		Grant	   *grant = lfirst(lc);

		if (same_role(grant->grantee, like->grantee) &&
			same_role(grant->grantor, like->grantor))
			return grant;
	}
	return NULL;
}

/*
 * What ALTER ... OWNER does to the access list.
 */
static void
grants_change_owner(List *grants, const char *from, const char *to)
{
	ListCell   *lc;

	foreach(lc, grants)
	{
		Grant	   *grant = lfirst(lc);

		if (same_role(grant->grantee, from))
			grant->grantee = pstrdup(to);
		if (same_role(grant->grantor, from))
			grant->grantor = pstrdup(to);
	}
}

static void
add_letter(char *letters, char letter)
{
	size_t		n = strlen(letters);

	if (strchr(letters, letter) == NULL)
	{
		letters[n] = letter;
		letters[n + 1] = '\0';
	}
}

/*
 * Adds the privileges of an access list to others.
 */
static List *
merge_grants(List *grants, List *items)
{
	ListCell   *lc;

	foreach(lc, items)
	{
		Grant	   *more = read_grant(lfirst(lc));
		Grant	   *have = find_grant(grants, more);

		if (have == NULL)
		{
			grants = lappend(grants, more);
			continue;
		}
		for (char *c = more->plain; *c; c++)
			add_letter(have->plain, *c);
		for (char *c = more->option; *c; c++)
			add_letter(have->option, *c);
	}
	return grants;
}

/*
 * What an object created by the plan's user has before anything is granted:
 * the built-in privileges, changed by the default privileges that are in
 * force while the plan runs (those dropped by it are dropped first, those
 * created by it are created last).
 */
static List *
created_grants(SmigDelta *delta, const SmigObject *object)
{
	List	   *grants = builtin_grants(object->kind->acl_type, delta->user);
	const char *schema = smig_attr(object, "_schema");
	const char *letter = object->kind->acl_type == OBJECT_TABLE ? "r" :
		object->kind->acl_type == OBJECT_SEQUENCE ? "S" :
		object->kind->acl_type == OBJECT_FUNCTION ? "f" :
		object->kind->acl_type == OBJECT_TYPE ? "T" :
		object->kind->acl_type == OBJECT_SCHEMA ? "n" : "";

	for (int pass = 0; pass < 2; pass++)
	{
		ListCell   *entry_cell;

		foreach(entry_cell, delta->default_privileges)
		{
			SmigObject *entry = lfirst(entry_cell);
			const char *of = smig_attr(entry, "_in_schema");

			if (smig_delta_state(delta, entry)->fate == SMIG_FATE_DROP ||
				strcmp(smig_attr(entry, "_role"), delta->user) != 0 ||
				strcmp(smig_attr(entry, "_type"), letter) != 0)
				continue;
			if (pass == 0 && of == NULL)
				grants = read_grants(smig_attr_list(entry, "privileges"));
			else if (pass == 1 && of && schema && strcmp(of, schema) == 0)
				grants = merge_grants(grants, smig_attr_list(entry, "privileges"));
		}
	}
	return grants;
}

static char *
privilege_words(const char *letters, const char *column)
{
	List	   *words = NIL;

	for (int i = 0; i < lengthof(privileges); i++)
		if (strchr(letters, privileges[i].letter))
			words = lappend(words, column ?
							psprintf("%s (%s)", privileges[i].word, column) :
							pstrdup(privileges[i].word));
	return smig_join(words, ", ");
}

/* What privileges are written for. */
typedef struct GrantTarget
{
	const char *prefix;			/* of the statement: "" or ALTER DEFAULT ... */
	const char *on;				/* "TABLE s.t" */
	const char *column;			/* quoted, or NULL */
	const char *owner;			/* who grants when nothing is said */
} GrantTarget;

static void
write_grant(SmigCell *cell, const GrantTarget *target, const Grant *grant,
			const char *letters, bool revoke, bool option)
{
	const char *to = grant->grantee[0] == '\0' ? "PUBLIC" :
		quote_identifier(grant->grantee);
	bool		other = target->owner &&
		strcmp(target->owner, grant->grantor) != 0;
	char	   *words = privilege_words(letters, target->column);

	if (letters[0] == '\0')
		return;
	if (other)
		smig_cell_add(cell, "SET ROLE %s", quote_identifier(grant->grantor));
	if (revoke)
		smig_cell_add(cell, "%sREVOKE %s%s ON %s FROM %s", target->prefix,
					  option ? "GRANT OPTION FOR " : "", words, target->on, to);
	else
		smig_cell_add(cell, "%sGRANT %s ON %s TO %s%s", target->prefix, words,
					  target->on, to, option ? " WITH GRANT OPTION" : "");
	if (other)
		smig_cell_add(cell, "RESET ROLE");
}

static bool
has_letter(const Grant *grant, char letter, bool option)
{
	return grant && (strchr(grant->option, letter) ||
					 (!option && strchr(grant->plain, letter)));
}

/*
 * Writes the REVOKEs and GRANTs that lead from one access list to another.
 */
static void
write_grants(SmigCell *cell, const GrantTarget *target, List *before,
			 List *after)
{
	ListCell   *lc;

	foreach(lc, before)
	{
		Grant	   *old = lfirst(lc);
		Grant	   *new = find_grant(after, old);
		char		gone[64] = "";
		char		weaker[64] = "";

		for (int i = 0; i < lengthof(privileges); i++)
		{
			char		letter = privileges[i].letter;

			if (has_letter(old, letter, false) &&
				!has_letter(new, letter, false))
				add_letter(gone, letter);
			else if (has_letter(old, letter, true) &&
					 !has_letter(new, letter, true))
				add_letter(weaker, letter);
		}
		write_grant(cell, target, old, gone, true, false);
		write_grant(cell, target, old, weaker, true, true);
	}
	foreach(lc, after)
	{
		Grant	   *new = lfirst(lc);
		Grant	   *old = find_grant(before, new);
		char		plain[64] = "";
		char		option[64] = "";

		for (int i = 0; i < lengthof(privileges); i++)
		{
			char		letter = privileges[i].letter;

			if (has_letter(new, letter, true) && !has_letter(old, letter, true))
				add_letter(option, letter);
			else if (has_letter(new, letter, false) &&
					 !has_letter(old, letter, false))
				add_letter(plain, letter);
		}
		write_grant(cell, target, new, plain, false, false);
		write_grant(cell, target, new, option, false, true);
	}
}

static GrantTarget
target_of(const SmigObject *object)
{
	bool		column = object->kind->acl_type == OBJECT_COLUMN;
	const char *id = smig_attr(object, "_acl_id");
	GrantTarget target;

	if (id == NULL)
		id = column ? object->parent->id : object->id;
	target.prefix = "";
	target.on = psprintf("%s %s", object->kind->acl_sql, id);
	target.column = column ? pstrdup(quote_identifier(object->name)) : NULL;
	target.owner = smig_attr(column ? object->parent : object, "owner");
	return target;
}

/*
 * Gives an object that stays the privileges it would have if nothing had been
 * granted.
 */
void
smig_emit_default_grants(const SmigObject *object, SmigCell *cell)
{
	GrantTarget target = target_of(object);
	const char *owner = smig_attr(object, "_owner");

	write_grants(cell, &target, object_grants(object),
				 builtin_grants(object->kind->acl_type, owner ? owner : ""));
}

/*
 * What default privileges are when nothing is said: the built-in ones for a
 * whole database, none more for one schema.
 */
static List *
unset_default_grants(const SmigObject *object)
{
	static const struct
	{
		char		code;
		ObjectType	type;
	}			types[] =
	{
		{'r', OBJECT_TABLE}, {'S', OBJECT_SEQUENCE}, {'f', OBJECT_FUNCTION},
		{'T', OBJECT_TYPE}, {'n', OBJECT_SCHEMA}
	};

	if (smig_attr(object, "_in_schema"))
		return NIL;
	for (int i = 0; i < lengthof(types); i++)
		if (types[i].code == smig_attr(object, "_type")[0])
			return builtin_grants(types[i].type, smig_attr(object, "_role"));
	return NIL;
}

/*
 * Writes ALTER DEFAULT PRIVILEGES from "old" (NULL: nothing was said) to "new"
 * (NULL: nothing is to be said).
 */
void
smig_emit_default_privileges(const SmigObject *old, const SmigObject *new,
							 SmigCell *cell)
{
	const SmigObject *any = new ? new : old;
	const char *schema = smig_attr(any, "_in_schema");
	List	   *before = old ?
		read_grants(smig_attr_list(old, "privileges")) :
		unset_default_grants(any);
	List	   *after = new ?
		read_grants(smig_attr_list(new, "privileges")) :
		unset_default_grants(any);
	GrantTarget target;
	StringInfoData prefix;

	initStringInfo(&prefix);
	appendStringInfo(&prefix, "ALTER DEFAULT PRIVILEGES FOR ROLE %s ",
					 quote_identifier(smig_attr(any, "_role")));
	if (schema)
		appendStringInfo(&prefix, "IN SCHEMA %s ", quote_identifier(schema));
	target.prefix = prefix.data;
	target.on = smig_attr(any, "_objects");
	target.column = NULL;
	target.owner = NULL;
	write_grants(cell, &target, before, after);
}

/*
 * Writes the privileges of an object that comes with an extension or with
 * PostgreSQL, from "old" (NULL: as it came) to "new" (NULL: as it came).
 */
void
smig_emit_member_privileges(const SmigObject *old, const SmigObject *new,
							SmigCell *cell)
{
	const SmigObject *any = new ? new : old;
	GrantTarget target;

	target.prefix = "";
	target.on = smig_attr(any, "_on");
	target.column = NULL;
	target.owner = smig_attr(any, "_owner");
	write_grants(cell, &target,
				 read_grants(old ? smig_attr_list(old, "privileges") :
							 smig_attr_list(new, "_initial")),
				 read_grants(new ? smig_attr_list(new, "privileges") :
							 smig_attr_list(old, "_initial")));
}

/*
 * Takes back all privileges on an object that stays, such as a view's column.
 */
void
smig_emit_revoke_all(SmigDelta *delta, const SmigObject *object, SmigCell *cell)
{
	GrantTarget target = target_of(object);

	write_grants(cell, &target, object_grants(object), NIL);
}

/*
 * REVOKE on a table takes the privileges on its columns as well, so those that
 * stay, or were made with the table, are granted again.
 */
static void
restore_column_grants(SmigDelta *delta, const SmigObject *table, SmigCell *cell)
{
	ListCell   *lc;

	if (strstr(cell->text.data, "REVOKE ") == NULL)
		return;
	foreach(lc, table->children)
	{
		const SmigObject *column = lfirst(lc);
		SmigState  *state = smig_delta_state(delta, column);
		GrantTarget target;

		if (column->kind->acl_type != OBJECT_COLUMN ||
			smig_attr(column, "acl") == NULL ||
			(smig_delta_is_new(delta, column) && !state->folded &&
			 !(state->implied && smig_delta_is_new(delta, table))))
			continue;
		target = target_of(column);
		write_grants(cell, &target, NIL, object_grants(column));
	}
}

/*
 * Writes the privileges of an object that has just been created ("old" is
 * NULL) or altered.  "before" is the owner it had until then.
 */
void
smig_emit_privileges(SmigDelta *delta, const SmigObject *old,
					 const SmigObject *new, const char *before,
					 SmigCell *cell)
{
	const char *owner = smig_attr(new, "owner");
	bool		column = new->kind->acl_type == OBJECT_COLUMN;
	GrantTarget target = target_of(new);
	List	   *grants = NIL;

	if (old)
		grants = object_grants(old);
	else if (!column)
		grants = created_grants(delta, new);
	if (column)
	{
		const char *was = old ? smig_attr(old->parent, "owner") : NULL;

		owner = smig_attr(new->parent, "owner");
		if (was && owner && strcmp(was, owner) != 0)
			grants_change_owner(grants, was, owner);
	}
	else if (owner && before && strcmp(owner, before) != 0)
		grants_change_owner(grants, before, owner);
	write_grants(cell, &target, grants, object_grants(new));
	if (new->kind->acl_type == OBJECT_TABLE)
		restore_column_grants(delta, new, cell);
}
