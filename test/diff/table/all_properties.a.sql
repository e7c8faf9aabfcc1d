CREATE TABLE t (id int NOT NULL, s text);
