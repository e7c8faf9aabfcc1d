-- schemamig:revision 0018_billing_write_off
-- schemamig:message write off invoices nobody will pay
-- schemamig:parents 0016_billing_payments

-- schemamig:up
ALTER TYPE invoice_state ADD VALUE IF NOT EXISTS 'written_off';

UPDATE invoice SET state = 'written_off'
WHERE state = 'sent' AND sent_at < '2023-01-01 00:00+00';

CREATE INDEX invoice_unsettled_idx ON invoice (sent_at)
	WHERE state NOT IN ('settled', 'written_off');

-- schemamig:down
DROP INDEX invoice_unsettled_idx;
UPDATE invoice SET state = 'sent' WHERE state = 'written_off';
ALTER TYPE invoice_state RENAME TO invoice_state_with_written_off;
CREATE TYPE invoice_state AS ENUM ('draft', 'sent', 'settled');
ALTER TABLE invoice
	ALTER COLUMN state DROP DEFAULT,
	ALTER COLUMN state TYPE invoice_state USING state::text::invoice_state,
	ALTER COLUMN state SET DEFAULT 'draft';
DROP TYPE invoice_state_with_written_off;
