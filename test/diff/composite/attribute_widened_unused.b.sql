CREATE TYPE dims AS (w bigint, h integer); CREATE TYPE named AS (a text COLLATE "C");
