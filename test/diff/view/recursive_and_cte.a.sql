CREATE TABLE t (id int, parent int);
