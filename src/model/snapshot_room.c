/*-------------------------------------------------------------------------
 *
 * snapshot_room.c
 *	  The memory of snapshots.
 *
 * A snapshot of a large database has millions of small pieces that are never
 * freed apart, most of them the same as others: the type of a column, the
 * attributes of a column of that type.  They are cut from large blocks, and what
 * is like something seen shortly before is not stored again.
 *
 * IDENTIFICATION
 *	  src/model/snapshot_room.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "model/snapshot.h"

/* Pieces are cut from blocks of this size (bytes); larger ones stand alone. */
#define BLOCK_SIZE (64 * 1024)
#define LARGE_SIZE (BLOCK_SIZE / 8)

/* Longer texts are seldom the same. */
#define SHARED_LENGTH 64

/* What was seen last with this hash. */
#define TEXT_SLOTS 4096
#define ATTRS_SLOTS 2048

typedef struct AttrsSlot
{
	const SmigAttr *attrs;
	int			n;
} AttrsSlot;

struct SmigRoom
{
	MemoryContext context;
	char	   *low;			/* aligned pieces are cut off here */
	char	   *high;			/* and texts from the end */
	const char *texts[TEXT_SLOTS];
	AttrsSlot	attrs[ATTRS_SLOTS];
};

/*
 * Makes room in a memory context, which it lives and goes with.
 */
SmigRoom *
smig_room_create(MemoryContext context)
{
	SmigRoom   *room = MemoryContextAllocZero(context, sizeof(SmigRoom));

	room->context = context;
	return room;
}

static void
need(SmigRoom *room, Size size)
{
	if (room->low != NULL && (Size) (room->high - room->low) >= size)
		return;
	room->low = MemoryContextAlloc(room->context, BLOCK_SIZE);
	room->high = room->low + BLOCK_SIZE;
}

/*
 * Aligned memory of "size" bytes, not cleared.
 */
void *
smig_room_alloc(SmigRoom *room, Size size)
{
	void	   *piece;

	size = MAXALIGN(size);
	if (size > LARGE_SIZE)
		return MemoryContextAlloc(room->context, size);
	need(room, size);
	piece = room->low;
	room->low += size;
	return piece;
}

/*
 * A text that lives as long as the room, and may be shared.
 */
const char *
smig_room_text(SmigRoom *room, const char *text)
{
	Size		length = strlen(text);
	const char **slot = NULL;

	if (length <= SHARED_LENGTH)
	{
		slot = &room->texts[hash_bytes((const unsigned char *) text,
									   (int) length) % TEXT_SLOTS];
		if (*slot && strcmp(*slot, text) == 0)
			return *slot;
	}
	if (length >= LARGE_SIZE)
		return MemoryContextStrdup(room->context, text);
	need(room, length + 1);
	room->high -= length + 1;
	memcpy(room->high, text, length + 1);
	if (slot)
		*slot = room->high;
	return room->high;
}

/*
 * Attributes that live as long as the room, and may be shared.  Names and
 * values must live so long already.
 */
const SmigAttr *
smig_room_attrs(SmigRoom *room, const SmigAttr *attrs, int n)
{
	Size		size = sizeof(SmigAttr) * n;
	AttrsSlot  *slot;
	SmigAttr   *kept;

	if (n == 0)
		return NULL;
	/* the same texts are at the same place, as far as they are shared */
	slot = &room->attrs[hash_bytes((const unsigned char *) attrs,
								   (int) size) % ATTRS_SLOTS];
	if (slot->n == n && memcmp(slot->attrs, attrs, size) == 0)
		return slot->attrs;
	kept = smig_room_alloc(room, size);
	memcpy(kept, attrs, size);
	slot->attrs = kept;
	slot->n = n;
	return kept;
}
