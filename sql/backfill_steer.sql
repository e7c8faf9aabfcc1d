--
-- Backfills: what one bad row costs, and changing one that is not done
--
\set QUIET on
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA bf;
SET search_path = bf, public;

\echo what bad rows cost
-- a sequence counts the rows tried, also those rolled back
CREATE SEQUENCE tries;
CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i FROM generate_series(1, 10000) AS i;
CREATE FUNCTION bf.bad(id int, bad int[]) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('bf.tries');
	RETURN 1 / (id <> ALL (bad))::int;
END $$;
CREATE FUNCTION bf.again() RETURNS void LANGUAGE sql AS $$
	SELECT setval('bf.tries', 1, false);
	TRUNCATE bf.t;
	INSERT INTO bf.t SELECT i FROM generate_series(1, 10000) AS i;
$$;
-- one, wherever it is: no more than two batches besides
SELECT schemamig_backfill('UPDATE t SET n = n + bad(id, ''{1}'')', on_error => 'skip', batch_size => 1000, name => 'first');
SELECT count(*), sum(n), max(n) FROM t;
SELECT last_value <= 12000 FROM tries;
SELECT bf.again();
SELECT schemamig_backfill('UPDATE t SET n = n + bad(id, ''{4321}'')', on_error => 'skip', batch_size => 1000, name => 'middle');
SELECT count(*), sum(n), max(n) FROM t;
SELECT last_value <= 12000 FROM tries;
SELECT bf.again();
SELECT schemamig_backfill('UPDATE t SET n = n + bad(id, ''{10000}'')', on_error => 'skip', batch_size => 1000, name => 'last');
SELECT count(*), sum(n), max(n) FROM t;
SELECT last_value <= 12000 FROM tries;
-- the only ones of their batches, first and last
SELECT bf.again();
SELECT schemamig_backfill('UPDATE t SET n = n + bad(id, ''{3000, 3001, 6001, 7000}'')', on_error => 'skip', batch_size => 1000, name => 'several');
SELECT count(*), sum(n), max(n) FROM t;
SELECT last_value <= 18000 FROM tries;
-- to stop at one costs as little, and keeps what comes before
SELECT bf.again();
SELECT schemamig_backfill('UPDATE t SET n = n + bad(id, ''{4321}'')', batch_size => 1000, name => 'stop');
SELECT count(*), max(id), sum(n) FROM t WHERE n = 1;
SELECT last_value <= 4321 + 2000 FROM tries;
-- many: no bad row costs a whole batch
SELECT bf.again();
SELECT schemamig_backfill('UPDATE t SET n = n + bad(id, array(SELECT i * 100 FROM generate_series(1, 100) AS i))', on_error => 'skip', batch_size => 1000, name => 'many');
SELECT count(*), sum(n), max(n) FROM t;
SELECT last_value <= 10000 + 100 * 400 FROM tries;
-- a second call tries just those
SELECT setval('tries', 1, false);
SELECT schemamig_backfill('UPDATE t SET n = n + bad(id, array(SELECT i * 100 FROM generate_series(1, 100) AS i))', on_error => 'skip', name => 'many');
SELECT last_value FROM tries;
SELECT errors, rows_done FROM schemamig.backfill WHERE name = 'many';
-- all rows, up to the limit of a thousand
SELECT bf.again();
SELECT schemamig_backfill('UPDATE t SET n = bad(id, ARRAY[id])', on_error => 'skip', name => 'all');
SELECT state, errors, rows_done FROM schemamig.backfill WHERE name = 'all';
SELECT count(*), min(key[1]::int), max(key[1]::int) FROM schemamig.backfill_error WHERE name = 'all';
SELECT sum(n) FROM t;
-- a bad row that is good when it is looked for: nothing is kept aside
CREATE FUNCTION bf.once(id int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN id = 500 AND nextval('bf.tries') <= 2 THEN 1 / (id - 500) ELSE 1 END;
END $$;
SELECT bf.again();
SELECT schemamig_backfill('UPDATE t SET n = n + once(id)', on_error => 'skip', batch_size => 1000, name => 'once');
SELECT count(*), min(n), max(n) FROM t;

\echo schemamig_backfill_set
SELECT schemamig_backfill_set('nowhere', workers => 2);
SELECT schemamig_backfill_set('once', workers => 2);
SELECT schemamig_backfill_set(NULL);
SELECT schemamig_backfill_set('stop', batch_target => 0);
SELECT schemamig_backfill_set('stop', workers => 65);
SELECT schemamig_backfill_set('stop', nice => -1);
SELECT schemamig_backfill_set('stop', nice => 'NaN');
SELECT schemamig_backfill_set('stop', nice => 0.5);
SELECT schemamig_backfill_set('stop', 20, 2);
SELECT batch_target, workers, nice FROM schemamig.backfill WHERE name = 'stop';
SELECT schemamig_backfill_set('stop');
SELECT batch_target, workers, nice FROM schemamig.backfill WHERE name = 'stop';
CREATE ROLE regress_smig_steer;
GRANT EXECUTE ON FUNCTION schemamig_backfill_set TO regress_smig_steer;
SET ROLE regress_smig_steer;
SELECT schemamig_backfill_set('stop', nice => 0);
RESET ROLE;
BEGIN READ ONLY;
SELECT schemamig_backfill_set('stop', nice => 0);
ROLLBACK;
-- it holds when the backfill is resumed
CREATE OR REPLACE FUNCTION bf.bad(id int, bad int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT schemamig_backfill('UPDATE t SET n = n + bad(id, ''{4321}'')', batch_size => 1000, name => 'stop');
SELECT state, rows_done, batch_target, nice FROM schemamig.backfill WHERE name = 'stop';

\echo the last word
SELECT schemamig_backfill('UPDATE t SET n = n + 10', name => 'word');
SELECT wal_bytes > 10000 * 50, bytes_before BETWEEN 10000 * 30 AND pg_table_size('t') FROM schemamig.backfill WHERE name = 'word';

\echo its record is deleted meanwhile
SELECT schemamig_backfill_start('UPDATE t SET n = n + 1', batch_size => 10, name => 'deleted') > 0;
DO $$BEGIN WHILE NOT EXISTS (SELECT FROM schemamig.backfill WHERE name = 'deleted' AND rows_done > 0) LOOP PERFORM pg_sleep(0.01); COMMIT; END LOOP; END$$;
DELETE FROM schemamig.backfill WHERE name = 'deleted';
SELECT * FROM schemamig_wait();

DROP SCHEMA bf CASCADE;
DROP OWNED BY regress_smig_steer;
DROP ROLE regress_smig_steer;
TRUNCATE schemamig.run, schemamig.log_entry, schemamig.backfill CASCADE;
