# What can never work is refused at once and says why: a standby, a read-only
# transaction, another version of the extension, a database that goes away.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('refusals');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "max_worker_processes = 16\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION schemamig');
my $ctl = session($node);
revision($ctl, 'r', 'CREATE TABLE r ()');

my @calls = (
	"SELECT * FROM schemamig_apply('r')",
	"SELECT * FROM schemamig_apply('r', transaction => 'caller')",
	"SELECT * FROM schemamig_revert('base')",
	"CALL schemamig_run('r')",
	"SELECT schemamig_start('r')");

# 1. read-only transaction
foreach my $call (@calls)
{
	$ctl->query("BEGIN READ ONLY; $call");
	like($ctl->err, qr/ERROR:  25006: cannot execute schemamig_\w+\(\) in a read-only transaction/,
		"read-only transaction: $call");
	$ctl->query('ROLLBACK');
	like($ctl->query("SET default_transaction_read_only = on; $call"), qr/^$/, "default_transaction_read_only: $call");
	like($ctl->err, qr/ERROR:  25006: /, "default_transaction_read_only: refused");
	$ctl->query('RESET default_transaction_read_only');
}

# 2. hot standby
{
	$node->backup('b');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'b', has_streaming => 1);
	$standby->start;
	my $s = session($standby);
	foreach my $call (@calls, 'SELECT * FROM schemamig_wait()')
	{
		$s->query($call);
		like($s->err, qr/ERROR:  25006: cannot execute schemamig_\w+\(\) during recovery\nHINT:  Call it on the primary server\./,
			"hot standby: $call");
	}
	$s->close;

	# 3. failover: what was interrupted continues on the new primary
	revision($ctl, 'fail', 'CREATE TABLE fail_1 (); COMMIT; CREATE TABLE fail_2 ();'
		  . ' SELECT pg_advisory_xact_lock(1);');
	my $caller = session($node);
	$ctl->query('SELECT pg_advisory_lock(1)');
	$caller->send("SET schemamig.lock_timeout = '1min'; SELECT * FROM schemamig_apply('fail')");
	worker_at($ctl, 'in_script', $caller);
	$node->wait_for_catchup('standby', 'replay', $node->lsn('insert'));
	$standby->promote;
	$s = session($standby);
	like($s->query("SELECT * FROM schemamig_apply('fail')"), qr/^1\|fail\|apply\|fail\|2/,
		'failover: the new primary continues');
	unlike($s->err, qr/step 1 of 2/, 'failover: at the step that was interrupted');
	is($s->query("SELECT state FROM schemamig.run WHERE target = 'fail' ORDER BY id LIMIT 1"),
		'interrupted', 'failover: the old run counts as interrupted');
	$s->close;
	$standby->stop;
	$ctl->query('SELECT pg_advisory_unlock(1)');
	$caller->wait;
}

# 4. library and SQL objects of different versions
{
	$ctl->query("UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'schemamig'");
	foreach my $call (@calls)
	{
		$ctl->query($call);
		like($ctl->err,
			qr/ERROR:  55000: extension "schemamig" has version "0.9" in this database, but its library has version "1.0"\nHINT:  Run ALTER EXTENSION schemamig UPDATE\./,
			"other version: $call");
	}
	$ctl->query("UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'schemamig'");
	is($ctl->query("SELECT count(*) FROM schemamig.run WHERE target = 'r'"), 0, 'nothing was begun by any of these calls');
	like($ctl->query($calls[0]), qr/^1\|r\|/, 'and the right version works');
}

# 5. a database that is dropped during a run
{
	my $name = 'database dropped';

	$ctl->query('CREATE DATABASE doomed');
	my $caller = session($node, dbname => 'doomed');
	$caller->query('CREATE EXTENSION schemamig');
	revision($caller, 'sleep', 'SELECT pg_sleep(30)');
	$caller->send("SELECT * FROM schemamig_apply('sleep')");
	worker_at($ctl, "wait_event = 'PgSleep'", $caller);
	$ctl->query('DROP DATABASE doomed WITH (FORCE)');
	is($ctl->err, '', "$name: the run does not stop that");
	cmp_ok($ctl->took, '<', 3, "$name: nor hold it up");
	$caller->wait;
	like($caller->err, qr/FATAL:  57P01: terminating connection due to administrator command|server closed the connection|ERROR:  57P01/,
		"$name: the caller is told");
	is($ctl->query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'schemamig worker'"), 0,
		"$name: no worker is left");
}

# 6. the extension is dropped, or was never there
{
	$ctl->query('CREATE DATABASE other');
	my $caller = session($node, dbname => 'other');
	$caller->query('CREATE EXTENSION schemamig; SELECT * FROM schemamig_apply()');
	like($caller->err, qr/nothing to do/, 'no revisions: nothing to do');
	$caller->query('DROP EXTENSION schemamig; SELECT * FROM schemamig_apply()');
	like($caller->err, qr/ERROR:  42883/, 'extension dropped: the function is gone');
}

$node->stop;
done_testing();
