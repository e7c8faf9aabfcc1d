-- schemamig:revision 0022_merge_billing
-- schemamig:message merge billing
-- schemamig:parents 0021_validate_prices, 0020_billing_paid_orders

-- schemamig:up

-- schemamig:down
