/*-------------------------------------------------------------------------
 *
 * stored.c
 *	  Models and snapshots that are kept in tables.
 *
 * Snapshots are kept once for each fingerprint; those that nothing refers to
 * any more are swept.
 *
 * IDENTIFICATION
 *	  src/model/stored.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "model/stored.h"
#include "store.h"

/*
 * Keeps a snapshot; one that is there already is locked against the sweep.
 *
 * json: without secrets, see smig_snapshot_hide_secrets
 */
void
smig_stored_put(const char *fingerprint, const char *json)
{
	SmigStoreScope scope;
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		args[2] = {CStringGetTextDatum(fingerprint),
	CStringGetTextDatum(json)};

	smig_store_begin(&scope);
	SPI_execute_with_args("INSERT INTO schemamig.snapshot (fingerprint, snapshot)"
						  " VALUES ($1, $2::pg_catalog.jsonb)"
						  " ON CONFLICT (fingerprint) DO UPDATE"
						  " SET taken_at = pg_catalog.clock_timestamp()",
						  2, types, args, NULL, false, 0);
	smig_store_end(&scope);
}

/*
 * Removes snapshots that no model and no state refers to.
 */
void
smig_stored_sweep(void)
{
	SmigStoreScope scope;

	smig_store_begin(&scope);
	SPI_execute("DELETE FROM schemamig.snapshot WHERE fingerprint IN ("
				"SELECT s.fingerprint FROM schemamig.snapshot s"
				" WHERE NOT EXISTS (SELECT FROM schemamig.model m"
				" WHERE m.fingerprint = s.fingerprint)"
				" AND NOT EXISTS (SELECT FROM schemamig.state t"
				" WHERE t.fingerprint = s.fingerprint)"
				" FOR UPDATE SKIP LOCKED)",
				false, 0);
	smig_store_end(&scope);
}

/*
 * Reads a model by its name; NULL when there is none.
 */
SmigModel *
smig_stored_model(const char *name)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		args[1] = {CStringGetTextDatum(name)};
	SmigModel  *model = NULL;

	smig_store_begin(&scope);
	SPI_execute_with_args("SELECT m.name, m.source, m.fingerprint,"
						  " s.snapshot::text, m.owners, m.built_by, m.declared_by"
						  " FROM schemamig.model m"
						  " JOIN schemamig.snapshot s USING (fingerprint)"
						  " WHERE m.name = $1",
						  1, types, args, NULL, true, 1);
	MemoryContextSwitchTo(scope.caller_context);
	if (SPI_processed == 1)
	{
		Datum		values[7];
		bool		nulls[7];

		heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
						  values, nulls);
		model = palloc(sizeof(SmigModel));
		model->name = TextDatumGetCString(values[0]);
		model->source = TextDatumGetCString(values[1]);
		model->fingerprint = TextDatumGetCString(values[2]);
		model->snapshot = TextDatumGetCString(values[3]);
		model->owners = DatumGetBool(values[4]);
		model->built_by = TextDatumGetCString(values[5]);
		model->declared_by = TextDatumGetCString(values[6]);
	}
	smig_store_end(&scope);
	return model;
}

/*
 * Reads a model that must be there.
 *
 * Errors: 42704.
 */
SmigModel *
smig_stored_model_required(const char *name)
{
	SmigModel  *model = smig_stored_model(name);

	if (model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no model \"%s\"", name),
				 errhint("Declare it with SELECT schemamig_model('CREATE TABLE ...', %s).",
						 quote_literal_cstr(name))));
	return model;
}

/*
 * Writes a model, in place of one of the same name.
 */
void
smig_stored_write_model(const SmigModel *model)
{
	SmigStoreScope scope;
	Oid			types[6] = {TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID,
	TEXTOID};
	Datum		args[6];

	smig_stored_put(model->fingerprint, model->snapshot);
	args[0] = CStringGetTextDatum(model->name);
	args[1] = CStringGetTextDatum(model->source);
	args[2] = CStringGetTextDatum(model->fingerprint);
	args[3] = BoolGetDatum(model->owners);
	args[4] = CStringGetTextDatum(model->built_by);
	args[5] = CStringGetTextDatum(model->declared_by);
	smig_store_begin(&scope);
	SPI_execute_with_args("INSERT INTO schemamig.model"
						  " (name, source, fingerprint, owners, built_by, declared_by)"
						  " VALUES ($1, $2, $3, $4, $5, $6)"
						  " ON CONFLICT (name) DO UPDATE SET source = $2,"
						  " fingerprint = $3, owners = $4, built_by = $5,"
						  " declared_by = $6,"
						  " declared_at = pg_catalog.clock_timestamp()",
						  6, types, args, NULL, false, 0);
	smig_store_end(&scope);
	smig_stored_sweep();
}

/*
 * Removes a model; false when there was none.
 */
bool
smig_stored_forget_model(const char *name)
{
	SmigStoreScope scope;
	Oid			types[1] = {TEXTOID};
	Datum		args[1] = {CStringGetTextDatum(name)};
	bool		found;

	smig_store_begin(&scope);
	SPI_execute_with_args("DELETE FROM schemamig.model WHERE name = $1",
						  1, types, args, NULL, false, 0);
	found = SPI_processed > 0;
	smig_store_end(&scope);
	smig_stored_sweep();
	return found;
}
