CREATE TABLE t (id int, s text, gone int); INSERT INTO t VALUES (1, 'x', 2); CREATE TABLE u (id int);
