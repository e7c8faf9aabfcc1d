CREATE TABLE p (id int); CREATE TABLE c (x int) INHERITS (p);
CREATE TABLE own (e int) INHERITS (p);
