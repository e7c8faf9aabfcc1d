CREATE DOMAIN num AS int;
CREATE TABLE t (a int, n num);
