CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('b', 'd');
CREATE TABLE app.t (id int, m app.mood DEFAULT 'b');
INSERT INTO app.t VALUES (1, 'b'), (2, 'd');
