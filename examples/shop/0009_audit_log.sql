-- schemamig:revision 0009_audit_log
-- schemamig:message keep an audit log
-- schemamig:parents
-- schemamig:labels audit

-- schemamig:up
-- A base of its own: this part knows nothing of the shop and could be used
-- in any other database as it is.
CREATE SCHEMA audit;

CREATE TABLE audit.entry (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	role name NOT NULL DEFAULT current_user,
	relation text NOT NULL,
	action text NOT NULL CHECK (action IN ('INSERT', 'UPDATE', 'DELETE')),
	before jsonb,
	after jsonb
);

CREATE FUNCTION audit.record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $record$
DECLARE
	relation text := format('%I.%I', tg_table_schema, tg_table_name);
BEGIN
	IF tg_op = 'UPDATE' AND to_jsonb(OLD) = to_jsonb(NEW) THEN
		RETURN NULL;			-- nothing changed; nothing to tell
	END IF;
	INSERT INTO audit.entry (role, relation, action, before, after)
	VALUES (session_user, relation, tg_op,
		CASE WHEN tg_op <> 'INSERT' THEN to_jsonb(OLD) END,
		CASE WHEN tg_op <> 'DELETE' THEN to_jsonb(NEW) END);
	RETURN NULL;
END
$record$;

-- schemamig:down
DROP FUNCTION audit.record();
DROP TABLE audit.entry;
DROP SCHEMA audit;
