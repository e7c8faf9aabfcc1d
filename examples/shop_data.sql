-- Rows for examples/shop as it stands after revision 0008_seed_categories:
-- what a shop has in its tables when the rest of the history reaches it.
-- The same rows every time; nothing depends on the clock.

INSERT INTO account (email, name, created_at)
SELECT format('Customer.%s@example.org', n),
	format('Customer %s', n),
	timestamptz '2022-06-01 08:00+00' + n * interval '9 hours'
FROM generate_series(1, 400) AS n;

INSERT INTO address (account_id, label, place)
SELECT a.id, kind.label,
	ROW(format('Street %s', a.id % 90 + 1), format('%s', 10000 + a.id),
		'Hamburg', 'DE')::postal_address
FROM account a
	JOIN (VALUES (1, 'home'), (3, 'office')) AS kind (every, label)
		ON a.id % kind.every = 0
ORDER BY a.id, kind.label;

INSERT INTO product (category_id, sku, name, description, price_cents)
SELECT (SELECT id FROM category WHERE slug = (ARRAY['comics', 'poetry', 'vinyl',
			'books', 'music', 'toys'])[n % 6 + 1]),
	format('SKU-%s', lpad(n::text, 5, '0')),
	format('Article number %s', n),
	format('The %s article of the catalogue', n),
	250 + (n * 7919) % 9000
FROM generate_series(1, 250) AS n;

-- Orders from July 2022 to April 2026: old ones shipped, one in 17 cancelled.
INSERT INTO orders (account_id, status, placed_at, cancelled_at)
SELECT a.id, o.status, o.placed_at,
	CASE WHEN o.status = 'cancelled' THEN o.placed_at + interval '90 days' END
FROM (SELECT n, (n * 31) % 400 + 1 AS buyer,
		timestamptz '2022-07-01 10:00+00' + n * interval '11 hours'
			AS placed_at,
		CASE WHEN n % 17 = 0 THEN 'cancelled'
			WHEN n < 2700 THEN 'shipped'
			WHEN n % 3 = 0 THEN 'new'
			ELSE 'paid' END::order_status AS status
	FROM generate_series(1, 3000) AS n) AS o
	JOIN account a ON a.email = format('Customer.%s@example.org', o.buyer)
ORDER BY o.n;

INSERT INTO order_item (order_id, line, product_id, quantity, price_cents)
SELECT o.id, line, p.id, (o.number + line) % 4 + 1, p.price_cents
FROM orders o
	CROSS JOIN generate_series(1, 3) AS line
	JOIN product p ON p.sku = format('SKU-%s',
		lpad(((o.number * 13 + line * 29) % 250 + 1)::text, 5, '0'))
WHERE line <= o.number % 3 + 1
ORDER BY o.id, line;
