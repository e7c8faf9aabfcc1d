CREATE SCHEMA app;
CREATE TYPE app.m1 AS ENUM ('a', 'b');
CREATE TABLE app.t (id int, m app.m1 DEFAULT 'a');
