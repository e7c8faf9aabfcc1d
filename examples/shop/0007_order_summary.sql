-- schemamig:revision 0007_order_summary
-- schemamig:message summarise orders in a view
-- schemamig:parents 0006_cancel_orders

-- schemamig:up
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

-- schemamig:down
DROP VIEW order_summary;
