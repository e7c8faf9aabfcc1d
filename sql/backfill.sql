--
-- Backfills: what they work on, what they refuse, how they fail and go on
--
\set QUIET on
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA bf;
SET search_path = bf, public;

CREATE TABLE t (id int PRIMARY KEY, a int, b text, n int NOT NULL) WITH (autovacuum_enabled = off);
CREATE FUNCTION bf.reset() RETURNS void LANGUAGE sql AS $$
	TRUNCATE bf.t;
	INSERT INTO bf.t SELECT i, i % 10, 'x' || i, 0 FROM generate_series(1, 100) AS i;
$$;
CREATE TABLE o (id int PRIMARY KEY, t int, v int);
INSERT INTO o SELECT i, i * 2, i FROM generate_series(1, 50) AS i;

\echo UPDATE
SELECT bf.reset();
SELECT schemamig_backfill('UPDATE t SET n = n + 1, b = upper(b) WHERE a < 5', batch_size => 7);
SELECT a < 5 AS affected, count(*), min(n), max(n), bool_and((b = upper(b)) = (a < 5)) FROM t GROUP BY 1 ORDER BY 1;
SELECT schemamig_backfill('UPDATE t AS x SET n = o.v FROM o WHERE o.t = x.id', batch_size => 1);
SELECT count(*) FROM t LEFT JOIN o ON o.t = t.id WHERE n = v;
SELECT schemamig_backfill('UPDATE t SET n = (SELECT sum(v) FROM o WHERE o.id <= t.id), (a, b) = (SELECT 1, ''y'')');
SELECT count(*) FROM t WHERE n = least(id, 50) * (least(id, 50) + 1) / 2 AND a = 1 AND b = 'y';
SELECT schemamig_backfill('WITH w AS (SELECT max(v) AS m FROM o) UPDATE t SET n = m FROM w;');
SELECT count(*) FROM t WHERE n = 50;

\echo DELETE
SELECT schemamig_backfill('DELETE FROM t WHERE id > 90', batch_size => 7);
SELECT schemamig_backfill('DELETE FROM t USING o WHERE o.t = t.id AND o.v < 11', workers => 2);
SELECT count(*), min(id) FILTER (WHERE id % 2 = 0), max(id) FROM t;

\echo INSERT
SELECT bf.reset();
CREATE TABLE copy (id int PRIMARY KEY, v text, hits int DEFAULT 0);
INSERT INTO copy VALUES (1, 'old'), (50, 'old');
SELECT schemamig_backfill('INSERT INTO copy (id, v) SELECT id, b FROM t ON CONFLICT DO NOTHING', batch_size => 7);
SELECT schemamig_backfill('INSERT INTO copy (id, v) SELECT id, b FROM t WHERE id <= 50
	ON CONFLICT (id) DO UPDATE SET v = copy.v || excluded.v, hits = copy.hits + 1', batch_size => 7);
SELECT count(*), sum(hits), max(v) FILTER (WHERE id = 50), max(v) FILTER (WHERE id = 51) FROM copy;
TRUNCATE copy;
SELECT schemamig_backfill('INSERT INTO copy SELECT t.id, o.v::text, g FROM t LEFT JOIN o ON o.t = t.id, generate_series(1, 1) AS g', batch_size => 7);
SELECT count(*), count(v), sum(v::int) FROM copy;
DROP TABLE copy;

\echo keys: composite
CREATE TABLE k_two (a int, b text COLLATE "C", n int DEFAULT 0, PRIMARY KEY (a, b));
-- skew: nearly all rows have the same first column
INSERT INTO k_two SELECT CASE WHEN i < 95 THEN 1 ELSE i END, 'k' || i FROM generate_series(1, 100) AS i;
SELECT schemamig_backfill('UPDATE k_two SET n = n + 1', batch_size => 7);
SELECT schemamig_backfill('UPDATE k_two SET n = n + 1', workers => 2);
SELECT count(*), min(n), max(n) FROM k_two;

\echo keys: an index with the same columns the other way round is not mixed up
CREATE TABLE k_order (a int, b int, n int DEFAULT 0);
CREATE UNIQUE INDEX ON k_order (b, a);
ALTER TABLE k_order ADD PRIMARY KEY (a, b);
INSERT INTO k_order SELECT i % 100, i / 100 FROM generate_series(0, 14999) AS i;
SELECT schemamig_backfill('UPDATE k_order SET n = n + 1', workers => 2, batch_size => 500);
SELECT count(*), min(n), max(n) FROM k_order;
SELECT schemamig_backfill('UPDATE k_order SET n = n + 1', workers => 2, key => '{b,a}');
SELECT count(*), min(n), max(n) FROM k_order;

\echo keys: operators and collations of the index, of several schemas
CREATE SCHEMA bf_ops;
CREATE FUNCTION bf_ops.lt(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 OPERATOR(pg_catalog.>) $2';
CREATE FUNCTION bf_ops.le(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 OPERATOR(pg_catalog.>=) $2';
CREATE FUNCTION bf_ops.gt(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 OPERATOR(pg_catalog.<) $2';
CREATE FUNCTION bf_ops.ge(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 OPERATOR(pg_catalog.<=) $2';
CREATE FUNCTION bf_ops.cmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT btint4cmp($2, $1)';
CREATE OPERATOR bf_ops.< (FUNCTION = bf_ops.lt, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(bf_ops.>));
CREATE OPERATOR bf_ops.<= (FUNCTION = bf_ops.le, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(bf_ops.>=));
CREATE OPERATOR bf_ops.> (FUNCTION = bf_ops.gt, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(bf_ops.<));
CREATE OPERATOR bf_ops.>= (FUNCTION = bf_ops.ge, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(bf_ops.<=));
CREATE OPERATOR CLASS bf_ops.backwards FOR TYPE int USING btree AS
	OPERATOR 1 bf_ops.<, OPERATOR 2 bf_ops.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 bf_ops.>=, OPERATOR 5 bf_ops.>,
	FUNCTION 1 bf_ops.cmp(int, int);
CREATE TABLE k_ops (a int, b text, c varchar(9), d numeric, n int DEFAULT 0);
CREATE UNIQUE INDEX ON k_ops (b COLLATE "C", a bf_ops.backwards, c varchar_pattern_ops);
CREATE UNIQUE INDEX ON k_ops (a bf_ops.backwards);
CREATE UNIQUE INDEX ON k_ops (d DESC, a bf_ops.backwards DESC);
INSERT INTO k_ops SELECT i, CASE WHEN i % 3 = 0 THEN 'Z' ELSE 'a' || i % 7 END, 'ä' || i, i % 5 FROM generate_series(1, 200) AS i;
SELECT schemamig_backfill('UPDATE k_ops SET n = n + 1', key => '{b,a,c}', batch_size => 7);
SELECT count(*), min(n), max(n) FROM k_ops;
SELECT schemamig_backfill('UPDATE k_ops SET n = n + 1', key => '{a}', batch_size => 7, workers => 2);
SELECT count(*), min(n), max(n) FROM k_ops;
SELECT schemamig_backfill('UPDATE k_ops SET n = n + 1', key => '{d,a}', batch_size => 7);
SELECT count(*), min(n), max(n) FROM k_ops;
-- the error names the key in that order, and everything before it is kept
ALTER TABLE k_ops ADD CHECK (n < 4 OR a <> 100);
SELECT schemamig_backfill('UPDATE k_ops SET n = n + 1', key => '{a}', batch_size => 7);
SELECT min(a), max(a), count(*) FROM k_ops WHERE n = 4;

\echo keys: types
CREATE FUNCTION bf.by_key(type text, value text, rows int DEFAULT 40) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE bf.k (id %s PRIMARY KEY, n int DEFAULT 0)', type);
	EXECUTE format('INSERT INTO bf.k SELECT (%s)::%s FROM generate_series(1, %s) AS i', value,
		regexp_replace(type, 'COLLATE.*', ''), rows);
	RETURN;
END $$;
CREATE DOMAIN bf.even AS int CHECK (VALUE % 2 = 0);
CREATE DOMAIN bf.name_of AS varchar(20);
CREATE TYPE bf.mood AS ENUM ('sad', 'ok', 'happy');
SET DateStyle = 'SQL, DMY';
SET extra_float_digits = 0;
SET IntervalStyle = 'sql_standard';
SET timezone = 'Europe/Vienna';
\set try 'SELECT schemamig_backfill(''UPDATE k SET n = n + 1'', batch_size => 3); SELECT count(*), min(n), max(n) FROM k; DROP TABLE k;'
SELECT bf.by_key('smallint', '-i'); :try
SELECT bf.by_key('bigint', '(i * 1e9)::bigint * (CASE WHEN i % 2 = 0 THEN 1 ELSE -1000 END)'); :try
SELECT bf.by_key('uuid', 'md5(i::text)'); :try
SELECT bf.by_key('text', $v$CASE i % 4 WHEN 0 THEN 'Ä' WHEN 1 THEN 'a,"' WHEN 2 THEN '{NULL\' ELSE E'\n''' END || i$v$); :try
SELECT bf.by_key('text COLLATE "POSIX"', $v$chr(64 + i)$v$); :try
SELECT bf.by_key('varchar(9)', 'i'); :try
SELECT bf.by_key('char(9)', 'i'); :try
SELECT bf.by_key('bytea', $v$decode(md5(i::text), 'hex')$v$); :try
SELECT bf.by_key('numeric', $v$CASE i WHEN 40 THEN 'NaN' WHEN 39 THEN '1e30' ELSE (i / 7.0)::text END$v$); :try
SELECT bf.by_key('float8', '1 + i * 1e-15'); :try
SELECT bf.by_key('timestamptz', $v$timestamptz '2026-10-25 00:00+00' + i * interval '10 min 0.000001 s'$v$); :try
SELECT bf.by_key('timestamp', $v$timestamp '2026-01-01 00:00' + i * interval '1 day'$v$); :try
SELECT bf.by_key('date', $v$CASE i WHEN 40 THEN 'infinity' ELSE date '2026-01-28' + i END$v$); :try
SELECT bf.by_key('interval', $v$interval '1 month -1 day 00:00:01' * i$v$); :try
SELECT bf.by_key('boolean', 'i = 1', 2); :try
SELECT bf.by_key('bf.mood', $v$CASE i WHEN 1 THEN 'happy' WHEN 2 THEN 'sad' ELSE 'ok' END$v$, 3); :try
SELECT bf.by_key('int[]', 'ARRAY[i % 7, i]'); :try
SELECT bf.by_key('int4range', 'int4range(i, i * 2)'); :try
SELECT bf.by_key('inet', $v$'10.0.0.' || i$v$); :try
SELECT bf.by_key('bf.even', 'i * 2'); :try
SELECT bf.by_key('bf.name_of', 'i'); :try
SELECT bf.by_key('name', 'i'); :try
SELECT bf.by_key('oid', 'i'); :try
RESET DateStyle; RESET extra_float_digits; RESET IntervalStyle; RESET timezone;

\echo keys: a nullable unique index, named; NULLs are done too
CREATE TABLE k_null (a int, b text, n int DEFAULT 0, UNIQUE (a, b), UNIQUE (n, a, b));
INSERT INTO k_null SELECT nullif(i % 8, 0), nullif('b' || i, 'b3') FROM generate_series(1, 30) AS i;
INSERT INTO k_null VALUES (NULL, NULL), (NULL, NULL);
SELECT schemamig_backfill('UPDATE k_null SET n = n + 1', key => '{b,a}', batch_size => 4);
SELECT count(*), min(n), max(n) FROM k_null;
SELECT schemamig_backfill('UPDATE k_null SET n = n + 1', key => '{b}');
SELECT schemamig_backfill('UPDATE k_null SET n = n + 1', key => '{a,b,n}');

\echo what a statement does before its first row makes no batch smaller
CREATE TABLE slow_start (id int PRIMARY KEY, n int DEFAULT 0);
INSERT INTO slow_start SELECT i FROM generate_series(1, 30000) AS i;
SET schemamig.batch_target = 10;
SET statement_timeout = '60s';
SELECT schemamig_backfill('UPDATE slow_start SET n = n + s.one FROM (SELECT 1 AS one, pg_sleep(0.05) OFFSET 0) s');
RESET schemamig.batch_target;
RESET statement_timeout;
SELECT count(*), min(n), max(n) FROM slow_start;

\echo without key
CREATE TABLE heap (id int, n int DEFAULT 0, pad text DEFAULT repeat('x', 200)) WITH (autovacuum_enabled = off);
INSERT INTO heap SELECT i FROM generate_series(1, 5000) AS i;
SELECT schemamig_backfill('UPDATE heap SET n = n + 1', batch_size => 300);
SELECT count(*), min(n), max(n) FROM heap;
SELECT schemamig_backfill('UPDATE heap SET n = n + 1', workers => 2, batch_size => 100);
SELECT count(*), min(n), max(n) FROM heap;
SELECT schemamig_backfill('DELETE FROM heap WHERE id % 2 = 0', batch_size => 100);
SELECT count(*) FROM heap;
SELECT schemamig_backfill('UPDATE heap SET n = 0', on_error => 'skip');

\echo few rows
CREATE TABLE few (id int PRIMARY KEY, n int DEFAULT 0);
SELECT schemamig_backfill('UPDATE few SET n = n + 1');
SELECT schemamig_backfill('UPDATE few SET n = n + 1', workers => 2);
INSERT INTO few VALUES (1);
SELECT schemamig_backfill('UPDATE few SET n = n + 1', batch_size => 1);
SELECT schemamig_backfill('UPDATE few SET n = n + 1', workers => 3);
SELECT * FROM few;
CREATE TABLE few_heap (n int);
SELECT schemamig_backfill('UPDATE few_heap SET n = n + 1');
INSERT INTO few_heap VALUES (1);
SELECT schemamig_backfill('UPDATE few_heap SET n = n + 1');
SELECT * FROM few_heap;

\echo partitions
CREATE TABLE p (id int, at date, n int DEFAULT 0, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (id);
CREATE TABLE p_2_even PARTITION OF p_2 DEFAULT;
INSERT INTO p SELECT i, date '2026-01-01' + i FROM generate_series(1, 50) AS i;
SELECT schemamig_backfill('UPDATE p SET n = n + 1', batch_size => 7);
SELECT schemamig_backfill('UPDATE p_2 SET n = n + 1');
SELECT tableoid::regclass, count(*), min(n), max(n) FROM p GROUP BY 1 ORDER BY 1;
-- by workers; an update that moves rows to another partition
SELECT schemamig_backfill('UPDATE p SET n = n + 1', batch_size => 7, workers => 2);
CREATE TABLE p_moves (id int, r int, n int DEFAULT 0, UNIQUE (id, r)) PARTITION BY LIST (r);
CREATE TABLE p_moves_1 PARTITION OF p_moves FOR VALUES IN (1);
CREATE TABLE p_moves_2 PARTITION OF p_moves FOR VALUES IN (2);
INSERT INTO p_moves SELECT i, 1 + i % 2 FROM generate_series(1, 100) AS i;
SELECT schemamig_backfill('UPDATE p_moves SET r = 3 - r, n = n + 1', key => '{id,r}');
SELECT schemamig_backfill('UPDATE p_moves SET n = n + 1', key => '{id,r}', batch_size => 7);
SELECT r, count(*), min(n), max(n) FROM p_moves GROUP BY 1 ORDER BY 1;
-- hash partitions, a default one, and columns in another order
CREATE TABLE p_hash (id int PRIMARY KEY, n int DEFAULT 0, twice int GENERATED ALWAYS AS (n * 2) STORED) PARTITION BY HASH (id);
CREATE TABLE p_hash_0 PARTITION OF p_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE p_hash_1 (twice int GENERATED ALWAYS AS (n * 2) STORED, gone int, n int DEFAULT 0, id int NOT NULL);
ALTER TABLE p_hash_1 DROP COLUMN gone;
ALTER TABLE p_hash ATTACH PARTITION p_hash_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO p_hash SELECT i FROM generate_series(1, 200) AS i;
SELECT schemamig_backfill('UPDATE p_hash SET n = n + 1', batch_size => 7);
SELECT count(*), min(n), max(n), min(twice), max(twice) FROM p_hash;
ALTER TABLE p_hash ADD CHECK (n < 2 OR id NOT IN (50, 51));
SELECT schemamig_backfill('UPDATE p_hash SET n = n + 1', batch_size => 50, on_error => 'skip', name => 'p_hash');
SELECT id FROM p_hash WHERE n = 1 ORDER BY id;
SELECT schemamig_backfill('DELETE FROM p_hash WHERE n = 2', batch_size => 50);
SELECT id FROM p_hash ORDER BY id;
DELETE FROM schemamig.backfill WHERE name = 'p_hash';
-- many partitions
CREATE TABLE p_many (id int, day int, n int DEFAULT 0, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
DO $$BEGIN
	FOR i IN 1 .. 200 LOOP
		EXECUTE format('CREATE TABLE p_many_%s PARTITION OF p_many FOR VALUES FROM (%s) TO (%s)', i, i, i + 1);
	END LOOP;
END$$;
INSERT INTO p_many SELECT i, 1 + i % 200 FROM generate_series(1, 4000) AS i;
SELECT schemamig_backfill('UPDATE p_many SET n = n + 1');
SELECT count(*), min(n), max(n), count(DISTINCT tableoid) FROM p_many;
CREATE TABLE p_heap (id int, n int DEFAULT 0) PARTITION BY LIST (id);
CREATE TABLE p_heap_1 PARTITION OF p_heap DEFAULT;
SELECT schemamig_backfill('UPDATE p_heap SET n = n + 1');

\echo inheritance
CREATE TABLE parent (id int PRIMARY KEY, n int DEFAULT 0);
CREATE TABLE child (extra int) INHERITS (parent);
INSERT INTO parent SELECT i FROM generate_series(1, 20) AS i;
INSERT INTO child SELECT i FROM generate_series(11, 30) AS i;
SELECT schemamig_backfill('UPDATE parent SET n = n + 1', batch_size => 3);
SELECT schemamig_backfill('UPDATE ONLY parent SET n = n + 10', batch_size => 3);
SELECT tableoid::regclass, count(*), min(n), max(n) FROM parent GROUP BY 1 ORDER BY 1;
SELECT schemamig_backfill('INSERT INTO child (id, n) SELECT id + 1000, n FROM parent');
SELECT schemamig_backfill('INSERT INTO p_1 SELECT id + 1000, at FROM p');

\echo generated columns and triggers
CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int DEFAULT 0, twice int GENERATED ALWAYS AS (n * 2) STORED, who text);
CREATE TABLE g_log (id int, n int);
CREATE FUNCTION g_before() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN new.who := current_user; RETURN CASE WHEN new.id <> 3 THEN new END; END$$;
CREATE FUNCTION g_after() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO g_log SELECT id, n FROM news; RETURN NULL; END$$;
CREATE TRIGGER b BEFORE UPDATE ON g FOR EACH ROW EXECUTE FUNCTION g_before();
CREATE TRIGGER a AFTER UPDATE ON g REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION g_after();
INSERT INTO g (n) SELECT 0 FROM generate_series(1, 20);
SELECT schemamig_backfill('UPDATE g SET n = n + 1', batch_size => 6);
SELECT n, twice, who = current_user, count(*) FROM g GROUP BY 1, 2, 3 ORDER BY 1;
SELECT count(*), count(DISTINCT id) FROM g_log;

\echo odd names
CREATE SCHEMA "We""ird Näme";
CREATE TABLE "We""ird Näme"."Tä""ble" ("select" int, "Kéy ""1" text, "$1" int DEFAULT 0, PRIMARY KEY ("Kéy ""1", "select"));
INSERT INTO "We""ird Näme"."Tä""ble" SELECT i, 'k"' || i FROM generate_series(1, 20) AS i;
SELECT schemamig_backfill('UPDATE "We""ird Näme"."Tä""ble" SET "$1" = "$1" + 1 WHERE "select" > 1', batch_size => 3, workers => 2, name => 'We"ird ''Näme');
SELECT name, relation, key, state FROM schemamig.backfill WHERE name LIKE 'We%';
SELECT min("$1"), max("$1"), sum("$1") FROM "We""ird Näme"."Tä""ble";
SELECT schemamig_backfill('UPDATE "We""ird Näme"."Tä""ble" SET "$1" = 1', key => '{select,kéy}');
DROP SCHEMA "We""ird Näme" CASCADE;

\echo refusals
CREATE VIEW v AS SELECT * FROM t;
CREATE FOREIGN DATA WRAPPER bf_fdw;
CREATE SERVER bf_server FOREIGN DATA WRAPPER bf_fdw;
CREATE FOREIGN TABLE f (id int) SERVER bf_server;
CREATE TABLE copy (id int, v int);
CREATE FUNCTION bf.try(statement text, VARIADIC options text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text;
BEGIN
	EXECUTE format('SELECT schemamig_backfill_start(%L%s)', statement,
		(SELECT string_agg(', ' || o, '') FROM unnest(options) AS o));
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(h, ''));
END $$;
SELECT bf.try('INSERT INTO copy SELECT a, count(*) FROM t GROUP BY a');
SELECT bf.try('INSERT INTO copy SELECT count(*) FROM t');
SELECT bf.try('INSERT INTO copy SELECT id FROM t LIMIT 5');
SELECT bf.try('INSERT INTO copy SELECT id FROM t OFFSET 5');
SELECT bf.try('INSERT INTO copy SELECT id FROM t UNION ALL SELECT id FROM o');
SELECT bf.try('INSERT INTO copy SELECT DISTINCT a FROM t');
SELECT bf.try('INSERT INTO copy SELECT DISTINCT ON (a) a, id FROM t ORDER BY a, id');
SELECT bf.try('INSERT INTO copy SELECT id, rank() OVER (ORDER BY a) FROM t');
SELECT bf.try('INSERT INTO copy VALUES (1)');
SELECT bf.try('INSERT INTO copy VALUES (1), (2)');
SELECT bf.try('INSERT INTO copy DEFAULT VALUES');
SELECT bf.try('INSERT INTO copy SELECT 1');
SELECT bf.try('INSERT INTO copy SELECT g FROM generate_series(1, 3) AS g');
SELECT bf.try('INSERT INTO copy SELECT id FROM (SELECT id FROM t) AS s');
SELECT bf.try('WITH w AS (SELECT id FROM t) INSERT INTO copy SELECT id FROM w');
SELECT bf.try('INSERT INTO t SELECT id + 1000, a, b, n FROM t');
SELECT bf.try('INSERT INTO copy SELECT o.id FROM o RIGHT JOIN t ON t.id = o.t');
SELECT bf.try('INSERT INTO copy SELECT o.id FROM o FULL JOIN t ON t.id = o.t');
SELECT bf.try('UPDATE t SET id = id + 1');
SELECT bf.try('UPDATE v SET n = 1');
SELECT bf.try('UPDATE f SET id = 1');
SELECT bf.try('INSERT INTO copy SELECT id FROM v');
SELECT bf.try('UPDATE t SET n = 1; UPDATE t SET n = 2');
SELECT bf.try('');
SELECT bf.try('-- nothing');
SELECT bf.try('UPDAT t SET n = 1');
SELECT bf.try('UPDATE t SET n = nothing');
SELECT bf.try('UPDATE nowhere SET n = 1');
SELECT bf.try('UPDATE t SET n = $1');
SELECT bf.try('UPDATE t SET n = 1 RETURNING id');
SELECT bf.try('WITH d AS (DELETE FROM o RETURNING t) UPDATE t SET n = 1 FROM d WHERE d.t = t.id');
SELECT bf.try('SELECT * FROM t');
SELECT bf.try('TRUNCATE t');
SELECT bf.try('MERGE INTO t USING o ON o.t = t.id WHEN MATCHED THEN UPDATE SET n = 1');
SELECT bf.try('UPDATE t SET n = 1', $$key => '{a}'$$);
SELECT bf.try('UPDATE t SET n = 1', $$key => '{nowhere}'$$);
SELECT bf.try('UPDATE t SET n = 1', $$on_error => 'ignore'$$);
SELECT bf.try('UPDATE t SET n = 1', 'workers => 0');
SELECT bf.try('UPDATE t SET n = 1', 'workers => 65');
SELECT bf.try('UPDATE t SET n = 1', 'batch_size => 0');
SELECT bf.try(NULL);
SELECT count(*) FROM schemamig.backfill WHERE state <> 'done' AND relation = 'bf.t';

\echo rights
CREATE ROLE regress_smig_backfill;
CREATE ROLE regress_smig_backfill_weak;
GRANT regress_smig_backfill TO CURRENT_USER;
GRANT USAGE ON SCHEMA bf, schemamig TO regress_smig_backfill, regress_smig_backfill_weak;
GRANT EXECUTE ON FUNCTION schemamig_backfill, schemamig_backfill_start TO regress_smig_backfill, regress_smig_backfill_weak;
GRANT SELECT ON t TO regress_smig_backfill_weak;
GRANT SELECT, UPDATE ON t TO regress_smig_backfill;
SELECT bf.reset();
SET ROLE regress_smig_backfill_weak;
SELECT schemamig_backfill('UPDATE t SET n = n + 1');
SELECT schemamig_backfill('DELETE FROM t');
RESET ROLE;
-- also when there is no row to try it with, visible or at all
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON few_heap TO regress_smig_backfill_weak;
TRUNCATE few_heap;
SET ROLE regress_smig_backfill_weak;
SELECT schemamig_backfill('UPDATE t SET n = n + 1');
SELECT schemamig_backfill('DELETE FROM few_heap');
SELECT schemamig_backfill_start('DELETE FROM few_heap');
RESET ROLE;
ALTER TABLE t DISABLE ROW LEVEL SECURITY;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t TO regress_smig_backfill USING (a < 3);
SET ROLE regress_smig_backfill;
SELECT schemamig_backfill('UPDATE t SET n = n + 1', batch_size => 7, workers => 2);
RESET ROLE;
SELECT a < 3 AS visible, count(*), min(n), max(n) FROM t GROUP BY 1 ORDER BY 1;
ALTER TABLE t DISABLE ROW LEVEL SECURITY;

\echo on_error
SELECT bf.reset();
ALTER TABLE t ADD CHECK (n < 1 OR id NOT IN (33, 77));
\set SHOW_CONTEXT always
SELECT schemamig_backfill('UPDATE t SET n = n + 1', batch_size => 40, name => 'stop');
\set SHOW_CONTEXT never
SELECT state, sqlstate, error FROM schemamig.backfill WHERE name = 'stop';
-- all before it is kept, nothing behind it is touched
SELECT min(id) FILTER (WHERE n = 0), max(id) FILTER (WHERE n = 1), max(n) FROM t;
-- another statement is not this backfill
SELECT schemamig_backfill('UPDATE t SET n = n + 2', name => 'stop');
-- nor is another key or another table
ALTER TABLE t ADD UNIQUE (b);
SELECT schemamig_backfill('UPDATE t SET n = n + 1', key => '{b}', name => 'stop');
CREATE SCHEMA bf2;
CREATE TABLE bf2.t (LIKE t INCLUDING ALL);
SET search_path = bf2, bf, public;
SELECT schemamig_backfill('UPDATE t SET n = n + 1', name => 'stop');
SET search_path = bf, public;
DROP SCHEMA bf2 CASCADE;
SELECT schemamig_backfill('UPDATE t SET n = n + 1', on_error => 'skip', name => 'stop');
SELECT state, rows_done, errors FROM schemamig.backfill WHERE name = 'stop';
SELECT name, relation, key, sqlstate, message FROM schemamig.backfill_error ORDER BY key;
SELECT n, count(*) FROM t GROUP BY n ORDER BY n;
-- a second call tries just those
ALTER TABLE t DROP CONSTRAINT t_check, ADD CHECK (n < 1 OR id <> 77);
SELECT schemamig_backfill('UPDATE t SET n = n + 1', on_error => 'skip', name => 'stop');
SELECT key FROM schemamig.backfill_error;
ALTER TABLE t DROP CONSTRAINT t_check;
SELECT schemamig_backfill('UPDATE t SET n = n + 1', on_error => 'skip', name => 'stop');
SELECT count(*) FROM schemamig.backfill_error;
SELECT n, count(*) FROM t GROUP BY n ORDER BY n;
-- done without bad rows: the name is free again
SELECT schemamig_backfill('UPDATE t SET n = n + 1', name => 'stop');
SELECT n, count(*) FROM t GROUP BY n ORDER BY n;
-- the limit
SET schemamig.backfill_errors = 2;
SELECT schemamig_backfill('UPDATE t SET n = 1 / (id % 10)', on_error => 'skip', name => 'limit', batch_size => 20);
SELECT state, errors, sqlstate FROM schemamig.backfill WHERE name = 'limit';
RESET schemamig.backfill_errors;
SELECT schemamig_backfill('UPDATE t SET n = 1 / (id % 10)', on_error => 'skip', name => 'limit', batch_size => 20);
SELECT key, sqlstate FROM schemamig.backfill_error ORDER BY key;
-- errors that only the commit finds
SELECT bf.reset();
ALTER TABLE o ADD CONSTRAINT o_t FOREIGN KEY (t) REFERENCES t DEFERRABLE INITIALLY DEFERRED;
SELECT schemamig_backfill('DELETE FROM t WHERE id > 97', on_error => 'skip', name => 'deferred');
SELECT key, sqlstate, message FROM schemamig.backfill_error WHERE name = 'deferred';
SELECT id FROM t WHERE id > 96 ORDER BY id;
ALTER TABLE o DROP CONSTRAINT o_t;
-- bad rows among those with a NULL in the key
CREATE TABLE k_bad (a int UNIQUE, n int CHECK (n <> 3));
INSERT INTO k_bad VALUES (1, 0), (NULL, 0), (NULL, 2);
SELECT schemamig_backfill('UPDATE k_bad SET n = n + 1', key => '{a}');
SELECT * FROM k_bad ORDER BY a, n;

\echo verify
SELECT bf.reset();
SELECT schemamig_backfill('UPDATE t SET n = 1', verify => 'SELECT count(*) = 100 FROM t WHERE n = 1');
SELECT schemamig_backfill('UPDATE t SET n = n + 1', verify => 'SELECT bool_and(n = 3) FROM t', name => 'verify');
SELECT state, sqlstate FROM schemamig.backfill WHERE name = 'verify';
-- repeated, it does not run the batches again
SELECT schemamig_backfill('UPDATE t SET n = n + 1', verify => 'SELECT bool_and(n = 2) FROM t', name => 'verify');
SELECT schemamig_backfill('UPDATE t SET n = 1', verify => 'SELECT NULL::boolean', name => 'null');
SELECT schemamig_backfill('UPDATE t SET n = 1', verify => 'SELECT 1');
SELECT schemamig_backfill('UPDATE t SET n = 1', verify => 'DELETE FROM t');
SELECT schemamig_backfill('UPDATE t SET n = 1', verify => 'SELECT nothing FROM t');
SELECT count(*) FROM t;

\echo settings of the caller reach all workers
SET schemamig.batch_target = 20;
SET bf.add = 5;
SELECT schemamig_backfill('UPDATE k_order SET n = current_setting(''bf.add'')::int', workers => 2, batch_size => 1000);
SELECT count(*), min(n), max(n) FROM k_order;
RESET bf.add; RESET schemamig.batch_target;

\echo as a step of a script
SELECT bf.reset();
SELECT schemamig_revision('step', $$
ALTER TABLE bf.t ADD c int;
SELECT schemamig_backfill('UPDATE bf.t SET c = a, n = n + 1', batch_size => 30, verify => 'SELECT count(*) = 0 FROM bf.t WHERE c IS NULL');
ALTER TABLE bf.t ALTER c SET NOT NULL;
$$, $$
ALTER TABLE bf.t DROP c;
SELECT schemamig_backfill($b$UPDATE bf.t SET n = n - 1$b$);
$$, 'step');
SELECT steps FROM schemamig_apply();
SELECT count(c), min(n), max(n) FROM t;
SELECT steps FROM schemamig_revert(allow_destructive => true);
SELECT min(n), max(n) FROM t;
SELECT steps FROM schemamig_apply();
SELECT count(c), min(n), max(n) FROM t;
SELECT name, state, revision, step, rows_done FROM schemamig.backfill WHERE revision IS NOT NULL ORDER BY name;
SELECT steps FROM schemamig_revert(allow_destructive => true);
SELECT steps FROM schemamig_apply(transaction => 'all');
SELECT min(n), max(n) FROM t;
-- a failing one stops the revision there, and the next apply goes on with it
ALTER TABLE t ADD CHECK (n < 1 OR id <> 50);
SELECT steps FROM schemamig_apply();
SELECT count(*) FILTER (WHERE n = 1) FROM t;
ALTER TABLE t DROP CONSTRAINT t_check;
SELECT steps FROM schemamig_apply();
SELECT count(c), min(n), max(n) FROM t;

\echo called in a transaction
BEGIN;
SELECT schemamig_backfill('UPDATE few SET n = n + 1');
SELECT n FROM few;
SELECT schemamig_backfill('UPDATE few SET n = n + 1');
ROLLBACK;
SELECT n FROM few;
CREATE TABLE uncommitted (id int PRIMARY KEY);
BEGIN;
INSERT INTO uncommitted VALUES (1);
SELECT schemamig_backfill('DELETE FROM uncommitted');
ROLLBACK;
BEGIN READ ONLY;
SELECT schemamig_backfill('UPDATE few SET n = n + 1');
ROLLBACK;

-- where lag counts in bytes a batch writes no more than a quarter of it, whatever time it has
CREATE TABLE wide (id int PRIMARY KEY, filler text);
INSERT INTO wide SELECT i, (SELECT string_agg(md5((i * 40 + j)::text), '') FROM generate_series(1, 30) j) FROM generate_series(1, 5000) i;
SET schemamig.batch_target = '8s';
SET schemamig.max_replication_lag_bytes = '1MB';
SELECT schemamig_backfill('UPDATE wide SET filler = reverse(filler)', name => 'wide');
SELECT current_batch BETWEEN 1 AND 600 AS small FROM schemamig.backfill WHERE name = 'wide';
RESET schemamig.batch_target; RESET schemamig.max_replication_lag_bytes;

-- nothing is left behind by any of them
SELECT count(*) FROM schemamig.backfill_range r JOIN schemamig.backfill b ON b.id = r.backfill WHERE b.state = 'done';
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid <> 21328 AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT name, state, relation FROM schemamig.backfill WHERE state = 'running' ORDER BY id;

SET client_min_messages = error;
DROP SCHEMA bf, bf_ops CASCADE;
DROP FOREIGN DATA WRAPPER bf_fdw CASCADE;
DROP OWNED BY regress_smig_backfill, regress_smig_backfill_weak;
DROP ROLE regress_smig_backfill, regress_smig_backfill_weak;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.backfill CASCADE;
