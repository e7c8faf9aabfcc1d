CREATE TABLE v (a int);
