CREATE TABLE t (id int PRIMARY KEY, s varchar(10), n numeric(5,2));
CREATE TABLE u (s varchar CHECK (s IN ('a', 'b')));
