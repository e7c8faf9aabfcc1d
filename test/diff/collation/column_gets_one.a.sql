CREATE TABLE t (a text, b text COLLATE "C"); CREATE INDEX ti ON t (a);
