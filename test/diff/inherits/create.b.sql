CREATE TABLE p (id int NOT NULL, s text DEFAULT 'p', CONSTRAINT pc CHECK (id > 0)); CREATE TABLE c (extra int) INHERITS (p); CREATE TABLE p2 (z int); CREATE TABLE c2 (z int) INHERITS (p, p2);
