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

#endif							/* SMIG_COMPAT_H */
