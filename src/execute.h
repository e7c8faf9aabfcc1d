/*-------------------------------------------------------------------------
 *
 * execute.h
 *	  One statement of a script, run as the server runs a client's.
 *
 * IDENTIFICATION
 *	  src/execute.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_EXECUTE_H
#define SMIG_EXECUTE_H

#include "script.h"

extern void smig_execute_statement(const SmigScript *script,
								   const SmigStatement *statement,
								   const char *label, bool toplevel);

#endif							/* SMIG_EXECUTE_H */
