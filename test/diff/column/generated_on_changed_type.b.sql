CREATE TABLE t (a bigint, g bigint GENERATED ALWAYS AS (a + 1) STORED);
