-- schemamig:revision one_items
-- schemamig:message create items
-- schemamig:parents

-- schemamig:up
CREATE TYPE item_state AS ENUM ('new', 'used');
CREATE TABLE item (
	id integer PRIMARY KEY,
	name text NOT NULL,
	state item_state NOT NULL DEFAULT 'new'
);
INSERT INTO item (id, name)
SELECT n, format('item %s', n) FROM generate_series(1, 1000) AS n;

-- schemamig:down
DROP TABLE item;
DROP TYPE item_state;

-- schemamig:revision two_index
-- schemamig:message index items without blocking anybody
-- schemamig:parents one_items

-- schemamig:up
CREATE INDEX CONCURRENTLY item_name_idx ON item (name);

-- schemamig:down
DROP INDEX CONCURRENTLY item_name_idx;

-- schemamig:revision three_state
-- schemamig:message a new state, used at once
-- schemamig:parents two_index

-- schemamig:up
ALTER TYPE item_state ADD VALUE 'sold';
UPDATE item SET state = 'sold' WHERE id % 10 = 0;
DO $$
BEGIN
	RAISE NOTICE 'greetings from the script: größer'
		USING HINT = 'the hint comes along', ERRCODE = '01S01';
END
$$;

-- schemamig:down

-- schemamig:revision four_vacuum
-- schemamig:message clean up
-- schemamig:parents three_state

-- schemamig:up
VACUUM (ANALYZE) item;

-- schemamig:down
