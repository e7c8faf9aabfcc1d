CREATE TABLE p (id bigint, n int NOT NULL, added date DEFAULT '2020-01-01', CONSTRAINT k2 CHECK (id > 1)); CREATE TABLE c (extra int) INHERITS (p);
