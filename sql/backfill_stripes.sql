-- Ranges that are done in stripes: which statements that is for, and that every
-- row is done exactly once whatever the key, a bad row or a resumption.
SET client_min_messages = warning;
CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, name text NOT NULL, marked int);
INSERT INTO t (id, name) SELECT i, 'name ' || i FROM generate_series(1, 60000) i;
CREATE INDEX t_name ON t (name);
CREATE INDEX t_marked ON t (marked);
VACUUM (ANALYZE) t;
SELECT pg_relation_size('t') AS heap, pg_indexes_size('t') AS indexes \gset

-- most rows stay in their block, and neither table nor indexes grow by much
SELECT schemamig_backfill('UPDATE t SET n = n + 1', name => 'whole');
SELECT count(*), min(n), max(n) FROM t;
SELECT pg_stat_get_tuples_hot_updated('t'::regclass) > 40000 AS hot,
	pg_relation_size('t') < 1.3 * :heap AS heap,
	pg_indexes_size('t') < 1.6 * :indexes AS indexes;
SELECT rows_done, rows_scanned, rows_total FROM schemamig.backfill WHERE name = 'whole';

-- a bad row in the middle stops it in the middle of a stripe; resumed, it is
-- neither begun anew nor has it left out a row
CREATE FUNCTION left_ranges(name text) RETURNS TABLE (stripes int, behind boolean) LANGUAGE sql
BEGIN ATOMIC
	SELECT r.stripes, r.position IS DISTINCT FROM r.start
	FROM schemamig.backfill_range r JOIN schemamig.backfill b ON b.id = r.backfill
	WHERE b.name = left_ranges.name;
END;
SET test.bad = '17000';
SELECT schemamig_backfill('UPDATE t SET n = n + 1 + 0 / (id - current_setting(''test.bad'')::int)', name => 'stop');
SELECT sqlstate, error FROM schemamig.backfill WHERE name = 'stop';
SELECT count(*) BETWEEN 5000 AND 40000 AS some, min(n), max(n) FROM t WHERE n <> 1;
SELECT * FROM left_ranges('stop');
SET test.bad = '31000';
SELECT schemamig_backfill('UPDATE t SET n = n + 1 + 0 / (id - current_setting(''test.bad'')::int)', name => 'stop', workers => 2);
SELECT schemamig_backfill('UPDATE t SET n = n + 1 + 0 / (id - current_setting(''test.bad'')::int)', name => 'stop', on_error => 'skip');
SELECT id, n FROM t WHERE n <> 2;
SET test.bad = '-1';
SELECT schemamig_backfill('UPDATE t SET n = n + 1 + 0 / (id - current_setting(''test.bad'')::int)', name => 'stop', on_error => 'skip');
SELECT count(*), min(n), max(n) FROM t;

-- bad rows side by side, at the edges, and many
SELECT schemamig_backfill('UPDATE t SET n = n + 1 + 0 / CASE WHEN id IN (1, 5000, 5001, 20000, 20001, 20002, 60000) THEN 0 ELSE 1 END',
	name => 'several', on_error => 'skip');
SELECT count(*), min(n), max(n) FROM t WHERE n <> 2;
SELECT array_agg(key[1] ORDER BY key[1]::int) FROM schemamig.backfill_error WHERE name = 'several';

-- an indexed column cannot stay in place, few rows are not worth it, and
-- neither are batches of a given size
SELECT schemamig_backfill('UPDATE t SET marked = 1 / (id - 30000)', name => 'indexed');
SELECT * FROM left_ranges('indexed');
SELECT schemamig_backfill('UPDATE t SET n = n / (id - 30000) WHERE id % 3 = 0', name => 'few');
SELECT * FROM left_ranges('few');
SELECT schemamig_backfill('UPDATE t SET n = n / (id - 30000)', name => 'given', batch_size => 1000);
SELECT * FROM left_ranges('given');
SELECT schemamig_backfill('UPDATE t SET n = 7 WHERE n < 9', name => 'read');
SELECT count(*), min(n), max(n) FROM t;
DROP TABLE t;

-- keys of several columns and types
CREATE DOMAIN code AS text COLLATE "C" CHECK (value <> '');
CREATE TABLE t (c code, u uuid, x numeric, d date, n int NOT NULL DEFAULT 0, PRIMARY KEY (c, x, d, u));
INSERT INTO t SELECT 'c' || i % 7, md5(i::text)::uuid, i / 10.0, date '2000-01-01' + i % 1000
FROM generate_series(1, 50000) i;
VACUUM (ANALYZE) t;
SELECT schemamig_backfill('UPDATE t SET n = n + 1', workers => 2);
SELECT schemamig_backfill('UPDATE t SET n = n + 1 / (CASE WHEN x = 3000.7 THEN 0 ELSE 1 END)', name => 'composite');
SELECT * FROM left_ranges('composite');
SELECT schemamig_backfill('UPDATE t SET n = n + 1 / (CASE WHEN x = 3000.7 THEN 0 ELSE 1 END)', name => 'composite', on_error => 'skip');
SELECT n, count(*) FROM t GROUP BY n;
DROP TABLE t;

-- whole numbers are dealt, to the ends of their types, and with strides
CREATE TABLE t (g text, a smallint, b int, c bigint, n int NOT NULL DEFAULT 0, PRIMARY KEY (g, c), UNIQUE (a), UNIQUE (b));
INSERT INTO t SELECT 'g' || i % 3, i, 32768 * i + i % 32768, 281474976710656 * i + i % 2
FROM generate_series(-32768, 32767) i;
UPDATE t SET b = CASE a WHEN -32768 THEN -2147483648 WHEN 32767 THEN 2147483647 ELSE b END,
	c = CASE a WHEN -32768 THEN -9223372036854775808 WHEN 32767 THEN 9223372036854775807 ELSE c END;
VACUUM (ANALYZE) t;
SELECT schemamig_backfill('UPDATE t SET n = n + 1');
SELECT schemamig_backfill('UPDATE t SET n = n + 1', key => ARRAY['a'], workers => 2);
SELECT schemamig_backfill('UPDATE t SET n = n + 1', key => ARRAY['b']);
SELECT n, count(*) FROM t GROUP BY n;
DROP TABLE t;

-- a table that was filled in the order of its key: of each eight rows beside
-- each other one makes room for seven, where chance left every fourth
-- row without a place in its block
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, pad text NOT NULL);
INSERT INTO t (id, pad) SELECT i, repeat('x', 60) FROM generate_series(1, 60000) i;
VACUUM (ANALYZE) t;
SELECT schemamig_backfill('UPDATE t SET n = n + 1');
SELECT pg_stat_get_tuples_hot_updated('t'::regclass) > 45000 AS hot, count(*), min(n), max(n) FROM t;
DROP TABLE t;

-- with nulls in the key, and one whose types have no hash function
CREATE TABLE t (a int, b bit varying, n int NOT NULL DEFAULT 0, UNIQUE (a), UNIQUE (b));
INSERT INTO t SELECT nullif(i % 50000, 0), i::bit(20) FROM generate_series(1, 50000) i;
VACUUM (ANALYZE) t;
SELECT schemamig_backfill('UPDATE t SET n = n + 1', key => ARRAY['a']);
SELECT schemamig_backfill('UPDATE t SET n = n + 1', key => ARRAY['b']);
SELECT n, count(*) FROM t GROUP BY n;
DROP TABLE t;
DROP DOMAIN code;
DROP FUNCTION left_ranges;
DELETE FROM schemamig.backfill;
