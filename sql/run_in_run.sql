--
-- A script cannot change what its own run has planned, nor begin another run
--
SELECT schemamig_load('
-- schemamig:revision a
-- schemamig:parents
-- schemamig:up
SELECT 1;
-- schemamig:down
-- schemamig:revision b
-- schemamig:parents a
-- schemamig:up
SELECT schemamig_stamp(''base'');
-- schemamig:down
-- schemamig:revision c
-- schemamig:parents b
-- schemamig:up
SELECT 1;
');
\set SHOW_CONTEXT never
SELECT revision FROM schemamig_apply('b');
SELECT revision FROM schemamig_current();
SELECT revision FROM schemamig_apply('b', transaction => 'all');
SELECT revision FROM schemamig_current();
SELECT revision FROM schemamig_apply('b', transaction => 'caller');
SELECT revision FROM schemamig_current();

SELECT schemamig_replace('b', $$SELECT count(*) FROM schemamig_apply('c', transaction => 'caller')$$, '');
SELECT revision FROM schemamig_apply('b');
SELECT revision FROM schemamig_apply('b', transaction => 'caller');
SELECT schemamig_replace('b', $$SELECT schemamig_apply('c')$$, '');
SELECT revision FROM schemamig_apply('b');
SELECT schemamig_replace('b', $$SELECT schemamig_start('c')$$, '');
SELECT revision FROM schemamig_apply('b', transaction => 'caller');
SELECT schemamig_replace('b', $$SELECT schemamig_remove('c')$$, '');
SELECT revision FROM schemamig_apply('b');
SELECT revision FROM schemamig_apply('b', transaction => 'caller');
SELECT schemamig_replace('b', $$SELECT schemamig_settle('c', 'applied')$$, '');
SELECT revision FROM schemamig_apply('b', transaction => 'caller');

-- looking is allowed, and a failure inside is no lasting refusal
SELECT schemamig_replace('b', $$DO 'BEGIN PERFORM schemamig_stamp(''base''); EXCEPTION WHEN object_in_use THEN PERFORM schemamig_path(); END'$$, '');
SELECT revision FROM schemamig_apply('b', transaction => 'caller');
SELECT revision FROM schemamig_apply('c');
SELECT schemamig_stamp('a');
SELECT schemamig_stamp('base');
SELECT schemamig_remove('c');
SELECT schemamig_remove('b');
SELECT schemamig_remove('a');
TRUNCATE schemamig.run, schemamig.log_entry;
