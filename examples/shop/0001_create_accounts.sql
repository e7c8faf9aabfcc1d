-- schemamig:revision 0001_create_accounts
-- schemamig:message create accounts
-- schemamig:parents

-- schemamig:up
CREATE DOMAIN email_address AS text
	CONSTRAINT email_address_has_two_sides
	CHECK (VALUE ~ '^[^@[:space:]]+@[^@[:space:]]+$');

CREATE TABLE account (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	email email_address NOT NULL,
	name text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);

-- Addresses that differ only in case are one address.
CREATE UNIQUE INDEX account_email_key ON account (lower(email));

-- schemamig:down
DROP TABLE account;
DROP DOMAIN email_address;
