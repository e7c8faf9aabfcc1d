-- schemamig:revision 0037_describe_the_schema
-- schemamig:message describe tables and columns
-- schemamig:parents 0036_tell_about_sales

-- schemamig:up
COMMENT ON TABLE account IS 'Who buys. One row for each address, whatever its case.';
COMMENT ON TABLE orders IS 'What was bought, when, and by whom.';
COMMENT ON COLUMN orders.number IS 'What the customer is told; see order_reference().';
COMMENT ON COLUMN orders.contact IS
'The account''s address when the order was placed; it doesn''t follow the account.';
COMMENT ON COLUMN order_item.price_cents IS 'Price of one piece, at that time.';
COMMENT ON COLUMN product.words IS E'What a search looks at:\n\ttitle first, then description.';
COMMENT ON VIEW order_summary IS 'Orders and what they are worth.';
COMMENT ON MATERIALIZED VIEW revenue_by_day IS 'Refreshed every night.';
COMMENT ON TYPE order_status IS 'new → paid → shipped; cancelled at any time before.';
COMMENT ON INDEX orders_open_idx IS 'For the list of what has to be done.';

-- schemamig:down
COMMENT ON INDEX orders_open_idx IS NULL;
COMMENT ON TYPE order_status IS NULL;
COMMENT ON MATERIALIZED VIEW revenue_by_day IS NULL;
COMMENT ON VIEW order_summary IS NULL;
COMMENT ON COLUMN product.words IS NULL;
COMMENT ON COLUMN order_item.price_cents IS NULL;
COMMENT ON COLUMN orders.contact IS NULL;
COMMENT ON COLUMN orders.number IS NULL;
COMMENT ON TABLE orders IS NULL;
COMMENT ON TABLE account IS NULL;
