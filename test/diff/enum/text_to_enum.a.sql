CREATE SCHEMA app;
CREATE TABLE app.t (id int, m text DEFAULT 'a');
INSERT INTO app.t VALUES (1, 'a');
