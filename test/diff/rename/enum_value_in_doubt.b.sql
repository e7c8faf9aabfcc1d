-- schemamig:rename mood.sad glum
CREATE TYPE mood AS ENUM ('glum', 'glad');
CREATE TYPE pair AS (m mood, n int);
CREATE DOMAIN dm AS mood;
CREATE TYPE moods AS RANGE (subtype = mood, multirange_type_name = many_moods);
CREATE TABLE t (id int, c pair DEFAULT '(glum,1)', ds dm[] DEFAULT '{glum,glad}', r moods DEFAULT '[glum,glad]', rs many_moods DEFAULT '{[glum,glad]}', row_of pair CHECK (row_of <> '(glum,2)'::pair), m mood);
COMMENT ON COLUMN t.c IS 'c';
CREATE TABLE like_t (t t DEFAULT '(1,"(glum,1)",,,,,glum)');
CREATE INDEX ti ON t (id) WHERE c = '(glum,1)'::pair;
CREATE STATISTICS st ON (m = 'glum'), id FROM t;
CREATE VIEW v AS SELECT id, '(glum,1)'::pair AS p FROM t WHERE m = 'glum';
CREATE VIEW w AS SELECT * FROM v;
GRANT SELECT ON w TO alice;
CREATE FUNCTION f() RETURNS mood LANGUAGE sql AS $$ SELECT 'glum'::mood $$;
CREATE FUNCTION g(m mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'sad' $$;
CREATE AGGREGATE smallest(mood) (sfunc = enum_smaller, stype = mood, initcond = 'glum');
