-- schemamig:revision 0006_cancel_orders
-- schemamig:message let orders be cancelled
-- schemamig:parents 0005_create_orders

-- schemamig:up
ALTER TYPE order_status ADD VALUE 'cancelled' AFTER 'shipped';

-- PostgreSQL refuses a new value in the transaction that added it, so the
-- rest of this script is a step of its own.
ALTER TABLE orders
	ADD COLUMN cancelled_at timestamptz,
	ADD CONSTRAINT orders_cancelled_at_matches
		CHECK ((cancelled_at IS NOT NULL) = (status = 'cancelled'));
CREATE INDEX orders_open_idx ON orders (placed_at)
	WHERE status <> 'shipped' AND status <> 'cancelled';

-- schemamig:down
DROP INDEX orders_open_idx;
ALTER TABLE orders DROP COLUMN cancelled_at;

-- No command removes a value from an enum: build the type anew without it.
UPDATE orders SET status = 'new' WHERE status = 'cancelled';
ALTER TYPE order_status RENAME TO order_status_with_cancelled;
CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped');
ALTER TABLE orders
	ALTER COLUMN status DROP DEFAULT,
	ALTER COLUMN status TYPE order_status USING status::text::order_status,
	ALTER COLUMN status SET DEFAULT 'new';
DROP TYPE order_status_with_cancelled;
