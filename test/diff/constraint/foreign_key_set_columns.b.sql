CREATE TABLE p (x int, y int, PRIMARY KEY (x, y)); CREATE TABLE t (x int, y int, FOREIGN KEY (x, y) REFERENCES p ON DELETE SET NULL (y));
