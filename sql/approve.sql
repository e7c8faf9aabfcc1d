-- Only what another role than its author has approved is executed.
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
SET client_min_messages = warning;
CREATE ROLE regress_smig_alice LOGIN;
CREATE ROLE regress_smig_bob LOGIN;
CREATE ROLE regress_smig_team;
GRANT regress_smig_team TO regress_smig_alice, regress_smig_bob;
GRANT EXECUTE ON FUNCTION schemamig_revision, schemamig_replace, schemamig_load, schemamig_approve,
	schemamig_apply, schemamig_revert, schemamig_trace, schemamig_start, schemamig_wait, schemamig_remove TO regress_smig_team;
GRANT EXECUTE ON PROCEDURE schemamig_run TO regress_smig_team;
CREATE SCHEMA approve_s AUTHORIZATION regress_smig_team;
SELECT current_database() AS db, current_user AS me \gset
ALTER DATABASE :"db" SET schemamig.require_approval = on;
\c - regress_smig_alice
SET client_min_messages = warning;
SELECT schemamig_revision('a', 'CREATE TABLE approve_s.a (id bigint)', 'DROP TABLE approve_s.a', revision => 'a', parents => '{}');
SELECT schemamig_revision('b', 'CREATE TABLE approve_s.b (id bigint)', 'DROP TABLE approve_s.b', revision => 'b');
-- apply lists what lacks it, however it is called
SELECT revision FROM schemamig_apply();
\set VERBOSITY sqlstate
SELECT revision FROM schemamig_apply(transaction => 'caller');
SELECT revision FROM schemamig_apply('a', 'all');
CALL schemamig_run();
SELECT count(*) FROM schemamig_trace(steps => 'all');
\set VERBOSITY default
-- the author does not approve, nor as another role, nor can he switch it off
SELECT schemamig_approve('a');
SET ROLE regress_smig_team;
SELECT schemamig_approve('a');
SET schemamig.require_approval = off;
RESET ROLE;
SET schemamig.require_approval = off;
SELECT set_config('schemamig.require_approval', 'off', false);
ALTER ROLE regress_smig_alice SET schemamig.require_approval = off;
CREATE FUNCTION approve_s.off() RETURNS bigint LANGUAGE sql SET schemamig.require_approval = off
AS $$SELECT count(*) FROM schemamig_apply(transaction => 'caller')$$;
-- before the session knows the setting
\c - regress_smig_alice
SET schemamig.require_approval = off;
SELECT revision FROM schemamig_apply('a');
SHOW schemamig.require_approval;
SELECT to_regclass('approve_s.a') AS made;

-- writing as another role does not help either: the login counts
SET ROLE regress_smig_team;
SELECT schemamig_replace('a', 'CREATE TABLE approve_s.a (id int)', 'DROP TABLE approve_s.a');
RESET ROLE;
SELECT schemamig_approve('a');

-- another one does, for the text he has read
\c - regress_smig_bob
SET client_min_messages = warning;
SELECT schemamig_approve('a', 'fine', checksum => '00000000');
SELECT schemamig_approve('a', 'fine', checksum => '00');
\c - :me
SET client_min_messages = warning;
SELECT checksum, left(checksum, 12) AS digits FROM schemamig_show('a') \gset
\c - regress_smig_bob
SET client_min_messages = warning;
SELECT schemamig_approve('a', 'fine', checksum => :'digits') = :'checksum' AS approved;
SELECT schemamig_approve('a', 'better') = :'checksum' AS again;
SELECT schemamig_approve('b') IS NOT NULL AS approved;
SELECT schemamig_approve('nowhere');
SELECT schemamig_approve(NULL);

-- an approval is void when the text changes
\c - regress_smig_alice
SET client_min_messages = warning;
SELECT schemamig_replace('b', 'CREATE TABLE approve_s.b (id int)', 'DROP TABLE approve_s.b');
SELECT revision FROM schemamig_apply();
SELECT revision FROM schemamig_apply('a');
-- and the other one's own text is not approved by what he said before
\c - regress_smig_bob
SET client_min_messages = warning;
SELECT schemamig_replace('b', 'CREATE TABLE approve_s.b (id bigint)', 'DROP TABLE approve_s.b');
SELECT revision FROM schemamig_apply();
\c - regress_smig_alice
SET client_min_messages = warning;
SELECT schemamig_approve('b') IS NOT NULL AS approved;
SELECT revision FROM schemamig_apply();
-- reverting executes as well
SELECT revision FROM schemamig_revert('base', allow_destructive => true);

\c - :me
SET client_min_messages = warning;
SELECT revision, approved_by, approved_login, note,
	EXISTS (SELECT FROM schemamig.revision r WHERE r.id = a.revision AND r.checksum = a.checksum) AS present
FROM schemamig.approval a ORDER BY approved_at;
ALTER DATABASE :"db" RESET schemamig.require_approval;
SELECT schemamig_remove('b'), schemamig_remove('a');
TRUNCATE schemamig.approval;
DROP SCHEMA approve_s CASCADE;
REVOKE ALL ON FUNCTION schemamig_revision, schemamig_replace, schemamig_load, schemamig_approve,
	schemamig_apply, schemamig_revert, schemamig_trace, schemamig_start, schemamig_wait, schemamig_remove FROM regress_smig_team;
REVOKE ALL ON PROCEDURE schemamig_run FROM regress_smig_team;
DROP ROLE regress_smig_alice, regress_smig_bob, regress_smig_team;
TRUNCATE schemamig.run, schemamig.log_entry;
