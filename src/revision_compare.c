/*-------------------------------------------------------------------------
 *
 * revision_compare.c
 *	  Whether two contents of a revision are the same, and where they differ.
 *
 * IDENTIFICATION
 *	  src/revision_compare.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "revision.h"

/* Bytes of a line that are shown. */
#define SHOWN_BYTES		80

static bool
has_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/*
 * Whether two lists have the same names; no list has a name twice.
 */
static bool
same_names(List *a, List *b)
{
	ListCell   *lc;

	if (list_length(a) != list_length(b))
		return false;
	foreach(lc, a)
	{
		if (!has_name(b, lfirst(lc)))
			return false;
	}
	return true;
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/*
 * Whether two contents are the same, whoever wrote them.
 */
bool
smig_revision_same(const SmigRevision *a, const SmigRevision *b)
{
	return strcmp(a->message, b->message) == 0 &&
		same_names(a->parents, b->parents) &&
		same_names(a->depends_on, b->depends_on) &&
		same_names(a->labels, b->labels) &&
		same_names(a->replaces, b->replaces) &&
		a->up_mode == b->up_mode && a->down_mode == b->down_mode &&
		same_text(a->up, b->up) && same_text(a->down, b->down);
}

static void
append_sentence(StringInfo out, const char *sentence)
{
	if (out->len > 0)
		appendStringInfoChar(out, '\n');
	appendStringInfoString(out, sentence);
}

static char *
name_list(List *names)
{
	StringInfoData out;
	ListCell   *lc;

	if (names == NIL)
		return pstrdup("none");
	initStringInfo(&out);
	foreach(lc, names)
		appendStringInfo(&out, "%s%s", out.len > 0 ? ", " : "",
						 (char *) lfirst(lc));
	return out.data;
}

static void
compare_names(StringInfo out, const char *what, List *old, List *new)
{
	if (!same_names(old, new))
		append_sentence(out, psprintf("Its %s were %s, now %s.", what,
									  name_list(old), name_list(new)));
}

static void
compare_modes(StringInfo out, const char *what, SmigTransactionMode old,
			  SmigTransactionMode new)
{
	if (old != new)
		append_sentence(out, psprintf("Its %s script had transaction=%s, now transaction=%s.",
									  what,
									  old == SMIG_TRANSACTION_NONE ? "none" : "revision",
									  new == SMIG_TRANSACTION_NONE ? "none" : "revision"));
}

/*
 * A line for show, clipped at a character.
 */
static char *
shown_line(const char *line, int length)
{
	int			shown = length;

	if (length > SHOWN_BYTES)
		shown = pg_mbcliplen(line, length, SHOWN_BYTES);
	return psprintf("\"%.*s%s\"", shown, line, shown < length ? "..." : "");
}

/*
 * Says in which line two scripts begin to differ.
 */
static void
compare_scripts(StringInfo out, const char *what, const char *old,
				const char *new)
{
	int			line = 1;

	if (same_text(old, new))
		return;
	if (old == NULL || new == NULL)
	{
		append_sentence(out, psprintf("It had %s script, now %s.",
									  old ? psprintf("a %s", what) :
									  psprintf("no %s", what),
									  new ? "one" : "none"));
		return;
	}
	for (;; line++)
	{
		int			old_length = strcspn(old, "\n");
		int			new_length = strcspn(new, "\n");

		if (old_length != new_length || memcmp(old, new, old_length) != 0 ||
			old[old_length] != new[new_length])
		{
			int			old_text = old_length;
			int			new_text = new_length;

			if (old_text > 0 && old[old_text - 1] == '\r')
				old_text--;
			if (new_text > 0 && new[new_text - 1] == '\r')
				new_text--;
			if (old_text == new_text && memcmp(old, new, old_text) == 0)
				append_sentence(out, psprintf("Its %s script differs from line %d on in line ends only.",
											  what, line));
			else
				append_sentence(out, psprintf("Its %s script differs from line %d on: it was %s, now %s.",
											  what, line,
											  shown_line(old, old_text),
											  shown_line(new, new_text)));
			return;
		}
		old += old_length + 1;
		new += new_length + 1;
	}
}

/*
 * Describes the differences, one sentence a line, for an error's detail.
 */
char *
smig_revision_differences(const SmigRevision *old, const SmigRevision *new)
{
	StringInfoData out;

	initStringInfo(&out);
	if (strcmp(old->message, new->message) != 0)
		append_sentence(&out, psprintf("Its message was \"%s\", now \"%s\".",
									   old->message, new->message));
	compare_names(&out, "parents", old->parents, new->parents);
	compare_names(&out, "dependencies", old->depends_on, new->depends_on);
	compare_names(&out, "labels", old->labels, new->labels);
	compare_names(&out, "replaced revisions", old->replaces, new->replaces);
	compare_modes(&out, "up", old->up_mode, new->up_mode);
	compare_scripts(&out, "up", old->up, new->up);
	compare_modes(&out, "down", old->down_mode, new->down_mode);
	compare_scripts(&out, "down", old->down, new->down);
	return out.data;
}
