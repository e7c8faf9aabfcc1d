CREATE TABLE p (id int, s text DEFAULT 'p'); CREATE TABLE c (extra int) INHERITS (p);
