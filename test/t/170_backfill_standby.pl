#-------------------------------------------------------------------------
#
# 170_backfill_standby.pl
#	  A backfill beside a standby that replays slowly, and beside a logical
#	  slot whose consumer is slow: the lag stays below twice the setting, and
#	  the backfill finishes.
#
# The standby is slow because its startup process may run only a tenth of the
# time.  The lag is measured from outside, by a heartbeat.  The long form (make
# stress) has more rows and shows that the lag is many times as long without a
# limit.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $stress = $ENV{SCHEMAMIG_STRESS};
my $rows = $stress ? 400000 : 120000;
my $limit = 1.5;
my $slot_limit = 2 * 1024 * 1024;
my $node = new_node('backfill_primary', 'wal_level = logical',
	'max_wal_senders = 5', 'max_replication_slots = 5', 'hot_standby = on',
	'wal_keep_size = 2GB', 'max_wal_size = 4GB', 'checkpoint_timeout = 1h');
my $ctl = session($node);

$ctl->query("CREATE TABLE heartbeat (at timestamptz NOT NULL); INSERT INTO heartbeat VALUES (clock_timestamp())");
$ctl->query("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, pad text NOT NULL)");
$ctl->query("INSERT INTO t SELECT i, 0, repeat('x', 80) FROM generate_series(1, $rows) AS i");
$ctl->query('CREATE INDEX ON t (n)');
$ctl->query('VACUUM (FREEZE, ANALYZE) t; CHECKPOINT');

sub backfill
{
	my ($caller, $name, $settings, $workers) = @_;
	$caller->send("$settings; SELECT schemamig_backfill('UPDATE t SET n = n + 1', name => '$name', workers => $workers)");
	return;
}

# Whatever happens meanwhile is done between two looks at whether it is done.
sub meanwhile
{
	my ($caller, $do) = @_;
	my $begin = time;
	until ($caller->is_done)
	{
		die "timeout: " . $caller->err if time - $begin > ($stress ? 1200 : 120);
		$do->();
	}
	note sprintf 'took %.1f s', time - $begin;
	return $caller->wait;
}

# 1. a standby
{
	$node->backup('b');
	my $standby = PostgreSQL::Test::Cluster->new('backfill_standby');
	$standby->init_from_backup($node, 'b', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "hot_standby = on\nmax_standby_streaming_delay = -1");
	$standby->start;
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	my $there = session($standby);
	my $startup = $there->query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'");
	my ($beat, $longest, $asked) = (0, 0, 0);

	# One turn of a tenth of a second, a tenth of which it may run.
	my $turn = sub {
		kill 'STOP', $startup;
		if (time - $beat > 0.1)
		{
			$ctl->query('UPDATE heartbeat SET at = clock_timestamp()');
			$beat = time;
		}
		sleep 0.09;
		kill 'CONT', $startup;
		# not waited for while it is stopped: it can have been in the middle of
		# the heartbeat's page
		if ($there->is_done)
		{
			my $lag = $asked ? $there->wait : 0;

			$asked = 1;
			$longest = $lag if $lag =~ /^[\d.]+$/ && $lag > $longest;
			$there->send('SELECT extract(epoch FROM clock_timestamp() - at) FROM heartbeat');
		}
		sleep 0.01;
	};
	my $catch_up = sub {
		kill 'CONT', $startup;
		$there->wait;
		$asked = 0;
		$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
		$ctl->query('UPDATE heartbeat SET at = clock_timestamp()');
		$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
		$longest = 0;
	};

	foreach my $workers (1, 2)
	{
		my $name = "standby, $workers workers";
		my $caller = session($node);

		$catch_up->();
		backfill($caller, $name, "SET schemamig.max_replication_lag = '${limit}s'", $workers);
		is(meanwhile($caller, $turn), $rows, "$name: the backfill finishes");
		like($caller->err, qr/holds back: replication lag: \S+ is \d+ ms behind/, "$name: it held back");
		cmp_ok($longest, '<=', 2 * $limit, sprintf '%s: the lag stayed below twice the setting (%.1f s)', $name, $longest);
		$caller->close;
	}
	if ($stress)
	{
		my $caller = session($node);

		$catch_up->();
		backfill($caller, 'no limit', 'SET schemamig.max_replication_lag = -1', 1);
		meanwhile($caller, $turn);
		# what has been written must still be replayed
		my $begin = time;
		$turn->() while time - $begin < 15;
		cmp_ok($longest, '>', 3 * $limit, sprintf 'without limit the lag is longer (%.1f s)', $longest);
		$caller->close;
	}
	$catch_up->();
	is( $there->query('SELECT count(*), min(n) = max(n) FROM t'), "$rows|t", 'the standby has all of it');
	$there->close;
	$standby->stop;
}

# 2. a logical slot, whose consumer takes a transaction at a time
{
	my $name = 'slot';
	my $caller = session($node);
	my $consumer = session($node);
	my ($longest, $reads) = (0, 0);
	my $expected = $ctl->query('SELECT min(n) + 1 FROM t');

	$ctl->query("SELECT pg_create_logical_replication_slot('slow', 'test_decoding')");
	backfill($caller, $name, "SET schemamig.max_replication_lag_bytes = '${slot_limit}B'", 1);
	is( meanwhile(
			$caller,
			sub {
				my $lag = $ctl->query("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)"
					  . " FROM pg_replication_slots WHERE slot_name = 'slow'");
				$longest = $lag if $lag > $longest;
				if ($consumer->is_done)
				{
					$consumer->send("SELECT count(*) FROM pg_logical_slot_get_changes('slow', NULL, 1)");
					$reads++;
				}
				sleep 0.05;
			}),
		$rows, "$name: the backfill finishes");
	$consumer->wait;
	is($consumer->err, '', "$name: the consumer was well");
	like($caller->err, qr/holds back: replication lag: slow is \d+ (?:kB|MB|bytes) behind/, "$name: it held back");
	cmp_ok($longest, '<=', 2 * $slot_limit, sprintf '%s: the lag stayed below twice the setting (%d kB, %d reads)', $name, $longest / 1024, $reads);
	$ctl->query("SELECT pg_drop_replication_slot('slow')");
	is($ctl->query('SELECT count(*), min(n), max(n) FROM t'), "$rows|$expected|$expected", "$name: each row once");
}

nothing_left($ctl, 'in the end');
$node->stop;
done_testing();
