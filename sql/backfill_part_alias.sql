-- Which entry of a statement is the driving table is known soundly: whatever other
-- entries are called, and wherever else the table stands, every row of a
-- partitioned table is done once and only the driving table is cut.
SET client_min_messages = warning;
CREATE SCHEMA part_alias;
SET search_path = part_alias, public;

-- all that batches are told apart by: list with a default, hash, two levels, and
-- partitions whose columns stand in another order
CREATE TABLE p (id int NOT NULL, kind text, n int NOT NULL DEFAULT 0) PARTITION BY LIST (kind);
CREATE TABLE p_a (n int NOT NULL DEFAULT 0, kind text, gone int, id int PRIMARY KEY);
ALTER TABLE p_a DROP COLUMN gone;
ALTER TABLE p ATTACH PARTITION p_a FOR VALUES IN ('a');
CREATE TABLE p_b PARTITION OF p FOR VALUES IN ('b') PARTITION BY HASH (id);
CREATE TABLE p_b_0 PARTITION OF p_b (PRIMARY KEY (id)) FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE p_b_1 PARTITION OF p_b FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE p_b_2 PARTITION OF p_b (UNIQUE (id, kind)) FOR VALUES WITH (MODULUS 3, REMAINDER 2);
CREATE TABLE p_rest PARTITION OF p (PRIMARY KEY (id)) DEFAULT PARTITION BY RANGE (id);
CREATE TABLE p_rest_1 PARTITION OF p_rest FOR VALUES FROM (MINVALUE) TO (300);
CREATE TABLE p_rest_2 PARTITION OF p_rest DEFAULT;
INSERT INTO p SELECT i, (ARRAY['a', 'b', 'c', NULL])[1 + i % 4] FROM generate_series(1, 600) i;
CREATE FUNCTION tell(OUT n bigint, OUT wrong bigint) LANGUAGE sql AS
	'SELECT count(*), count(*) FILTER (WHERE n IS DISTINCT FROM 7 * id) FROM part_alias.p';

-- an alias that is made to look like a mark: of the table once more, of another
-- level, of a CTE, in mixed case, as long as a name can be
SELECT schemamig_backfill('UPDATE p SET n = 7 * o.id FROM p AS "schemamig part 0" JOIN p AS o USING (id) WHERE o.id = p.id', batch_size => 40);
SELECT * FROM tell();
UPDATE p SET n = 0;
SELECT schemamig_backfill('UPDATE p AS "schemamig part 1" SET n = 7 * (SELECT count(*) FROM p AS "schemamig part 1" WHERE "schemamig part 1".id <= x.id) FROM (SELECT id FROM p) AS x WHERE x.id = "schemamig part 1".id', batch_size => 40);
SELECT * FROM tell();
UPDATE p SET n = 0;
SELECT schemamig_backfill('WITH "schemamig part 2" AS (SELECT * FROM p AS "Schemamig Part 3"), p AS (SELECT id + 0 AS id FROM "schemamig part 2") UPDATE p SET n = 7 * o.id FROM p AS o WHERE o.id = p.id', batch_size => 40);
SELECT * FROM tell();
UPDATE p SET n = 0;
SELECT format('UPDATE p SET n = 7 * %1$I.id FROM p AS %1$I WHERE %1$I.id = p.id',
	'schemamig part ' || repeat('0', 63 - length('schemamig part '))) AS statement \gset
SELECT schemamig_backfill(:'statement', batch_size => 40);
SELECT * FROM tell();
UPDATE p SET n = 0;
-- in a policy, in a view, and in a function that a batch calls
CREATE VIEW seen AS SELECT "schemamig part 4".id FROM p AS "schemamig part 4";
CREATE FUNCTION seen(id int) RETURNS bigint LANGUAGE plpgsql AS
	'BEGIN RETURN (SELECT count(*) FROM part_alias.p AS "schemamig part 5" WHERE "schemamig part 5".id = seen.id); END';
CREATE ROLE regress_smig_alias;
GRANT USAGE ON SCHEMA part_alias TO regress_smig_alias;
GRANT SELECT, UPDATE ON p TO regress_smig_alias;
GRANT SELECT ON seen TO regress_smig_alias;
GRANT EXECUTE ON FUNCTION schemamig_backfill TO regress_smig_alias;
CREATE POLICY own ON p TO regress_smig_alias USING (id IN (SELECT "schemamig part 6".id FROM part_alias.seen AS "schemamig part 6"));
ALTER TABLE p ENABLE ROW LEVEL SECURITY;
SET SESSION AUTHORIZATION regress_smig_alias;
SELECT schemamig_backfill('UPDATE part_alias.p SET n = 7 * id * part_alias.seen(id) WHERE id IN (SELECT id FROM part_alias.seen)', batch_size => 40);
RESET SESSION AUTHORIZATION;
ALTER TABLE p DISABLE ROW LEVEL SECURITY;
SELECT * FROM tell();
UPDATE p SET n = 0;

-- a rule reads the driving table in a statement of its own: each row once
CREATE TABLE log (id int, old_n int, new_n int);
CREATE RULE keep AS ON UPDATE TO p DO ALSO INSERT INTO log SELECT OLD.id, OLD.n, NEW.n FROM p AS o WHERE o.id = OLD.id;
SELECT schemamig_backfill('UPDATE p SET n = 7 * id', batch_size => 40);
SELECT * FROM tell();
SELECT count(*), count(DISTINCT id) FROM log;
DROP RULE keep ON p;
-- the table twice below an outer join and a subquery, read from and inserted
CREATE TABLE copy (id int PRIMARY KEY, kind text, others int);
SELECT schemamig_backfill('INSERT INTO copy SELECT p.id, p.kind, o.n FROM p LEFT JOIN (SELECT p.id, count(*) AS n FROM p GROUP BY p.id) AS o ON o.id = p.id', batch_size => 40);
SELECT count(*), sum(others) FROM copy;
TRUNCATE copy;
-- an alias that is the name of another table, and a quoted one
SELECT schemamig_backfill('INSERT INTO copy SELECT log.id, log.kind, "We""ird".n / 7 FROM p AS log, p AS "We""ird" WHERE log.id = "We""ird".id', batch_size => 40);
SELECT count(*), count(*) FILTER (WHERE others = id) AS right FROM copy;
SELECT schemamig_backfill('DELETE FROM copy');
-- partitions that the executor chooses, by the true key or by tableoid
UPDATE p SET n = 0;
SELECT schemamig_backfill('UPDATE p SET n = 7 * id WHERE kind = (SELECT min(kind) FROM p) OR tableoid <> (SELECT oid FROM pg_class WHERE oid = ''p_a''::regclass) OR kind IS NULL', batch_size => 40);
SELECT * FROM tell();
SELECT schemamig_backfill('UPDATE p SET n = 8 WHERE tableoid = (SELECT ''p_b_1''::regclass::oid) AND kind = (SELECT ''b'' || substr(current_user, 1, 0))', batch_size => 40);
SELECT tableoid::regclass FROM p WHERE n = 8 GROUP BY 1;
-- joined partition by partition
UPDATE p SET n = 0;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_partitionwise_join = on', current_database()); END $$;
SELECT schemamig_backfill('UPDATE p SET n = 7 * o.id FROM p AS o WHERE o.id = p.id AND o.kind IS NOT DISTINCT FROM p.kind', batch_size => 40);
SELECT * FROM tell();
SELECT schemamig_backfill('UPDATE p SET n = -o.id FROM p AS o WHERE o.id = p.id AND o.kind = p.kind', batch_size => 40);
SELECT count(*) FROM p WHERE n = -id;
-- and without the planner's pruning
UPDATE p SET n = 0;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_partition_pruning = off', current_database()); END $$;
SELECT schemamig_backfill('UPDATE p SET n = 7 * id', batch_size => 40);
SELECT * FROM tell();
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); END $$;

SET client_min_messages = error;
DROP SCHEMA part_alias CASCADE;
DROP OWNED BY regress_smig_alias;
DROP ROLE regress_smig_alias;
DELETE FROM schemamig.backfill;
