-- schemamig:revision 0015_order_events
-- schemamig:message record what happens to orders, a partition a year
-- schemamig:parents 0013_audit_the_shop

-- schemamig:up
CREATE SEQUENCE order_event_id_seq CACHE 20;

CREATE TABLE order_event (
	id bigint NOT NULL DEFAULT nextval('order_event_id_seq'),
	occurred_at timestamptz NOT NULL DEFAULT now(),
	order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
	kind text NOT NULL,
	detail jsonb NOT NULL DEFAULT '{}',
	PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);
ALTER SEQUENCE order_event_id_seq OWNED BY order_event.id;
CREATE INDEX order_event_order_idx ON order_event (order_id);

CREATE TABLE order_event_2023 PARTITION OF order_event
	FOR VALUES FROM ('2023-01-01 00:00+00') TO ('2024-01-01 00:00+00');
CREATE TABLE order_event_2024 PARTITION OF order_event
	FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00');
CREATE TABLE order_event_2025 PARTITION OF order_event
	FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2026-01-01 00:00+00');
CREATE TABLE order_event_recent PARTITION OF order_event
	FOR VALUES FROM ('2026-01-01 00:00+00') TO (MAXVALUE);

-- The past, as far as it is known.
INSERT INTO order_event (occurred_at, order_id, kind)
SELECT placed_at, id, 'placed'
FROM orders
WHERE placed_at >= '2023-01-01 00:00+00'
ORDER BY placed_at, id;

-- schemamig:down
DROP TABLE order_event;
