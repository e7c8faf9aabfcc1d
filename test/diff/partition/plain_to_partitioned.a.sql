CREATE TABLE t (id int, k int); CREATE VIEW v AS SELECT id FROM t;
