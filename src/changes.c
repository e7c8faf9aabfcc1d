/*-------------------------------------------------------------------------
 *
 * changes.c
 *	  The rows of a diff as scripts.
 *
 * IDENTIFICATION
 *	  src/changes.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "changes.h"
#include "diff/diff.h"

/* Objects named in one sentence. */
#define MAX_NAMED 5

enum
{
	CHANGE_SEQ,
	CHANGE_KIND,
	CHANGE_OBJECT,
	CHANGE_ACTION,
	CHANGE_UP,
	CHANGE_DOWN,
	CHANGE_TRANSACTIONAL,
	CHANGE_DESTRUCTIVE,
	CHANGE_HAZARDS,
	CHANGE_COLUMNS
};

static TupleDesc
change_columns(void)
{
	static const struct
	{
		const char *name;
		Oid			type;
	}			columns[CHANGE_COLUMNS] = {
		{"seq", INT4OID}, {"kind", TEXTOID}, {"object", TEXTOID},
		{"action", TEXTOID}, {"up", TEXTOID}, {"down", TEXTOID},
		{"transactional", BOOLOID}, {"destructive", BOOLOID},
		{"hazards", JSONBOID}
	};
	TupleDesc	desc = CreateTemplateTupleDesc(CHANGE_COLUMNS);

	for (int i = 0; i < CHANGE_COLUMNS; i++)
		TupleDescInitEntry(desc, i + 1, columns[i].name, columns[i].type, -1,
						   0);
	return desc;
}

static char *
text_of(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL :
		TextDatumGetCString(slot->tts_values[column]);
}

static char *
member_of(JsonbContainer *object, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, name,
													 (int) strlen(name), NULL);

	return value && value->type == jbvString ?
		pnstrdup(value->val.string.val, value->val.string.len) : "";
}

/*
 * Reads the array of hazards.
 */
static void
read_hazards(SmigDiffRow *change, Datum hazards)
{
	JsonbContainer *array = &DatumGetJsonbP(hazards)->root;

	for (uint32 i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *item = getIthJsonbValueFromContainer(array, i);
		char	   *rule;

		if (item == NULL || item->type != jbvBinary)
			continue;
		rule = member_of(item->val.binary.data, "rule");
		if (strcmp(rule, "irreversible") == 0)
			change->irreversible = true;
		change->hazards = lappend(change->hazards,
								  psprintf("%s: %s", rule,
										   member_of(item->val.binary.data,
													 "message")));
	}
}

/*
 * The rows of schemamig_diff for two snapshots, as a list of SmigDiffRow.
 *
 * Errors: those of the diff, 0A000 where it is refused.
 */
List *
smig_changes_between(SmigSnapshot *from, SmigSnapshot *to)
{
	ReturnSetInfo result = {0};
	int			nestlevel = NewGUCNestLevel();
	TupleTableSlot *slot;
	List	   *changes = NIL;

	smig_snapshot_pin_settings();
	result.setDesc = change_columns();
	result.setResult = tuplestore_begin_heap(false, false, work_mem);
	smig_diff_put(&result, from, to);
	slot = MakeSingleTupleTableSlot(result.setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(result.setResult, true, false, slot))
	{
		SmigDiffRow *change = palloc0(sizeof(SmigDiffRow));

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		change->kind = text_of(slot, CHANGE_KIND);
		change->object = text_of(slot, CHANGE_OBJECT);
		change->action = text_of(slot, CHANGE_ACTION);
		change->up = text_of(slot, CHANGE_UP);
		change->down = text_of(slot, CHANGE_DOWN);
		change->transactional =
			DatumGetBool(slot->tts_values[CHANGE_TRANSACTIONAL]);
		read_hazards(change, slot->tts_values[CHANGE_HAZARDS]);
		changes = lappend(changes, change);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(result.setResult);
	AtEOXact_GUC(true, nestlevel);
	return changes;
}

/*
 * The changes that have statements; the others are only reported.
 */
List *
smig_changes_writable(List *changes)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, changes)
	{
		SmigDiffRow *change = lfirst(lc);

		if (change->up || change->down)
			result = lappend(result, change);
	}
	return result;
}

/*
 * Whether two rows are parts of one change, to be committed apart: the script
 * says COMMIT between them.  Statements that cannot be in a transaction make
 * steps by themselves.
 */
static bool
must_commit(const SmigDiffRow *a, const SmigDiffRow *b)
{
	return a != NULL && strcmp(a->kind, b->kind) == 0 &&
		strcmp(a->object, b->object) == 0 && strcmp(a->action, b->action) == 0 &&
		a->transactional && b->transactional;
}

/*
 * The way forth as a script, hazards as comments.
 *
 * idempotent: in a form that does nothing where it is done already
 */
char *
smig_changes_up(List *changes, bool idempotent)
{
	StringInfoData script;
	const SmigDiffRow *previous = NULL;
	ListCell   *lc;

	initStringInfo(&script);
	foreach(lc, changes)
	{
		SmigDiffRow *change = lfirst(lc);
		ListCell   *hazard;

		CHECK_FOR_INTERRUPTS();
		if (change->up == NULL)
			continue;
		if (must_commit(previous, change))
			appendStringInfoString(&script, "COMMIT;\n");
		previous = change;
		foreach(hazard, change->hazards)
		{
			/* a comment ends with its line */
			appendStringInfoString(&script, "-- ");
			for (const char *c = lfirst(hazard); *c; c++)
				appendStringInfoChar(&script,
									 *c == '\n' || *c == '\r' ? ' ' : *c);
			appendStringInfoChar(&script, '\n');
		}
		appendStringInfo(&script, "%s\n",
						 idempotent ? smig_idempotent(change->up) : change->up);
	}
	return script.data;
}

/*
 * The way back as a script; NULL when there is none.
 */
char *
smig_changes_down(List *changes)
{
	StringInfoData script;
	const SmigDiffRow *previous = NULL;

	initStringInfo(&script);
	for (int i = list_length(changes) - 1; i >= 0; i--)
	{
		SmigDiffRow *change = list_nth(changes, i);

		CHECK_FOR_INTERRUPTS();
		if (change->irreversible)
			return NULL;
		if (change->down == NULL)
			continue;
		if (must_commit(previous, change))
			appendStringInfoString(&script, "COMMIT;\n");
		previous = change;
		appendStringInfo(&script, "%s\n", change->down);
	}
	return script.data;
}

/*
 * Names the first few objects: "create table public.a, alter view b and 3
 * more".
 */
char *
smig_changes_objects(List *changes)
{
	StringInfoData buf;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, changes)
	{
		SmigDiffRow *change = lfirst(lc);

		if (n++ == MAX_NAMED)
		{
			appendStringInfo(&buf, " and %d more",
							 list_length(changes) - MAX_NAMED);
			break;
		}
		appendStringInfo(&buf, "%s%s %s %s", n > 1 ? ", " : "",
						 change->action, change->kind, change->object);
	}
	return buf.data;
}
