/*-------------------------------------------------------------------------
 *
 * rename_private.h
 *	  What the files that follow hints about renames share.
 *
 * IDENTIFICATION
 *	  src/model/rename_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_RENAME_PRIVATE_H
#define SMIG_RENAME_PRIVATE_H

#include "model/snapshot.h"

/* Parts of the old name: schema, table, column. */
#define SMIG_HINT_PARTS 3

typedef enum SmigHintState
{
	SMIG_HINT_PENDING,
	SMIG_HINT_DONE				/* followed, now or before */
} SmigHintState;

typedef struct SmigHint
{
	char	   *text;			/* for messages */
	int			nparts;
	char	   *parts[SMIG_HINT_PARTS]; /* unquoted */
	char	   *name;			/* the new one, unquoted */
	bool		inverse;		/* of the source, read the other way round */
	SmigHintState state;
} SmigHint;

/* What is being done for one comparison. */
typedef struct SmigRenaming
{
	SmigSnapshot *from;			/* as renamed so far */
	SmigSnapshot *to;
	List	   *hints;			/* of SmigHint * */
	bool	   *doubtful;		/* by index */
	List	   *renames;		/* of SmigRename * */
} SmigRenaming;

/* rename_hint.c */
SMIG_NORETURN extern void smig_rename_refuse(const SmigHint *hint, int code,
											 const char *why,
											 const char *advice);

/* rename_value.c */
extern SmigObject *smig_rename_find_enum(const SmigRenaming *work,
										 const SmigHint *hint);
extern bool smig_rename_follow_value(SmigRenaming *work, SmigHint *hint,
									 SmigObject *type);

/* rename_attribute.c */
extern SmigSnapshot *smig_rename_attribute(SmigRenaming *work,
										   const SmigHint *hint,
										   const SmigObject *attribute,
										   const char *name);

/* rename_value_text.c */
extern SmigSnapshot *smig_rename_value(const SmigRenaming *work,
									   const SmigHint *hint,
									   SmigObject *type);

#endif							/* SMIG_RENAME_PRIVATE_H */
