-- schemamig:revision 0016_billing_payments
-- schemamig:message create payments
-- schemamig:parents 0014_billing_invoices

-- schemamig:up
CREATE TABLE payment (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	invoice_id bigint NOT NULL REFERENCES invoice,
	amount_cents bigint NOT NULL CHECK (amount_cents <> 0),
	received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payment_invoice_idx ON payment (invoice_id);

CREATE FUNCTION invoice_balance(invoice bigint) RETURNS bigint
LANGUAGE sql STABLE STRICT AS $$
	SELECT i.gross_cents - coalesce(sum(p.amount_cents), 0)::bigint
	FROM invoice i
		LEFT JOIN payment p ON p.invoice_id = i.id
	WHERE i.id = invoice_balance.invoice
	GROUP BY i.id;
$$;

-- schemamig:down
DROP FUNCTION invoice_balance(bigint);
DROP TABLE payment;
