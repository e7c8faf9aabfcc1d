-- schemamig:revision 0023_order_contact
-- schemamig:message keep the address an order was placed with
-- schemamig:parents 0022_merge_billing

-- schemamig:up
ALTER TABLE orders ADD COLUMN contact email_address;

UPDATE orders SET contact = account.email
FROM account
WHERE account.id = orders.account_id;

-- schemamig:down
ALTER TABLE orders DROP COLUMN contact;
