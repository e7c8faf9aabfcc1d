-- schemamig:revision 0025_cover_order_items
-- schemamig:message count sold products from the index alone
-- schemamig:parents 0024_require_order_contact

-- schemamig:up
CREATE INDEX CONCURRENTLY order_item_product_quantity_idx
	ON order_item (product_id) INCLUDE (quantity);
DROP INDEX CONCURRENTLY order_item_product_idx;

-- schemamig:down
CREATE INDEX CONCURRENTLY order_item_product_idx ON order_item (product_id);
DROP INDEX CONCURRENTLY order_item_product_quantity_idx;
