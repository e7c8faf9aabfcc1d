CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s');
CREATE TABLE app.t (m app.mood DEFAULT 'ok', ms app.mood[]);
