CREATE TABLE p1 (a int); CREATE TABLE p2 (b int); CREATE TABLE c (b int) INHERITS (p1);
