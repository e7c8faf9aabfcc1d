-- Backfills of partitioned tables and of tables that others inherit from: table
-- by table, each by its own key, every row exactly once.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA parts;
SET search_path = parts, public;
CREATE VIEW parts.state AS
	SELECT p.relation, p.key, p.state, p.rows_done, p.errors
	FROM schemamig.backfill p JOIN schemamig.backfill b ON b.id = p.parent
	WHERE b.id = (SELECT max(id) FROM schemamig.backfill WHERE parent IS NULL)
	ORDER BY p.id;

-- keys that are unique in each partition only, one without, columns in another
-- order, a default partition and one that is partitioned itself
CREATE TABLE p (id int NOT NULL, kind text NOT NULL, n int NOT NULL DEFAULT 0) PARTITION BY LIST (kind);
CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a');
ALTER TABLE p_a ADD PRIMARY KEY (id);
CREATE TABLE p_b (n int NOT NULL DEFAULT 0, gone int, kind text NOT NULL, id int NOT NULL PRIMARY KEY);
ALTER TABLE p_b DROP COLUMN gone;
ALTER TABLE p ATTACH PARTITION p_b FOR VALUES IN ('b');
CREATE TABLE p_c PARTITION OF p FOR VALUES IN ('c');
CREATE TABLE p_d PARTITION OF p FOR VALUES IN ('d') PARTITION BY HASH (id);
CREATE TABLE p_d_0 PARTITION OF p_d (PRIMARY KEY (id)) FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE p_d_1 PARTITION OF p_d (PRIMARY KEY (id, kind)) FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE p_rest PARTITION OF p (PRIMARY KEY (kind, id)) DEFAULT;
INSERT INTO p SELECT i, substr('abcde', 1 + i % 5, 1) FROM generate_series(1, 1000) i;
SELECT schemamig_backfill('UPDATE p SET n = n + 1', batch_size => 30);
SELECT * FROM state;
SELECT schemamig_backfill('UPDATE p SET n = n + 1 WHERE id % 2 = 0', workers => 2);
SELECT tableoid::regclass, count(*), min(n), max(n), sum(n) FROM p GROUP BY 1 ORDER BY min(tableoid::regclass::text);
SELECT rows_done, rows_scanned > 500 AS scanned, state FROM schemamig.backfill WHERE parent IS NULL ORDER BY id DESC LIMIT 1;
-- the same table once more in the statement is not cut
SELECT schemamig_backfill('UPDATE p SET n = (SELECT count(*) FROM p AS o WHERE o.id BETWEEN p.id AND p.id + 4 AND o.id <= 1000)', batch_size => 100);
SELECT n, count(*) FROM p GROUP BY n ORDER BY n;
SELECT schemamig_backfill('UPDATE p SET n = o.id FROM p AS o WHERE o.id = p.id');
SELECT count(*) FROM p WHERE n = id;
-- read from, deleted from, and a part of it by itself
CREATE TABLE copy (id int PRIMARY KEY, kind text);
SELECT schemamig_backfill('INSERT INTO copy SELECT x.id, x.kind FROM p AS x', batch_size => 70);
SELECT count(*), count(DISTINCT kind) FROM copy;
SELECT schemamig_backfill('UPDATE p_d SET n = -1');
SELECT kind, count(*) FROM p WHERE n = -1 GROUP BY kind;
SELECT schemamig_backfill('DELETE FROM p WHERE id > 900');
SELECT count(*) FROM p;

-- errors name the partition; the rest of the parts is done, and tried again
ALTER TABLE p ADD CONSTRAINT bad CHECK (n < 5000 OR id NOT IN (3, 8, 13)) NOT VALID;
\set VERBOSITY terse
SELECT schemamig_backfill('UPDATE p SET n = 5000 + id', name => 'bad');
\set VERBOSITY default
SELECT relation, state FROM state;
SELECT schemamig_backfill('UPDATE p SET n = 5000 + id', name => 'bad', on_error => 'skip', workers => 2);
SELECT relation, CASE WHEN NOT by_position THEN key END AS key, sqlstate FROM schemamig.backfill_error WHERE name = 'bad' ORDER BY relation;
SELECT relation, rows_done, errors, state FROM state;
SELECT errors, rows_done FROM schemamig.backfill WHERE name = 'bad';
ALTER TABLE p DROP CONSTRAINT bad;
SELECT schemamig_backfill('UPDATE p SET n = 5000 + id', name => 'bad', on_error => 'skip');
SELECT errors, rows_done FROM schemamig.backfill WHERE name = 'bad';
SELECT count(*) FROM p WHERE n = 5000 + id;
SET schemamig.backfill_errors = 2;
SELECT schemamig_backfill('UPDATE p SET n = 1 / (id % 2)', name => 'too many', on_error => 'skip', batch_size => 1);
RESET schemamig.backfill_errors;

-- rows that the statement itself moves are done once
UPDATE p SET n = 0;
SELECT schemamig_backfill('UPDATE p SET n = n + 1, kind = CASE kind WHEN ''a'' THEN ''e'' WHEN ''e'' THEN ''a'' ELSE ''d'' END', batch_size => 30, workers => 2);
SELECT kind, count(*), min(n), max(n) FROM p GROUP BY kind ORDER BY kind;
SELECT DISTINCT key FROM state;
-- stopped in the middle, with rows moved on to where it has not been
CREATE FUNCTION stop_at(id int) RETURNS int LANGUAGE sql AS 'SELECT 1 / (id <> 600)::int';
\set VERBOSITY terse
SELECT schemamig_backfill('UPDATE p SET n = n + stop_at(id), kind = CASE kind WHEN ''a'' THEN ''e'' ELSE ''a'' END', batch_size => 30, name => 'moving');
\set VERBOSITY default
SELECT count(*) BETWEEN 1 AND 899 AS some, max(n) FROM p WHERE n > 1;
CREATE OR REPLACE FUNCTION stop_at(id int) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT schemamig_backfill('UPDATE p SET n = n + stop_at(id), kind = CASE kind WHEN ''a'' THEN ''e'' ELSE ''a'' END', batch_size => 30, name => 'moving');
SELECT kind, count(*), min(n), max(n) FROM p GROUP BY kind ORDER BY kind;
-- written to by others meanwhile it cannot be known what is done
CREATE OR REPLACE FUNCTION stop_at(id int) RETURNS int LANGUAGE sql AS 'SELECT 1 / (id <> 600)::int';
\set VERBOSITY terse
SELECT schemamig_backfill('UPDATE p SET n = n + stop_at(id), kind = CASE kind WHEN ''a'' THEN ''e'' ELSE ''a'' END', batch_size => 30, name => 'lost');
\set VERBOSITY default
UPDATE p SET n = n;
SELECT schemamig_backfill('UPDATE p SET n = n + stop_at(id), kind = CASE kind WHEN ''a'' THEN ''e'' ELSE ''a'' END', batch_size => 30, name => 'lost');
DROP TABLE p;

-- partitions that are detached, dropped and attached while it is interrupted
CREATE TABLE p (id int NOT NULL, at date NOT NULL, n int NOT NULL DEFAULT 0) PARTITION BY RANGE (at);
CREATE TABLE p_1 PARTITION OF p (PRIMARY KEY (id)) FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE p_2 PARTITION OF p (PRIMARY KEY (id)) FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE p_3 PARTITION OF p (PRIMARY KEY (id)) FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
CREATE TABLE p_4 PARTITION OF p (PRIMARY KEY (id)) FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
INSERT INTO p SELECT i, date '2026-01-01' + i % 118 FROM generate_series(1, 2000) i;
CREATE OR REPLACE FUNCTION stop_at(id int) RETURNS int LANGUAGE sql AS 'SELECT 1 / (id <> 1000)::int';
SELECT to_char(at, 'MM') FROM p WHERE id = 1000;
SELECT schemamig_backfill('UPDATE p SET n = n + stop_at(id)', batch_size => 30, name => 'changed');
SELECT relation, state FROM state;
ALTER TABLE p DETACH PARTITION p_2;
DROP TABLE p_3;
CREATE TABLE p_5 PARTITION OF p (PRIMARY KEY (id)) FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
INSERT INTO p SELECT i, '2026-05-05' FROM generate_series(1, 10) i;
SELECT schemamig_backfill('UPDATE p SET n = n + stop_at(id)', batch_size => 30, name => 'changed');
SELECT relation, state FROM state;
SELECT tableoid::regclass, min(n), max(n) FROM p GROUP BY 1 ORDER BY min(tableoid::regclass::text);
SELECT min(n), max(n) FROM p_2;
-- the key of a partition is another one now
CREATE OR REPLACE FUNCTION stop_at(id int) RETURNS int LANGUAGE sql AS 'SELECT 1 / (id <> 240)::int';
SELECT schemamig_backfill('UPDATE p SET n = n + stop_at(id)', batch_size => 30, name => 'key');
ALTER TABLE p_1 DROP CONSTRAINT p_1_pkey;
SELECT schemamig_backfill('UPDATE p SET n = n + stop_at(id)', batch_size => 30, name => 'key');
-- keys by name
SELECT schemamig_backfill('UPDATE p SET n = 1', key => ARRAY['id']);
ALTER TABLE p_1 ADD UNIQUE (id);
SELECT schemamig_backfill('UPDATE p SET n = 1', key => ARRAY['id']);
SELECT relation, key FROM state;
-- rights and row security are those of the root
CREATE ROLE regress_smig_parts LOGIN;
GRANT USAGE ON SCHEMA parts TO regress_smig_parts;
GRANT SELECT, UPDATE ON p TO regress_smig_parts;
GRANT EXECUTE ON FUNCTION schemamig_backfill TO regress_smig_parts;
ALTER TABLE p ENABLE ROW LEVEL SECURITY;
CREATE POLICY tens ON p TO regress_smig_parts USING (id % 10 = 0);
SET SESSION AUTHORIZATION regress_smig_parts;
SELECT schemamig_backfill('UPDATE p SET n = 77', batch_size => 50);
RESET SESSION AUTHORIZATION;
SELECT bool_and(id % 10 = 0), count(*) FROM p WHERE n = 77;
DROP TABLE p, p_2;
DROP OWNED BY regress_smig_parts;
DROP ROLE regress_smig_parts;

-- inheritance: the parent's own rows, children with their own keys and columns,
-- a grandchild, and one that inherits twice
CREATE TABLE parent (id int, n int NOT NULL DEFAULT 0);
CREATE TABLE child (extra int PRIMARY KEY) INHERITS (parent);
CREATE TABLE keyed (PRIMARY KEY (id)) INHERITS (parent);
CREATE TABLE both_of () INHERITS (child, keyed);
INSERT INTO parent SELECT i FROM generate_series(1, 50) i;
INSERT INTO child SELECT i, 0, i FROM generate_series(1, 50) i;
INSERT INTO keyed SELECT i FROM generate_series(1, 50) i;
INSERT INTO both_of SELECT i, 0, i FROM generate_series(1, 50) i;
SELECT schemamig_backfill('UPDATE parent SET n = n + 1', batch_size => 7, workers => 2);
SELECT relation, key, rows_done FROM state;
SELECT tableoid::regclass, count(*), min(n), max(n) FROM parent GROUP BY 1 ORDER BY min(tableoid::regclass::text);
SELECT schemamig_backfill('UPDATE ONLY parent SET n = n + 1');
SELECT tableoid::regclass, count(*), min(n), max(n) FROM parent GROUP BY 1 ORDER BY min(tableoid::regclass::text);
DROP TABLE parent CASCADE;

-- foreign tables have no key
CREATE TABLE p (id int) PARTITION BY LIST (id);
CREATE FOREIGN DATA WRAPPER parts_fdw;
CREATE SERVER parts_server FOREIGN DATA WRAPPER parts_fdw;
CREATE FOREIGN TABLE p_far PARTITION OF p FOR VALUES IN (1) SERVER parts_server;
SELECT schemamig_backfill('UPDATE p SET id = 1');
DROP TABLE p;
DROP FOREIGN DATA WRAPPER parts_fdw CASCADE;

-- in stripes, and many
CREATE TABLE p (id int NOT NULL, day int NOT NULL, n int NOT NULL DEFAULT 0, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (1) TO (2);
CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (2) TO (3);
INSERT INTO p SELECT i, 1 + i % 2 FROM generate_series(1, 100000) i;
VACUUM (ANALYZE) p;
SELECT schemamig_backfill('UPDATE p SET n = n + 1');
SELECT day, count(*), min(n), max(n) FROM p GROUP BY day ORDER BY day;
SELECT relname, n_tup_hot_upd > 15000 AS hot FROM pg_stat_user_tables WHERE relname IN ('p_1', 'p_2') ORDER BY relname;
SET client_min_messages = error;
DROP SCHEMA parts CASCADE;
DELETE FROM schemamig.backfill;
