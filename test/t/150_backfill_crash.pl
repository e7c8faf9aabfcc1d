# Backfills of n = n + 1 that are killed, cancelled and paused at random
# moments: resumed by the same name, every row is done exactly once.  While one
# runs, the application's writes are not lost and nobody waits for us.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $rows = 30000;
my $node = new_node('backfill_crash', 'synchronous_commit = on');
my $ctl = session($node);
my $begin = time;

srand(150);
$ctl->query("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, app int NOT NULL DEFAULT 0)");

sub refill
{
	$ctl->query("TRUNCATE t; INSERT INTO t SELECT i FROM generate_series(1, $rows) AS i");
	return;
}

# The call that begins and resumes the backfill; nice keeps it from ending
# before it is killed.
sub backfill
{
	my ($name, $workers, $nice) = @_;
	$nice //= 0;
	return "SET schemamig.nice = $nice; SET client_min_messages = warning;"
	  . " SELECT schemamig_backfill('UPDATE t SET n = n + 1',"
	  . " batch_size => 300, workers => $workers, name => '$name')";
}

# Waits until so many rows are done.
sub rows_done
{
	my ($name, $least) = @_;
	return $ctl->until("SELECT coalesce(max(rows_done), 0) >= $least"
		  . " FROM schemamig.backfill WHERE name = '$name'");
}

sub exactly_once
{
	my ($name) = @_;
	is($ctl->query('SELECT count(*), min(n), max(n) FROM t'),
		"$rows|1|1", "$name: every row exactly once");
	is( $ctl->query("SELECT state, rows_done, count(r.id) FROM schemamig.backfill b"
			  . " LEFT JOIN schemamig.backfill_range r ON r.backfill = b.id"
			  . " WHERE name = '$name' GROUP BY b.id"),
		"done|$rows|0",
		"$name: the record says so too");
	return;
}

# 1. crashes at random moments
foreach my $workers (1, 2)
{
	my $name = "crash, $workers workers";
	my $done = 0;

	refill();
	foreach my $how ('kill -9', 'immediate shutdown', 'kill -9')
	{
		my $caller = session($node);
		$caller->send(backfill($name, $workers, 1));
		$done += 300 + int(rand(8000));
		ok(rows_done($name, $done), "$name: $done rows are done");
		ok($ctl->until("SELECT count(*) = $workers FROM pg_stat_activity"
				  . " WHERE backend_type = 'schemamig worker'"),
			"$name: by so many workers");
		my @pids = split /\n/, worker_pid($ctl);
		crash($node, $how, $pids[ int(rand(@pids)) ]);
		$caller->wait;
		$ctl = session($node);
		is( $ctl->query("SELECT count(DISTINCT n) FROM t WHERE n > 1"),
			0, "$name, $how: nothing is done twice");
		# without waiting for the disk, the last batches can be lost: with
		# their rows
		is( $ctl->query("SELECT rows_done = (SELECT count(*) FROM t WHERE n = 1)"
				  . " FROM schemamig.backfill WHERE name = '$name'"),
			't', "$name, $how: the record and the rows agree");
		$done = $ctl->query("SELECT rows_done FROM schemamig.backfill WHERE name = '$name'");
	}
	my $caller = session($node);
	is($caller->query(backfill($name, $workers)), $rows, "$name: resumed to the end");
	exactly_once($name);
}

# 2. one worker or helper is terminated: the others stop, and it can be resumed
{
	my $name = 'terminate';

	refill();
	foreach my $which (1, 0)
	{
		my $caller = session($node);
		$caller->send(backfill($name, 2, 1));
		$ctl->until("SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'schemamig worker'");
		rows_done($name, $which ? 900 : 9000);
		$ctl->query("SELECT pg_terminate_backend((SELECT pid FROM pg_stat_activity"
			  . " WHERE backend_type = 'schemamig worker' ORDER BY backend_start OFFSET $which LIMIT 1))");
		$caller->wait;
		like($caller->err, qr/ERROR:  57P01/, "$name $which: the caller is told");
		no_worker($ctl, 5, "$name $which");
	}
	is($ctl->query(backfill($name, 2)), $rows, "$name: resumed to the end");
	exactly_once($name);
}

# 3. cancel of the caller
foreach my $workers (1, 2)
{
	my $name = "cancel, $workers workers";
	my $caller = session($node);

	refill();
	$caller->send(backfill($name, $workers, 1));
	rows_done($name, 900);
	$ctl->query('SELECT pg_cancel_backend(' . $caller->pid . ')');
	$caller->wait;
	like($caller->err, qr/ERROR:  57014: canceling statement due to user request/,
		"$name: the caller is told");
	no_worker($ctl, 5, $name);
	is($ctl->query("SELECT state FROM schemamig.backfill WHERE name = '$name'"),
		'cancelled', "$name: on record");
	is($ctl->query(backfill($name, $workers)), $rows, "$name: resumed to the end");
	exactly_once($name);
}

# 4. pause: no lock, no snapshot, no transaction; resume
foreach my $workers (1, 2)
{
	my $name = "pause, $workers workers";
	my $caller = session($node);

	refill();
	$caller->send(backfill($name, $workers, 1));
	rows_done($name, 900);
	is( $ctl->query('SELECT backend_xid IS NULL, backend_xmin IS NULL FROM pg_stat_activity WHERE pid = '
			  . $caller->pid),
		't|t', "$name: the waiting caller has no transaction id and no snapshot");
	$ctl->query('SELECT schemamig_pause()');
	ok( $ctl->until("SELECT throttled_by = 'paused' FROM schemamig.backfill WHERE name = '$name'"),
		"$name: it says so");
	my $paused = $ctl->query("SELECT sum(n) FROM t");
	is( $ctl->query("SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass"
			  . " AND pid <> pg_backend_pid() AND pid IN (SELECT pid FROM pg_stat_activity"
			  . "  WHERE backend_type = 'schemamig worker' OR pid = " . $caller->pid . ')'),
		0, "$name: neither workers nor caller hold a lock on the table");
	# a lock nobody else may hold is granted at once
	$ctl->query("SET lock_timeout = '1s'; BEGIN; LOCK t; COMMIT; RESET lock_timeout");
	is($ctl->err, '', "$name: the table can be locked");
	sleep 0.3;
	cmp_ok($ctl->query("SELECT sum(n) FROM t") - $paused, '<=', 300 * $workers,
		"$name: at most the batches in progress were done since");
	$ctl->query('SELECT schemamig_resume()');
	$ctl->query("ALTER SYSTEM SET schemamig.nice = 0; SELECT pg_reload_conf()");
	is($caller->wait, $rows, "$name: resumed to the end");
	exactly_once($name);
}

# 5. the application writes the same rows meanwhile
foreach my $workers (1, 2)
{
	my $name = "concurrent writes, $workers workers";
	my $caller = session($node);
	my @apps = map { session($node) } 1 .. 2;
	my @updates = (0, 0);
	my ($inserted, $deleted, $rounds) = (0, 0, 0);

	refill();
	$caller->send(backfill($name, $workers, 0.2));
	# from here on its upper bound is fixed
	rows_done($name, 1);
	until ($caller->is_done)
	{
		foreach my $i (0, 1)
		{
			next unless $apps[$i]->is_done;
			# spread over the table, never the same row by both
			my $id = 2 * int(rand($rows / 2 - 700)) + $i + 1;
			if ($i == 0 && $rounds++ % 10 == 0)
			{
				$apps[$i]->send("INSERT INTO t (id) VALUES ($rows + 1 + $inserted)");
				$inserted++;
			}
			elsif ($i == 0 && $rounds % 10 == 5)
			{
				# from the end on, where app 1 never is
				$apps[$i]->send("DELETE FROM t WHERE id = $rows - $deleted");
				$deleted++;
			}
			else
			{
				$apps[$i]->send("UPDATE t SET app = app + 1 WHERE id BETWEEN $id AND $id + 20 AND id % 2 = $id % 2");
				$updates[$i] += 11;
			}
		}
		foreach my $app (@apps)
		{
			die $app->err if $app->err =~ /ERROR/;
		}
		sleep 0.002;
	}
	$caller->wait;
	$_->wait foreach @apps;
	is($caller->err, '', "$name: done");
	is(join('', map { $_->err } @apps), '', "$name: the application saw no error");
	cmp_ok($updates[0] + $updates[1], '>', 100, "$name: the application wrote a lot");
	is($ctl->query('SELECT sum(app) FROM t'), $updates[0] + $updates[1],
		"$name: no update of the application is lost");
	is( $ctl->query("SELECT count(*), min(n), max(n) FROM t WHERE id <= $rows"),
		($rows - $deleted) . '|1|1', "$name: no update of the backfill is lost");
	is( $ctl->query("SELECT count(*), coalesce(max(n), 0) FROM t WHERE id > $rows"),
		"$inserted|0", "$name: rows inserted later are left alone");
}

nothing_left($ctl, 'in the end');
note sprintf 'took %.1f s', time - $begin;
$node->stop;
done_testing();
