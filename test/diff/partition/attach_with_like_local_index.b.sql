CREATE TABLE p (id int, k int, a text) PARTITION BY LIST (k);
CREATE TABLE p1 (id int, k int, a text);
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1);
CREATE INDEX p_a ON p (a, id);
CREATE INDEX p1_local ON p1 (a, id);
COMMENT ON INDEX p1_local IS 'local';
