-- schemamig:revision 0002_create_addresses
-- schemamig:message create addresses
-- schemamig:parents 0001_create_accounts

-- schemamig:up
CREATE TYPE postal_address AS (
	street text,
	postcode text,
	city text,
	country character(2)
);

CREATE TABLE address (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
	label text NOT NULL DEFAULT 'home',
	place postal_address NOT NULL,
	UNIQUE (account_id, label)
);

-- schemamig:down
DROP TABLE address;
DROP TYPE postal_address;
