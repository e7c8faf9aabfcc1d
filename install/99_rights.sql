/* schemamig: nothing is executable by PUBLIC; grants decide who may do what */

DO $do$
DECLARE
	routine regprocedure;
BEGIN
	FOR routine IN
		SELECT d.objid
		FROM pg_catalog.pg_depend d
			JOIN pg_catalog.pg_extension e
				ON d.refclassid = 'pg_catalog.pg_extension'::regclass
					AND d.refobjid = e.oid
		WHERE e.extname = 'schemamig'
			AND d.classid = 'pg_catalog.pg_proc'::regclass
			AND d.deptype = 'e'
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
	END LOOP;
END
$do$;
