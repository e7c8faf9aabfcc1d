CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE p (id int, k int, r int REFERENCES r, PRIMARY KEY (id, k)) PARTITION BY RANGE (k); CREATE TABLE p1 (id int NOT NULL, k int NOT NULL, r int);
