CREATE TEXT SEARCH CONFIGURATION c (PARSER = "default"); CREATE TABLE t (a text); CREATE INDEX i ON t USING gin (to_tsvector('c', a));
