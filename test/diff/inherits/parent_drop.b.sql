CREATE TABLE c (id int, x int);
