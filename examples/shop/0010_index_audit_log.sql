-- schemamig:revision 0010_index_audit_log
-- schemamig:message find audit entries by time
-- schemamig:parents 0009_audit_log

-- schemamig:up
CREATE INDEX CONCURRENTLY entry_at_idx ON audit.entry USING brin (at);
CREATE INDEX CONCURRENTLY entry_relation_idx ON audit.entry (relation, id);

-- schemamig:down
DROP INDEX CONCURRENTLY audit.entry_relation_idx;
DROP INDEX CONCURRENTLY audit.entry_at_idx;
