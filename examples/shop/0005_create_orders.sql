-- schemamig:revision 0005_create_orders
-- schemamig:message create orders
-- schemamig:parents 0004_touch_updated_at

-- schemamig:up
CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped');

-- What customers see. It starts high, so that nobody knows who was first.
CREATE SEQUENCE order_number_seq START WITH 100000;

CREATE TABLE orders (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	number bigint NOT NULL DEFAULT nextval('order_number_seq') UNIQUE,
	account_id bigint NOT NULL REFERENCES account,
	status order_status NOT NULL DEFAULT 'new',
	placed_at timestamptz NOT NULL DEFAULT now()
);
ALTER SEQUENCE order_number_seq OWNED BY orders.number;
CREATE INDEX orders_account_idx ON orders (account_id, placed_at);

CREATE TABLE order_item (
	order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
	line integer NOT NULL,
	product_id bigint NOT NULL REFERENCES product,
	quantity integer NOT NULL CHECK (quantity > 0),
	price_cents bigint NOT NULL,
	total_cents bigint GENERATED ALWAYS AS (quantity * price_cents) STORED,
	PRIMARY KEY (order_id, line)
);
CREATE INDEX order_item_product_idx ON order_item (product_id);

-- schemamig:down
DROP TABLE order_item;
DROP TABLE orders;
DROP TYPE order_status;
