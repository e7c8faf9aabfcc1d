#-------------------------------------------------------------------------
#
# 158_backfill_parts.pl
#	  Backfills of partitioned tables that are killed by kill -9 at random
#	  moments, also of a statement that itself moves rows between partitions,
#	  and partitions that are detached and dropped under one at work: every row
#	  is done exactly once, and what was left is said.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $rows = 12000;
my $node = new_node('backfill_parts', 'synchronous_commit = on');
my $ctl = session($node);

srand($ENV{SCHEMAMIG_SEED} // 158);

# Partitions with keys of their own, one without, and one that is partitioned.
sub make_table
{
	$ctl->query(q{
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS p;
		CREATE TABLE p (id int NOT NULL, r int NOT NULL, n int NOT NULL DEFAULT 0) PARTITION BY LIST (r);
		CREATE TABLE p_0 PARTITION OF p (PRIMARY KEY (id)) FOR VALUES IN (0);
		CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1);
		CREATE TABLE p_2 PARTITION OF p FOR VALUES IN (2) PARTITION BY HASH (id);
		CREATE TABLE p_2_0 PARTITION OF p_2 (PRIMARY KEY (id)) FOR VALUES WITH (MODULUS 2, REMAINDER 0);
		CREATE TABLE p_2_1 PARTITION OF p_2 (UNIQUE (r, id)) FOR VALUES WITH (MODULUS 2, REMAINDER 1);
		CREATE TABLE p_3 PARTITION OF p (PRIMARY KEY (id)) DEFAULT} );
	$ctl->query("INSERT INTO p SELECT i, i % 4 FROM generate_series(1, $rows) AS i; VACUUM ANALYZE p; CHECKPOINT");
	return;
}

# Runs it with kills until it is done.
sub with_kills
{
	my ($name, $statement, $workers, $kills) = @_;
	my $killed = 0;

	until ($ctl->query("SELECT count(*) FROM schemamig.backfill WHERE name = '$name' AND state = 'done'") eq '1')
	{
		my $caller = session($node);
		my $begin = time;

		# slow enough to be met at work, on any machine
		my $nice = $killed < $kills ? 10 : 0;
		$caller->send("SET client_min_messages = warning; SET schemamig.nice = $nice;"
			  . " SELECT schemamig_backfill('$statement', batch_size => 150, workers => $workers, name => '$name')");
		if ($killed < $kills)
		{
			$ctl->until("SELECT rows_done > 0 FROM schemamig.backfill WHERE name = '$name'");
			sleep rand(0.3);
			my @pids = split /\n/, worker_pid($ctl);
			if (@pids && !$caller->is_done)
			{
				crash($node, 'kill -9', $pids[ int rand @pids ]);
				$killed++;
			}
		}
		until ($caller->is_done)
		{
			die "timeout: " . $caller->err if time - $begin > 180;
			sleep 0.01;
		}
		$caller->wait;
		$ctl = session($node);
		if ($caller->err =~ /ERROR/ && $caller->err !~ /closed the connection|57P0|XX000|08006|terminat/)
		{
			fail("$name: " . $caller->err);
			return;
		}
	}
	cmp_ok($killed, '>', 0, "$name: killed $killed times");
	is($ctl->query('SELECT count(*), count(DISTINCT id), min(n), max(n) FROM p'),
		"$rows|$rows|1|1", "$name: every row exactly once");
	is( $ctl->query("SELECT w.rows_done, sum(p.rows_done), string_agg(DISTINCT p.state, ','), count(r.id)"
			  . " FROM schemamig.backfill w JOIN schemamig.backfill p ON p.parent = w.id"
			  . " LEFT JOIN schemamig.backfill_range r ON r.backfill = p.id"
			  . " WHERE w.name = '$name' GROUP BY w.id"),
		"$rows|$rows|done|0",
		"$name: the record says so too");
	return;
}

foreach my $workers (1, 2)
{
	# the unkeyed partition p_1 goes by position, the others by their keys
	make_table();
	with_kills("keys, $workers workers", 'UPDATE p SET n = n + 1', $workers, 2);
	make_table();
	with_kills("moving, $workers workers", 'UPDATE p SET n = n + 1, r = (r + 1) % 4', $workers, 2);
	is($ctl->query('SELECT count(*) FROM p WHERE r <> (id + 1) % 4'),
		0, "moving, $workers workers: every row is where it was to go");
}

# Detached while it is at work: the rest of it is said, and all others are done.
make_table();
my $caller = session($node);
$caller->send("SET schemamig.nice = 3; SELECT schemamig_backfill('UPDATE p SET n = n + 1', batch_size => 50, name => 'detach')");
$ctl->until("SELECT count(*) > 0 FROM p_0 WHERE n = 1");
$ctl->query('ALTER TABLE p DETACH PARTITION p_0');
is($ctl->err, '', 'detach: nobody is in its way');
$ctl->query("SELECT schemamig_backfill_set('detach', nice => 0)");
my $done = $caller->wait;
like($caller->err, qr/WARNING: .*public\.p_0 was detached while backfill "detach" was at work/, 'detach: it is said');
is($ctl->query('SELECT count(*), min(n), max(n) FROM p'), ($rows * 3 / 4) . '|1|1', 'detach: all other rows are done');
is($ctl->query("SELECT p.state, p.rows_done = (SELECT sum(n) FROM p_0), p.rows_done < $rows / 4"
		  . " FROM schemamig.backfill p WHERE p.relation = 'public.p_0' ORDER BY id DESC LIMIT 1"),
	'detached|t|t', 'detach: the record says how far it came');
is($done, $ctl->query("SELECT rows_done FROM schemamig.backfill WHERE name = 'detach'"), 'detach: and the result too');
$ctl->query('DROP TABLE p_0');

# Dropped and attached while it is at work.
make_table();
$caller = session($node);
$caller->send("SET schemamig.nice = 3; SELECT schemamig_backfill('UPDATE p SET n = n + 1', batch_size => 50, workers => 2, name => 'drop')");
$ctl->until("SELECT count(*) > 0 FROM p_0 WHERE n = 1");
$ctl->query('SET lock_timeout = 0; DROP TABLE p_0; CREATE TABLE p_0 PARTITION OF p FOR VALUES IN (0); INSERT INTO p SELECT i, 0 FROM generate_series(1, 10) i');
$ctl->query("SELECT schemamig_backfill_set('drop', nice => 0)");
$caller->wait;
like($caller->err, qr/WARNING: .*public\.p_0 was dropped while backfill "drop" was at work/, 'drop: it is said');
is($ctl->query('SELECT r = 0, count(*), min(n), max(n) FROM p GROUP BY 1 ORDER BY 1'),
	"f|" . ($rows * 3 / 4) . "|1|1\nt|10|0|0", 'drop: all other rows are done, and none of the new partition');

nothing_left($ctl, 'in the end');
$node->stop;
done_testing();
