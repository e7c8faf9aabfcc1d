CREATE TABLE t (a int PRIMARY KEY, b int); CREATE TABLE u (a int PRIMARY KEY, b int);
CREATE PUBLICATION p FOR TABLE t WITH (publish = 'insert, truncate', publish_via_partition_root = true); COMMENT ON PUBLICATION p IS 'it''s';
