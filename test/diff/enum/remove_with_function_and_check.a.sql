CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('a', 'b', 'c');
CREATE FUNCTION app.f(m app.mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT m::text $$;
CREATE TABLE app.t (id int, m app.mood CHECK (m <> 'c'), g text GENERATED ALWAYS AS (app.f(m)) STORED);
