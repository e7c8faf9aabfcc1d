--
-- A snapshot has the text of definitions that the server's functions give, byte
-- for byte, whether it calls them or composes it of the catalog's columns
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA "We""ird Näme";
SET search_path = "We""ird Näme";
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN "Positive" AS int CHECK (value > 0);
CREATE DOMAIN short AS varchar(10);
CREATE DOMAIN numbers AS int[];
CREATE DOMAIN feeling AS mood;
CREATE TYPE pair AS (a int, b text);
CREATE COLLATION "Odd Order" FROM "C";
CREATE OPERATOR CLASS "Odd ops" FOR TYPE int USING btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE TABLE "Ta""ble" (id int, "Mixed Case" text, "select" varchar(20), fixed char(5), tags text[], ints int[], m mood, moods mood[], p "Positive", s short, l numbers, f feeling, c pair, j jsonb, r int4range, mr int4multirange, pt point, v tsvector, ip inet, ci cidr, ch "char", n name, b boolean, reg regclass, coll text COLLATE "C", oc text COLLATE "Odd Order", t timestamptz, x xid8, lsn pg_lsn, gone int, "trail USING (x)" int);
ALTER TABLE "Ta""ble" DROP COLUMN gone, ADD COLUMN late int;
CREATE TABLE "Parted" (id int NOT NULL, k int NOT NULL, txt varchar) PARTITION BY RANGE (k);
CREATE TABLE part1 PARTITION OF "Parted" FOR VALUES FROM (0) TO (10);
CREATE TABLE part2 (txt varchar, k int NOT NULL, id int NOT NULL);
ALTER TABLE "Parted" ATTACH PARTITION part2 FOR VALUES FROM (10) TO (20);
CREATE TABLE subparted PARTITION OF "Parted" FOR VALUES FROM (20) TO (30) PARTITION BY LIST (id);
CREATE MATERIALIZED VIEW mv AS SELECT id, "select" AS "Col" FROM "Ta""ble";

-- indexes of one column for every column and method that can have one
DO $$
DECLARE
	col name;
	method name;
BEGIN
	FOR col, method IN SELECT attname, amname FROM pg_attribute, pg_am
		WHERE attrelid = '"Ta""ble"'::regclass AND attnum > 0 AND NOT attisdropped AND amtype = 'i'
	LOOP
		BEGIN
			EXECUTE format('CREATE INDEX ON "Ta""ble" USING %I (%I)', method, col);
		EXCEPTION WHEN undefined_object OR feature_not_supported OR datatype_mismatch THEN
			NULL;
		END;
	END LOOP;
END $$;
-- every order, collation and class of operators
CREATE INDEX ON "Ta""ble" (id DESC);
CREATE INDEX ON "Ta""ble" (id DESC NULLS LAST);
CREATE INDEX ON "Ta""ble" (id NULLS FIRST);
CREATE INDEX ON "Ta""ble" ("Mixed Case" COLLATE "C" text_pattern_ops DESC NULLS LAST, "select" varchar_pattern_ops, fixed bpchar_pattern_ops NULLS FIRST);
CREATE INDEX ON "Ta""ble" ("Mixed Case" COLLATE "Odd Order", coll COLLATE "default", oc COLLATE "POSIX", coll, oc);
CREATE INDEX ON "Ta""ble" (id "Odd ops", late "Odd ops" DESC);
CREATE INDEX ON "Ta""ble" ("select" varchar_ops, "select" text_ops, "select" bpchar_ops, "Mixed Case" varchar_ops);
CREATE INDEX ON "Ta""ble" (tags, moods, m, f, s, l, p, c, r, mr, ci, reg);
CREATE INDEX ON "Ta""ble" (m DESC, "select", r NULLS FIRST);
CREATE INDEX ON "Ta""ble" USING gist (r, ip inet_ops) INCLUDE ("Mixed Case");
CREATE INDEX ON "Ta""ble" USING gin (j jsonb_path_ops, tags, ints);
CREATE INDEX ON "Ta""ble" USING gist (v tsvector_ops (siglen = 100), r, pt);
CREATE INDEX ON "Ta""ble" USING gist (v tsvector_ops (siglen = 100));
CREATE INDEX ON "Ta""ble" USING gist (ip inet_ops);
CREATE INDEX ON "Ta""ble" USING spgist (pt kd_point_ops);
CREATE INDEX ON "Ta""ble" USING brin (id int4_minmax_multi_ops (values_per_range = 20), t timestamptz_bloom_ops, ip) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX ON "Ta""ble" USING hash ("select") WITH (fillfactor = 70);
-- what stands after the columns
CREATE UNIQUE INDEX ON "Ta""ble" (id) INCLUDE ("Mixed Case", id);
CREATE UNIQUE INDEX ON "Ta""ble" (id, "select" DESC) INCLUDE (c, pt) NULLS NOT DISTINCT WITH (fillfactor = 50, deduplicate_items = on);
CREATE UNIQUE INDEX ON "Ta""ble" (id) NULLS NOT DISTINCT;
CREATE INDEX ON "Ta""ble" (id, id DESC) WITH (fillfactor = 90) TABLESPACE pg_default;
CREATE INDEX "odd "" USING index" ON "Ta""ble" ("trail USING (x)") WITH (fillfactor = 90);
-- expressions and predicates
CREATE INDEX ON "Ta""ble" (lower("Mixed Case"));
CREATE INDEX ON "Ta""ble" ((id + late) DESC, id) INCLUDE (late) WITH (fillfactor = 60) WHERE late > 0;
CREATE INDEX ON "Ta""ble" (id) WITH (fillfactor = 60) WHERE "Mixed Case" <> ' WITH (fillfactor=''60'')';
-- of partitioned tables, partitions and materialised views
CREATE INDEX ON "Parted" (txt COLLATE "C", id DESC) INCLUDE (k);
CREATE INDEX ON ONLY "Parted" (txt);
CREATE UNIQUE INDEX ON "Parted" (k, id);
CREATE UNIQUE INDEX ON part1 (id) WITH (fillfactor = 80);
CREATE UNIQUE INDEX ON mv (id);
CREATE INDEX ON mv ("Col" text_pattern_ops);

-- keys, foreign keys, checks, exclusion constraints
CREATE TABLE keyed (a int, b int UNIQUE NULLS NOT DISTINCT, "C c" int, d int, PRIMARY KEY (a) INCLUDE (b), UNIQUE ("C c", d) INCLUDE (a) WITH (fillfactor = 70) DEFERRABLE INITIALLY DEFERRED, UNIQUE (d) DEFERRABLE, UNIQUE NULLS NOT DISTINCT (d, "C c", b), CONSTRAINT "Ch eck" CHECK (d > 0) NO INHERIT, CHECK ("C c" > b), EXCLUDE USING gist (box(point(a, b), point(a, b)) WITH &&) WHERE (d > 5) DEFERRABLE, EXCLUDE (d WITH =, b WITH =));
ALTER TABLE keyed ADD UNIQUE (d, "C c");
CREATE TABLE referring (a int REFERENCES keyed, b int REFERENCES keyed (b) ON DELETE CASCADE ON UPDATE SET DEFAULT, c int, d int,
	FOREIGN KEY (c, d) REFERENCES keyed (d, "C c") MATCH FULL ON UPDATE RESTRICT,
	CONSTRAINT parts FOREIGN KEY (c, b, d) REFERENCES keyed (d, "C c", b) ON DELETE SET NULL (b, d) DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT self FOREIGN KEY (b) REFERENCES keyed (b) ON DELETE SET DEFAULT (b) ON UPDATE SET NULL DEFERRABLE);
ALTER TABLE referring ADD CONSTRAINT later FOREIGN KEY (a) REFERENCES keyed NOT VALID, ADD CONSTRAINT later_check CHECK (a > 5) NOT VALID;
ALTER TABLE "Parted" ADD PRIMARY KEY (k, id) DEFERRABLE, ADD FOREIGN KEY (id) REFERENCES keyed ON DELETE SET NULL (id);

-- What differs between the snapshot's text and the functions'; how many do not.
CREATE FUNCTION pg_temp.indexes(OUT many_as_said boolean, OUT wrong text[]) LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
WITH said AS (
	SELECT format('%I.%I', n.nspname, i.relname) AS id, pg_get_indexdef(i.oid) AS def
	FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
	WHERE n.nspname = 'We"ird Näme' AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid AND c.contype IN ('p', 'u', 'x'))),
written AS (
	SELECT object AS id, up FROM public.schemamig_diff('empty', 'live')
	WHERE kind = 'index' AND starts_with(object, '"We""ird Näme".'))
-- how many columns a method can index differs between versions
SELECT count(*) FILTER (WHERE up = def || ';') >= 125,
	array_agg(format('%s: %s, not %s', id, up, def)) FILTER (WHERE up IS DISTINCT FROM def || ';')
FROM said FULL JOIN written USING (id)
$$;
CREATE FUNCTION pg_temp.constraints(OUT kind text, OUT as_said bigint, OUT wrong text[]) RETURNS SETOF record LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
WITH said AS (
	SELECT format('%I ON %I.%I', c.conname, n.nspname, r.relname) AS id, pg_get_constraintdef(c.oid) AS def
	FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
	LEFT JOIN pg_constraint p ON p.oid = c.conparentid
	WHERE n.nspname = 'We"ird Näme' AND c.contype IN ('p', 'u', 'x', 'c', 'f') AND p.conrelid IS DISTINCT FROM c.conrelid),
written AS (
	SELECT o ->> 'id' AS id, o ->> 'kind' AS kind, concat_ws(' ', a ->> 'def', a ->> 'deferrable', CASE WHEN a ? 'not_valid' THEN 'NOT VALID' END) AS def
	FROM jsonb_array_elements(public.schemamig_snapshot() -> 'objects') o, jsonb_extract_path(o, 'attrs') a
	WHERE o ->> 'kind' IN ('primary key', 'unique', 'exclusion', 'check', 'foreign key') AND strpos(o ->> 'id', ' ON "We""ird Näme".') > 0)
SELECT w.kind, count(*) FILTER (WHERE w.def = s.def), array_agg(format('%s: %s, not %s', id, w.def, s.def)) FILTER (WHERE w.def IS DISTINCT FROM s.def)
FROM said s FULL JOIN written w USING (id) GROUP BY w.kind ORDER BY w.kind
$$;
SELECT * FROM pg_temp.indexes();
SELECT * FROM pg_temp.constraints();

-- others' default classes and casts change what the server writes
CREATE OPERATOR CLASS varchars DEFAULT FOR TYPE varchar USING btree AS
	OPERATOR 1 <(text, text), OPERATOR 2 <=(text, text), OPERATOR 3 =(text, text), OPERATOR 4 >=(text, text), OPERATOR 5 >(text, text), FUNCTION 1 (varchar, varchar) bttextcmp(text, text);
CREATE OPERATOR CLASS "Arrays" DEFAULT FOR TYPE text[] USING btree AS
	OPERATOR 1 <(anyarray, anyarray), OPERATOR 2 <=(anyarray, anyarray), OPERATOR 3 =(anyarray, anyarray), OPERATOR 4 >=(anyarray, anyarray), OPERATOR 5 >(anyarray, anyarray), FUNCTION 1 (text[], text[]) btarraycmp(anyarray, anyarray);
CREATE OPERATOR CLASS domains DEFAULT FOR TYPE "Positive" USING btree AS
	OPERATOR 1 <(int, int), OPERATOR 2 <=(int, int), OPERATOR 3 =(int, int), OPERATOR 4 >=(int, int), OPERATOR 5 >(int, int), FUNCTION 1 ("Positive", "Positive") btint4cmp(int, int);
CREATE CAST (varchar AS bytea) WITHOUT FUNCTION AS IMPLICIT;
CREATE INDEX ON "Ta""ble" ("select", tags, "select" varchars, tags "Arrays", p, p domains);
CREATE INDEX ON "Ta""ble" (p domains);
CREATE INDEX ON "Ta""ble" (tags);
CREATE INDEX ON "Ta""ble" ("select");
SELECT * FROM pg_temp.indexes();

DROP CAST (varchar AS bytea);
SET client_min_messages = error;
DROP SCHEMA "We""ird Näme" CASCADE;
RESET client_min_messages;
