CREATE TYPE a AS (x bigint); CREATE TYPE b AS (y a);
