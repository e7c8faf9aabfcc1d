CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('a', 'b', 'c', 'd', 'e');
CREATE TABLE app.t (id int, m app.mood DEFAULT 'e');
