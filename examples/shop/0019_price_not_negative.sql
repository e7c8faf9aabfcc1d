-- schemamig:revision 0019_price_not_negative
-- schemamig:message refuse negative prices from now on
-- schemamig:parents 0017_record_status_changes

-- schemamig:up
-- NOT VALID holds for new rows at once and doesn't read the old ones; the
-- next revision of this line checks those without locking anybody out.
SET lock_timeout = '2s';
ALTER TABLE product ADD CONSTRAINT product_price_not_negative
	CHECK (price_cents >= 0) NOT VALID;
ALTER TABLE order_item ADD CONSTRAINT order_item_price_not_negative
	CHECK (price_cents >= 0) NOT VALID;

-- schemamig:down
ALTER TABLE order_item DROP CONSTRAINT order_item_price_not_negative;
ALTER TABLE product DROP CONSTRAINT product_price_not_negative;
