/*-------------------------------------------------------------------------
 *
 * label.c
 *	  Providers of security labels that accept every label, for tests.
 *
 * IDENTIFICATION
 *	  test/diff/label.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/seclabel.h"
#include "fmgr.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

static void
accept_label(const ObjectAddress *object, const char *label)
{
}

void
_PG_init(void)
{
	register_label_provider("dummy", accept_label);
	register_label_provider("Other p", accept_label);
}
