CREATE TYPE unused AS ENUM ('a');
