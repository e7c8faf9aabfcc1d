CREATE TABLE t (a int, b bigint); CREATE TABLE u (a int, b int); CREATE VIEW v AS SELECT a, b FROM t;
CREATE RULE r AS ON INSERT TO v DO INSTEAD INSERT INTO t VALUES (new.a, new.b);
