-- schemamig:revision 0024_require_order_contact
-- schemamig:message require the address an order was placed with
-- schemamig:parents 0023_order_contact

-- schemamig:up
-- SET NOT NULL alone would read the whole table under its strongest lock. A
-- CHECK can be validated while people work, and then proves it.
ALTER TABLE orders ADD CONSTRAINT orders_contact_present
	CHECK (contact IS NOT NULL) NOT VALID;
COMMIT;
ALTER TABLE orders VALIDATE CONSTRAINT orders_contact_present;
COMMIT;
ALTER TABLE orders ALTER COLUMN contact SET NOT NULL;
ALTER TABLE orders DROP CONSTRAINT orders_contact_present;

-- schemamig:down
ALTER TABLE orders ALTER COLUMN contact DROP NOT NULL;
