CREATE TABLE t (id int) WITH (fillfactor = 70, autovacuum_vacuum_threshold = 100);
