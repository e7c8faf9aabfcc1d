-- schemamig:revision 0020_billing_paid_orders
-- schemamig:message mark orders as paid when their invoice is
-- schemamig:parents 0018_billing_write_off
-- schemamig:depends_on 0017_record_status_changes

-- schemamig:up
-- This line needs the events of the other one, but does not merge with it.
CREATE FUNCTION settle_invoice() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
	paid_order bigint;
BEGIN
	IF invoice_balance(NEW.invoice_id) > 0 THEN
		RETURN NULL;
	END IF;
	UPDATE invoice SET state = 'settled'
	WHERE id = NEW.invoice_id AND state IN ('draft', 'sent')
	RETURNING order_id INTO paid_order;
	IF FOUND THEN
		INSERT INTO order_event (order_id, kind, detail)
		VALUES (paid_order, 'payment',
			jsonb_build_object('invoice', NEW.invoice_id));
		UPDATE orders SET status = 'paid'
		WHERE id = paid_order AND status = 'new';
	END IF;
	RETURN NULL;
END
$$;

CREATE TRIGGER settle AFTER INSERT ON payment
	FOR EACH ROW EXECUTE FUNCTION settle_invoice();

-- schemamig:down
DROP TRIGGER settle ON payment;
DROP FUNCTION settle_invoice();
