# Backfills of tables without a key, of n = n + 1: the application writes the
# same rows meanwhile, and the server crashes.  Every row that was there at the
# beginning is done exactly once, or the backfill says that it cannot know.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $rows = 15000;
my $node = new_node('backfill_heap');
my $ctl = session($node);

srand(157);
$ctl->query('CREATE TABLE t (id int, n int NOT NULL DEFAULT 0, app int NOT NULL DEFAULT 0);'
	  . ' CREATE INDEX ON t (id)');

sub refill
{
	$ctl->query("TRUNCATE t; INSERT INTO t SELECT i FROM generate_series(1, $rows) AS i; ANALYZE t");
	return;
}

sub backfill
{
	my ($name, $workers, $nice) = @_;
	return "SET schemamig.nice = $nice; SET client_min_messages = warning;"
	  . " SELECT schemamig_backfill('UPDATE t SET n = n + 1',"
	  . " batch_size => 300, workers => $workers, name => '$name')";
}

sub rows_done
{
	my ($name, $least) = @_;
	return $ctl->until("SELECT coalesce(max(rows_done), 0) >= $least"
		  . " FROM schemamig.backfill WHERE name = '$name'");
}

# 1. the application moves rows, to and fro, deletes and inserts
foreach my $workers (1, 2)
{
	my $name = "writes, $workers workers";
	my $caller = session($node);
	my $app = session($node);
	my ($updates, $inserted, $deleted) = (0, 0, 0);

	refill();
	# space before all rows, so that updates move them there
	$ctl->query("DELETE FROM t WHERE id <= 1000; VACUUM t; INSERT INTO t SELECT i FROM generate_series(1, 900) AS i");
	$caller->send(backfill($name, $workers, 0.5));
	rows_done($name, 1);
	until ($caller->is_done)
	{
		my $id = 1001 + int(rand($rows - 3000));
		$app->query("UPDATE t SET app = app + 1 WHERE id BETWEEN $id AND $id + 19");
		$updates += 20;
		$app->query('DELETE FROM t WHERE id = ' . ($rows - $deleted++)) if rand() < 0.1;
		$app->query('INSERT INTO t (id) VALUES (' . ($rows + ++$inserted) . ')') if rand() < 0.1;
		$app->query('VACUUM t') if rand() < 0.02;
		die $app->err if $app->err =~ /ERROR/;
	}
	$caller->wait;
	is($caller->err, '', "$name: done");
	cmp_ok($updates, '>', 100, "$name: the application wrote a lot");
	is($ctl->query('SELECT sum(app) FROM t'), $updates, "$name: no update of the application is lost");
	is( $ctl->query("SELECT count(*), min(n), max(n) FROM t WHERE id <= $rows"),
		($rows - 100 - $deleted) . '|1|1', "$name: every row exactly once");
	is( $ctl->query("SELECT coalesce(max(n), 0) FROM t WHERE id > $rows"),
		0, "$name: rows inserted later are left alone");
	no_worker($ctl, 5, $name);
}

# 2. crashes: exactly once while nobody else writes
foreach my $workers (1, 2)
{
	my $name = "crash, $workers workers";
	my $done = 0;

	refill();
	foreach my $how ('kill -9', 'immediate shutdown')
	{
		my $caller = session($node);
		$caller->send(backfill($name, $workers, 1));
		$done += 300 + int(rand(4000));
		ok(rows_done($name, $done), "$name: $done rows are done");
		my @pids = split /\n/, worker_pid($ctl);
		is(scalar @pids, $workers + 1, "$name: by so many workers, and one keeps the snapshot");
		crash($node, $how, $pids[ int(rand(@pids)) ]);
		$caller->wait;
		$ctl = session($node);
		is( $ctl->query("SELECT rows_done = (SELECT count(*) FROM t WHERE n = 1) AND (SELECT max(n) <= 1 FROM t)"
				  . " FROM schemamig.backfill WHERE name = '$name'"),
			't', "$name, $how: the record and the rows agree");
		$done = $ctl->query("SELECT rows_done FROM schemamig.backfill WHERE name = '$name'");
	}
	my $caller = session($node);
	is($caller->query(backfill($name, $workers, 0)), $rows, "$name: resumed to the end");
	is($ctl->query('SELECT count(*), min(n), max(n) FROM t'), "$rows|1|1", "$name: every row exactly once");
}

# 3. the process that keeps the snapshot is terminated: the backfill stops, and
# can be resumed
{
	my $caller = session($node);

	refill();
	$caller->send(backfill('keeper', 2, 1));
	rows_done('keeper', 900);
	$ctl->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'keeps the snapshot of a backfill'");
	$caller->wait;
	like($caller->err, qr/ERROR:  57P01/, 'keeper: the caller is told');
	no_worker($ctl, 5, 'keeper');
	is($ctl->query(backfill('keeper', 2, 0)), $rows, 'keeper: resumed to the end');
	is($ctl->query('SELECT count(*), min(n), max(n) FROM t'), "$rows|1|1", 'keeper: every row exactly once');
}

# 4. a write after the crash: refused, and nothing is done twice
{
	my $caller = session($node);

	refill();
	$caller->send(backfill('written', 1, 1));
	rows_done('written', 900);
	# batches are committed asynchronously: bring them to disk
	$ctl->query("SELECT pg_logical_emit_message(true, 'test', 'flush')");
	crash($node, 'kill -9', (split /\n/, worker_pid($ctl))[0]);
	$caller->wait;
	$ctl = session($node);
	$ctl->query("UPDATE t SET app = 1 WHERE id = $rows");
	$ctl->query(backfill('written', 1, 0));
	like($ctl->err, qr/ERROR:  55000: backfill "written" cannot be resumed: it cannot be known which rows are done/,
		'written: refused');
	is($ctl->query('SELECT max(n) FROM t'), 1, 'written: nothing is done twice');
	no_worker($ctl, 5, 'written');
}

$node->stop;
done_testing();
