-- schemamig:revision 0035_order_reference
-- schemamig:message print order numbers the same way everywhere
-- schemamig:parents 0034_product_title

-- schemamig:up
CREATE FUNCTION order_reference(number bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 'SO-' || lpad(number::text, 8, '0');

CREATE INDEX CONCURRENTLY orders_reference_idx
	ON orders (order_reference(number));

-- schemamig:down
DROP INDEX CONCURRENTLY orders_reference_idx;
DROP FUNCTION order_reference(bigint);
