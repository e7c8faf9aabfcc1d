CREATE DOMAIN d AS text DEFAULT 'x' NOT NULL;
CREATE TABLE t (id int, a d, b text);
