CREATE TABLE t (id serial PRIMARY KEY, s text DEFAULT 'x'); CREATE INDEX ti ON t (s);
