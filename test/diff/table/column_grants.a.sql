CREATE TABLE t (a int, b int, c int); GRANT SELECT (a), UPDATE (b) ON t TO bob; GRANT SELECT ON t TO alice;
