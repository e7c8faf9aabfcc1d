-- schemamig:revision 0030_open_stock
-- schemamig:message count stock, and open an account of each product
-- schemamig:parents 0029_campaigns

-- schemamig:up
CREATE TABLE stock (
	product_id bigint PRIMARY KEY REFERENCES product ON DELETE CASCADE,
	on_hand integer NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
	counted_at timestamptz
);

-- Commits every few products and can be called again at any time.
CREATE PROCEDURE open_stock(batch integer DEFAULT 100)
LANGUAGE plpgsql AS $$
DECLARE
	done_to bigint := 0;
	this_to bigint;
BEGIN
	LOOP
		SELECT max(id) INTO this_to
		FROM (SELECT id FROM product WHERE id > done_to
			ORDER BY id LIMIT batch) AS next_batch;
		EXIT WHEN this_to IS NULL;
		INSERT INTO stock (product_id)
		SELECT id FROM product WHERE id > done_to AND id <= this_to
		ON CONFLICT DO NOTHING;
		COMMIT;
		done_to := this_to;
	END LOOP;
END
$$;

CALL open_stock();

-- schemamig:down
DROP PROCEDURE open_stock(integer);
DROP TABLE stock;
