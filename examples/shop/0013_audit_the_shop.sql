-- schemamig:revision 0013_audit_the_shop
-- schemamig:message audit accounts, products and orders
-- schemamig:parents 0012_merge_audit

-- schemamig:up
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account
	FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit AFTER UPDATE OR DELETE ON product
	FOR EACH ROW EXECUTE FUNCTION audit.record();
CREATE TRIGGER audit AFTER UPDATE OR DELETE ON orders
	FOR EACH ROW EXECUTE FUNCTION audit.record();

-- schemamig:down
DROP TRIGGER audit ON orders;
DROP TRIGGER audit ON product;
DROP TRIGGER audit ON account;
