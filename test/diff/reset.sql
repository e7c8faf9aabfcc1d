-- Takes everything away that a fixture may have made.
DO $$
DECLARE
	r record;
BEGIN
	SET LOCAL client_min_messages = error;
	FOR r IN SELECT evtname FROM pg_event_trigger t
		WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
	LOOP
		EXECUTE format('DROP EVENT TRIGGER %I', r.evtname);
	END LOOP;
	FOR r IN SELECT pubname FROM pg_publication LOOP
		EXECUTE format('DROP PUBLICATION %I', r.pubname);
	END LOOP;
	FOR r IN SELECT subname FROM pg_subscription s
		JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database()
	LOOP
		EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', r.subname);
		EXECUTE format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', r.subname);
		EXECUTE format('DROP SUBSCRIPTION %I', r.subname);
	END LOOP;
	FOR r IN SELECT defaclrole::regrole AS role, n.nspname, defaclobjtype AS type
		FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace
	LOOP
		DELETE FROM pg_default_acl;
		DELETE FROM pg_depend WHERE classid = 'pg_default_acl'::regclass;
		DELETE FROM pg_shdepend WHERE classid = 'pg_default_acl'::regclass;
		EXIT;
	END LOOP;
	FOR r IN SELECT extname FROM pg_extension
		WHERE extname NOT IN ('plpgsql', 'schemamig')
	LOOP
		EXECUTE format('DROP EXTENSION IF EXISTS %I CASCADE', r.extname);
	END LOOP;
	FOR r IN SELECT nspname FROM pg_namespace
		WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'schemamig', 'smig')
	LOOP
		EXECUTE format('DROP SCHEMA %I CASCADE', r.nspname);
	END LOOP;
	FOR r IN SELECT fdwname FROM pg_foreign_data_wrapper w WHERE oid >= 16384
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = w.oid AND d.deptype = 'e')
	LOOP
		EXECUTE format('DROP FOREIGN DATA WRAPPER %I CASCADE', r.fdwname);
	END LOOP;
	FOR r IN SELECT lanname FROM pg_language WHERE oid >= 16384 LOOP
		EXECUTE format('DROP LANGUAGE IF EXISTS %I CASCADE', r.lanname);
	END LOOP;
	FOR r IN SELECT amname FROM pg_am WHERE oid >= 16384 LOOP
		EXECUTE format('DROP ACCESS METHOD IF EXISTS %I CASCADE', r.amname);
	END LOOP;
	FOR r IN SELECT castsource::regtype AS s, casttarget::regtype AS t
		FROM pg_cast WHERE oid >= 16384
	LOOP
		EXECUTE format('DROP CAST (%s AS %s)', r.s, r.t);
	END LOOP;
	REVOKE ALL ON pg_catalog.pg_authid FROM alice, bob;
	CREATE SCHEMA public AUTHORIZATION pg_database_owner;
	GRANT USAGE ON SCHEMA public TO PUBLIC;
	COMMENT ON SCHEMA public IS 'standard public schema';
END
$$;
