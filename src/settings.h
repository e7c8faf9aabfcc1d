/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings schemamig.*.
 *
 * IDENTIFICATION
 *	  src/settings.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_SETTINGS_H
#define SMIG_SETTINGS_H

extern int	smig_lock_timeout;
extern int	smig_lock_wait;
extern int	smig_statement_timeout;
extern bool smig_allow_destructive;
extern char *smig_trusted_authors;

extern void smig_settings_define(void);

#endif							/* SMIG_SETTINGS_H */
