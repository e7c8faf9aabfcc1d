-- A revision that fails half way keeps its finished steps, and the next call
-- goes on with the one that failed.
\set VERBOSITY default
\set SHOW_CONTEXT errors
CREATE TABLE continue_item (id integer, name text);
INSERT INTO continue_item VALUES (1, 'one'), (2, 'one');
SELECT schemamig_revision('make names unique', revision => 'continue_unique',
	up => 'ALTER TABLE continue_item ADD COLUMN added integer;
CREATE UNIQUE INDEX CONCURRENTLY continue_item_key ON continue_item (name);
COMMENT ON INDEX continue_item_key IS ''unique'';',
	down => 'DROP INDEX CONCURRENTLY continue_item_key;
ALTER TABLE continue_item DROP COLUMN added;');
SELECT revision, steps FROM schemamig_apply('continue_unique');
SELECT state FROM schemamig_history() WHERE revision = 'continue_unique';
SELECT attname FROM pg_attribute
WHERE attrelid = 'continue_item'::regclass AND attname = 'added';
SELECT to_regclass('continue_item_key') IS NULL AS no_index_left;

UPDATE continue_item SET name = 'two' WHERE id = 2;
SELECT revision, steps, duration BETWEEN '0' AND '1 hour' AS plausible
FROM schemamig_apply('continue_unique');
SELECT state FROM schemamig_history() WHERE revision = 'continue_unique';
SELECT indisvalid, obj_description(indexrelid) FROM pg_index
WHERE indexrelid = 'continue_item_key'::regclass;

SELECT revision, steps FROM schemamig_revert('base', allow_destructive => true);
SELECT schemamig_remove('continue_unique');
DROP TABLE continue_item;

-- When a person says that the last step is done, what remains is to record it.
CREATE PROCEDURE continue_part() LANGUAGE plpgsql AS
$$BEGIN COMMIT; RAISE EXCEPTION 'half way'; END$$;
SELECT schemamig_revision('call', revision => 'continue_call',
	up => 'SELECT 1; CALL continue_part();', down => '');
SELECT schemamig_apply('continue_call');
SELECT schemamig_apply('continue_call');
SELECT schemamig_settle('continue_call', 'done');
SELECT revision, steps FROM schemamig_apply('continue_call');
SELECT state FROM schemamig_history() WHERE revision = 'continue_call';
SELECT revision, steps FROM schemamig_revert('base');
SELECT schemamig_remove('continue_call');
DROP PROCEDURE continue_part();

-- A transaction that the script makes READ ONLY is recorded all the same.
SELECT schemamig_revision('look', revision => 'continue_look',
	up => 'BEGIN READ ONLY; SELECT 1; COMMIT; START TRANSACTION READ ONLY; SELECT 2; COMMIT;', down => '');
SELECT revision, steps FROM schemamig_apply('continue_look');
SELECT schemamig_revision('write', revision => 'continue_write',
	up => 'BEGIN READ ONLY; CREATE TABLE continue_no (); COMMIT;', down => '');
SELECT revision, steps FROM schemamig_apply('continue_write');
SELECT schemamig_remove('continue_write');
SELECT revision, steps FROM schemamig_revert('base');
SELECT schemamig_remove('continue_look');
