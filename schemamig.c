/*-------------------------------------------------------------------------
 *
 * schemamig.c
 *	  Module magic and settings: wiring only.
 *
 * IDENTIFICATION
 *	  schemamig.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "schemamig.h"
#include "settings.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/*
 * Called when the library is loaded into a backend or a worker.
 */
void
_PG_init(void)
{
	smig_settings_define();
}
