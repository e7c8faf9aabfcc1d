CREATE TABLE t (a int, b int, c int); COMMENT ON COLUMN t.b IS E'b''\\\n2'; COMMENT ON COLUMN t.c IS 'c';
