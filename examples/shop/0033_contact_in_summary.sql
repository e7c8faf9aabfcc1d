-- schemamig:revision 0033_contact_in_summary
-- schemamig:message show the contact in the summary of orders
-- schemamig:parents 0032_order_statistics

-- schemamig:up
CREATE OR REPLACE VIEW order_summary AS
SELECT o.id,
	o.number,
	o.account_id,
	o.status,
	o.placed_at,
	count(i.line) AS lines,
	coalesce(sum(i.total_cents), 0) AS total_cents,
	o.contact
FROM orders o
	LEFT JOIN order_item i ON i.order_id = o.id
GROUP BY o.id;

-- schemamig:down
-- REPLACE can add columns to a view, not take them away.
DROP VIEW order_summary;
CREATE VIEW order_summary AS
SELECT o.id,
	o.number,
	o.account_id,
	o.status,
	o.placed_at,
	count(i.line) AS lines,
	coalesce(sum(i.total_cents), 0) AS total_cents
FROM orders o
	LEFT JOIN order_item i ON i.order_id = o.id
GROUP BY o.id;
