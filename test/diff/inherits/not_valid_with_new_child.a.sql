CREATE TABLE p (id int, a int);
CREATE TABLE c (own int) INHERITS (p);
INSERT INTO p VALUES (1, 2);
