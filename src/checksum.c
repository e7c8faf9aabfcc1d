/*-------------------------------------------------------------------------
 *
 * checksum.c
 *	  SHA-256 over framed fields, in hexadecimal.
 *
 * IDENTIFICATION
 *	  src/checksum.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "utils/resowner.h"

#include "checksum.h"

struct SmigChecksum
{
	pg_cryptohash_ctx *hash;
	ResourceOwner own;			/* ours, when the caller had none */
};

static void
check_hash(int result, SmigChecksum *checksum)
{
	if (result < 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute SHA-256: %s",
						pg_cryptohash_error(checksum->hash))));
}

/*
 * Starts a checksum.  Works outside transactions too: some server versions
 * register the OpenSSL context with the current resource owner without looking
 * whether there is one, so we lend one.
 */
SmigChecksum *
smig_checksum_begin(void)
{
	SmigChecksum *checksum = palloc0(sizeof(SmigChecksum));

	if (CurrentResourceOwner == NULL)
	{
		checksum->own = ResourceOwnerCreate(NULL, "schemamig checksum");
		CurrentResourceOwner = checksum->own;
	}
	checksum->hash = pg_cryptohash_create(PG_SHA256);
	if (checksum->hash == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	check_hash(pg_cryptohash_init(checksum->hash), checksum);
	return checksum;
}

/*
 * Adds a field.  Its name and length go in too, so that no two different
 * lists of fields have the same bytes.  "data" NULL is a field of its own,
 * different from an empty one.
 */
void
smig_checksum_add(SmigChecksum *checksum, const char *name,
				  const char *data, size_t length)
{
	char		frame[NAMEDATALEN + 32];
	int			n;

	if (data)
		n = snprintf(frame, sizeof(frame), "%s %zu\n", name, length);
	else
		n = snprintf(frame, sizeof(frame), "%s null\n", name);
	Assert(n < sizeof(frame));
	check_hash(pg_cryptohash_update(checksum->hash, (const uint8 *) frame, n),
			   checksum);
	if (data && length > 0)
		check_hash(pg_cryptohash_update(checksum->hash, (const uint8 *) data,
										length), checksum);
}

/*
 * Ends the checksum and frees it.  Returns 64 hexadecimal digits, palloc'd.
 */
char *
smig_checksum_end(SmigChecksum *checksum)
{
	static const char digits[] = "0123456789abcdef";
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
	char	   *hex = palloc(PG_SHA256_DIGEST_LENGTH * 2 + 1);

	check_hash(pg_cryptohash_final(checksum->hash, hash, sizeof(hash)),
			   checksum);
	for (int i = 0; i < PG_SHA256_DIGEST_LENGTH; i++)
	{
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 0xF];
	}
	hex[PG_SHA256_DIGEST_LENGTH * 2] = '\0';
	pg_cryptohash_free(checksum->hash);
	if (checksum->own)
	{
		CurrentResourceOwner = NULL;
		ResourceOwnerDelete(checksum->own);
	}
	pfree(checksum);
	return hex;
}
