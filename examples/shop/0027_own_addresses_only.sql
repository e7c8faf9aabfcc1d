-- schemamig:revision 0027_own_addresses_only
-- schemamig:message show each account its own addresses only
-- schemamig:parents 0026_revenue_by_day

-- schemamig:up
ALTER TABLE address ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_addresses ON address
	USING (account_id = nullif(current_setting('shop.account', true), '')::bigint);
CREATE POLICY no_home_abroad ON address AS RESTRICTIVE FOR INSERT
	WITH CHECK (label <> 'home' OR (place).country IN ('AT', 'CH', 'DE'));

-- schemamig:down
DROP POLICY no_home_abroad ON address;
DROP POLICY own_addresses ON address;
ALTER TABLE address DISABLE ROW LEVEL SECURITY;
