CREATE TYPE ty AS (a int, b text); CREATE TABLE t (a int, b text); CREATE TABLE t2 OF ty;
