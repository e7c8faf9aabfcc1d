CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('a', 'b', 'c');
COMMENT ON TYPE app.mood IS 'm';
CREATE TABLE app.t (id int, m app.mood NOT NULL DEFAULT 'b', n app.mood[]);
CREATE INDEX ti ON app.t (m) WHERE m = 'a';
CREATE INDEX tj ON app.t (m);
INSERT INTO app.t VALUES (1, 'a', '{a,b}'), (2, 'b', NULL);
CREATE VIEW app.v AS SELECT m, count(*) FROM app.t GROUP BY m;
