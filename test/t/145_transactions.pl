# transaction => 'all' keeps all or nothing, 'caller' stands or falls with the
# transaction of the caller.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('transactions');
my $ctl = session($node);
my $caller = session($node, name => 'deploy');
my $tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class"
  . " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
my $applied = "SELECT string_agg(revision, ' ' ORDER BY revision) FROM schemamig.applied";

# 1. all: a failure takes everything back
revision($ctl, 'a1', "CREATE TABLE a1 (); SET search_path = pg_catalog; SET work_mem = '3MB'", down => 'DROP TABLE a1');
revision($ctl, 'a2', "CREATE TABLE a2 (); CREATE TEMP TABLE same ();", parents => 'a1', down => 'DROP TABLE a2');
revision($ctl, 'a3', "CREATE TEMP TABLE same (); CREATE TABLE a3 AS SELECT current_setting('search_path') AS path,"
	  . " current_setting('work_mem') AS mem", parents => 'a2', down => 'DROP TABLE a3');
revision($ctl, 'a4', 'SELECT 1/0', parents => 'a3');
$caller->query("SELECT * FROM schemamig_apply('a4', transaction => 'all')");
like($caller->err, qr/ERROR:  22012: division by zero/, 'all: the error');
like($caller->err, qr/revision "a4", step 1, statement 1/, 'all: with its place');
like($caller->err, qr/Nothing of the run was kept/, 'all: and what is kept');
is($ctl->query($tables), '', 'all: everything is rolled back');
is($ctl->query($applied), '', 'all: nothing is applied');
is($ctl->query('SELECT count(*) FROM schemamig.step'), 0, 'all: nothing is half done');
is($ctl->query("SELECT state, revision, sqlstate FROM schemamig.run ORDER BY id DESC LIMIT 1"), 'failed|a4|22012',
	'all: the failure is on record');
is($caller->query("SELECT string_agg(revision, ' ' ORDER BY seq) FROM schemamig_apply('a3', transaction => 'all')"),
	'a1 a2 a3', 'all: success');
is($ctl->query('SELECT * FROM a3'), '"$user", public|4MB', 'all: settings and temporary tables end with their revision');
is($ctl->query("SELECT count(DISTINCT xmin::text) FROM schemamig.applied"), 1, 'all: one transaction');
is($caller->query("SELECT string_agg(revision, ' ' ORDER BY seq) FROM schemamig_revert('base', 'all', true)"),
	'a3 a2 a1', 'all: revert');
is($ctl->query($tables), '', 'all: reverted');

# 2. all: what does not fit is refused before anything runs
revision($ctl, 'n1', 'CREATE TABLE n1 (a int)');
revision($ctl, 'n2', "SELECT 1;\nCREATE INDEX CONCURRENTLY ON n1 (a)", parents => 'n1');
revision($ctl, 'n3', "SELECT 1; COMMIT; SELECT 2", parents => 'n2');
revision($ctl, 'n4', "VACUUM n1", parents => 'n3');
foreach my $mode ('all', 'caller')
{
	$caller->query("SELECT * FROM schemamig_apply('n4', transaction => '$mode')");
	like($caller->err, qr/ERROR:  0A000: the run does not fit into one transaction/, "$mode: CONCURRENTLY is refused");
	like($caller->err, qr/revision "n2", statement 2 \(line 2\): CREATE INDEX CONCURRENTLY/, "$mode: with its place");
	like($caller->err, qr/revision "n4", statement 1 \(line 1\): VACUUM/, "$mode: and all others");
	like($caller->err, qr/HINT:  .*transaction => 'revision'/, "$mode: and the way out");
	is($ctl->query($tables), '', "$mode: before anything runs");
}

# 3. all: the locks of the whole run are tried together, and given back together
{
	my $blocker = session($node, name => 'blocker');
	my $app = session($node, name => 'app');

	$ctl->query('CREATE TABLE l1 (); CREATE TABLE l2 ()');
	revision($ctl, 'l1', 'ALTER TABLE l1 ADD a int');
	revision($ctl, 'l2', 'DO $$BEGIN ALTER TABLE l2 ADD a int; END$$', parents => 'l1');
	$blocker->query('BEGIN; SELECT * FROM l2');
	$caller->send("SET schemamig.lock_timeout = '200ms'; SELECT count(*) FROM schemamig_apply('l2', transaction => 'all')");
	$caller->wait_err(qr/try 1 failed/);
	my $begin = time;
	my $longest = 0;
	while (time - $begin < 1.5)
	{
		$app->query('SELECT count(*) FROM l1');
		$longest = $app->took if $app->took > $longest;
	}
	cmp_ok($longest, '<', 2 * 0.2 + 0.2, 'all: nobody waits longer than a try');
	$blocker->query('COMMIT');
	is($caller->wait, 2, 'all: done when the blocker is gone');
	$caller->query('RESET schemamig.lock_timeout');
	$ctl->query('DROP TABLE l1, l2');
}

# 4. caller: with the caller's transaction
revision($ctl, 'c1', "CREATE TABLE c1 (); SET search_path = pg_catalog; SET my.x = 'script'", down => 'DROP TABLE c1');
revision($ctl, 'c2', "SET LOCAL search_path = public; CREATE TABLE c2 AS SELECT current_setting('my.x', true) AS x", parents => 'c1', down => 'DROP TABLE c2');
is($caller->query("SET my.x = 'mine'; BEGIN; CREATE TABLE mine ();"
		  . " SELECT string_agg(revision, ' ' ORDER BY seq) FROM schemamig_apply('c2', transaction => 'caller')"),
	'c1 c2', 'caller: in a transaction that has written');
is($caller->query("SELECT current_setting('search_path'), current_setting('my.x'), x FROM c2"),
	'"$user", public|mine|mine', 'caller: settings end with their revision');
is($caller->query("$applied"), 'a1' eq '' ? '' : 'c1 c2 l1 l2', 'caller: applied inside the transaction');
is($ctl->query($applied), 'l1 l2', 'caller: not outside');
is($ctl->query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'schemamig worker'"), 0, 'caller: no worker');
$ctl->query("SET lock_timeout = '300ms'; SELECT schemamig_replace('n4', 'SELECT 1', NULL); RESET lock_timeout");
like($ctl->err, qr/ERROR:  55006: cannot .* while a run is in progress/, 'caller: holds the migration lock until the end');
$caller->query('ROLLBACK');
is($ctl->query($applied), 'l1 l2', 'caller: rolled back');
is($ctl->query($tables), '', 'caller: with its tables');
is($ctl->query("SELECT count(*) FROM schemamig.run WHERE transaction = 'caller'"), 0, 'caller: and its record');

is($caller->query("BEGIN; SELECT count(*) FROM schemamig_apply('c2', transaction => 'caller'); COMMIT"), 2, 'caller: committed');
is($ctl->query($applied), 'c1 c2 l1 l2', 'caller: is applied then');
is($ctl->query("SELECT state FROM schemamig.run WHERE transaction = 'caller'"), 'done', 'caller: on record');
is($caller->query("BEGIN; SELECT count(*) FROM schemamig_revert('c1', 'caller', true); ROLLBACK"), 1, 'caller: revert');
is($ctl->query($applied), 'c1 c2 l1 l2', 'caller: rolled back');

# an error ends the caller's transaction, or its subtransaction
revision($ctl, 'e1', "CREATE TABLE e1 (); SET work_mem = '3MB'; SELECT 1/0");
$caller->query("BEGIN; SAVEPOINT s; SELECT * FROM schemamig_apply('e1', transaction => 'caller')");
like($caller->err, qr/ERROR:  22012: division by zero.*revision "e1", step 1, statement 3/s, 'caller: an error has its place');
is($caller->query("ROLLBACK TO s; SHOW work_mem; COMMIT"), '4MB', 'caller: settings are restored after an error');
is($ctl->query($tables), 'c1 c2', 'caller: nothing of it is left');

# where a waiting call is refused
$ctl->query(<<'SQL');
CREATE FUNCTION migrate(target text) RETURNS text LANGUAGE plpgsql AS
$$DECLARE result text; BEGIN
	SELECT string_agg(revision, ' ') INTO result FROM schemamig_apply(target, transaction => 'caller');
	RETURN result;
EXCEPTION WHEN division_by_zero THEN RETURN 'failed'; END$$;
SQL
revision($ctl, 'p1', 'CREATE TABLE p1 ()');
is($caller->query("SELECT migrate('p1')"), 'p1', 'caller: in PL/pgSQL');
is($caller->query("SELECT migrate('e1')"), 'failed', 'caller: an error can be caught in PL/pgSQL');
revision($ctl, 'rr', 'CREATE TABLE rr ()');
is($caller->query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT revision FROM schemamig_apply('rr', 'caller'); COMMIT"),
	'rr', 'caller: in REPEATABLE READ');
revision($ctl, 'rr2', 'CREATE TABLE rr2 ()');
is($caller->query("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT revision FROM schemamig_apply('rr2', 'caller'); COMMIT"),
	'rr2', 'caller: in SERIALIZABLE');
revision($ctl, 'call', 'CREATE TABLE call ()');
$caller->query("BEGIN; CALL schemamig_run('call', transaction => 'caller'); COMMIT");
is($caller->err =~ /ERROR.*/ ? $& : '', '', 'caller: by CALL in a transaction block');

# a run in progress is not waited for inside a transaction
{
	my $runner = session($node);

	revision($ctl, 'busy', 'SELECT pg_sleep(30)');
	revision($ctl, 'idle', 'SELECT 1');
	$runner->send("SELECT * FROM schemamig_apply('busy')");
	worker_at($ctl, "wait_event = 'PgSleep'", $runner);
	$caller->query("SELECT * FROM schemamig_apply('idle', transaction => 'caller')");
	like($caller->err, qr/ERROR:  55006: cannot run in the caller's transaction while a run is in progress/,
		'caller: refused while another run is in progress');
	is($ctl->query('SELECT schemamig_cancel()'), 't', 'that run is stopped');
	$runner->wait;
}

$node->stop;
done_testing();
