-- A caller that waits has no transaction id, which would hold back VACUUM.
SELECT schemamig_revision('one', 'CREATE TABLE xid_one (a int)', 'DROP TABLE xid_one', revision => 'xid_one');
BEGIN;
SELECT revision FROM schemamig_apply();
SELECT txid_current_if_assigned() IS NULL AS no_transaction_id;
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
SELECT schemamig_start('head') > 0 AS started;
SELECT txid_current_if_assigned() IS NULL AS no_transaction_id;
COMMIT;
SELECT count(*) FROM schemamig_wait();
SELECT revision FROM schemamig_revert('base', allow_destructive => true);
SELECT schemamig_remove('xid_one');
