/*-------------------------------------------------------------------------
 *
 * declare.c
 *	  schemamig_model: declares a schema by the DDL that builds it.
 *
 * The DDL is parsed here, for what it needs and for errors, built in a scratch
 * database, and stored with the snapshot of what came out.
 *
 * IDENTIFICATION
 *	  src/model/declare.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "caller.h"
#include "model/declare.h"
#include "model/filter.h"
#include "model/stored.h"
#include "result.h"
#include "script_private.h"

PG_FUNCTION_INFO_V1(schemamig_model);

/* Longest name of a model, as of everything else (bytes). */
#define MAX_NAME (NAMEDATALEN - 1)

/* What a model's statements say, besides what they build. */
typedef struct Needs
{
	List	   *extensions;		/* of char * */
	List	   *roles;			/* of char * */
	bool		owners;			/* somebody is said to own something */
} Needs;

typedef struct Build
{
	const char *what;
	const char *text;
	SmigModel  *model;
} Build;

/* ---------------- the lines that only psql understands ---------------- */

static void
strip_context(void *arg)
{
	errposition(0);
	errcontext("%s", (const char *) arg);
}

/*
 * Whether a line begins with \restrict or \unrestrict.
 */
static bool
is_restrict(const char *line)
{
	return strncmp(line, "\\restrict ", 10) == 0 ||
		strncmp(line, "\\unrestrict ", 12) == 0;
}

/*
 * Replaces the lines \restrict and \unrestrict, which pg_dump writes to guard
 * psql, by blanks.  PostgreSQL's scanner says which stand outside of literals;
 * it begins anew behind each, because their keys are no tokens.
 */
static void
blank_restrict_lines(char *text, const char *what)
{
	ErrorContextCallback callback;

	if (strstr(text, "\\restrict") == NULL &&
		strstr(text, "\\unrestrict") == NULL)
		return;
	callback.callback = strip_context;
	callback.arg = unconstify(char *, what);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	for (char *from = text; from != NULL;)
	{
		SmigScan	scan;
		char	   *found = NULL;

		CHECK_FOR_INTERRUPTS();
		smig_scan_begin(&scan, from);
		while (found == NULL && smig_scan_next(&scan))
			if (from[scan.location] == '\\' && is_restrict(from + scan.location) &&
				(from + scan.location == text ||
				 from[scan.location - 1] == '\n'))
				found = from + scan.location;
		smig_scan_end(&scan);
		for (; found && *found && *found != '\n'; found++)
			*found = ' ';
		from = found;
	}
	error_context_stack = callback.previous;
}

/* ---------------- what the statements need ---------------- */

static List *
add_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return names;
	return lappend(names, pstrdup(name));
}

static void
need_role(Needs *needs, const RoleSpec *role)
{
	if (role && role->roletype == ROLESPEC_CSTRING &&
		!OidIsValid(get_role_oid(role->rolename, true)))
		needs->roles = add_name(needs->roles, role->rolename);
}

static void
need_roles(Needs *needs, List *roles)
{
	ListCell   *lc;

	foreach(lc, roles)
		need_role(needs, lfirst_node(RoleSpec, lc));
}

static void
need_owner(Needs *needs, const RoleSpec *role)
{
	if (role == NULL)
		return;
	needs->owners = true;
	need_role(needs, role);
}

static void
need_of_alter_table(Needs *needs, const AlterTableStmt *alter)
{
	ListCell   *lc;

	foreach(lc, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_ChangeOwner)
			need_owner(needs, cmd->newowner);
	}
}

static void
need_of_default_privileges(Needs *needs,
						   const AlterDefaultPrivilegesStmt *alter)
{
	ListCell   *lc;

	need_roles(needs, alter->action->grantees);
	foreach(lc, alter->options)
	{
		const DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "roles") == 0)
			need_roles(needs, (List *) option->arg);
	}
}

static void
need_of_statement(Needs *needs, const Node *node)
{
	switch (nodeTag(node))
	{
		case T_CreateExtensionStmt:
			needs->extensions =
				add_name(needs->extensions,
						 ((const CreateExtensionStmt *) node)->extname);
			break;
		case T_AlterOwnerStmt:
			need_owner(needs, ((const AlterOwnerStmt *) node)->newowner);
			break;
		case T_AlterTableStmt:
			need_of_alter_table(needs, (const AlterTableStmt *) node);
			break;
		case T_CreateSchemaStmt:
			need_owner(needs, ((const CreateSchemaStmt *) node)->authrole);
			break;
		case T_GrantStmt:
			need_roles(needs, ((const GrantStmt *) node)->grantees);
			break;
		case T_AlterDefaultPrivilegesStmt:
			need_of_default_privileges(needs,
									   (const AlterDefaultPrivilegesStmt *) node);
			break;
		case T_CreatePolicyStmt:
			need_roles(needs, ((const CreatePolicyStmt *) node)->roles);
			break;
		case T_CreateUserMappingStmt:
			need_role(needs, ((const CreateUserMappingStmt *) node)->user);
			break;
		case T_VariableSetStmt:
			{
				const char *name = ((const VariableSetStmt *) node)->name;

				if (name && (strcmp(name, "role") == 0 ||
							 strcmp(name, "session_authorization") == 0))
					needs->owners = true;
				break;
			}
		default:
			break;
	}
}

/*
 * Those of the extensions that the server does not have.
 */
static List *
missing_extensions(List *extensions)
{
	List	   *missing = NIL;
	ListCell   *lc;

	foreach(lc, extensions)
	{
		Oid			types[1] = {TEXTOID};
		Datum		args[1] = {CStringGetTextDatum((char *) lfirst(lc))};
		bool		found;

		SPI_connect();
		SPI_execute_with_args("SELECT FROM pg_catalog.pg_available_extensions"
							  " WHERE name OPERATOR(pg_catalog.=) $1::pg_catalog.name",
							  1, types, args, NULL, true, 1);
		found = SPI_processed > 0;
		SPI_finish();
		if (!found)
			missing = lappend(missing, lfirst(lc));
	}
	return missing;
}

static void
append_names(StringInfo buf, const char *what, List *names)
{
	ListCell   *lc;

	if (names == NIL)
		return;
	appendStringInfo(buf, "%sMissing %s: ", buf->len > 0 ? " " : "", what);
	foreach(lc, names)
		appendStringInfo(buf, "%s\"%s\"", lc == list_head(names) ? "" : ", ",
						 (char *) lfirst(lc));
	appendStringInfoChar(buf, '.');
}

/*
 * Refuses a model that needs what is not there, with all their names at once.
 */
static void
check_needs(const Needs *needs, const char *what)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_names(&buf, "extensions", missing_extensions(needs->extensions));
	append_names(&buf, "roles", needs->roles);
	if (buf.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("%s needs what this server does not have", what),
				 errdetail_internal("%s", buf.data),
				 errhint("Install the extensions on the server and create the roles, or leave them out of the model.")));
}

/* ---------------- building ---------------- */

/*
 * Hints about revisions would mislead.
 */
static void
adapt_hint(ErrorData *error)
{
	if (error->hint && strstr(error->hint, "in revisions"))
		error->hint = pstrdup("A model is DDL as pg_dump --schema-only writes it: no data, no psql commands.");
}

static void
build_model(SmigScratch *scratch, void *arg)
{
	Build	   *build = (Build *) arg;
	ErrorData  *error = smig_scratch_run(scratch, build->what, build->text,
										 SMIG_TRANSACTION_REVISION,
										 SMIG_SCRATCH_MODEL);

	if (error)
		ThrowErrorData(error);
	(void) smig_scratch_fingerprint(scratch, 0);
	build->model->snapshot = smig_scratch_snapshot(scratch, 0);
}

/*
 * Parses the text, for what it needs.
 */
static void
read_needs(Needs *needs, const char *text, const char *what)
{
	MemoryContext context = CurrentMemoryContext;
	SmigScript *script = NULL;
	ListCell   *lc;

	PG_TRY();
	{
		script = smig_script_parse(text, SMIG_TRANSACTION_REVISION, what);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		adapt_hint(error);
		ReThrowError(error);
	}
	PG_END_TRY();
	smig_rename_check(script->renames);
	foreach(lc, script->statements)
		need_of_statement(needs, ((SmigStatement *) lfirst(lc))->raw->stmt);
}

/*
 * The directives about renames in a model's text, as a list of SmigRenameLine *.
 */
List *
smig_declare_renames(const char *sql, const char *name)
{
	char	   *text = pstrdup(sql);
	const char *what = psprintf("model \"%s\"", name);

	blank_restrict_lines(text, what);
	return smig_script_parse(text, SMIG_TRANSACTION_REVISION, what)->renames;
}

/*
 * Builds a model from DDL in a scratch database.  Stores nothing.
 *
 * Errors: those of the text, with line and column; 42704 with the names of
 * all missing extensions and roles; those of scratch databases.
 */
SmigModel *
smig_model_build(const char *sql, const char *name)
{
	SmigModel  *model = palloc0(sizeof(SmigModel));
	char	   *text = pstrdup(sql);
	Build		build = {0};
	Needs		needs = {0};
	SmigSnapshot *snapshot;

	build.what = psprintf("model \"%s\"", name);
	build.text = text;
	build.model = model;
	blank_restrict_lines(text, build.what);
	read_needs(&needs, text, build.what);
	check_needs(&needs, build.what);
	smig_scratch_use("A model", build_model, &build);
	snapshot = smig_snapshot_from_json(model->snapshot);
	smig_snapshot_hide_secrets(snapshot);
	model->snapshot = smig_snapshot_to_json(snapshot);
	model->fingerprint = smig_snapshot_fingerprint(snapshot);
	model->name = pstrdup(name);
	model->source = pstrdup(sql);
	model->owners = needs.owners;
	model->built_by = GetUserNameFromId(GetUserId(), false);
	model->declared_by = model->built_by;
	return model;
}

/*
 * The fingerprint as schemamig_fingerprint() gives it.
 */
static char *
filtered_fingerprint(const SmigModel *model)
{
	SmigSnapshot *snapshot = smig_snapshot_from_json(model->snapshot);

	return smig_filter_apply(snapshot) ? smig_snapshot_fingerprint(snapshot) :
		model->fingerprint;
}

/*
 * schemamig_model(sql, name): see install/51_model.sql.
 */
Datum
schemamig_model(PG_FUNCTION_ARGS)
{
	char	   *name = smig_result_argument(fcinfo, 1, "name");
	SmigModel  *model;

	smig_caller_check("schemamig_model()");
	if (name[0] == '\0' || strlen(name) > MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a model must have between 1 and %d bytes",
						MAX_NAME)));
	if (PG_ARGISNULL(0))
	{
		if (!smig_stored_forget_model(name))
			(void) smig_stored_model_required(name);
		PG_RETURN_NULL();
	}
	model = smig_model_build(text_to_cstring(PG_GETARG_TEXT_PP(0)), name);
	smig_stored_write_model(model);
	PG_RETURN_TEXT_P(cstring_to_text(filtered_fingerprint(model)));
}
