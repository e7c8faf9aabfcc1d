-- schemamig:revision 0036_tell_about_sales
-- schemamig:message notify the warehouse of what was sold
-- schemamig:parents 0035_order_reference

-- schemamig:up
CREATE FUNCTION tell_about_sales() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('sales', json_build_object(
			'product', product_id, 'quantity', sum(quantity))::text)
	FROM sold
	GROUP BY product_id;
	RETURN NULL;
END
$$;

CREATE TRIGGER tell_about_sales AFTER INSERT ON order_item
	REFERENCING NEW TABLE AS sold
	FOR EACH STATEMENT EXECUTE FUNCTION tell_about_sales();

-- schemamig:down
DROP TRIGGER tell_about_sales ON order_item;
DROP FUNCTION tell_about_sales();
