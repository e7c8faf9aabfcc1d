# A backfill that is changed while it runs: workers, batch target and nice take
# effect within a batch, what it holds back for is shown, and every row is still
# done exactly once.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $rows = 60000;
my $node = new_node('backfill_steer');
my $ctl = session($node);
my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'schemamig worker'";

$ctl->query("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)");

sub refill
{
	$ctl->query("TRUNCATE t; INSERT INTO t SELECT i FROM generate_series(1, $rows) AS i; ANALYZE t");
	return;
}

sub ledger
{
	my ($name, $columns) = @_;
	return $ctl->query("SELECT $columns FROM schemamig.backfill WHERE name = '$name'");
}

sub exactly_once
{
	my ($name) = @_;
	is($ctl->query('SELECT count(*), min(n), max(n) FROM t'),
		"$rows|1|1", "$name: every row exactly once");
	is( $ctl->query("SELECT state, rows_done, throttled_by IS NULL FROM schemamig.backfill WHERE name = '$name'"),
		"done|$rows|t", "$name: the record says so too");
	return;
}

# 1. workers: from one to three, down to two, and to one
{
	my $caller = session($node);
	refill();
	$caller->send("SET schemamig.nice = 4; SELECT schemamig_backfill('UPDATE t SET n = n + 1', batch_size => 250, name => 'workers')");
	ok($ctl->until("SELECT rows_done > 0 FROM schemamig.backfill WHERE name = 'workers'"), 'workers: begun');
	is($ctl->query($workers), 1, 'workers: by one');
	foreach my $number (3, 2, 1)
	{
		$ctl->query("SELECT schemamig_backfill_set('workers', workers => $number)");
		is($ctl->err, '', "workers: set to $number");
		ok($ctl->until("SELECT ($workers) = $number"), "workers: so many are at work");
		is($ctl->query("SELECT workers FROM schemamig.progress"), $number, "workers: and shown");
		my $done = ledger('workers', 'rows_done');
		$ctl->until("SELECT rows_done > $done + 1500 FROM schemamig.backfill WHERE name = 'workers'");
		is( $ctl->query("SELECT count(DISTINCT worker) <= $number FROM schemamig.backfill_range"
				  . " WHERE worker IN (SELECT pid FROM pg_stat_activity)"),
			't', 'workers: no more than that have a range');
	}
	cmp_ok(ledger('workers', 'rows_done'), '<', $rows, 'workers: all that while it ran');
	$ctl->query("SELECT schemamig_backfill_set('workers', nice => 0, workers => 2)");
	is($caller->wait, $rows, 'workers: done');
	exactly_once('workers');
}

# 2. nice, and what it shows
{
	my $caller = session($node);
	refill();
	$caller->send("SELECT schemamig_backfill('UPDATE t SET n = n + 1', batch_size => 100, name => 'nice')");
	ok($ctl->until("SELECT rows_done > 0 FROM schemamig.backfill WHERE name = 'nice'"), 'nice: begun');
	$ctl->query("SELECT schemamig_backfill_set('nice', nice => 1000)");
	ok($ctl->until("SELECT throttled_by = 'nice: 1000' FROM schemamig.progress"), 'nice: shown');
	my $before = ledger('nice', 'rows_done');
	sleep 0.5;
	cmp_ok(ledger('nice', 'rows_done') - $before, '<=', 100, 'nice: one batch at the most');
	$ctl->query("SELECT schemamig_backfill_set('nice', nice => 0)");
	is($caller->wait, $rows, 'nice: done, because a sleep that was begun ends');
	my @said = $caller->err =~ /(holds back: nice: it sleeps 1000 times|no longer sleeps)/g;
	is(scalar @said, 2, 'nice: the caller was told when it began, and when it ended');
	exactly_once('nice');
}

# 3. batch target
{
	my $caller = session($node);
	refill();
	# a row takes a millisecond
	$ctl->query("CREATE FUNCTION slow(n int) RETURNS int LANGUAGE plpgsql AS "
		  . "'BEGIN IF n % 10 = 0 THEN PERFORM pg_sleep(0.001); END IF; RETURN n; END'");
	$caller->send("SET schemamig.batch_target = 1000; SET schemamig.nice = 0.1;"
		  . " SELECT schemamig_backfill('UPDATE t SET n = n + 1 WHERE slow(id) > 0', name => 'target')");
	ok($ctl->until("SELECT current_batch > 2000 FROM schemamig.backfill WHERE name = 'target'"), 'target: batches grow');
	my $batch = ledger('target', 'current_batch');
	$ctl->query("SELECT schemamig_backfill_set('target', batch_target => 20)");
	ok( $ctl->until("SELECT current_batch < $batch / 10 FROM schemamig.backfill WHERE name = 'target'"),
		'target: and shrink');
	my $after = ledger('target', 'rows_done');
	$ctl->query("SELECT schemamig_backfill_set('target', batch_target => 2000, workers => 2)");
	is($caller->wait, $rows, 'target: done');
	exactly_once('target');
}

# 4. a condition of the user's: told once when it begins, once when it ends
{
	my $caller = session($node);
	refill();
	$ctl->query("CREATE TABLE brake (on_ boolean); INSERT INTO brake VALUES (false)");
	$caller->send("SET schemamig.throttle_query = 'SELECT on_ FROM brake';"
		  . " SELECT schemamig_backfill('UPDATE t SET n = n + 1', batch_size => 100, name => 'brake')");
	foreach my $round (1, 2)
	{
		$ctl->until("SELECT rows_done > 1000 * $round FROM schemamig.backfill WHERE name = 'brake'");
		$ctl->query("UPDATE brake SET on_ = true");
		ok($ctl->until("SELECT throttled_by = 'schemamig.throttle_query' FROM schemamig.progress"), "brake $round: shown");
		my $done = ledger('brake', 'rows_done');
		sleep 0.5;
		is(ledger('brake', 'rows_done'), $done, "brake $round: nothing is done meanwhile");
		$ctl->query("UPDATE brake SET on_ = false");
		ok($ctl->until("SELECT throttled_by IS NULL FROM schemamig.backfill WHERE name = 'brake'"), "brake $round: shown no more");
	}
	is($caller->wait, $rows, 'brake: done');
	my @said = $caller->err =~ /NOTICE: .*(holds back: schemamig.throttle_query|goes on)/g;
	is("@said", 'holds back: schemamig.throttle_query goes on ' x 1 . 'holds back: schemamig.throttle_query goes on',
		'brake: told once each time it began and ended');
	like($caller->err,
		qr/backfill "brake": $rows rows in \d+ ms, \d+ rows per second, \d+ kB of WAL; the table had \d+ kB and has \d+ kB/,
		'brake: the last word');
	exactly_once('brake');
}

no_worker($ctl, 5, 'in the end');
$node->stop;
done_testing();
