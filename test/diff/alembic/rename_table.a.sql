CREATE TABLE t_old (id int PRIMARY KEY, s text);
