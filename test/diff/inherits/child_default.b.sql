CREATE TABLE p (id int, s text DEFAULT 'q'); CREATE TABLE c (extra int) INHERITS (p); ALTER TABLE c ALTER s SET DEFAULT 'c';
