-- schemamig:revision 0014_billing_invoices
-- schemamig:message create invoices
-- schemamig:parents 0013_audit_the_shop
-- schemamig:labels billing

-- schemamig:up
CREATE TYPE invoice_state AS ENUM ('draft', 'sent', 'settled');

CREATE TABLE invoice (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES orders,
	state invoice_state NOT NULL DEFAULT 'draft',
	net_cents bigint NOT NULL CHECK (net_cents >= 0),
	vat_percent numeric(4, 2) NOT NULL DEFAULT 19.00,
	gross_cents bigint NOT NULL GENERATED ALWAYS AS
		(round(net_cents * (100 + vat_percent) / 100)) STORED,
	sent_at timestamptz
);
CREATE INDEX invoice_order_idx ON invoice (order_id);

-- schemamig:down
DROP TABLE invoice;
DROP TYPE invoice_state;
