/*-------------------------------------------------------------------------
 *
 * source.c
 *	  The files a client passes: names and contents as JSON.
 *
 *		{"V1__init.sql": "CREATE TABLE ...", ...}
 *		[{"name": "V1__init.sql", "content": "CREATE TABLE ..."}, ...]
 *
 * Names are paths below any directory; of an array's objects "path" and "file"
 * serve as "name", "text" and "sql" as "content".
 *
 * IDENTIFICATION
 *	  src/import/source.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "import.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

static const char *const name_keys[] = {"name", "path", "file", "filename"};
static const char *const content_keys[] = {"content", "text", "sql", "contents"};

/*
 * For use inside ereport(): says where in the source the error is.
 */
int
smig_import_error_at(const char *file, int line)
{
	if (line > 0)
		errcontext("file \"%s\", line %d", file, line);
	else
		errcontext("file \"%s\"", file);
	return 0;
}

/*
 * Skips a byte order mark.
 */
const char *
smig_import_skip_mark(const char *text)
{
	if (GetDatabaseEncoding() == PG_UTF8 &&
		strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		return text + strlen(BYTE_ORDER_MARK);
	return text;
}

/*
 * A path with "/" between its parts and without "." among them.
 */
static char *
plain_path(const char *path)
{
	StringInfoData out;

	initStringInfo(&out);
	while (*path)
	{
		const char *end = path + strcspn(path, "/\\");
		int			length = end - path;

		if (length == 2 && strncmp(path, "..", 2) == 0 && out.len > 1)
		{
			out.data[--out.len] = '\0';
			while (out.len > 0 && out.data[out.len - 1] != '/')
				out.data[--out.len] = '\0';
		}
		else if (length > 0 && !(length == 1 && *path == '.'))
		{
			appendBinaryStringInfo(&out, path, length);
			if (*end)
				appendStringInfoChar(&out, '/');
		}
		path = *end ? end + 1 : end;
	}
	return out.data;
}

static void
refuse_source(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("source is not a set of files"),
			 errdetail_internal("%s", detail),
			 errhint("Pass JSON like {\"001_init.up.sql\": \"CREATE TABLE ...\"} or [{\"name\": ..., \"content\": ...}].")));
}

static List *
add_file(List *files, const char *path, const char *text)
{
	ImportFile *file = palloc0(sizeof(ImportFile));
	const char *slash;

	file->path = plain_path(path);
	if (file->path[0] == '\0')
		refuse_source("A file has no name.");
	slash = strrchr(file->path, '/');
	file->name = slash ? slash + 1 : file->path;
	file->text = smig_import_skip_mark(text);
	return lappend(files, file);
}

static char *
value_text(const JsonbValue *value)
{
	if (value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/*
 * The value of the first of some keys; NULL if none is there.
 */
static char *
value_of_keys(JsonbContainer *object, const char *const *keys, int count)
{
	for (int i = 0; i < count; i++)
	{
		JsonbValue *value = getKeyJsonValueFromContainer(object, keys[i],
														 strlen(keys[i]), NULL);

		if (value)
			return value_text(value);
	}
	return NULL;
}

static List *
files_of_object(JsonbContainer *object)
{
	List	   *files = NIL;
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *path = NULL;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token == WJB_KEY)
			path = value_text(&value);
		else if (token == WJB_VALUE)
		{
			char	   *text = value_text(&value);

			if (text == NULL)
				refuse_source(psprintf("The content of \"%s\" is no string.",
									   path));
			files = add_file(files, path, text);
		}
	}
	return files;
}

static List *
files_of_array(JsonbContainer *array)
{
	List	   *files = NIL;
	int			count = JsonContainerSize(array);

	for (int i = 0; i < count; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(array, i);
		char	   *path;
		char	   *text;

		CHECK_FOR_INTERRUPTS();
		if (value->type != jbvBinary ||
			!JsonContainerIsObject(value->val.binary.data))
			refuse_source(psprintf("Element %d is no object.", i + 1));
		path = value_of_keys(value->val.binary.data, name_keys,
							 lengthof(name_keys));
		text = value_of_keys(value->val.binary.data, content_keys,
							 lengthof(content_keys));
		if (path == NULL || text == NULL)
			refuse_source(psprintf("Element %d has no \"name\" or no \"content\".",
								   i + 1));
		files = add_file(files, path, text);
	}
	return files;
}

static int
compare_paths(const ListCell *a, const ListCell *b)
{
	return strcmp(((const ImportFile *) lfirst(a))->path,
				  ((const ImportFile *) lfirst(b))->path);
}

/*
 * Where the source is no JSON, the parser's message alone does not say what
 * was expected.
 */
static void
json_callback(void *arg)
{
	errhint("The source is the tool's files as JSON: {\"name\": \"content\", ...}.");
}

/*
 * Reads the source of a tool with files.  Returns a list of ImportFile sorted
 * by path.  Raises 22023, or 22P02 for what is no JSON.
 */
List *
smig_import_source_files(const char *source)
{
	ErrorContextCallback callback = {error_context_stack, json_callback, NULL};
	const ImportFile *previous = NULL;
	List	   *files = NIL;
	Jsonb	   *json;
	ListCell   *lc;

	error_context_stack = &callback;
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(source)));
	error_context_stack = callback.previous;
	if (JB_ROOT_IS_OBJECT(json))
		files = files_of_object(&json->root);
	else if (JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json))
		files = files_of_array(&json->root);
	else
		refuse_source("It is a scalar.");
	list_sort(files, compare_paths);
	foreach(lc, files)
	{
		ImportFile *file = lfirst(lc);

		if (previous && strcmp(previous->path, file->path) == 0)
			refuse_source(psprintf("File \"%s\" is there twice.", file->path));
		previous = file;
	}
	return files;
}

/*
 * The file with this path, or NULL.
 */
ImportFile *
smig_import_find_file(Import *import, const char *path)
{
	char	   *plain = plain_path(path);
	int			low = 0;
	int			high = list_length(import->files);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		ImportFile *file = list_nth(import->files, middle);
		int			order = strcmp(plain, file->path);

		if (order == 0)
			return file;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/*
 * The only file whose path ends in these parts, or NULL.
 */
ImportFile *
smig_import_find_suffix(Import *import, const char *path)
{
	char	   *plain = plain_path(path);
	ImportFile *found = smig_import_find_file(import, plain);
	ListCell   *lc;

	if (found)
		return found;
	plain = psprintf("/%s", plain);
	foreach(lc, import->files)
	{
		ImportFile *file = lfirst(lc);

		if (!smig_import_has_suffix(file->path, plain))
			continue;
		if (found)
			return NULL;
		found = file;
	}
	return found;
}

/*
 * Directory of a file with "/" at its end; empty at the top.
 */
const char *
smig_import_directory(const ImportFile *file)
{
	return pnstrdup(file->path, file->name - file->path);
}

/*
 * Whether a text ends so.
 */
bool
smig_import_has_suffix(const char *text, const char *suffix)
{
	int			length = strlen(text);
	int			suffix_length = strlen(suffix);

	return length >= suffix_length &&
		strcmp(text + length - suffix_length, suffix) == 0;
}

/*
 * Refuses a migration that is a program.
 */
void
smig_import_not_sql(const ImportFile *file, const char *tool)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s migration \"%s\" is not SQL", tool, file->name),
			 errdetail("Its program cannot run in the database."),
			 errhint("Write what it does as an SQL migration of the same version, and import that."),
			 smig_import_error_at(file->path, 0)));
}
