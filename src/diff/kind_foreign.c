/*-------------------------------------------------------------------------
 *
 * kind_foreign.c
 *	  Foreign data wrappers, servers, user mappings.
 *
 * IDENTIFICATION
 *	  src/diff/kind_foreign.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "diff/delta.h"

static void
append_options(StringInfo buf, const SmigObject *object)
{
	char	   *options = smig_foreign_option_list(object, "foreign_options");

	if (options)
		appendStringInfo(buf, " OPTIONS (%s)", options);
}

static void
create_wrapper(SmigDelta *delta, const SmigObject *wrapper, SmigCell *cell)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (smig_attr(wrapper, "handler"))
		appendStringInfo(&buf, " HANDLER %s", smig_attr(wrapper, "handler"));
	if (smig_attr(wrapper, "validator"))
		appendStringInfo(&buf, " VALIDATOR %s",
						 smig_attr(wrapper, "validator"));
	append_options(&buf, wrapper);
	smig_cell_add(cell, "CREATE FOREIGN DATA WRAPPER %s%s", wrapper->id,
				  buf.data);
}

static bool
alter_wrapper(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			  SmigCell *cell)
{
	char	   *alter = psprintf("ALTER FOREIGN DATA WRAPPER %s", new->id);
	const char *value = smig_attr(new, "handler");

	if (!smig_attr_same(old, new, "handler"))
		smig_cell_add(cell, "%s %s%s", alter, value ? "HANDLER " : "NO HANDLER",
					  value ? value : "");
	value = smig_attr(new, "validator");
	if (!smig_attr_same(old, new, "validator"))
		smig_cell_add(cell, "%s %s%s", alter,
					  value ? "VALIDATOR " : "NO VALIDATOR", value ? value : "");
	smig_emit_foreign_options(cell, alter, old, new, "foreign_options");
	return true;
}

static void
create_server(SmigDelta *delta, const SmigObject *server, SmigCell *cell)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (smig_attr(server, "type"))
		appendStringInfo(&buf, " TYPE %s",
						 quote_literal_cstr(smig_attr(server, "type")));
	if (smig_attr(server, "version"))
		appendStringInfo(&buf, " VERSION %s",
						 quote_literal_cstr(smig_attr(server, "version")));
	appendStringInfo(&buf, " FOREIGN DATA WRAPPER %s",
					 smig_attr(server, "wrapper"));
	append_options(&buf, server);
	smig_cell_add(cell, "CREATE SERVER %s%s", server->id, buf.data);
}

static bool
alter_server(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			 SmigCell *cell)
{
	const char *version = smig_attr(new, "version");

	if (!smig_attr_same(old, new, "wrapper") ||
		!smig_attr_same(old, new, "type"))
		return false;
	if (!smig_attr_same(old, new, "version"))
		smig_cell_add(cell, "ALTER SERVER %s VERSION %s", new->id,
					  version ? quote_literal_cstr(version) : "NULL");
	smig_emit_foreign_options(cell, psprintf("ALTER SERVER %s", new->id), old,
							  new, "foreign_options");
	return true;
}

static void
create_mapping(SmigDelta *delta, const SmigObject *mapping, SmigCell *cell)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_options(&buf, mapping);
	smig_cell_add(cell, "CREATE USER MAPPING %s%s", mapping->id, buf.data);
}

static bool
alter_mapping(SmigDelta *delta, const SmigObject *old, const SmigObject *new,
			  SmigCell *cell)
{
	smig_emit_foreign_options(cell, psprintf("ALTER USER MAPPING %s", new->id),
							  old, new, "foreign_options");
	return true;
}

#define FOREIGN_OPTIONS(column) \
	"(SELECT array_agg(o ORDER BY o COLLATE \"C\") FROM unnest(" column ") o)" \
	" AS foreign_options"

const SmigKind smig_kinds_foreign[] = {
	{
		.name = "foreign data wrapper",
		.sql = "FOREIGN DATA WRAPPER",
		.classid = 2328,
		.order = 63,
		.flags = SMIG_KIND_GLOBAL,
		.acl_type = OBJECT_FDW,
		.acl_sql = "FOREIGN DATA WRAPPER",
		.query = "SELECT w.oid, 0, 0::oid, 0::oid, 0, quote_ident(w.fdwname),"
		" w.fdwname::text, pg_get_userbyid(w.fdwowner) AS owner,"
		SMIG_ACL("w.fdwacl", "F", "w.fdwowner") ","
		" nullif(w.fdwhandler, 0)::regproc::text AS handler,"
		" nullif(w.fdwvalidator, 0)::regproc::text AS validator,"
		FOREIGN_OPTIONS("w.fdwoptions")
		" FROM pg_foreign_data_wrapper w WHERE w.oid >= 16384",
		.create = create_wrapper,
		.alter = alter_wrapper
	},
	{
		.name = "server",
		.sql = "SERVER",
		.classid = 1417,
		.order = 64,
		.flags = SMIG_KIND_GLOBAL,
		.acl_type = OBJECT_FOREIGN_SERVER,
		.acl_sql = "FOREIGN SERVER",
		.query = "SELECT s.oid, 0, 0::oid, 0::oid, 0, quote_ident(s.srvname),"
		" s.srvname::text, pg_get_userbyid(s.srvowner) AS owner,"
		SMIG_ACL("s.srvacl", "S", "s.srvowner") ","
		" s.srvtype AS type, s.srvversion AS version,"
		" quote_ident(w.fdwname) AS wrapper,"
		FOREIGN_OPTIONS("s.srvoptions")
		" FROM pg_foreign_server s"
		" JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw",
		.create = create_server,
		.alter = alter_server
	},
	{
		/* options are NULL where the caller may not see them */
		.name = "user mapping",
		.sql = "USER MAPPING",
		.classid = 1418,
		.order = 65,
		.flags = SMIG_KIND_GLOBAL | SMIG_KIND_KEEP,
		.query = "SELECT m.umid, 0, 'pg_foreign_server'::regclass::oid, m.srvid, 0,"
		" format('FOR %s SERVER %I', CASE WHEN m.umuser = 0 THEN 'PUBLIC'"
		" ELSE quote_ident(m.usename) END, m.srvname), m.usename::text,"
		FOREIGN_OPTIONS("m.umoptions")
		" FROM pg_user_mappings m",
		.create = create_mapping,
		.alter = alter_mapping
	},
	{0}
};
