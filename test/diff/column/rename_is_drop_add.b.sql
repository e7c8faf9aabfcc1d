CREATE TABLE t (a int, b2 text);
