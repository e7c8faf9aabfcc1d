CREATE TABLE p (id int, s text); CREATE TABLE c (id int, s text); ALTER TABLE c INHERIT p; CREATE TABLE d (id int, s text);
