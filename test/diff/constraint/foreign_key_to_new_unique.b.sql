CREATE TABLE p (id int PRIMARY KEY, code text UNIQUE); CREATE TABLE c (p_code text REFERENCES p (code));
