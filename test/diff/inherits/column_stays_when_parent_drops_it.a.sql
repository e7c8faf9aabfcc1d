CREATE TABLE p (id int, e int); CREATE TABLE c (x int) INHERITS (p);
-- the way back cannot make it inherited only, so the child has it itself
CREATE TABLE own (e int) INHERITS (p);
