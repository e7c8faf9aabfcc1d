CREATE TABLE p (id int, gone text, n int, CONSTRAINT k1 CHECK (id > 0)); CREATE TABLE c (extra int) INHERITS (p);
