/*-------------------------------------------------------------------------
 *
 * alembic.c
 *	  Alembic: the output of "alembic upgrade base:head --sql" and
 *	  "alembic downgrade head:base --sql".
 *
 * A comment begins each revision and names its parents:
 *
 *		-- Running upgrade 27c6a30d7c24, 869cae4d7a05 -> ff1ad6ee6d3b
 *
 * and the statements that keep Alembic's own table end it.  These are known by
 * their form, whatever the table is called; a revision without them was not
 * rendered to its end.  Which heads they replace tells dependencies that the
 * comment does not (alembic/runtime/migration.py, HeadMaintainer).
 *
 * Whatever Alembic cannot render offline is told, never guessed.
 *
 * IDENTIFICATION
 *	  src/import/alembic.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"
#include "utils/hsearch.h"

#include "alembic.h"

#define UPGRADE_MARK	"-- Running upgrade "
#define DOWNGRADE_MARK	"-- Running downgrade "
#define LOG_MARK		"Running upgrade "
#define ARROW			" -> "
#define TRACEBACK		"Traceback (most recent call last)"

/* Revisions that a warning lists before it abbreviates. */
#define LISTED_REVISIONS	20

/*
 * For use inside ereport().
 */
int
smig_alembic_error_at(const AlembicOutput *output, int line)
{
	return smig_import_error_at(output->name, line);
}

/*
 * Ids between commas, as they are in the database.
 */
static List *
split_ids(char *text)
{
	List	   *ids = NIL;
	char	   *state;

	for (char *id = strtok_r(text, ", ", &state); id != NULL;
		 id = strtok_r(NULL, ", ", &state))
		ids = lappend(ids, id);
	return ids;
}

/*
 * Reads "a, b -> c" behind a mark; NULL if it is something else.
 */
static AlembicSection *
read_mark(AlembicOutput *output, const ImportLine *line, const char *mark)
{
	AlembicSection *section = palloc0(sizeof(AlembicSection));
	char	   *text = pnstrdup(line->start, line->length);
	char	   *arrow = strstr(text, ARROW);
	char	   *left = text + strlen(mark);
	char	   *right;
	char	   *comma;

	/* base has no name, and the line may have lost the blank at its end */
	if (arrow == NULL && smig_import_has_suffix(text, " ->"))
		arrow = text + strlen(text) - 3;
	if (arrow == NULL)
		return NULL;
	right = arrow + Min(strlen(arrow), strlen(ARROW));
	*arrow = '\0';
	if (output->revert)
	{
		section->id = pstrdup(left);
		section->others = split_ids(right);
	}
	else
	{
		comma = strstr(right, ", ");
		if (comma)
		{
			*comma = '\0';
			section->message = comma + 2;
		}
		section->id = pstrdup(right);
		section->others = split_ids(left);
	}
	section->line = line->number + 1;
	section->start = line->next;
	return section;
}

/*
 * Alembic's log goes to standard error; who has it in the same file gives us
 * the messages.
 */
static bool
read_log(AlembicOutput *output, const ImportLine *line)
{
	char	   *text = pnstrdup(line->start, line->length);
	int			level = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	char	   *bracket = text + level + strspn(text + level, " ");
	char	   *mark;
	char	   *arrow;
	char	   *comma;

	if (level == 0 || *bracket != '[' || bracket == text + level)
		return false;
	mark = strstr(bracket, "] " LOG_MARK);
	arrow = mark ? strstr(mark, ARROW) : NULL;
	comma = arrow ? strstr(arrow, ", ") : NULL;
	if (comma)
	{
		*comma = '\0';
		output->messages =
			smig_import_variable_add(output->messages,
									 arrow + strlen(ARROW), comma + 2);
	}
	return true;
}

/*
 * Cuts the output into sections.  Lines of the log become empty ones.
 */
static void
cut_sections(AlembicOutput *output)
{
	const char *mark = output->revert ? DOWNGRADE_MARK : UPGRADE_MARK;
	AlembicSection *section = palloc0(sizeof(AlembicSection));
	ImportLine	line;

	section->line = 1;
	section->start = output->text;
	output->preamble = section;
	smig_import_line_begin(&line, output->text);
	while (smig_import_line_next(&line))
	{
		AlembicSection *next = NULL;
		bool		stop = strncmp(line.start, TRACEBACK, strlen(TRACEBACK)) == 0;

		if (strncmp(line.start, mark, strlen(mark)) == 0)
			next = read_mark(output, &line, mark);
		else if (stop || read_log(output, &line))
			memset(unconstify(char *, line.start), ' ', line.length);
		if (next || stop)
		{
			section->end = line.start;
			if (next)
				output->sections = lappend(output->sections, next);
			section = next;
		}
		if (stop)
			break;
	}
	if (section)
		section->end = line.next;
}

/*
 * Alembic doubles "%" when the driver's parameters are written with it, and
 * then all of them.
 */
static bool
has_doubled_percents(const char *text, bool *any)
{
	while (*text)
	{
		int			run = strspn(text, "%");

		if (run % 2 != 0)
			return false;
		*any = *any || run > 0;
		text += run > 0 ? run : strcspn(text, "%");
	}
	return true;
}

static char *
halve_percents(const char *text)
{
	char	   *result = palloc(strlen(text) + 1);
	char	   *to = result;

	for (; *text; text++)
	{
		*to++ = *text;
		if (text[0] == '%')
			text++;
	}
	*to = '\0';
	return result;
}

static void
check_percents(Import *import, AlembicOutput *up, AlembicOutput *down)
{
	bool		any = false;

	if (!has_doubled_percents(up->text, &any) ||
		(down && !has_doubled_percents(down->text, &any)) || !any)
		return;
	up->text = halve_percents(up->text);
	if (down)
		down->text = halve_percents(down->text);
	ereport(NOTICE,
			(errmsg("each \"%%%%\" was taken for a percent sign that Alembic has doubled"),
			 errdetail("No percent sign in the source stands alone."),
			 errhint("With dialect_opts={\"paramstyle\": \"named\"} in env.py Alembic leaves them as they are.")));
}

static void
refuse_incomplete(AlembicOutput *output, const AlembicSection *section)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("revision \"%s\" is not complete: Alembic could not render it offline",
					section->id),
			 errdetail("The statements that write its version are missing. A revision that asks the database what to do has no offline form."),
			 errhint("Import what comes before it, write it by hand with schemamig_revision(), then import \"alembic upgrade %s:head --sql\".",
					 section->id),
			 smig_alembic_error_at(output, section->line - 1)));
}

/*
 * The script of a section: what its revision does, without Alembic's
 * bookkeeping.  NULL if it is not complete.
 */
static ImportScript *
section_script(AlembicOutput *output, AlembicSection *section)
{
	ImportScript *script = smig_import_script_begin();
	int			line = section->line;
	const char *start;
	const char *newline;

	if (!smig_alembic_read_section(output, section))
		return NULL;
	start = section->start;
	if (output->first_prefix)
		smig_import_script_raw(script, output->first_prefix,
							   strlen(output->first_prefix));
	output->first_prefix = NULL;
	if (output->prefix)
		smig_import_script_raw(script, output->prefix, strlen(output->prefix));
	while ((newline = strchr(start, '\n')) != NULL && newline < section->body_end &&
		   smig_import_is_blank(start, newline - start))
	{
		start = newline + 1;
		line++;
	}
	while (section->body_end > start &&
		   isspace((unsigned char) section->body_end[-1]))
		section->body_end--;
	smig_import_script_from(script, output->name, line);
	smig_import_script_raw(script, start, section->body_end - start);
	return script;
}

static void
add_revision(Import *import, AlembicOutput *output, AlembicSection *section)
{
	const char *message = smig_import_variable(output->messages, section->id);
	ImportScript *script = section_script(output, section);
	ImportItem *item;
	ListCell   *lc;

	if (script == NULL)
		refuse_incomplete(output, section);
	if (message == NULL)
		message = section->message ? section->message : "";
	item = smig_import_item_add(import, section->id, message);
	item->version = section->id;
	item->revision->parents_given = true;
	foreach(lc, section->others)
		item->revision->parents = lappend(item->revision->parents,
										  smig_import_legal_id(lfirst(lc)));
	foreach(lc, section->replaced)
	{
		char	   *id = smig_import_legal_id(lfirst(lc));
		bool		known = strcmp(id, item->revision->id) == 0;
		ListCell   *lc2;

		foreach(lc2, item->revision->parents)
			known = known || strcmp(lfirst(lc2), id) == 0;
		if (!known)
			item->revision->depends_on = lappend(item->revision->depends_on, id);
	}
	smig_import_item_up(item, script, SMIG_TRANSACTION_REVISION);
}

typedef struct AlembicDown
{
	char		id[256];		/* hash key: of the revision */
	AlembicSection *section;
} AlembicDown;

/*
 * Gives each revision its down script, as far as Alembic could render it.
 */
static void
add_downs(Import *import, AlembicOutput *output)
{
	HASHCTL		control = {0};
	HTAB	   *downs;
	StringInfoData missing;
	int			count = 0;
	ListCell   *lc;

	control.keysize = sizeof(((AlembicDown *) NULL)->id);
	control.entrysize = sizeof(AlembicDown);
	control.hcxt = CurrentMemoryContext;
	downs = hash_create("schemamig Alembic downgrades", 256, &control,
						HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	foreach(lc, output->sections)
	{
		AlembicSection *section = lfirst(lc);
		AlembicDown *down = hash_search(downs, section->id, HASH_ENTER, NULL);

		down->section = section;
	}
	initStringInfo(&missing);
	foreach(lc, import->items)
	{
		ImportItem *item = lfirst(lc);
		AlembicDown *down = hash_search(downs, item->version, HASH_FIND, NULL);
		ImportScript *script = NULL;

		CHECK_FOR_INTERRUPTS();
		if (down)
			script = section_script(output, down->section);
		if (script)
			smig_import_item_down(item, script, SMIG_TRANSACTION_REVISION);
		else if (count++ < LISTED_REVISIONS)
			appendStringInfo(&missing, "%s%s", count > 1 ? ", " : "",
							 item->revision->id);
	}
	hash_destroy(downs);
	if (count == 0)
		return;
	if (count > LISTED_REVISIONS)
		appendStringInfoString(&missing, ", ...");
	ereport(WARNING,
			(errmsg_plural("%d revision cannot be undone: its downgrade is not in the output",
						   "%d revisions cannot be undone: their downgrades are not in the output",
						   count, count),
			 errdetail_internal("%s", missing.data),
			 errhint("Alembic stops at the first downgrade that it cannot render; render what comes after with another range, or give down scripts with schemamig_replace().")));
}

/*
 * Reads Alembic's output.
 */
void
smig_import_alembic_read(Import *import)
{
	AlembicOutput up = {0};
	AlembicOutput down = {0};
	ListCell   *lc;

	up.name = "source";
	up.text = pstrdup(smig_import_skip_mark(import->up));
	down.name = "down";
	down.revert = true;
	if (import->down)
		down.text = pstrdup(smig_import_skip_mark(import->down));
	check_percents(import, &up, import->down ? &down : NULL);
	cut_sections(&up);
	if (up.sections == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source is not the output of \"alembic upgrade --sql\""),
				 errdetail("It has no line \"%s...\".", UPGRADE_MARK),
				 errhint("Pass the output of: alembic upgrade base:head --sql")));
	smig_alembic_read_preamble(&up);
	foreach(lc, up.sections)
		add_revision(import, &up, lfirst(lc));
	if (import->down == NULL)
		return;
	cut_sections(&down);
	if (down.sections == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("down is not the output of \"alembic downgrade --sql\""),
				 errdetail("It has no line \"%s...\".", DOWNGRADE_MARK),
				 errhint("Pass the output of: alembic downgrade head:base --sql")));
	smig_alembic_read_preamble(&down);
	add_downs(import, &down);
}
