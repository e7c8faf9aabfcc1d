CREATE TABLE t (a int); CREATE INDEX i ON t (a) WITH (fillfactor = 90, deduplicate_items = off);
