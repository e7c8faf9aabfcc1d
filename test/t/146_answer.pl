# A run answers once it is done and on record; the snapshot of the schema that
# it leaves behind is taken after that, of the schema as the run left it, and in
# nobody's way.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('answer');
my $ctl = session($node);
my $caller = session($node, name => 'deploy');
my $other = session($node, name => 'other');
my $taking = "SELECT count(*) FROM pg_stat_activity WHERE query = 'schemamig: snapshot of the schema'";
my $drifted = 'SELECT drifted FROM schemamig_status()';

# Waits until the query answers so; returns what it answers in the end.
sub becomes
{
	my ($query, $expected) = @_;
	my $answer;

	for (my $end = time + 60; time < $end; sleep 0.05)
	{
		$answer = $ctl->query($query);
		last if $answer eq $expected;
	}
	return $answer;
}

# The view is what a look at the schema needs a lock for.
$ctl->query('CREATE TABLE kept (a int); CREATE VIEW shown AS SELECT a FROM kept');
revision($ctl, 'a1', 'CREATE TABLE a1 (a int)', down => 'DROP TABLE a1');
revision($ctl, 'a2', 'CREATE TABLE a2 (a int)', parents => 'a1', down => 'DROP TABLE a2');
revision($ctl, 'a3', 'CREATE TABLE a3 (a int)', parents => 'a2', down => 'DROP TABLE a3');
revision($ctl, 'a4', 'CREATE TABLE a4 (a int)', parents => 'a3', down => 'DROP TABLE a4');
revision($ctl, 'a5', 'CREATE TABLE a5 (a int)', parents => 'a4', down => 'DROP TABLE a5');

# 1. who looks right after the answer sees the snapshot
$caller->query("SELECT count(*) FROM schemamig_apply('a1')");
is($caller->query('SELECT count(*) FROM schemamig_drift()'), 0, 'drift is known at once');
is($caller->query($drifted), 'f', 'and in the status');
is(becomes($taking, 0), 0, 'the worker ends');

# 2. somebody's lock holds back the snapshot, not the answer, and not the others
$other->query('BEGIN; LOCK TABLE kept');
my $begin = time;
is($caller->query("SELECT count(*) FROM schemamig_apply('a2')"), 1, 'the answer comes');
cmp_ok(time - $begin, '<', 10, 'though somebody holds a lock that a look at the schema needs');
is($ctl->query($taking), 1, 'the worker is there');
is($ctl->query("SELECT state FROM schemamig.run ORDER BY id DESC LIMIT 1"), 'done', 'the run is done');
is($ctl->query('SELECT count(*) FROM schemamig.lock'), 0, 'and its lock is free');
$caller->query('ALTER TABLE a2 ADD b int; ALTER TABLE a2 DROP b');
is($caller->err, '', 'statements of others go on');

# longer than a try takes
sleep 1;
$other->query('ROLLBACK');
is(becomes($taking, 0), 0, 'the worker ends');
like(slurp_file($node->logfile), qr/WARNING:  no snapshot of the schema was taken: the schema was changed meanwhile/,
	'a schema that was changed before is not taken for what the run left');
is($ctl->query($drifted), '', 'then drift is not known');

# 3. the next run waits for the snapshot of the one before
$other->query('BEGIN; LOCK TABLE kept');
$caller->query("SELECT count(*) FROM schemamig_apply('a3')");
$ctl->send("SELECT count(*) FROM schemamig_apply('a4')");
sleep 0.5;
$other->query('ROLLBACK');
is($ctl->wait, 1, 'the next run goes on');
is($ctl->query($drifted), 'f', 'and drift is known');
is($ctl->query("SELECT string_agg(current[1], ' ' ORDER BY id) FROM schemamig.state"), 'a1 a3 a4',
	'both have left their snapshot');

# 4. a server that is stopped waits for the snapshot
$caller->query("SELECT count(*) FROM schemamig_apply('a5')");
$node->stop('fast');
$node->start;
my $after = session($node);
is($after->query($drifted), 'f', 'after a fast stop drift is known');

# 5. a crash loses it, and nobody says that there is no drift
my $holder = session($node);
revision($after, 'a6', 'CREATE TABLE a6 (a int)', parents => 'a5', down => 'DROP TABLE a6');
revision($after, 'a7', 'CREATE TABLE a7 (a int)', parents => 'a6', down => 'DROP TABLE a7');
$holder->query('BEGIN; LOCK TABLE kept');
is($after->query("SELECT count(*) FROM schemamig_apply('a6')"), 1, 'crash: the run had been answered');
is($after->query($taking), 1, 'crash: its snapshot had not been taken');
crash($node, 'kill -9', $after->query($answered_sql));
my $last = session($node);
is($last->query("SELECT count(*) FROM schemamig.applied WHERE revision = 'a6'"), 1, 'crash: the run is kept');
is($last->query($drifted), '', 'crash: drift is not known');
is($last->query("SELECT count(*) FROM schemamig_apply('a7')"), 1, 'crash: the next run is not held up');
is($last->query($drifted), 'f', 'and takes its own');

# 6. cancelled and terminated: the run stays done, and its lock is free
foreach my $how ('cancel', 'terminate')
{
	my $to = $how eq 'cancel' ? 'a6' : 'a5';
	my $blocker = session($node);

	$blocker->query('BEGIN; LOCK TABLE kept');
	is($last->query("SELECT count(*) FROM schemamig_revert('$to', allow_destructive => true)"), 1, "$how: answered");
	$last->query("SELECT pg_${how}_backend(pid) FROM ($answered_sql) AS w");
	is($last->query("SELECT state FROM schemamig.run ORDER BY id DESC LIMIT 1"), 'done', "$how: the run stays done");
	$blocker->query('ROLLBACK');
	ok($last->until("SELECT NOT EXISTS ($answered_sql)"), "$how: the worker ends");
	is($last->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, "$how: no lock is left");
}

# 7. a role with no right but to apply, and odd names
$last->query('CREATE ROLE "We""ird Näme"; GRANT EXECUTE ON FUNCTION schemamig_apply TO "We""ird Näme";'
	  . ' GRANT CREATE ON SCHEMA public TO "We""ird Näme"');
revision($last, 'a8', 'CREATE TABLE "Tä""ble" (a int)', parents => 'a7', down => 'DROP TABLE "Tä""ble"');
$last->query('SET schemamig.trusted_authors = \'postgres\'; SET ROLE "We""ird Näme"');
is($last->query("SELECT count(*) FROM schemamig_apply('a8')"), 3, 'another role: applied');
$last->query('RESET ROLE');
is($last->query($drifted), 'f', 'another role: the snapshot was taken');

$_->close foreach ($after, $last);
$node->stop;
done_testing();
