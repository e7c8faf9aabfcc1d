CREATE TYPE addr AS (no int, street text);
