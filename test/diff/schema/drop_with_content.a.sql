CREATE SCHEMA app;
CREATE TABLE app.t (id int PRIMARY KEY, s text);
CREATE VIEW app.v AS SELECT id FROM app.t;
