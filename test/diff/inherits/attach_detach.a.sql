CREATE TABLE p (id int, s text); CREATE TABLE c (id int, s text); CREATE TABLE d (id int, s text) INHERITS (p);
