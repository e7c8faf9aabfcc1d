CREATE TYPE ty AS (a int, b text); CREATE TABLE t OF ty; CREATE TABLE t2 (a int, b text);
