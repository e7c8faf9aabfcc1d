CREATE TYPE m AS ENUM ('x', 'y'); CREATE TABLE t (a int, m m NOT NULL DEFAULT 'x');
