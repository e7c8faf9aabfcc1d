-- schemamig:revision 0017_record_status_changes
-- schemamig:message record each change of an order's status
-- schemamig:parents 0015_order_events

-- schemamig:up
CREATE FUNCTION record_status_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO order_event (order_id, kind, detail)
	VALUES (NEW.id, 'status',
		jsonb_build_object('from', OLD.status, 'to', NEW.status));
	RETURN NULL;
END
$$;

CREATE TRIGGER record_status AFTER UPDATE OF status ON orders
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION record_status_change();

-- schemamig:down
DROP TRIGGER record_status ON orders;
DROP FUNCTION record_status_change();
