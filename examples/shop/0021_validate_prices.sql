-- schemamig:revision 0021_validate_prices
-- schemamig:message check the prices that were there before
-- schemamig:parents 0019_price_not_negative

-- schemamig:up
ALTER TABLE product VALIDATE CONSTRAINT product_price_not_negative;
ALTER TABLE order_item VALIDATE CONSTRAINT order_item_price_not_negative;

-- schemamig:down
-- A constraint cannot be made NOT VALID again; a new one can.
ALTER TABLE order_item
	DROP CONSTRAINT order_item_price_not_negative,
	ADD CONSTRAINT order_item_price_not_negative
		CHECK (price_cents >= 0) NOT VALID;
ALTER TABLE product
	DROP CONSTRAINT product_price_not_negative,
	ADD CONSTRAINT product_price_not_negative
		CHECK (price_cents >= 0) NOT VALID;
