/*-------------------------------------------------------------------------
 *
 * origin.c
 *	  Which migration of which tool a revision was: schemamig.origin.
 *
 * Checksums are those the tools keep in their own tables, so that
 * schemamig_adopt can compare them.
 *
 * IDENTIFICATION
 *	  src/import/origin.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha1.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/pg_crc.h"

#include "import.h"

#define ORIGIN_COLUMNS 5

static char *
digest(pg_cryptohash_type type, int bytes, const char *prefix,
	   int prefix_length, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	pg_cryptohash_ctx *hash = pg_cryptohash_create(type);
	uint8	   *result = palloc(bytes);
	char	   *hex = palloc(bytes * 2 + 1);

	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) prefix, prefix_length) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) text, strlen(text)) < 0 ||
		pg_cryptohash_final(hash, result, bytes) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute a checksum: %s",
						pg_cryptohash_error(hash))));
	pg_cryptohash_free(hash);
	for (int i = 0; i < bytes; i++)
	{
		hex[2 * i] = digits[result[i] >> 4];
		hex[2 * i + 1] = digits[result[i] & 0xF];
	}
	hex[2 * bytes] = '\0';
	pfree(result);
	return hex;
}

/*
 * SHA-256 of a file, in hexadecimal: for tools that keep no checksum.
 */
char *
smig_import_checksum_sha256(const char *text)
{
	return digest(PG_SHA256, PG_SHA256_DIGEST_LENGTH, "", 0, text);
}

/*
 * SHA-384 of a file, as _sqlx_migrations has it.
 */
char *
smig_import_checksum_sha384(const char *text)
{
	return digest(PG_SHA384, PG_SHA384_DIGEST_LENGTH, "", 0, text);
}

/*
 * SHA-1 of a file, as sqitch's changes.script_hash.
 */
char *
smig_import_checksum_sha1(const char *text)
{
	return digest(PG_SHA1, SHA1_DIGEST_LENGTH, "", 0, text);
}

/*
 * SHA-1 of "KIND LENGTH NUL TEXT", as git and sqitch name what they keep.
 */
char *
smig_import_checksum_object(const char *kind, const char *text)
{
	char	   *prefix = psprintf("%s %zu", kind, strlen(text));

	return digest(PG_SHA1, SHA1_DIGEST_LENGTH, prefix, strlen(prefix) + 1, text);
}

/*
 * The CRC-32 of all lines without their ends, signed, as
 * flyway_schema_history has it.
 */
char *
smig_import_checksum_lines(const char *text)
{
	pg_crc32	crc;
	const char *line = text;

	INIT_TRADITIONAL_CRC32(crc);
	while (*line)
	{
		int			length = strcspn(line, "\r\n");

		COMP_TRADITIONAL_CRC32(crc, line, length);
		line += length;
		if (line[0] == '\r' && line[1] == '\n')
			line++;
		if (*line)
			line++;
	}
	FIN_TRADITIONAL_CRC32(crc);
	return psprintf("%d", (int32) crc);
}

/*
 * All rows of schemamig.origin, by creation of the revisions, as a list of
 * ImportOrigin.
 */
List *
smig_import_origins(void)
{
	SmigStoreScope scope;
	List	   *origins = NIL;

	smig_store_begin(&scope);
	SPI_execute("SELECT o.revision, o.tool, o.version, o.file"
				" FROM schemamig.origin o"
				" JOIN schemamig.revision r ON r.id OPERATOR(pg_catalog.=) o.revision"
				" ORDER BY r.ordinal", true, 0);
	MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		ImportOrigin *origin = palloc(sizeof(ImportOrigin));
		Datum		values[4];
		bool		nulls[4];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						  values, nulls);
		origin->revision = TextDatumGetCString(values[0]);
		origin->tool = TextDatumGetCString(values[1]);
		origin->version = nulls[2] ? NULL : TextDatumGetCString(values[2]);
		origin->file = nulls[3] ? NULL : TextDatumGetCString(values[3]);
		origins = lappend(origins, origin);
	}
	smig_store_end(&scope);
	return origins;
}

static Datum
column(Import *import, const char *(*value) (Import *import,
											 const ImportItem *item))
{
	int			count = list_length(import->items);
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(count, 1));
	int			bound = 1;
	int			i = 0;
	ListCell   *lc;

	foreach(lc, import->items)
	{
		const char *text = value(import, lfirst(lc));

		nulls[i] = text == NULL;
		elements[i++] = text ? CStringGetTextDatum(text) : (Datum) 0;
	}
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &count,
											  &bound, TEXTOID, -1, false,
											  TYPALIGN_INT));
}

static const char *
origin_revision(Import *import, const ImportItem *item)
{
	return item->revision->id;
}

static const char *
origin_tool(Import *import, const ImportItem *item)
{
	return import->tool->name;
}

static const char *
origin_version(Import *import, const ImportItem *item)
{
	return item->version;
}

static const char *
origin_file(Import *import, const ImportItem *item)
{
	return item->file ? item->file->path : NULL;
}

static const char *
origin_checksum(Import *import, const ImportItem *item)
{
	return item->checksum;
}

/*
 * Stores where the import's revisions are from; they are stored already.
 */
void
smig_import_origin_write(Import *import)
{
	SmigStoreScope scope;
	Oid			types[ORIGIN_COLUMNS];
	Datum		args[ORIGIN_COLUMNS];

	for (int i = 0; i < ORIGIN_COLUMNS; i++)
		types[i] = TEXTARRAYOID;
	args[0] = column(import, origin_revision);
	args[1] = column(import, origin_tool);
	args[2] = column(import, origin_version);
	args[3] = column(import, origin_file);
	args[4] = column(import, origin_checksum);
	smig_store_begin(&scope);
	SPI_execute_with_args("INSERT INTO schemamig.origin AS o (revision, tool, version, file, checksum)"
						  " SELECT * FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2),"
						  " pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))"
						  " ON CONFLICT (revision) DO UPDATE SET tool = EXCLUDED.tool,"
						  " version = EXCLUDED.version, file = EXCLUDED.file,"
						  " checksum = EXCLUDED.checksum"
						  " WHERE (o.tool, o.version, o.file, o.checksum) IS DISTINCT FROM"
						  " (EXCLUDED.tool, EXCLUDED.version, EXCLUDED.file, EXCLUDED.checksum)",
						  ORIGIN_COLUMNS, types, args, NULL, false, 0);
	smig_store_end(&scope);
}
