/*-------------------------------------------------------------------------
 *
 * diff.c
 *	  schemamig_diff and its sisters: two plans, paired to rows.
 *
 * The way forth and the way back are planned by the same code, each in its
 * own order; a row pairs what one does with what undoes it in the other.  Up
 * by seq, and down by seq descending, are exactly the two plans.
 *
 * IDENTIFICATION
 *	  src/diff/diff.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "diff/delta.h"
#include "diff/diff.h"
#include "model/filter.h"
#include "model/snapshot.h"

PG_FUNCTION_INFO_V1(schemamig_diff);
PG_FUNCTION_INFO_V1(schemamig_snapshot);
PG_FUNCTION_INFO_V1(schemamig_fingerprint);

#define DIFF_COLUMNS 9

/* One direction, written out. */
typedef struct Written
{
	SmigDelta  *delta;
	int			n;
	const SmigAction **actions; /* those that have statements, in order */
	List	  **cells;			/* of SmigCell *, of each */
} Written;

typedef struct Row
{
	const SmigAction *action;
	bool		backward;		/* the action is of the way back */
	List	   *up;				/* of SmigCell * */
	List	   *down;
} Row;

/* ---------------- renames that may be meant ---------------- */

static void
suggest_rename(SmigCell *cell, const SmigObject *old, const SmigObject *new)
{
	smig_cell_hazard(cell, "rename?", "warning",
					 psprintf("%s %s goes and the like %s %s comes: was it renamed?",
							  old->kind->name, old->id, new->kind->name,
							  new->id),
					 "Say so by -- schemamig:rename in the model, or by schemamig.rename, so that its data stays.");
}

/*
 * The new object that a dropped one may have become, or NULL: a column of the
 * same type in the same table, a table with the same columns.
 */
static const SmigObject *
like_column(SmigDelta *delta, const SmigObject *old)
{
	const SmigObject *table = smig_delta_state(delta, old->parent)->other;
	ListCell   *lc;

	if (table == NULL)
		return NULL;
	foreach(lc, table->children)
	{
		const SmigObject *new = lfirst(lc);

		if (new->kind == old->kind && smig_attr_same(old, new, "type") &&
			smig_delta_state(delta, new)->fate == SMIG_FATE_CREATE)
			return new;
	}
	return NULL;
}

static uint32
table_shape(const SmigObject *table)
{
	uint32		shape = 0;
	ListCell   *lc;

	foreach(lc, table->children)
	{
		const SmigObject *column = lfirst(lc);

		if (strcmp(column->kind->name, "column") == 0)
			shape += string_hash(psprintf("%s %s", column->name,
										  smig_attr(column, "type")),
								 MAXPGPATH);
	}
	return shape;
}

typedef struct ShapeEntry
{
	uint32		shape;
	const SmigObject *table;
} ShapeEntry;

/*
 * Tables that come, by the shape of their columns.
 */
static HTAB *
new_shapes(SmigDelta *delta)
{
	HASHCTL		control = {
		.keysize = sizeof(uint32),
		.entrysize = sizeof(ShapeEntry),
		.hcxt = CurrentMemoryContext
	};
	HTAB	   *shapes = hash_create("schemamig table shapes", 64, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; i < delta->to->nobjects; i++)
	{
		const SmigObject *table = delta->to->objects[i];
		uint32		shape;
		ShapeEntry *entry;

		if (delta->to_states[i].fate != SMIG_FATE_CREATE ||
			strcmp(table->kind->name, "table") != 0)
			continue;
		shape = table_shape(table);
		entry = hash_search(shapes, &shape, HASH_ENTER, NULL);
		entry->table = table;
	}
	return shapes;
}

static void
flag_renames(Written *written)
{
	HTAB	   *shapes = new_shapes(written->delta);

	for (int i = 0; i < written->n; i++)
	{
		const SmigAction *action = written->actions[i];
		const SmigObject *old = action->object;
		const SmigObject *new = NULL;

		if (action->type != SMIG_ACTION_DROP ||
			smig_delta_state(written->delta, old)->fate != SMIG_FATE_DROP)
			continue;
		if (strcmp(old->kind->name, "column") == 0)
			new = like_column(written->delta, old);
		else if (strcmp(old->kind->name, "table") == 0)
		{
			uint32		shape = table_shape(old);
			ShapeEntry *entry = hash_search(shapes, &shape, HASH_FIND, NULL);

			new = entry ? entry->table : NULL;
		}
		if (new)
			suggest_rename(linitial(written->cells[i]), old, new);
	}
	hash_destroy(shapes);
}

/* ---------------- one direction ---------------- */

static Written
write_plan(SmigDelta *delta)
{
	Written		written;

	written.delta = delta;
	written.n = 0;
	written.actions = palloc(sizeof(SmigAction *) * Max(delta->nactions, 1));
	written.cells = palloc(sizeof(List *) * Max(delta->nactions, 1));
	if (delta->refusal)
		return written;
	for (int i = 0; i < delta->nactions; i++)
	{
		const SmigAction *action = &delta->actions[delta->order[i]];
		SmigCell   *cell = palloc(sizeof(SmigCell));
		List	   *parts;

		CHECK_FOR_INTERRUPTS();
		smig_cell_init(cell);
		smig_delta_write(delta, action, cell);
		parts = smig_cell_parts(cell);
		if (parts == NIL)
			continue;
		smig_left_out_flag(delta, action, linitial(parts));
		written.actions[written.n] = action;
		written.cells[written.n++] = parts;
	}
	flag_renames(&written);
	return written;
}

/* ---------------- pairing ---------------- */

typedef struct PairEntry
{
	char		key[16 + NAMEDATALEN * 16];
	int			place;
} PairEntry;

static void
pair_key(char *key, Size size, const SmigAction *action, bool inverse)
{
	SmigActionType type = action->type;
	const SmigObject *object = action->object;

	if (inverse && type == SMIG_ACTION_CREATE)
		type = SMIG_ACTION_DROP;
	else if (inverse && type == SMIG_ACTION_DROP)
		type = SMIG_ACTION_CREATE;
	else if (inverse && type == SMIG_ACTION_ALTER)
		object = action->old;
	snprintf(key, size, "%d %s", (int) type, object->key);
}

/*
 * For each action forth, the place of its inverse on the way back read
 * backwards, or -1; then only a longest increasing subsequence of these is
 * kept, so that the pairs respect both orders.
 */
static int *
pair_places(const Written *forth, const Written *back)
{
	HASHCTL		control = {
		.keysize = sizeof(((PairEntry *) 0)->key),
		.entrysize = sizeof(PairEntry),
		.hcxt = CurrentMemoryContext
	};
	HTAB	   *inverses = hash_create("schemamig inverse actions", 256,
									   &control,
									   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	int		   *place = palloc(sizeof(int) * Max(forth->n, 1));
	int		   *tail = palloc(sizeof(int) * Max(forth->n, 1));
	int		   *before = palloc(sizeof(int) * Max(forth->n, 1));
	bool	   *keep = palloc0(sizeof(bool) * Max(forth->n, 1));
	int			length = 0;
	PairEntry  *entry;
	char		key[sizeof(entry->key)];

	for (int i = 0; i < back->n; i++)
	{
		pair_key(key, sizeof(key), back->actions[i], false);
		entry = hash_search(inverses, key, HASH_ENTER, NULL);
		entry->place = back->n - 1 - i;
	}
	for (int i = 0; i < forth->n; i++)
	{
		int			low = 0;
		int			high = length;

		pair_key(key, sizeof(key), forth->actions[i], true);
		entry = hash_search(inverses, key, HASH_FIND, NULL);
		place[i] = entry ? entry->place : -1;
		if (place[i] < 0)
			continue;
		while (low < high)
		{
			int			middle = (low + high) / 2;

			if (place[tail[middle]] < place[i])
				low = middle + 1;
			else
				high = middle;
		}
		before[i] = low > 0 ? tail[low - 1] : -1;
		tail[low] = i;
		length = Max(length, low + 1);
	}
	for (int i = length > 0 ? tail[length - 1] : -1; i >= 0; i = before[i])
		keep[i] = true;
	for (int i = 0; i < forth->n; i++)
		if (!keep[i])
			place[i] = -1;
	hash_destroy(inverses);
	return place;
}

static List *
add_row(List *rows, const SmigAction *action, bool backward, List *up,
		List *down)
{
	Row		   *row = palloc(sizeof(Row));

	row->action = action;
	row->backward = backward;
	row->up = up;
	row->down = down;
	return lappend(rows, row);
}

/*
 * Merges the way forth and the way back, read backwards, into rows.
 */
static List *
pair_rows(const Written *forth, const Written *back)
{
	int		   *place = pair_places(forth, back);
	List	   *rows = NIL;
	int			next = 0;

	for (int i = 0; i < forth->n; i++)
	{
		List	   *down = NIL;

		if (place[i] >= 0)
		{
			for (; next < place[i]; next++)
				rows = add_row(rows, back->actions[back->n - 1 - next], true,
							   NIL, back->cells[back->n - 1 - next]);
			down = back->cells[back->n - 1 - next++];
		}
		rows = add_row(rows, forth->actions[i], false, forth->cells[i], down);
	}
	for (; next < back->n; next++)
		rows = add_row(rows, back->actions[back->n - 1 - next], true, NIL,
					   back->cells[back->n - 1 - next]);
	return rows;
}

/* ---------------- rows ---------------- */

static const char *
action_name(const Row *row, SmigDelta *delta)
{
	switch (row->action->type)
	{
		case SMIG_ACTION_DROP:
			return row->backward ? "create" : "drop";
		case SMIG_ACTION_CREATE:
			return row->backward ? "drop" : "create";
		case SMIG_ACTION_ASIDE:
			return "rename";
		case SMIG_ACTION_ALTER:
			break;
	}
	return smig_delta_state(delta, row->action->object)->renamed &&
		smig_object_same(row->action->old, row->action->object) ?
		"rename" : "alter";
}

static void
put_row(ReturnSetInfo *result, int seq, const char *kind, const char *object,
		const char *action, const SmigCell *up, const SmigCell *down)
{
	Datum		values[DIFF_COLUMNS];
	bool		nulls[DIFF_COLUMNS] = {false};
	char	   *hazards;

	values[0] = Int32GetDatum(seq);
	values[1] = CStringGetTextDatum(kind);
	values[2] = CStringGetTextDatum(object);
	values[3] = CStringGetTextDatum(action);
	if (up && up->text.len > 0)
		values[4] = CStringGetTextDatum(up->text.data);
	else
		nulls[4] = true;
	if (down)
		values[5] = CStringGetTextDatum(down->text.data);
	else
		nulls[5] = true;
	values[6] = BoolGetDatum((up == NULL || up->transactional) &&
							 (down == NULL || down->transactional));
	values[7] = BoolGetDatum(up && up->destructive);
	hazards = psprintf("[%s]", up ? up->hazards.data : "");
	values[8] = DirectFunctionCall1(jsonb_in, CStringGetDatum(hazards));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Writes the rows of one pair: its cells forth downwards, its cells back
 * upwards, as they are executed.  Returns the last seq.
 */
static int
put_pair(ReturnSetInfo *result, int seq, const Row *row, const char *action)
{
	int			nup = list_length(row->up);
	int			ndown = list_length(row->down);

	for (int i = 0; i < Max(nup, ndown); i++)
		put_row(result, ++seq, row->action->object->kind->name,
				row->action->object->id, action,
				i < nup ? list_nth(row->up, i) : NULL,
				i < ndown ? list_nth(row->down, ndown - 1 - i) : NULL);
	return seq;
}

/*
 * Where there is no way back, every row says so.
 */
static void
mark_irreversible(Written *forth, const SmigDelta *back)
{
	for (int i = 0; i < forth->n; i++)
	{
		ListCell   *lc;

		foreach(lc, forth->cells[i])
			smig_cell_hazard(lfirst(lc), "irreversible", "warning",
							 psprintf("there is no way back: %s", back->refusal),
							 "Write the way back by hand.");
	}
	if (forth->n > 0)
		ereport(NOTICE,
				(errmsg("there is no way back: %s", back->refusal),
				 back->refusal_detail ?
				 errdetail("%s", back->refusal_detail) : 0));
}

SMIG_NORETURN static void
report_refusal(const SmigDelta *delta)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s", delta->refusal),
			 delta->refusal_detail ? errdetail("%s", delta->refusal_detail) : 0,
			 errhint("Write this change by hand, or in smaller steps.")));
}

/*
 * Reports objects that differ and that we cannot write DDL for.
 */
static int
put_unsupported(ReturnSetInfo *result, SmigDelta *delta, int seq, bool backward)
{
	for (int side = 0; side < 2; side++)
	{
		SmigSnapshot *snapshot = side == 0 ? delta->from : delta->to;

		for (int i = 0; i < snapshot->nobjects; i++)
		{
			SmigObject *object = snapshot->objects[i];
			SmigState  *state = smig_delta_state(delta, object);
			const char *reason = state->unsupported;
			SmigCell	cell;

			if (reason == NULL)
				continue;
			smig_cell_init(&cell);
			smig_cell_hazard(&cell, backward ? "irreversible" : "unsupported",
							 backward ? "warning" : "error",
							 reason,
							 "Write this change by hand.");
			put_row(result, ++seq, object->kind->name, object->id,
					"unsupported", &cell, NULL);
			ereport(NOTICE,
					(errmsg(backward ?
							"%s %s differs, and schemamig does not write DDL for the way back" :
							"%s %s differs, and schemamig does not write DDL for it",
							object->kind->name, object->id),
					 errdetail("%s.", reason)));
		}
	}
	return seq;
}

static int
pin_settings(void)
{
	int			nestlevel = NewGUCNestLevel();

	smig_snapshot_pin_settings();
	return nestlevel;
}

/*
 * Writes the rows that turn one snapshot into another; returns the last seq.
 */
static int
put_changes(ReturnSetInfo *result, SmigSnapshot *from, SmigSnapshot *to,
			int seq)
{
	Written		forth;
	Written		back;
	ListCell   *lc;

	(void) smig_filter_apply(from);
	(void) smig_filter_apply(to);
	smig_not_null_align(from, to);
	forth = write_plan(smig_delta_make(from, to, false));
	if (forth.delta->refusal)
		report_refusal(forth.delta);
	back = write_plan(smig_delta_make(to, from, true));
	if (back.delta->refusal)
		mark_irreversible(&forth, back.delta);
	foreach(lc, pair_rows(&forth, &back))
	{
		Row		   *row = lfirst(lc);

		seq = put_pair(result, seq, row,
					   action_name(row, row->backward ? back.delta :
								   forth.delta));
	}
	seq = put_unsupported(result, forth.delta, seq, false);
	return put_unsupported(result, back.delta, seq, true);
}

/*
 * Writes the rows of what is renamed by hint.
 */
static int
put_renames(ReturnSetInfo *result, const SmigSnapshot *from, int seq)
{
	ListCell   *lc;

	foreach(lc, from->renames)
	{
		const SmigRename *rename = lfirst(lc);
		SmigCell	up;
		SmigCell	down;

		smig_cell_init(&up);
		smig_cell_init(&down);
		appendStringInfoString(&up.text, rename->up);
		appendStringInfoString(&down.text, rename->down);
		smig_cell_hazard(&up, "rename", "warning",
						 psprintf("clients that use %s%s%s %s fail",
								  rename->part ? rename->part : "",
								  rename->part ? " of " : "",
								  rename->kind->name, rename->old_id),
						 rename->part ? "Change them at the same time." :
						 "Change them at the same time, or let a view have the old name.");
		put_row(result, ++seq, rename->kind->name, rename->new_id, "rename",
				&up, &down);
	}
	return seq;
}

/*
 * Writes the rows of schemamig_diff for two snapshots, from which it takes
 * what filters leave out.  The caller has pinned the settings:
 * smig_snapshot_pin_settings.
 *
 * What a rename makes doubtful goes before it and comes back after it, so that
 * on both ways each statement meets the names of its time.
 */
void
smig_diff_put(ReturnSetInfo *result, SmigSnapshot *from, SmigSnapshot *to)
{
	int			seq = 0;

	if (from->renames != NIL)
	{
		seq = put_changes(result, from->original, from->reduced, seq);
		seq = put_renames(result, from, seq);
	}
	(void) put_changes(result, from, to, seq);
}

/*
 * A source as a C string.  It may be a snapshot of many MB, of which there is
 * to be one copy and not two.
 */
static char *
source_argument(FunctionCallInfo fcinfo, int argument)
{
	text	   *value = PG_GETARG_TEXT_PP(argument);
	char	   *source = text_to_cstring(value);

	PG_FREE_IF_COPY(value, argument);
	return source;
}

/*
 * schemamig_diff(source, target): see install/50_diff.sql.
 */
Datum
schemamig_diff(PG_FUNCTION_ARGS)
{
	char	   *source = source_argument(fcinfo, 0);
	char	   *target = source_argument(fcinfo, 1);
	SmigSnapshot *from;
	SmigSnapshot *to;
	int			nestlevel;

	InitMaterializedSRF(fcinfo, 0);
	smig_source_pair(source, target, &from, &to);
	pfree(source);
	pfree(target);
	nestlevel = pin_settings();
	smig_diff_put((ReturnSetInfo *) fcinfo->resultinfo, from, to);
	AtEOXact_GUC(true, nestlevel);
	PG_RETURN_NULL();
}

static List *
schema_argument(FunctionCallInfo fcinfo, int argument)
{
	List	   *schemas = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(argument))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a schema's name cannot be null")));
		schemas = lappend(schemas, TextDatumGetCString(elements[i]));
	}
	if (schemas == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the list of schemas is empty"),
				 errhint("Leave the argument out to read the whole database.")));
	return schemas;
}

/*
 * schemamig_snapshot(schemas): see install/50_diff.sql.
 */
Datum
schemamig_snapshot(PG_FUNCTION_ARGS)
{
	SmigSnapshot *snapshot = smig_snapshot_read(schema_argument(fcinfo, 0));
	char	   *json;

	(void) smig_filter_apply(snapshot);
	json = smig_snapshot_to_json(snapshot);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

/*
 * schemamig_fingerprint(source): see install/50_diff.sql.
 */
Datum
schemamig_fingerprint(PG_FUNCTION_ARGS)
{
	char	   *source = source_argument(fcinfo, 0);
	SmigSnapshot *from;
	SmigSnapshot *to;
	int			nestlevel;
	char	   *fingerprint;

	smig_source_pair(source, "empty", &from, &to);
	(void) smig_filter_apply(from);
	nestlevel = pin_settings();
	fingerprint = smig_snapshot_fingerprint(from);
	AtEOXact_GUC(true, nestlevel);
	PG_RETURN_TEXT_P(cstring_to_text(fingerprint));
}
