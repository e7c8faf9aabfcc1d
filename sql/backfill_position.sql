--
-- Backfills by physical position: tables without a key, and rows with a null in
-- it
--
\set QUIET on
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA bf;
SET search_path = bf, public;

\echo without a key
CREATE TABLE heap (id int, n int DEFAULT 0, pad text DEFAULT repeat('x', 200)) WITH (autovacuum_enabled = off);
INSERT INTO heap SELECT i FROM generate_series(1, 5000) AS i;
CREATE TABLE other (id int, v int);
INSERT INTO other SELECT i, i * 2 FROM generate_series(1, 4000) AS i;
-- the second pass meets free space before every row, and rows behind the last
SELECT schemamig_backfill('UPDATE heap SET n = n + 1', batch_size => 100);
SELECT schemamig_backfill('DELETE FROM heap WHERE id % 5 = 0', batch_size => 100);
VACUUM heap;
SELECT schemamig_backfill('UPDATE heap SET n = n + 1', batch_size => 10);
SELECT count(*), min(n), max(n) FROM heap;
SELECT schemamig_backfill('UPDATE heap SET n = n + 1', workers => 3, batch_size => 100);
SELECT count(*), min(n), max(n) FROM heap;
SELECT schemamig_backfill('UPDATE heap SET n = n + v FROM other WHERE other.id = heap.id', batch_size => 1000);
SELECT count(*) FROM heap LEFT JOIN other USING (id) WHERE n = 3 + coalesce(v, 0);
CREATE TABLE copy (id int, n int);
SELECT schemamig_backfill('INSERT INTO copy SELECT h.id, n + v FROM heap AS h JOIN other AS o ON o.id = h.id', batch_size => 500);
SELECT count(*), count(DISTINCT id) FROM copy;
-- a trigger on each row and on each batch
CREATE TABLE log (what text, n int);
CREATE FUNCTION heap_row() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN new.pad := 'y'; RETURN CASE WHEN new.id <> 7 THEN new END; END$$;
CREATE FUNCTION heap_rows() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO log SELECT 'rows', count(*) FROM news; RETURN NULL; END$$;
CREATE TRIGGER a BEFORE UPDATE ON heap FOR EACH ROW EXECUTE FUNCTION heap_row();
CREATE TRIGGER b AFTER UPDATE ON heap REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION heap_rows();
SELECT schemamig_backfill('UPDATE heap SET n = 1');
SELECT sum(n) FROM log;
SELECT count(*) FILTER (WHERE pad = 'y'), count(*) FROM heap;
DROP TRIGGER a ON heap;
DROP TRIGGER b ON heap;
-- dropped columns, a wide row, and a table whose rows are all gone
ALTER TABLE heap DROP COLUMN pad, ADD wide text;
SELECT schemamig_backfill('UPDATE heap SET wide = repeat(md5(id::text), 500)', batch_size => 200);
SELECT count(*), min(length(wide)) FROM heap;
SELECT schemamig_backfill('DELETE FROM heap', batch_size => 200);
SELECT schemamig_backfill('UPDATE heap SET n = 1');

\echo bad rows without a key
CREATE TABLE bad (id int, n int);
INSERT INTO bad SELECT i, 0 FROM generate_series(1, 1000) AS i;
ALTER TABLE bad ADD CHECK (n < 1 OR id NOT IN (1, 500, 501, 1000));
SELECT schemamig_backfill('UPDATE bad SET n = n + 1', name => 'stop', batch_size => 300);
SELECT count(*), max(id) FROM bad WHERE n = 1;
SELECT schemamig_backfill('UPDATE bad SET n = n + 1', name => 'skip', on_error => 'skip', batch_size => 300);
SELECT id, n FROM bad WHERE n <> 1 ORDER BY id;
SELECT by_position, (SELECT id FROM bad WHERE ctid = key[1]::tid AND xmin = key[2]::xid) AS id, sqlstate
	FROM schemamig.backfill_error WHERE name = 'skip' ORDER BY 2;
-- tried again: one is good now, one is changed, one is deleted, one is still bad
ALTER TABLE bad DROP CONSTRAINT bad_check, ADD CHECK (n < 1 OR id NOT IN (501, 1000));
UPDATE bad SET n = -1 WHERE id = 500;
DELETE FROM bad WHERE id = 501;
SELECT schemamig_backfill('UPDATE bad SET n = n + 1', name => 'skip', on_error => 'skip');
SELECT id, n FROM bad WHERE n <> 1 ORDER BY id;
SELECT sqlstate, message FROM schemamig.backfill_error WHERE name = 'skip' ORDER BY 1, 2;

\echo rows with a null in the key
CREATE TABLE nulls (a int, b int, n int DEFAULT 0, UNIQUE (a, b)) WITH (autovacuum_enabled = off);
INSERT INTO nulls SELECT nullif(i % 10, 0), nullif(i, i / 20 * 20) FROM generate_series(1, 5000) AS i;
SELECT count(*) FILTER (WHERE a IS NULL OR b IS NULL) FROM nulls;
SELECT schemamig_backfill('UPDATE nulls SET n = n + 1', key => '{a,b}', batch_size => 10);
SELECT count(*), min(n), max(n) FROM nulls;
SELECT schemamig_backfill('UPDATE nulls SET n = n + 1', key => '{a,b}', batch_size => 10, workers => 2);
SELECT count(*), min(n), max(n) FROM nulls;
-- none of it
SELECT schemamig_backfill('UPDATE nulls SET n = n + 1 WHERE a IS NOT NULL', key => '{a,b}', name => 'none');
DELETE FROM nulls WHERE a IS NULL OR b IS NULL;
SELECT schemamig_backfill('UPDATE nulls SET n = 0', key => '{a,b}', name => 'none');
SELECT nulls_done, snapshot IS NULL FROM schemamig.backfill WHERE name = 'none';
-- bad ones are found and kept aside among them too
INSERT INTO nulls SELECT NULL, i FROM generate_series(10001, 10500) AS i;
ALTER TABLE nulls ADD CHECK (n < 1 OR b NOT IN (11, 10001, 10300));
SELECT schemamig_backfill('UPDATE nulls SET n = n + 1', key => '{a,b}', name => 'bad', on_error => 'skip', batch_size => 100);
SELECT b, n FROM nulls WHERE n <> 1 ORDER BY b;
SELECT by_position, count(*) FROM schemamig.backfill_error WHERE name = 'bad' GROUP BY 1 ORDER BY 1;
ALTER TABLE nulls DROP CONSTRAINT nulls_check;
SELECT schemamig_backfill('UPDATE nulls SET n = n + 1', key => '{a,b}', name => 'bad', on_error => 'skip');
SELECT b, n FROM nulls WHERE n <> 1 ORDER BY b;
SELECT count(*) FROM schemamig.backfill_error WHERE name = 'bad';

\echo row security, and what the caller may not see
CREATE ROLE regress_smig_position;
GRANT USAGE ON SCHEMA bf TO regress_smig_position;
GRANT EXECUTE ON FUNCTION schemamig_backfill TO regress_smig_position;
CREATE TABLE secure (id int, n int DEFAULT 0);
INSERT INTO secure SELECT i FROM generate_series(1, 100) AS i;
GRANT SELECT, UPDATE ON secure TO regress_smig_position;
ALTER TABLE secure ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON secure TO regress_smig_position USING (id > 60);
SET ROLE regress_smig_position;
SELECT schemamig_backfill('UPDATE secure SET n = n + 1', batch_size => 7);
SELECT schemamig_backfill('DELETE FROM secure');
RESET ROLE;
SELECT n, min(id), count(*) FROM secure GROUP BY 1 ORDER BY 1;

\echo one table of a family
CREATE TABLE family (id int, n int DEFAULT 0);
CREATE TABLE child () INHERITS (family);
INSERT INTO family SELECT i FROM generate_series(1, 100) AS i;
INSERT INTO child SELECT i FROM generate_series(1, 100) AS i;
SELECT schemamig_backfill('UPDATE family SET n = n + 1');
SELECT schemamig_backfill('UPDATE ONLY family SET n = n + 1', batch_size => 7);
SELECT schemamig_backfill('UPDATE child SET n = n + 2', batch_size => 7);
SELECT tableoid::regclass, count(*), min(n), max(n) FROM family GROUP BY 1 ORDER BY 1;

\echo resuming
CREATE TABLE again (id int, n int DEFAULT 0, t text) WITH (autovacuum_enabled = off);
INSERT INTO again SELECT i FROM generate_series(1, 3000) AS i;
CREATE FUNCTION stop_at(id int, at int) RETURNS int LANGUAGE sql AS 'SELECT 1 / (id <> at)::int';
-- nobody else has written: behind the checkpoint
SELECT schemamig_backfill('UPDATE again SET n = n + stop_at(id, 2000)', name => 'untouched', batch_size => 100);
SELECT count(*) FROM again WHERE n = 1;
CREATE OR REPLACE FUNCTION stop_at(id int, at int) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT schemamig_backfill('UPDATE again SET n = n + stop_at(id, 2000)', name => 'untouched', batch_size => 100);
SELECT count(*), min(n), max(n) FROM again;
-- somebody else has, and it matters
CREATE OR REPLACE FUNCTION stop_at(id int, at int) RETURNS int LANGUAGE sql AS 'SELECT 1 / (id <> at)::int';
SELECT schemamig_backfill('UPDATE again SET n = n + stop_at(id, 2000)', name => 'touched', batch_size => 100);
UPDATE again SET t = 'app' WHERE id = 2500;
SELECT schemamig_backfill('UPDATE again SET n = n + stop_at(id, 0)', name => 'touched', batch_size => 100);
SELECT schemamig_backfill('UPDATE again SET n = n + stop_at(id, 2000)', name => 'touched', batch_size => 100);
-- or the table was rewritten
SELECT schemamig_backfill('UPDATE again SET n = n + stop_at(id, 2000)', name => 'rewritten', batch_size => 100);
VACUUM FULL again;
SELECT schemamig_backfill('UPDATE again SET n = n + stop_at(id, 2000)', name => 'rewritten', batch_size => 100);
-- or it does not matter
SELECT schemamig_backfill('UPDATE again SET t = (id * stop_at(id, 2000))::text', name => 'repeatable', batch_size => 100);
UPDATE again SET n = 77, t = 'app' WHERE id IN (100, 2500);
CREATE OR REPLACE FUNCTION stop_at(id int, at int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
SELECT schemamig_backfill('UPDATE again SET t = (id * stop_at(id, 2000))::text', name => 'repeatable', batch_size => 100, verify => 'SELECT bool_and(t = id::text) FROM again') AS rows \gset
SELECT :rows >= 3000;
SELECT count(*) FROM again WHERE t = id::text;
SELECT id FROM again WHERE n = 77 ORDER BY id;

DROP SCHEMA bf CASCADE;
DROP OWNED BY regress_smig_position;
DROP ROLE regress_smig_position;
TRUNCATE schemamig.run, schemamig.log_entry, schemamig.backfill CASCADE;
