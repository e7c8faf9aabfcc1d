/*-------------------------------------------------------------------------
 *
 * sqitch.c
 *	  sqitch: sqitch.plan with the scripts in deploy and revert.
 *
 * Changes follow each other as in the plan; what a change requires, it depends
 * on.  A change that is reworked is there several times: the first has the
 * plain name, the next NAME.2.  Their scripts are NAME@TAG.sql but for the
 * last.  psql runs the scripts, so each statement outside of BEGIN and COMMIT
 * commits by itself.
 *
 * The version in schemamig.origin is sqitch's change id, which it computes from
 * the plan (App::Sqitch::Plan::Change).
 *
 * IDENTIFICATION
 *	  src/import/sqitch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"
#include "utils/hsearch.h"

#include "import.h"

#define PLAN_NAME	"sqitch.plan"

/* A change of the plan. */
typedef struct SqitchChange
{
	const char *name;
	const char *id;				/* of the revision */
	const char *change_id;		/* sqitch's, 40 hexadecimal digits */
	List	   *requires;		/* of char * */
	List	   *conflicts;		/* of char * */
	const char *timestamp;
	const char *planner;
	const char *note;
	List	   *tags;			/* of char *, without "@" */
	int			line;
	int			index;
	struct SqitchChange *previous;	/* of the same name */
	struct SqitchChange *next;	/* of the same name */
} SqitchChange;

typedef struct SqitchPlan
{
	Import	   *import;
	ImportFile *file;
	const char *project;
	const char *uri;
	const char *top;			/* directory of the scripts, "/" at its end */
	const char *extension;
	List	   *changes;		/* of SqitchChange * */
	HTAB	   *by_name;		/* last change of a name so far */
	HTAB	   *by_tag;
} SqitchPlan;

typedef struct SqitchName
{
	char		name[256];		/* hash key */
	SqitchChange *change;
} SqitchName;

static void
refuse_line(SqitchPlan *plan, int line, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("cannot read the plan of sqitch"),
			 errdetail_internal("%s", what),
			 errhint("\"sqitch plan\" says more."),
			 smig_import_error_at(plan->file->path, line)));
}

static HTAB *
name_table(const char *what)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(((SqitchName *) NULL)->name);
	control.entrysize = sizeof(SqitchName);
	control.hcxt = CurrentMemoryContext;
	return hash_create(what, 256, &control,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static SqitchChange *
look_up(HTAB *table, const char *name)
{
	SqitchName *entry = hash_search(table, name, HASH_FIND, NULL);

	return entry ? entry->change : NULL;
}

static void
enter(SqitchPlan *plan, HTAB *table, const char *name, SqitchChange *change)
{
	SqitchName *entry;

	if (strlen(name) >= sizeof(entry->name))
		refuse_line(plan, change->line, "A name is longer than 255 bytes.");
	entry = hash_search(table, name, HASH_ENTER, NULL);
	entry->change = change;
}

/*
 * A note as it is meant: \n, \r and \\ stand for characters.
 */
static char *
unescape_note(const char *note)
{
	StringInfoData out;

	initStringInfo(&out);
	for (; *note; note++)
	{
		if (note[0] == '\\' && note[1] && strchr("nr\\", note[1]))
		{
			note++;
			appendStringInfoChar(&out, *note == 'n' ? '\n' :
								 *note == 'r' ? '\r' : '\\');
		}
		else
			appendStringInfoChar(&out, *note);
	}
	return out.data;
}

/*
 * Cuts "# note" off a line and returns the note; NULL if it has none.
 */
static char *
cut_note(char *text)
{
	char	   *hash = strchr(text, '#');
	char	   *note;
	char	   *end;

	if (hash == NULL)
		return NULL;
	note = hash + 1;
	note += strspn(note, " \t");
	while (hash > text && (hash[-1] == ' ' || hash[-1] == '\t'))
		hash--;
	*hash = '\0';
	end = note + strlen(note);
	while (end > note && isspace((unsigned char) end[-1]))
		*--end = '\0';
	return unescape_note(note);
}

static void
read_pragma(SqitchPlan *plan, char *text)
{
	char	   *value = strchr(text, '=');

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(text, "%project") == 0)
		plan->project = pstrdup(value);
	else if (strcmp(text, "%uri") == 0)
		plan->uri = pstrdup(value);
}

/*
 * Splits "[a b !c]" at *text into requirements and conflicts.
 */
static void
read_dependencies(SqitchPlan *plan, SqitchChange *change, char **text)
{
	char	   *end = strchr(*text, ']');
	char	   *state;

	if (end == NULL)
		refuse_line(plan, change->line, "A list of dependencies has no end.");
	*end = '\0';
	for (char *name = strtok_r(*text + 1, " \t", &state); name != NULL;
		 name = strtok_r(NULL, " \t", &state))
	{
		if (name[0] == '!')
			change->conflicts = lappend(change->conflicts, name + 1);
		else
			change->requires = lappend(change->requires, name);
	}
	*text = end + 1;
}

static void
read_change(SqitchPlan *plan, char *text, const char *note, int line)
{
	SqitchChange *change = palloc0(sizeof(SqitchChange));
	char	   *at;
	int			instance = 1;

	if (text[0] == '-')
		refuse_line(plan, line, "Changes that revert others are not known.");
	if (text[0] == '+')
		text += 1 + strspn(text + 1, " \t");
	at = text + strcspn(text, " \t");
	change->name = pnstrdup(text, at - text);
	change->line = line;
	change->note = note;
	change->index = list_length(plan->changes);
	at += strspn(at, " \t");
	if (*at == '[')
		read_dependencies(plan, change, &at);
	at += strspn(at, " \t");
	change->timestamp = pnstrdup(at, strcspn(at, " \t"));
	at += strcspn(at, " \t");
	change->planner = pstrdup(at + strspn(at, " \t"));
	if (!isdigit((unsigned char) change->timestamp[0]) ||
		strchr(change->planner, '<') == NULL)
		refuse_line(plan, line, "A change has no time or no planner.");

	change->previous = look_up(plan->by_name, change->name);
	for (SqitchChange *other = change->previous; other; other = other->previous)
		instance++;
	if (change->previous)
		change->previous->next = change;
	change->id = instance == 1 ? change->name :
		psprintf("%s.%d", change->name, instance);
	enter(plan, plan->by_name, change->name, change);
	plan->changes = lappend(plan->changes, change);
}

static void
read_tag(SqitchPlan *plan, const char *text, int line)
{
	SqitchChange *change = plan->changes ? llast(plan->changes) : NULL;
	char	   *tag = pnstrdup(text, strcspn(text, " \t"));

	if (change == NULL)
		refuse_line(plan, line, "A tag stands before the first change.");
	change->tags = lappend(change->tags, tag);
	enter(plan, plan->by_tag, tag, change);
}

/*
 * The change of this name that was the last one at a tag; any tag for NULL.
 */
static SqitchChange *
change_at(SqitchPlan *plan, const char *name, const char *tag,
		  const SqitchChange *before)
{
	SqitchChange *tagged = tag ? look_up(plan->by_tag, tag) : NULL;
	SqitchChange *change;
	int			limit = tagged ? tagged->index : before->index - 1;

	if (tag && (tagged == NULL || name[0] == '\0'))
		return tagged;
	change = look_up(plan->by_name, name);
	while (change && change->index > limit)
		change = change->previous;
	return change;
}

/*
 * Finds what a dependency of "change" means; NULL if this plan has no such
 * change before it.
 */
static SqitchChange *
find_dependency(SqitchPlan *plan, const char *dependency,
				const SqitchChange *change)
{
	const char *at = strchr(dependency, '@');
	char	   *name = at ? pnstrdup(dependency, at - dependency) :
		pstrdup(dependency);
	SqitchChange *found = change_at(plan, name, at ? at + 1 : NULL, change);

	if (found == NULL && !at && strlen(name) == 40)
	{
		ListCell   *lc;

		foreach(lc, plan->changes)
		{
			SqitchChange *other = lfirst(lc);

			if (other->change_id && strcmp(other->change_id, name) == 0)
				return other;
		}
	}
	return found && found->index < change->index ? found : NULL;
}

/*
 * The dependency without the project's own name in front of it.
 */
static const char *
own_dependency(const SqitchPlan *plan, const char *dependency)
{
	int			length = strlen(plan->project);

	if (strncmp(dependency, plan->project, length) == 0 &&
		dependency[length] == ':')
		return dependency + length + 1;
	return dependency;
}

/*
 * Id of the revision that "project:change" is, if that was imported before.
 */
static char *
find_foreign(SqitchPlan *plan, const char *dependency)
{
	const char *name = strchr(dependency, ':') + 1;
	char	   *id = smig_import_legal_id(pnstrdup(name, strcspn(name, "@")));

	return smig_graph_find(plan->import->writer->graph, id) ? id : NULL;
}

/*
 * The change of another project, imported before: its revision.
 */
static char *
foreign_revision(SqitchPlan *plan, const SqitchChange *change,
				 const char *dependency)
{
	char	   *id = find_foreign(plan, dependency);

	if (id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("change \"%s\" requires \"%s\", which is not there",
						change->name, dependency),
				 errhint("Import the plan of that project first."),
				 smig_import_error_at(plan->file->path, change->line)));
	return id;
}

static List *
revisions_required(SqitchPlan *plan, const SqitchChange *change)
{
	List	   *ids = NIL;
	ListCell   *lc;

	foreach(lc, change->requires)
	{
		const char *dependency = own_dependency(plan, lfirst(lc));
		SqitchChange *required;
		char	   *id;
		bool		known = false;
		ListCell   *lc2;

		if (strchr(dependency, ':'))
			id = foreign_revision(plan, change, dependency);
		else
		{
			required = find_dependency(plan, dependency, change);
			if (required == NULL)
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_OBJECT),
						 errmsg("change \"%s\" requires \"%s\", which is not before it in the plan",
								change->name, dependency),
						 errhint("Correct the plan of sqitch."),
						 smig_import_error_at(plan->file->path, change->line)));
			id = smig_import_legal_id(required->id);
		}
		foreach(lc2, ids)
			known = known || strcmp(lfirst(lc2), id) == 0;
		if (!known)
			ids = lappend(ids, id);
	}
	return ids;
}

static void
check_conflicts(SqitchPlan *plan, const SqitchChange *change)
{
	ListCell   *lc;

	foreach(lc, change->conflicts)
	{
		const char *dependency = own_dependency(plan, lfirst(lc));
		bool		there;

		if (strchr(dependency, ':'))
			there = find_foreign(plan, dependency) != NULL;
		else
			there = find_dependency(plan, dependency, change) != NULL;
		if (there)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("change \"%s\" conflicts with \"%s\", which runs before it",
							change->name, dependency),
					 errhint("sqitch refuses to deploy this plan as well; correct it."),
					 smig_import_error_at(plan->file->path, change->line)));
	}
}

static void
append_list(StringInfo out, const char *title, const char *sign, List *names,
			const SqitchPlan *plan)
{
	ListCell   *lc;

	if (names == NIL)
		return;
	appendStringInfo(out, "\n%s", title);
	foreach(lc, names)
		appendStringInfo(out, "\n  %s %s", sign, own_dependency(plan, lfirst(lc)));
}

/*
 * The change id, as sqitch computes it; it covers that of the parent.
 */
static char *
compute_change_id(const SqitchPlan *plan, const SqitchChange *change,
				  const SqitchChange *parent)
{
	StringInfoData info;

	initStringInfo(&info);
	appendStringInfo(&info, "project %s", plan->project);
	if (plan->uri)
		appendStringInfo(&info, "\nuri %s", plan->uri);
	appendStringInfo(&info, "\nchange %s", change->name);
	if (parent)
		appendStringInfo(&info, "\nparent %s", parent->change_id);
	appendStringInfo(&info, "\nplanner %s\ndate %s", change->planner,
					 change->timestamp);
	append_list(&info, "requires", "+", change->requires, plan);
	append_list(&info, "conflicts", "-", change->conflicts, plan);
	if (change->note && change->note[0])
		appendStringInfo(&info, "\n\n%s", change->note);
	return smig_import_checksum_object("change", info.data);
}

/*
 * The script of a change in "deploy" or "revert"; NULL if it is not there.
 */
static ImportFile *
script_file(SqitchPlan *plan, const SqitchChange *change, const char *kind)
{
	List	   *names = NIL;
	ListCell   *lc;

	for (int i = change->index; change->next && i < change->next->index; i++)
	{
		SqitchChange *other = list_nth(plan->changes, i);

		foreach(lc, other->tags)
			names = lappend(names, psprintf("%s@%s", change->name,
											(char *) lfirst(lc)));
	}
	if (change->next == NULL)
		names = list_make1(unconstify(char *, change->name));
	foreach(lc, names)
	{
		char	   *path = psprintf("%s/%s.%s", kind, (char *) lfirst(lc),
									plan->extension);
		ImportFile *file;

		file = smig_import_find_file(plan->import,
									 psprintf("%s%s", plan->top, path));
		if (file == NULL)
			file = smig_import_find_suffix(plan->import, path);
		if (file)
			return file;
	}
	return NULL;
}

static void
add_change(SqitchPlan *plan, SqitchChange *change)
{
	Import	   *import = plan->import;
	const char *note = change->note ? change->note : "";
	ImportFile *deploy = script_file(plan, change, "deploy");
	ImportFile *revert = script_file(plan, change, "revert");
	ImportFile *verify = script_file(plan, change, "verify");
	ImportItem *item;

	if (deploy == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("change \"%s\" of sqitch has no deploy script in the source",
						change->name),
				 change->next ? errdetail("It is reworked later, so its script is that of a tag, \"%s@TAG.%s\".",
										  change->name, plan->extension) : 0,
				 errhint("Pass all files of deploy and revert together with the plan."),
				 smig_import_error_at(plan->file->path, change->line)));
	item = smig_import_item_add(import, change->id,
								note[0] ? pnstrdup(note, strcspn(note, "\r\n")) :
								change->name);
	item->revision->depends_on = revisions_required(plan, change);
	smig_import_whole_file(import, item, deploy, false, SMIG_TRANSACTION_NONE);
	if (revert)
		smig_import_whole_file(import, item, revert, true,
							   SMIG_TRANSACTION_NONE);
	if (verify)
		verify->used = true;
	smig_import_item_origin(import, item, change->change_id, deploy);
}

/*
 * Directory and psql variables, from sqitch.conf.
 */
static void
read_configuration(SqitchPlan *plan)
{
	static const char *const sections[] = {
		"deploy.variables.", "engine.pg.variables.", "core.variables.",
	};
	ImportFile *file = smig_import_find_suffix(plan->import, "sqitch.conf");
	List	   *settings = file ? smig_import_settings(file) : NIL;
	const char *top = smig_import_variable(settings, "core.top_dir");
	const char *extension = smig_import_variable(settings, "core.extension");
	const char *registry = smig_import_variable(settings, "engine.pg.registry");
	List	   *variables = NIL;
	ListCell   *lc;

	plan->top = smig_import_directory(plan->file);
	plan->extension = extension ? extension : "sql";
	if (file)
		file->used = true;
	if (file && top && strcmp(top, ".") != 0)
		plan->top = psprintf("%s%s/", smig_import_directory(file), top);
	variables = smig_import_variable_set(variables, "registry",
										 registry ? registry : "sqitch");
	foreach(lc, settings)
	{
		ImportVariable *variable = lfirst(lc);

		for (int i = lengthof(sections) - 1; i >= 0; i--)
		{
			if (strncmp(variable->name, sections[i], strlen(sections[i])) == 0)
				variables = smig_import_variable_set(variables,
													 variable->name + strlen(sections[i]),
													 variable->value);
		}
	}
	plan->import->variables = variables;
}

static void
read_plan(SqitchPlan *plan)
{
	ImportLine	line;

	smig_import_line_begin(&line, plan->file->text);
	while (smig_import_line_next(&line))
	{
		char	   *text = smig_import_line_text(&line);
		char	   *note = cut_note(text);

		if (text[0] == '\0')
			continue;
		if (text[0] == '%')
			read_pragma(plan, text);
		else if (plan->project == NULL)
			refuse_line(plan, line.number, "There is no %project before it.");
		else if (text[0] == '@')
			read_tag(plan, text + 1, line.number);
		else
			read_change(plan, text, note, line.number);
	}
}

/*
 * Reads a project of sqitch.
 */
void
smig_import_sqitch_read(Import *import)
{
	SqitchPlan	plan = {import};
	SqitchChange *parent = NULL;
	ListCell   *lc;

	plan.file = smig_import_find_suffix(import, PLAN_NAME);
	foreach(lc, import->files)
	{
		if (plan.file == NULL &&
			smig_import_has_suffix(((ImportFile *) lfirst(lc))->name, ".plan"))
			plan.file = lfirst(lc);
	}
	if (plan.file == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("there is no %s in the source, or more than one", PLAN_NAME),
				 errhint("Pass one project at a time, with its plan.")));
	plan.file->used = true;
	plan.by_name = name_table("schemamig sqitch changes");
	plan.by_tag = name_table("schemamig sqitch tags");
	read_configuration(&plan);
	read_plan(&plan);
	foreach(lc, plan.changes)
	{
		SqitchChange *change = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		change->change_id = compute_change_id(&plan, change, parent);
		parent = change;
		check_conflicts(&plan, change);
		add_change(&plan, change);
	}
}
