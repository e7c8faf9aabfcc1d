CREATE TYPE addr AS (street text, no int);
CREATE TABLE t (id int, a addr); INSERT INTO t VALUES (1, ('x', 1));
