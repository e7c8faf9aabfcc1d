CREATE TABLE t (id serial, b bigserial); CREATE TABLE u (x int);
