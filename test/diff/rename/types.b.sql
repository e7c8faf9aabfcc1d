-- schemamig:rename mood feeling
-- schemamig:rename public.pos positive
-- schemamig:rename pair couple
CREATE TYPE feeling AS ENUM ('a', 'b', 'c');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE couple AS (x int, y feeling);
CREATE TABLE t (m feeling DEFAULT 'a', p positive DEFAULT 1, c couple, ms feeling[] CHECK (ms <> '{b}'));
CREATE INDEX ti ON t (m) WHERE m = 'a';
CREATE VIEW v AS SELECT m, 'b'::feeling AS b, p FROM t;
CREATE FUNCTION f(m feeling, p positive DEFAULT 1) RETURNS couple LANGUAGE sql AS 'SELECT 1, $1';
COMMENT ON FUNCTION f IS 'f';
GRANT USAGE ON TYPE feeling TO alice;
