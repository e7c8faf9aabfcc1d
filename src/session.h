/*-------------------------------------------------------------------------
 *
 * session.h
 *	  A worker's session becomes like that of its caller.
 *
 * IDENTIFICATION
 *	  src/session.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SESSION_H
#define SMIG_SESSION_H

#include "relay.h"

extern void smig_session_take_over(const SmigRelay *relay);

#endif							/* SMIG_SESSION_H */
