CREATE TYPE e AS ENUM ('a', 'b'); CREATE DOMAIN d AS e CHECK (VALUE <> 'b'); CREATE TABLE t (x d, y e DEFAULT 'a');
