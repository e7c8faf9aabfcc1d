/*-------------------------------------------------------------------------
 *
 * proof.c
 *	  What a proof in a scratch database says went wrong.
 *
 * IDENTIFICATION
 *	  src/proof.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "diff/kind.h"
#include "model/filter.h"
#include "proof.h"

/* Objects named in one text. */
#define MAX_NAMED 10

typedef struct Differences
{
	StringInfoData text;
	int			n;
} Differences;

static void
add_difference(Differences *differences, const SmigObject *object,
			   const char *what)
{
	if (differences->n++ < MAX_NAMED)
		appendStringInfo(&differences->text, "%s%s %s %s",
						 differences->text.len > 0 ? "; " : "",
						 object->kind->name, object->id, what);
}

static const char *
attr_names(const SmigObject *a, const SmigObject *b)
{
	List	   *names = NIL;

	for (int side = 0; side < 2; side++)
	{
		const SmigObject *one = side == 0 ? a : b;

		for (int i = 0; i < one->nattrs; i++)
		{
			const char *name = one->attrs[i].name;
			bool		known = false;
			ListCell   *lc;

			foreach(lc, names)
				known = known || strcmp(lfirst(lc), name) == 0;
			if (name[0] != '_' && !known && !smig_attr_same(a, b, name))
				names = lappend(names, unconstify(char *, name));
		}
	}
	return smig_join(names, ", ");
}

/*
 * Says in which objects two snapshots differ; NULL when in none.
 *
 * first, second: what to call them, e.g. "before"
 */
char *
smig_proof_differences(SmigSnapshot *a, SmigSnapshot *b, const char *first,
					   const char *second)
{
	Differences differences = {{0}};

	(void) smig_filter_apply(a);
	(void) smig_filter_apply(b);
	initStringInfo(&differences.text);
	for (int i = 0; i < a->nobjects; i++)
	{
		SmigObject *object = a->objects[i];
		SmigObject *other = smig_snapshot_find(b, object->key);

		CHECK_FOR_INTERRUPTS();
		if (other == NULL)
			add_difference(&differences, object, psprintf("is only %s", first));
		else if (!smig_object_same(object, other))
			add_difference(&differences, object,
						   psprintf("differs in %s",
									attr_names(object, other)));
	}
	for (int i = 0; i < b->nobjects; i++)
		if (smig_snapshot_find(a, b->objects[i]->key) == NULL)
			add_difference(&differences, b->objects[i],
						   psprintf("is only %s", second));
	if (differences.n == 0)
		return NULL;
	if (differences.n > MAX_NAMED)
		appendStringInfo(&differences.text, "; and %d more",
						 differences.n - MAX_NAMED);
	return differences.text.data;
}

/*
 * An error in one line, as detail of a message or a test.
 */
char *
smig_proof_error_text(const ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, error->message);
	if (error->detail)
		appendStringInfo(&text, ": %s", error->detail);
	if (error->context)
	{
		/* its lines, which lead to the place in the script */
		appendStringInfoString(&text, "; ");
		for (const char *c = error->context; *c; c++)
			if (*c == '\n')
				appendStringInfoString(&text, "; ");
			else
				appendStringInfoChar(&text, *c);
	}
	return text.data;
}
