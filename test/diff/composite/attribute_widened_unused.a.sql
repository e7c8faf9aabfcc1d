CREATE TYPE dims AS (w integer, h integer); CREATE TYPE named AS (a varchar(3));
