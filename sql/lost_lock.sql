--
-- A script that gives up all advisory locks does not lose the migration lock
--
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

-- the class of our locks is none that SQL can name
CREATE TABLE lost_lock AS SELECT 'before' AS step, 0::bigint AS locks WHERE false;
CREATE VIEW lost_lock_now AS SELECT count(*) AS locks FROM pg_locks
WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() AND objsubid > 2;

SELECT schemamig_revision('', $$
INSERT INTO lost_lock SELECT 'before', locks FROM lost_lock_now;
COMMIT;
DISCARD ALL;
INSERT INTO lost_lock SELECT 'after DISCARD ALL', locks FROM lost_lock_now;
COMMIT;
SELECT pg_advisory_unlock_all();
COMMIT;
INSERT INTO lost_lock SELECT 'after pg_advisory_unlock_all', locks FROM lost_lock_now;
$$, '', 'x');
SELECT seq, revision, steps FROM schemamig_apply();
SELECT * FROM lost_lock;
-- and it is free afterwards
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 21325
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

DROP VIEW lost_lock_now;
DROP TABLE lost_lock;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry;
