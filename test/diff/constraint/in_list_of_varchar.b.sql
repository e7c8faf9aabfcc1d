CREATE TABLE t (id int PRIMARY KEY, s varchar(10) CHECK (s IN ('a', 'b''(ARRAY[', E'c\\d')), n numeric(5,2) CHECK (n IN (1, 2.5)));
CREATE INDEX ON t (id) WHERE s IN ('x', 'y') AND s <> ALL (ARRAY['z']::varchar[]);
CREATE VIEW v AS SELECT s IN ('x', 'y') AS x, ARRAY[s, 'q']::text[] AS q FROM t;
CREATE TABLE u (s varchar);
