-- schemamig:revision 0011_product_search
-- schemamig:message search products by words
-- schemamig:parents 0008_seed_categories

-- schemamig:up
ALTER TABLE product ADD COLUMN words tsvector
	GENERATED ALWAYS AS (
		setweight(to_tsvector('english', name), 'A') ||
		setweight(to_tsvector('english', description), 'B')) STORED;
CREATE INDEX CONCURRENTLY product_words_idx ON product USING gin (words);

-- schemamig:down
DROP INDEX CONCURRENTLY product_words_idx;
ALTER TABLE product DROP COLUMN words;
