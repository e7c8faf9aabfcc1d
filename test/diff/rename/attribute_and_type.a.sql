CREATE TYPE pair AS (a int, b text);
CREATE TABLE t (id int, p pair);
CREATE VIEW v AS SELECT (p).a, (p).b AS c FROM t;
