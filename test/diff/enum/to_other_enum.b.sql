CREATE SCHEMA app;
CREATE TYPE app.m2 AS ENUM ('a', 'b', 'c');
CREATE TABLE app.t (id int, m app.m2 DEFAULT 'a');
