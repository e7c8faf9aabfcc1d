CREATE TYPE e AS ENUM ('a', 'c'); CREATE DOMAIN d AS e CHECK (VALUE <> 'c'); CREATE TABLE t (x d, y e DEFAULT 'a');
