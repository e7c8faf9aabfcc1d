CREATE TABLE p (id int PRIMARY KEY, code text); CREATE TABLE c (p_code text);
