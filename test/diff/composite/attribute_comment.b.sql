CREATE TYPE a AS (x int, "Y y" text); COMMENT ON COLUMN a."Y y" IS 'two';
