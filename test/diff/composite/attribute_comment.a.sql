CREATE TYPE a AS (x int, "Y y" text); COMMENT ON COLUMN a.x IS 'one';
