/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The only place that knows PG_VERSION_NUM.
 *
 * Everything that differs between PostgreSQL 15, 16, 17 and 18 is wrapped
 * here under one name, so that no other file needs a version test.
 *
 * IDENTIFICATION
 *	  src/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_COMPAT_H
#define SMIG_COMPAT_H

#include "tcop/pquery.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "schemamig supports PostgreSQL 15 to 18"
#endif

/* A function that does not return, in front of its declaration. */
#if PG_VERSION_NUM >= 180000
#define SMIG_NORETURN pg_noreturn
#else
#define SMIG_NORETURN pg_attribute_noreturn()
#endif

/* PortalRun lost its run_once argument in 18. */
#if PG_VERSION_NUM >= 180000
#define smig_portal_run(portal, toplevel, dest, altdest, qc) \
	PortalRun((portal), FETCH_ALL, (toplevel), (dest), (altdest), (qc))
#else
#define smig_portal_run(portal, toplevel, dest, altdest, qc) \
	PortalRun((portal), FETCH_ALL, (toplevel), true, (dest), (altdest), (qc))
#endif

/* LockHeldByMe gained its third argument in 17. */
#if PG_VERSION_NUM >= 170000
#define smig_lock_held_by_me(tag, mode) LockHeldByMe((tag), (mode), false)
#else
#define smig_lock_held_by_me(tag, mode) LockHeldByMe((tag), (mode))
#endif

#if PG_VERSION_NUM < 170000
#include "storage/sinvaladt.h"
#endif

/* A virtual transaction's backend became a process number in 17. */
#if PG_VERSION_NUM >= 170000
#define SMIG_PROC_OF_VXID(vxid) ProcNumberGetProc((vxid).procNumber)
#define SMIG_LXID_OF_PROC(proc) ((proc)->vxid.lxid)
#else
#define SMIG_PROC_OF_VXID(vxid) BackendIdGetProc((vxid).backendId)
#define SMIG_LXID_OF_PROC(proc) ((proc)->lxid)
#endif

/* What a plan needs rights on is a list of its own from 16 on. */
#include "executor/executor.h"
#if PG_VERSION_NUM >= 160000
#define smig_check_permissions(plan) \
	((void) ExecCheckPermissions((plan)->rtable, (plan)->permInfos, true))
#else
#define smig_check_permissions(plan) \
	((void) ExecCheckRTPerms((plan)->rtable, true))
#endif

/* Whoever may vacuum need not own the table from 17 on. */
#include "commands/vacuum.h"
#if PG_VERSION_NUM >= 170000
#define smig_vacuum_is_permitted(relation, form) \
	vacuum_is_permitted_for_relation((relation), (form), VACOPT_VACUUM)
#else
#define smig_vacuum_is_permitted(relation, form) \
	vacuum_is_relation_owner((relation), (form), VACOPT_VACUUM)
#endif

/* Latches no longer bring the WL_ flags along in 18. */
#include "storage/latch.h"
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif

#include "utils/wait_event.h"

/* Wait events of extensions have names of their own from 17 on. */
#if PG_VERSION_NUM >= 170000
#define smig_wait_event_new(name) WaitEventExtensionNew(name)
#else
#define smig_wait_event_new(name) PG_WAIT_EXTENSION
#endif

/* create_foreignscan_path gained arguments in 17 and 18. */
#if PG_VERSION_NUM >= 180000
#define smig_foreignscan_path(root, rel, rows, cost) \
	((Path *) create_foreignscan_path((root), (rel), NULL, (rows), 0, \
									  (cost), (cost), NIL, NULL, NULL, NIL, \
									  NIL))
#elif PG_VERSION_NUM >= 170000
#define smig_foreignscan_path(root, rel, rows, cost) \
	((Path *) create_foreignscan_path((root), (rel), NULL, (rows), (cost), \
									  (cost), NIL, NULL, NULL, NIL, NIL))
#else
#define smig_foreignscan_path(root, rel, rows, cost) \
	((Path *) create_foreignscan_path((root), (rel), NULL, (rows), (cost), \
									  (cost), NIL, NULL, NULL, NIL))
#endif

/* The kind of a row comparison is another type in 18. */
typedef enum SmigComparison
{
	SMIG_LESS_EQUAL,
	SMIG_GREATER_EQUAL,
	SMIG_GREATER
} SmigComparison;

#if PG_VERSION_NUM >= 180000
#define SMIG_ROW_COMPARE_KIND(node) ((node)->cmptype)
#define SMIG_ROW_COMPARE_VALUE(comparison) \
	((comparison) == SMIG_LESS_EQUAL ? COMPARE_LE : \
	 (comparison) == SMIG_GREATER ? COMPARE_GT : COMPARE_GE)
#else
#define SMIG_ROW_COMPARE_KIND(node) ((node)->rctype)
#define SMIG_ROW_COMPARE_VALUE(comparison) \
	((comparison) == SMIG_LESS_EQUAL ? ROWCOMPARE_LE : \
	 (comparison) == SMIG_GREATER ? ROWCOMPARE_GT : ROWCOMPARE_GE)
#endif

/*
 * What libpq/libpq.h declares cannot be had from there, because it drags in
 * gssapi.h, which is not there without Kerberos' headers.  The same in 15 to
 * 18.
 */
extern bool pq_check_connection(void);

typedef struct SmigCommMethods
{
	void		(*comm_reset) (void);
	int			(*flush) (void);
	int			(*flush_if_writable) (void);
	bool		(*is_send_pending) (void);
	int			(*putmessage) (char msgtype, const char *s, size_t len);
	void		(*putmessage_noblock) (char msgtype, const char *s, size_t len);
} SmigCommMethods;

extern PGDLLIMPORT const SmigCommMethods *PqCommMethods;

/*
 * The scanner of JSON gained an argument in 17, and its errors another way in
 * 16.  "json_lexer" also gives the texts of strings; "json_error" does not
 * return.
 */
#if PG_VERSION_NUM >= 170000
#define smig_json_lexer(text, length) \
	makeJsonLexContextCstringLen(NULL, (text), (length), \
								 GetDatabaseEncoding(), true)
#else
#define smig_json_lexer(text, length) \
	makeJsonLexContextCstringLen(unconstify(char *, (text)), (int) (length), \
								 GetDatabaseEncoding(), true)
#endif
#if PG_VERSION_NUM >= 160000
#define smig_json_error(error, lex) json_errsave_error((error), (lex), NULL)
#else
#define smig_json_error(error, lex) json_ereport_error((error), (lex))
#endif

/* The version of PostgreSQL that this library is built for: 15, 16, ... */
#define SMIG_SERVER_MAJOR (PG_VERSION_NUM / 10000)

/*
 * Locks that 18 takes where others took weaker ones or none: on children by
 * ANALYZE, on tables by GRANT, on partitions by a new index constraint.
 */
#if PG_VERSION_NUM >= 180000
#define SMIG_ANALYZE_CHILD_LOCK ShareUpdateExclusiveLock
#define SMIG_GRANT_LOCK AccessShareLock
#define SMIG_PARTITION_CONSTRAINT_LOCK AccessExclusiveLock
#else
#define SMIG_ANALYZE_CHILD_LOCK AccessShareLock
#define SMIG_GRANT_LOCK NoLock
#define SMIG_PARTITION_CONSTRAINT_LOCK ShareLock
#endif

/* NOT NULL can be NOT VALID, and has a name, from 18 on. */
#if PG_VERSION_NUM >= 180000
#define SMIG_HAVE_NOT_NULL_CONSTRAINTS
#endif

/*
 * Pieces of catalog queries: what is known of the constraint by which column
 * "a" of table "c" is NOT NULL, from 18 on, and domain "t", from 17 on.
 */
#if PG_VERSION_NUM >= 180000
#define SMIG_NOT_NULL_COLUMNS \
	" nk.conname::text AS _not_null_name," \
	" nk.connoinherit AS not_null_no_inherit," \
	" NOT nk.convalidated AS not_null_not_valid," \
	" nk.conislocal AND nk.coninhcount > 0 AND NOT c.relispartition" \
	" AS not_null_own, nd.description AS not_null_comment,"
#define SMIG_NOT_NULL_JOIN \
	" LEFT JOIN pg_constraint nk ON nk.contype = 'n' AND nk.conrelid = c.oid" \
	" AND nk.conkey[1] = a.attnum" \
	" LEFT JOIN pg_description nd ON nd.classoid = 'pg_constraint'::regclass" \
	" AND nd.objoid = nk.oid"
#else
#define SMIG_NOT_NULL_COLUMNS ""
#define SMIG_NOT_NULL_JOIN ""
#endif
#if PG_VERSION_NUM >= 170000
#define SMIG_DOMAIN_NOT_NULL_COLUMNS \
	", nk.conname::text AS _not_null_name," \
	" nd.description AS not_null_comment"
#define SMIG_DOMAIN_NOT_NULL_JOIN \
	" LEFT JOIN pg_constraint nk ON nk.contype = 'n' AND nk.contypid = t.oid" \
	" LEFT JOIN pg_description nd ON nd.classoid = 'pg_constraint'::regclass" \
	" AND nd.objoid = nk.oid"
#else
#define SMIG_DOMAIN_NOT_NULL_COLUMNS ""
#define SMIG_DOMAIN_NOT_NULL_JOIN ""
#endif

/* ALTER COLUMN ... SET EXPRESSION came with 17. */
#if PG_VERSION_NUM >= 170000
#define SMIG_HAVE_SET_EXPRESSION
#endif

/* Identity columns of partitioned tables reach the partitions from 17 on. */
#if PG_VERSION_NUM >= 170000
#define SMIG_HAVE_PARTITION_IDENTITY
#define SMIG_REACH_IDENTITY REACH_PARTITIONS
#else
#define SMIG_REACH_IDENTITY REACH_SELF
#endif

/* NOT NULL can be added NOT VALID, with a name, from 18 on. */
#if PG_VERSION_NUM >= 180000
#define SMIG_NOT_NULL_NOT_VALID true
#else
#define SMIG_NOT_NULL_NOT_VALID false
#endif

/* Foreign keys of partitioned tables can be NOT VALID from 18 on. */
#if PG_VERSION_NUM >= 180000
#define SMIG_PARTITIONED_FK_NOT_VALID true
#else
#define SMIG_PARTITIONED_FK_NOT_VALID false
#endif

/* Generated columns can be virtual from 18 on. */
#if PG_VERSION_NUM >= 180000
#define smig_constraint_virtual(constraint) \
	((constraint)->generated_kind == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define smig_constraint_virtual(constraint) false
#endif

/* Columns of which an UPDATE that sets one is no HOT update. */
#if PG_VERSION_NUM >= 160000
#define SMIG_INDEX_ATTRIBUTES INDEX_ATTR_BITMAP_HOT_BLOCKING
#else
#define SMIG_INDEX_ATTRIBUTES INDEX_ATTR_BITMAP_ALL
#endif

/* Where a type that does not exist is no error. */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#endif
#include "parser/parse_type.h"

/*
 * Looks up a type by the text format_type makes; false when it does not exist.
 */
static inline bool
smig_parse_type(const char *name, Oid *type, int32 *typmod)
{
#if PG_VERSION_NUM >= 160000
	ErrorSaveContext escontext = {T_ErrorSaveContext};

	return parseTypeString(name, type, typmod, (Node *) &escontext);
#else
	parseTypeString(name, type, typmod, true);
	return OidIsValid(*type);
#endif
}

#endif							/* SMIG_COMPAT_H */
