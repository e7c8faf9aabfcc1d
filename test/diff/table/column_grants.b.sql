CREATE TABLE t (a int, b int, c int); GRANT SELECT (a, b) ON t TO bob; GRANT INSERT (c) ON t TO PUBLIC; GRANT SELECT, DELETE ON t TO alice; REVOKE TRUNCATE ON t FROM postgres;
