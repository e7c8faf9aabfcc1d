CREATE TYPE a AS (x int); CREATE TYPE b AS (y a);
