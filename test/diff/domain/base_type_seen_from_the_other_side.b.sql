CREATE DOMAIN d AS text;
CREATE DOMAIN e AS d;
CREATE DOMAIN rounded AS int;
CREATE TYPE f AS ENUM ('6', '7');
CREATE TABLE t (id int, a d, b e, c d[], e rounded, f f);
