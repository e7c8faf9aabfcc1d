/*-------------------------------------------------------------------------
 *
 * flyway.c
 *	  Flyway: V1__init.sql, U1__init.sql, R__views.sql, and their settings.
 *
 * A versioned migration is a revision, its undo migration the down script.  A
 * repeatable migration is a revision with a checksum in its id: when its text
 * has changed, importing again makes a new revision behind all others, whose
 * down script is the text before.
 *
 * Settings are read from flyway.conf, *.properties and flyway.toml, those of
 * one script from SCRIPT.sql.conf.
 *
 * IDENTIFICATION
 *	  src/import/flyway.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "miscadmin.h"
#include "utils/builtins.h"

#include "import.h"

/* Hexadecimal digits of a checksum in the id of a repeatable migration. */
#define ID_DIGITS	8

/* Kinds of migrations. */
typedef enum FlywayKind
{
	FLYWAY_VERSIONED,
	FLYWAY_UNDO,
	FLYWAY_REPEATABLE,
	FLYWAY_BASELINE,
	FLYWAY_KINDS
} FlywayKind;

typedef struct FlywayFile
{
	ImportFile *file;
	const char *version;		/* as Flyway shows it; NULL: repeatable */
	const char *title;
	struct FlywayFile *undo;
} FlywayFile;

typedef struct Flyway
{
	Import	   *import;
	List	   *settings;		/* of ImportVariable *, without "flyway." */
	const char *prefixes[FLYWAY_KINDS];
	const char *separator;
	const char *placeholder_prefix;
	const char *placeholder_suffix;
	bool		placeholders;
	List	   *files[FLYWAY_KINDS];	/* of FlywayFile * */
} Flyway;

static const char *
setting(const Flyway *flyway, const char *name, const char *otherwise)
{
	const char *value = smig_import_variable(flyway->settings, name);

	return value ? value : otherwise;
}

/*
 * A setting's name without what the different files put in front of it.
 */
static const char *
plain_name(const char *name)
{
	static const char *const fronts[] = {"spring.", "quarkus.", "flyway."};

	for (int i = 0; i < lengthof(fronts); i++)
	{
		if (strncmp(name, fronts[i], strlen(fronts[i])) == 0)
			name += strlen(fronts[i]);
	}
	return name;
}

static void
read_settings(Flyway *flyway)
{
	ListCell   *lc;

	foreach(lc, flyway->import->files)
	{
		ImportFile *file = lfirst(lc);
		List	   *settings;
		ListCell   *lc2;

		if (strcmp(file->name, "flyway.conf") != 0 &&
			strcmp(file->name, "flyway.toml") != 0 &&
			!smig_import_has_suffix(file->name, ".properties"))
			continue;
		file->used = true;
		settings = smig_import_settings(file);
		foreach(lc2, settings)
		{
			ImportVariable *variable = lfirst(lc2);

			variable->name = plain_name(variable->name);
		}
		flyway->settings = list_concat(flyway->settings, settings);
	}
	flyway->prefixes[FLYWAY_VERSIONED] = setting(flyway, "sqlMigrationPrefix", "V");
	flyway->prefixes[FLYWAY_UNDO] = setting(flyway, "undoSqlMigrationPrefix", "U");
	flyway->prefixes[FLYWAY_REPEATABLE] =
		setting(flyway, "repeatableSqlMigrationPrefix", "R");
	flyway->prefixes[FLYWAY_BASELINE] =
		setting(flyway, "baselineMigrationPrefix", "B");
	flyway->separator = setting(flyway, "sqlMigrationSeparator", "__");
	flyway->placeholder_prefix = setting(flyway, "placeholderPrefix", "${");
	flyway->placeholder_suffix = setting(flyway, "placeholderSuffix", "}");
	flyway->placeholders = strcmp(setting(flyway, "placeholderReplacement",
										  "true"), "true") == 0;
}

/*
 * The version at the start of a name, "_" written as "."; NULL if it is none.
 */
static char *
version_of(const char *text, int length)
{
	char	   *version = pnstrdup(text, length);

	if (length == 0 || !isdigit((unsigned char) version[0]))
		return NULL;
	for (char *c = version; *c; c++)
	{
		if (*c == '_')
			*c = '.';
		if (*c != '.' && !isdigit((unsigned char) *c))
			return NULL;
	}
	return version;
}

/*
 * Compares two versions part by part; missing parts are 0.
 */
static int
compare_versions(const char *a, const char *b)
{
	while (*a || *b)
	{
		int			length_a = strcspn(a, ".");
		int			length_b = strcspn(b, ".");
		int			order = smig_import_compare_numbers(pnstrdup(a, length_a),
														pnstrdup(b, length_b));

		if (order != 0)
			return order;
		a += length_a + (a[length_a] ? 1 : 0);
		b += length_b + (b[length_b] ? 1 : 0);
	}
	return 0;
}

static int
compare_files(const ListCell *a, const ListCell *b)
{
	const FlywayFile *x = lfirst(a);
	const FlywayFile *y = lfirst(b);

	if (x->version)
		return compare_versions(x->version, y->version);
	return strcmp(x->title, y->title);
}

/*
 * Files that Flyway runs by itself at certain times.
 */
static bool
is_callback(const char *name)
{
	static const char *const events[] = {
		"beforeMigrate", "beforeEachMigrate", "beforeVersioned",
		"beforeRepeatables", "beforeUndo", "beforeEachUndo", "beforeClean",
		"beforeValidate", "beforeBaseline", "beforeRepair", "beforeInfo",
		"beforeConnect", "beforeCreateSchema", "afterMigrate",
		"afterEachMigrate", "afterVersioned", "afterRepeatables",
		"afterBaseline", "afterUndo", "afterEachUndo", "afterClean",
		"afterValidate", "afterRepair", "afterInfo", "afterConnect",
		"createSchema",
	};

	for (int i = 0; i < lengthof(events); i++)
	{
		int			length = strlen(events[i]);

		if (strncmp(name, events[i], length) == 0 &&
			!islower((unsigned char) name[length]))
			return true;
	}
	return false;
}

/*
 * Sorts a file in by its name; leaves alone what Flyway would.
 */
static void
read_name(Flyway *flyway, ImportFile *file)
{
	bool		sql = smig_import_has_suffix(file->name, ".sql");
	bool		program = smig_import_has_suffix(file->name, ".java") ||
		smig_import_has_suffix(file->name, ".kt") ||
		smig_import_has_suffix(file->name, ".class");
	const char *dot = strrchr(file->name, '.');

	if (!sql && !program)
		return;
	if (sql && is_callback(file->name))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" is a callback of Flyway, not a migration",
						file->name),
				 errhint("Leave it out of the source; what it changes in the schema can be a repeatable migration."),
				 smig_import_error_at(file->path, 0)));
	for (int kind = 0; kind < FLYWAY_KINDS; kind++)
	{
		const char *prefix = flyway->prefixes[kind];
		const char *from = file->name + strlen(prefix);
		const char *separator;
		FlywayFile *found;

		if (strncmp(file->name, prefix, strlen(prefix)) != 0)
			continue;
		separator = strstr(from, flyway->separator);
		if (separator == NULL)
			separator = dot;
		found = palloc0(sizeof(FlywayFile));
		found->file = file;
		found->version = version_of(from, separator - from);
		if (kind == FLYWAY_REPEATABLE ? separator != from || separator == dot :
			found->version == NULL)
			continue;
		if (program)
			smig_import_not_sql(file, "Flyway");
		from = separator == dot ? dot : separator + strlen(flyway->separator);
		found->title = pnstrdup(from, dot - from);
		flyway->files[kind] = lappend(flyway->files[kind], found);
		file->used = true;
		return;
	}
}

static void
refuse_twice(const FlywayFile *a, const FlywayFile *b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 a->version ?
			 errmsg("two migrations of Flyway have the version \"%s\"", a->version) :
			 errmsg("two repeatable migrations of Flyway are called \"%s\"",
					a->title),
			 errdetail("They are in \"%s\" and \"%s\".",
					   a->file->path, b->file->path),
			 errhint("Leave one of them out of the source.")));
}

static void
sort_files(Flyway *flyway)
{
	for (int kind = 0; kind < FLYWAY_KINDS; kind++)
	{
		FlywayFile *previous = NULL;
		ListCell   *lc;

		list_sort(flyway->files[kind], compare_files);
		foreach(lc, flyway->files[kind])
		{
			FlywayFile *file = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			if (previous && (file->version ?
							 compare_versions(previous->version, file->version) :
							 strcmp(previous->title, file->title)) == 0)
				refuse_twice(previous, file);
			previous = file;
		}
	}
}

/*
 * Gives undo migrations to those they undo.
 */
static void
join_undo(Flyway *flyway)
{
	ListCell   *lc = list_head(flyway->files[FLYWAY_VERSIONED]);
	ListCell   *lc2;

	foreach(lc2, flyway->files[FLYWAY_UNDO])
	{
		FlywayFile *undo = lfirst(lc2);

		while (lc && compare_versions(((FlywayFile *) lfirst(lc))->version,
									  undo->version) < 0)
			lc = lnext(flyway->files[FLYWAY_VERSIONED], lc);
		if (lc == NULL || compare_versions(((FlywayFile *) lfirst(lc))->version,
										   undo->version) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("undo migration \"%s\" has no versioned migration",
							undo->file->name),
					 errhint("Pass the migration that it undoes too."),
					 smig_import_error_at(undo->file->path, 0)));
		((FlywayFile *) lfirst(lc))->undo = undo;
	}
}

static const char *
placeholder_value(Flyway *flyway, const ImportFile *file, const char *name)
{
	const char *value;

	value = smig_import_variable(flyway->settings,
								 psprintf("placeholders.%s", name));
	if (value == NULL && strcmp(name, "flyway:filename") == 0)
		return file->name;
	if (value == NULL && strcmp(name, "flyway:defaultSchema") == 0)
		value = setting(flyway, "defaultSchema", setting(flyway, "schemas", NULL));
	if (value == NULL && strcmp(name, "flyway:table") == 0)
		value = setting(flyway, "table", "flyway_schema_history");
	return value;
}

/*
 * The text of a file with values for its placeholders.
 */
static char *
replace_placeholders(Flyway *flyway, const ImportFile *file)
{
	const char *prefix = flyway->placeholder_prefix;
	const char *suffix = flyway->placeholder_suffix;
	const char *from = file->text;
	const char *at;
	int			line = 1;
	StringInfoData out;

	initStringInfo(&out);
	while ((at = strstr(from, prefix)) != NULL)
	{
		const char *name = at + strlen(prefix);
		const char *end = strstr(name, suffix);
		const char *value;

		CHECK_FOR_INTERRUPTS();
		for (const char *c = from; c < at; c++)
		{
			if (*c == '\n')
				line++;
		}
		if (end == NULL)
			break;
		appendBinaryStringInfo(&out, from, at - from);
		value = placeholder_value(flyway, file, pnstrdup(name, end - name));
		if (value == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_PARAMETER),
					 errmsg("placeholder \"%.*s\" of Flyway has no value",
							(int) (end - name), name),
					 errhint("Pass a file \"flyway.conf\" with flyway.placeholders.%.*s=VALUE, or with flyway.placeholderReplacement=false, in the source.",
							 (int) (end - name), name),
					 smig_import_error_at(file->path, line)));
		appendStringInfoString(&out, value);
		from = end + strlen(suffix);
	}
	appendStringInfoString(&out, from);
	return out.data;
}

/*
 * Reads the script with what SCRIPT.conf says about it.
 */
static ImportScript *
read_script(Flyway *flyway, const ImportFile *file, SmigTransactionMode *mode)
{
	ImportFile *conf = smig_import_find_file(flyway->import,
											 psprintf("%s.conf", file->path));
	ImportScript *script = smig_import_script_begin();
	bool		placeholders = flyway->placeholders;
	const char *text = file->text;
	const char *value;

	*mode = SMIG_TRANSACTION_REVISION;
	value = setting(flyway, "executeInTransaction", "true");
	if (conf)
	{
		List	   *settings = smig_import_settings(conf);
		const char *of_script = smig_import_variable(settings,
													 "executeInTransaction");
		const char *replace = smig_import_variable(settings,
												   "placeholderReplacement");
		const char *execute = smig_import_variable(settings, "shouldExecute");

		conf->used = true;
		if (of_script)
			value = of_script;
		if (replace)
			placeholders = strcmp(replace, "true") == 0;
		if (execute && strcmp(execute, "true") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("\"shouldExecute=%s\" does not work in an import",
							execute),
					 errhint("Leave the migration out of the source, or its condition."),
					 smig_import_error_at(conf->path, 0)));
	}
	if (strcmp(value, "false") == 0)
		*mode = SMIG_TRANSACTION_NONE;
	if (placeholders && strstr(text, flyway->placeholder_prefix))
		text = replace_placeholders(flyway, file);
	smig_import_script_add(flyway->import, script, file, 1, text, strlen(text));
	return script;
}

static void
add_versioned(Flyway *flyway, const FlywayFile *file)
{
	SmigTransactionMode mode;
	ImportItem *item = smig_import_item_add(flyway->import, file->version,
											smig_import_words(file->title));
	ImportScript *script = read_script(flyway, file->file, &mode);

	smig_import_item_up(item, script, mode);
	if (file->undo)
	{
		script = read_script(flyway, file->undo->file, &mode);
		smig_import_item_down(item, script, mode);
	}
	smig_import_item_origin(flyway->import, item, file->version, file->file);
}

/*
 * The latest revision that a repeatable migration has become, or NULL.
 */
static SmigRevision *
latest_of(Flyway *flyway, List *origins, const FlywayFile *file)
{
	const char *latest = NULL;
	ListCell   *lc;

	foreach(lc, origins)
	{
		const ImportOrigin *origin = lfirst(lc);
		const char *slash;

		if (origin->version || origin->file == NULL ||
			strcmp(origin->tool, flyway->import->tool->name) != 0)
			continue;
		slash = strrchr(origin->file, '/');
		if (strcmp(slash ? slash + 1 : origin->file, file->file->name) == 0)
			latest = origin->revision;
	}
	return latest ? smig_store_get_revision(latest) : NULL;
}

static void
add_repeatable(Flyway *flyway, List *origins, const FlywayFile *file)
{
	SmigTransactionMode mode;
	ImportScript *script = read_script(flyway, file->file, &mode);
	char	   *checksum = smig_import_checksum_sha256(script->text.data);
	char	   *id = psprintf("%s%s%s.%.*s", flyway->prefixes[FLYWAY_REPEATABLE],
							  flyway->separator, file->title, ID_DIGITS, checksum);
	SmigRevision *latest = latest_of(flyway, origins, file);
	bool		same = latest && strcmp(latest->up, script->text.data) == 0 &&
		latest->up_mode == mode;
	ImportItem *item;

	/* back to a text that was there before */
	for (int n = 2; !same && smig_graph_find(flyway->import->writer->graph,
											 smig_import_legal_id(id)); n++)
		id = psprintf("%s%s%s.%.*s.%d", flyway->prefixes[FLYWAY_REPEATABLE],
					  flyway->separator, file->title, ID_DIGITS, checksum, n);
	item = smig_import_item_add(flyway->import, same ? latest->id : id,
								smig_import_words(file->title));
	smig_import_item_up(item, script, mode);
	if (same)
	{
		item->revision->message = latest->message;
		item->revision->down = latest->down;
		item->revision->down_mode = latest->down_mode;
	}
	else if (latest)
	{
		item->revision->down = latest->up;
		item->revision->down_mode = latest->up_mode;
	}
	smig_import_item_origin(flyway->import, item, NULL, file->file);
}

/*
 * A baseline migration stands for all up to its version; with them it is not
 * needed.
 */
static void
add_baseline(Flyway *flyway)
{
	FlywayFile *baseline;
	ListCell   *lc;

	if (flyway->files[FLYWAY_BASELINE] == NIL)
		return;
	baseline = llast(flyway->files[FLYWAY_BASELINE]);
	foreach(lc, flyway->files[FLYWAY_VERSIONED])
	{
		FlywayFile *file = lfirst(lc);

		if (compare_versions(file->version, baseline->version) > 0)
			break;
		ereport(NOTICE,
				(errmsg("baseline migration \"%s\" was left out",
						baseline->file->name),
				 errdetail("The migrations that it stands for are in the source, \"%s\" first.",
						   file->file->name)));
		return;
	}
	add_versioned(flyway, baseline);
}

/*
 * Reads the files of Flyway.
 */
void
smig_import_flyway_read(Import *import)
{
	Flyway		flyway = {import};
	List	   *origins = smig_import_origins();
	ListCell   *lc;

	read_settings(&flyway);
	foreach(lc, import->files)
		read_name(&flyway, lfirst(lc));
	sort_files(&flyway);
	join_undo(&flyway);
	add_baseline(&flyway);
	foreach(lc, flyway.files[FLYWAY_VERSIONED])
		add_versioned(&flyway, lfirst(lc));
	foreach(lc, flyway.files[FLYWAY_REPEATABLE])
		add_repeatable(&flyway, origins, lfirst(lc));
}
