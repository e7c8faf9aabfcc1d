CREATE TABLE t (a text, b text, c int, d text);
ALTER TABLE t ALTER b SET STORAGE MAIN, ALTER d SET COMPRESSION pglz, ALTER d SET STATISTICS 0, ALTER c SET (n_distinct = 7, n_distinct_inherited = 3);
