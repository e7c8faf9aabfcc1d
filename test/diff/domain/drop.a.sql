CREATE DOMAIN d AS int; CREATE TABLE t (x d, y d[]);
