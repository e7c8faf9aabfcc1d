#-------------------------------------------------------------------------
#
# 175_backfill_kill.pl
#	  Backfills of n = n + 1 with 1, 2 and 4 workers, one of which is killed
#	  by kill -9 at random moments, while the application updates, inserts and
#	  deletes the same rows: each row is done exactly once, and the application
#	  loses nothing and sees no deadlock.
#
# What the application has done it writes into a table of its own in the same
# transaction, so that it is known in spite of crashes.  The short form kills
# each a few times; the long form (make stress) 50 times.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Utils;
use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $stress = $ENV{SCHEMAMIG_STRESS};
my $kills = $stress ? 50 : 2;
my $rows = $stress ? 60000 : 45000;
my $node = new_node('backfill_kill', 'synchronous_commit = on', 'log_lock_waits = on');
my $ctl = session($node);
my $directory = PostgreSQL::Test::Utils::tempdir();
my $seed = $ENV{SCHEMAMIG_SEED} // ($stress ? time : 175);
my $deadlocks = '';

srand($seed);
note "SCHEMAMIG_SEED=$seed";
$ctl->query(q{
	CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, app int NOT NULL DEFAULT 0);
	CREATE TABLE audit (id int NOT NULL, what text NOT NULL);
	CREATE SEQUENCE later});

# Single rows, in any order; and two rows against the backfill's order, by
# which it would come to a deadlock if we waited for long.
append_to_file("$directory/one.sql", qq{
\\set id random(1, $rows)
\\set what random(1, 10)
\\if :what <= 7
WITH u AS (UPDATE t SET app = app + 1 WHERE id = :id RETURNING id) INSERT INTO audit SELECT id, 'u' FROM u;
\\elif :what <= 9
WITH d AS (DELETE FROM t WHERE id = :id AND id % 10 = 3 RETURNING id) INSERT INTO audit SELECT id, 'd' FROM d;
\\else
WITH i AS (INSERT INTO t (id) VALUES ($rows + nextval('later')) RETURNING id) INSERT INTO audit SELECT id, 'i' FROM i;
\\endif
\\sleep 2 ms
});
append_to_file("$directory/two.sql", qq{
\\set id random(100, $rows)
BEGIN;
WITH u AS (UPDATE t SET app = app + 1 WHERE id = :id RETURNING id) INSERT INTO audit SELECT id, 'u' FROM u;
\\sleep 5 ms
WITH u AS (UPDATE t SET app = app + 1 WHERE id = :id - 20 RETURNING id) INSERT INTO audit SELECT id, 'u' FROM u;
COMMIT;
\\sleep 5 ms
});

# The application: two clients of the one kind, one of the other.
sub start_application
{
	my @runs;
	foreach my $job ([ 'one', 2 ], [ 'two', 1 ])
	{
		my ($file, $clients) = @$job;
		my $run = { err => '' };
		$run->{run} = IPC::Run::start(
			[
				$node->installed_command('pgbench'), '-n', '-T', '120', '-c', $clients,
				'-f', "$directory/$file.sql", $node->connstr('postgres')
			],
			'<', \undef, '>', \my $out, '2>', \$run->{err});
		push @runs, $run;
	}
	return @runs;
}

# A deadlock that reaches it ends a client of pgbench, with its message.
sub stop_application
{
	foreach my $run (@_)
	{
		$run->{run}->signal('TERM');
		eval { $run->{run}->finish };
		$deadlocks .= $1 while $run->{err} =~ /^(.*(?:deadlock|serialize|timeout).*\n)/mg;
	}
	return;
}

foreach my $workers (1, 2, 4)
{
	my $name = "$workers workers";
	my $left = $kills;
	my $runs = 0;
	my $killed = 0;

	while ($left > 0)
	{
		my $backfill = "$name, " . ++$runs;
		# in stripes (src/backfill/stripe.c), unless the size of batches is given
		my $size = $runs % 2 ? '' : 'batch_size => 1000, ';
		my $call = "SET client_min_messages = warning; SET schemamig.nice = 0.5;"
		  . " SET schemamig.batch_target = 10;"
		  . " SELECT schemamig_backfill('UPDATE t SET n = n + 1', $size"
		  . " workers => $workers, name => '$backfill')";
		my $done = '';

		$ctl->query("TRUNCATE t, audit; INSERT INTO t SELECT i FROM generate_series(1, $rows) AS i; CHECKPOINT");
		# one that was killed between its end and the answer is not called again:
		# that would begin it anew
		until ($done =~ /^\d+$/ || $ctl->query("SELECT state FROM schemamig.backfill WHERE name = '$backfill'") eq 'done')
		{
			my $caller = session($node);
			my @application;

			$caller->send($call);
			$ctl->until("SELECT count(*) > 0 FROM schemamig.backfill WHERE name = '$backfill'");
			@application = start_application();
			if ($left > 0)
			{
				sleep rand($size ? 0.6 : 1.2);
				my @pids = split /\n/, worker_pid($ctl);
				if (@pids && !$caller->is_done)
				{
					crash($node, 'kill -9', $pids[ int rand @pids ]);
					$left--;
					$killed++;
				}
			}
			my $begin = time;
			until ($caller->is_done)
			{
				die "timeout: " . $caller->err if time - $begin > 120;
				sleep 0.01;
			}
			$done = $caller->wait;
			stop_application(@application);
			$ctl = session($node);
			my $wrong = $ctl->query("SELECT count(*) FROM t WHERE n NOT IN (0, 1)");
			is($wrong, 0, "$backfill: no row is done twice") if $wrong;
			diag($caller->err) if $caller->err =~ /ERROR/ && $caller->err !~ /closed the connection|57P0|XX000|08006/;
		}
		my $deleted = $ctl->query("SELECT count(*) FROM audit WHERE what = 'd'");
		is($ctl->query("SELECT count(*), min(n), max(n) FROM t WHERE id <= $rows"),
			($rows - $deleted) . '|1|1', "$backfill: every row exactly once");
		is($ctl->query("SELECT coalesce(max(n), 0), count(*) = (SELECT count(*) FROM audit WHERE what = 'i') FROM t WHERE id > $rows"),
			'0|t', "$backfill: rows inserted later are left alone");
		is($ctl->query("SELECT count(*) FROM t LEFT JOIN (SELECT id, count(*) FROM audit WHERE what = 'u' GROUP BY id) a USING (id)"
				  . " WHERE app <> coalesce(a.count, 0)"),
			0, "$backfill: no update of the application is lost");
		cmp_ok($ctl->query("SELECT count(*) FROM audit"), '>', 10, "$backfill: it wrote something");
		is($ctl->query("SELECT state, count(r.id) FROM schemamig.backfill b LEFT JOIN schemamig.backfill_range r"
				  . " ON r.backfill = b.id WHERE name = '$backfill' GROUP BY b.id"),
			'done|0', "$backfill: the record says so too");
	}
	is($killed, $kills, "$name: killed $kills times, in $runs backfills");
}
is($deadlocks, '', 'the application saw no deadlock');
nothing_left($ctl, 'in the end');
$node->stop;
done_testing();
