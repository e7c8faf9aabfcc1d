-- schemamig:revision 0012_merge_audit
-- schemamig:message merge the audit log into the shop
-- schemamig:parents 0011_product_search, 0010_index_audit_log

-- schemamig:up

-- schemamig:down
