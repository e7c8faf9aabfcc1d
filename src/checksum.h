/*-------------------------------------------------------------------------
 *
 * checksum.h
 *	  SHA-256 over framed fields, in hexadecimal.
 *
 * IDENTIFICATION
 *	  src/checksum.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_CHECKSUM_H
#define SMIG_CHECKSUM_H

typedef struct SmigChecksum SmigChecksum;

extern SmigChecksum *smig_checksum_begin(void);
extern void smig_checksum_add(SmigChecksum *checksum, const char *name,
							  const char *data, size_t length);
extern char *smig_checksum_end(SmigChecksum *checksum);

#endif							/* SMIG_CHECKSUM_H */
