-- schemamig:revision 0026_revenue_by_day
-- schemamig:message materialise the revenue of each day
-- schemamig:parents 0025_cover_order_items

-- schemamig:up
CREATE MATERIALIZED VIEW revenue_by_day AS
SELECT (o.placed_at AT TIME ZONE 'UTC')::date AS day,
	count(DISTINCT o.id) AS orders,
	sum(i.total_cents) AS revenue_cents
FROM orders o
	JOIN order_item i ON i.order_id = o.id
WHERE o.status <> 'cancelled'
GROUP BY 1
WITH NO DATA;

-- REFRESH … CONCURRENTLY will need it.
CREATE UNIQUE INDEX revenue_by_day_key ON revenue_by_day (day);
REFRESH MATERIALIZED VIEW revenue_by_day;

-- schemamig:down
DROP MATERIALIZED VIEW revenue_by_day;
