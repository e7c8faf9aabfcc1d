/*-------------------------------------------------------------------------
 *
 * kind.c
 *	  The registry of object kinds, in the order in which they are read.
 *
 * A kind whose objects have parents comes after the parents' kind.
 *
 * IDENTIFICATION
 *	  src/diff/kind.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "diff/kind.h"

static const SmigKind *const families[] = {
	smig_kinds_schema,
	smig_kinds_type,
	smig_kinds_base_type,
	smig_kinds_sequence,
	smig_kinds_table,
	smig_kinds_view,
	smig_kinds_column,
	smig_kinds_constraint,
	smig_kinds_index,
	smig_kinds_function,
	smig_kinds_trigger,
	smig_kinds_operator,
	smig_kinds_textsearch,
	smig_kinds_foreign,
	smig_kinds_publication,
	smig_kinds_misc
};

#define MAX_KINDS 80

static const SmigKind *kinds[MAX_KINDS];
static int	nkinds = 0;

static void
fill_kinds(void)
{
	if (nkinds > 0)
		return;
	for (int i = 0; i < lengthof(families); i++)
		for (const SmigKind *kind = families[i]; kind->name; kind++)
		{
			Assert(nkinds < MAX_KINDS);
			kinds[nkinds++] = kind;
		}
}

/*
 * How many kinds there are.
 */
int
smig_kind_count(void)
{
	fill_kinds();
	return nkinds;
}

/*
 * The kind at a place, from 0, in reading order.
 */
const SmigKind *
smig_kind_nth(int n)
{
	fill_kinds();
	return kinds[n];
}

/*
 * The kind of a name, or NULL.
 */
const SmigKind *
smig_kind_find(const char *name)
{
	for (int i = 0; i < smig_kind_count(); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}
