/*-------------------------------------------------------------------------
 *
 * import.h
 *	  Other tools' histories as revisions.
 *
 * A tool is a descriptor: what its source looks like, and how it becomes
 * items.  What comes after, ids, parents, checks, storing, is the same for all
 * and done in import.c.
 *
 * IDENTIFICATION
 *	  src/import/import.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_IMPORT_H
#define SMIG_IMPORT_H

#include "lib/stringinfo.h"

#include "revision.h"

/* A file of the source. */
typedef struct ImportFile
{
	const char *path;			/* as given, with "/" and without "./" */
	const char *name;			/* its last part */
	const char *text;			/* without a byte order mark */
	bool		used;			/* something has read it */
} ImportFile;

/* Reads a text line by line. */
typedef struct ImportLine
{
	const char *start;
	int			length;			/* without line end and what CR is there */
	int			number;			/* from 1 */
	const char *next;			/* where the next line begins */
} ImportLine;

/* A script being put together from parts of files. */
typedef struct ImportScript
{
	StringInfoData text;
	int			line;			/* that the end of text is in */
	List	   *source;			/* of SmigSourceLine * */
	ErrorData  *error;			/* why psql's part of it cannot be done, or
								 * NULL */
} ImportScript;

/* A revision of the other tool. */
typedef struct ImportItem
{
	SmigRevision *revision;		/* parents may be missing, see linear */
	const char *version;		/* as the tool's own table has it, or NULL */
	const ImportFile *file;		/* of the up script, or NULL */
	const char *checksum;		/* as the tool's own table has it, or NULL */
	int			line;			/* in the file, or 0 */
	ErrorData  *down_error;		/* of the down script, see ImportScript */
} ImportItem;

/* A name with a value: psql variables, placeholders, environment. */
typedef struct ImportVariable
{
	const char *name;
	const char *value;
} ImportVariable;

typedef struct Import
{
	const struct ImportTool *tool;
	const char *up;				/* the source, when that is no set of files */
	const char *down;
	List	   *files;			/* of ImportFile *, by path */
	List	   *variables;		/* of ImportVariable *: what psql is given */
	List	   *items;			/* of ImportItem *, in the tool's order */
	SmigWriter *writer;
} Import;

typedef struct ImportTool
{
	const char *name;
	const char *alias;			/* another name people use, or NULL */
	bool		files;			/* the source is a set of files */
	bool		linear;			/* parents follow from the order of items */
	char	   *(*checksum) (const char *text);
	void		(*read) (Import *import);
} ImportTool;

/* One per tool. */
extern void smig_import_alembic_read(Import *import);
extern void smig_import_dbmate_read(Import *import);
extern void smig_import_diesel_read(Import *import);
extern void smig_import_flyway_read(Import *import);
extern void smig_import_golang_migrate_read(Import *import);
extern void smig_import_goose_read(Import *import);
extern void smig_import_sqitch_read(Import *import);
extern void smig_import_sqlx_read(Import *import);

/* source.c */
extern List *smig_import_source_files(const char *source);
extern const char *smig_import_skip_mark(const char *text);
extern ImportFile *smig_import_find_file(Import *import, const char *path);
extern ImportFile *smig_import_find_suffix(Import *import, const char *path);
extern const char *smig_import_directory(const ImportFile *file);
extern bool smig_import_has_suffix(const char *text, const char *suffix);
extern int	smig_import_error_at(const char *file, int line);
extern void smig_import_not_sql(const ImportFile *file, const char *tool);

/* text.c */
extern void smig_import_line_begin(ImportLine *line, const char *text);
extern bool smig_import_line_next(ImportLine *line);
extern char *smig_import_line_text(const ImportLine *line);
extern bool smig_import_is_blank(const char *text, int length);
extern char *smig_import_words(const char *name);
extern List *smig_import_settings(const ImportFile *file);
extern const char *smig_import_variable(List *variables, const char *name);
extern List *smig_import_variable_add(List *variables, const char *name,
									  const char *value);
extern List *smig_import_variable_set(List *variables, const char *name,
									  const char *value);

/* build.c */
extern ImportScript *smig_import_script_begin(void);
extern void smig_import_script_add(Import *import, ImportScript *script,
								   const ImportFile *file, int line,
								   const char *text, int length);
extern void smig_import_script_raw(ImportScript *script, const char *text,
								   int length);
extern void smig_import_script_from(ImportScript *script, const char *file,
									int line);

/* item.c */
extern ImportItem *smig_import_item_add(Import *import, const char *id,
										const char *message);
extern void smig_import_item_up(ImportItem *item, ImportScript *script,
								SmigTransactionMode mode);
extern void smig_import_item_down(ImportItem *item, ImportScript *script,
								  SmigTransactionMode mode);
extern void smig_import_item_origin(Import *import, ImportItem *item,
									const char *version, const ImportFile *file);
extern char *smig_import_legal_id(const char *name);
extern char *smig_import_number(const char *digits);
extern void smig_import_check_versions(Import *import);

/* down.c */
extern bool smig_import_error_of_script(int sqlstate);
extern void smig_import_check_downs(Import *import);

/* numbered.c */

/* A file whose name begins with a number, or the pair of up and down. */
typedef struct ImportNumbered
{
	const char *version;		/* digits as they stand in the name */
	const char *title;			/* what stands behind them */
	ImportFile *up;
	ImportFile *down;
	bool		text_order;		/* versions are compared as text */
} ImportNumbered;

extern char *smig_import_digits(const char *name);
extern int	smig_import_compare_numbers(const char *a, const char *b);
extern List *smig_import_numbered_add(List *list, const char *version,
									  const char *title, ImportFile *file,
									  bool down);
extern List *smig_import_numbered_pairs(Import *import, List *list);
extern ImportItem *smig_import_numbered_item(Import *import,
											 const ImportNumbered *pair);
extern void smig_import_whole_file(Import *import, ImportItem *item,
								   ImportFile *file, bool down,
								   SmigTransactionMode mode);

/* origin.c */
typedef struct ImportOrigin
{
	char	   *revision;
	char	   *tool;
	char	   *version;		/* or NULL */
	char	   *file;			/* or NULL */
} ImportOrigin;

extern List *smig_import_origins(void);
extern void smig_import_origin_write(Import *import);
extern char *smig_import_checksum_sha256(const char *text);
extern char *smig_import_checksum_sha384(const char *text);
extern char *smig_import_checksum_sha1(const char *text);
extern char *smig_import_checksum_object(const char *kind, const char *text);
extern char *smig_import_checksum_lines(const char *text);

/* psql.c */
extern void smig_import_psql_translate(Import *import, ImportScript *script,
									   const ImportFile *file, int line,
									   const char *text, int length);

/* copy.c */
extern int	smig_import_copy_rows(ImportScript *script, const ImportFile *file,
								  int line, const char *statement,
								  const char *data, int length);

#endif							/* SMIG_IMPORT_H */
