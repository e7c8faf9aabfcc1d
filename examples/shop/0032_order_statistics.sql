-- schemamig:revision 0032_order_statistics
-- schemamig:message tell the planner how orders hang together
-- schemamig:parents 0031_archive_events_of_2023

-- schemamig:up transaction=none
CREATE STATISTICS orders_account_status (ndistinct, dependencies)
	ON account_id, status FROM orders;
REINDEX INDEX CONCURRENTLY orders_account_idx;
VACUUM (ANALYZE) orders, order_item;
ANALYZE product;

-- schemamig:down
DROP STATISTICS orders_account_status;
