#-------------------------------------------------------------------------
#
# 160_backfill_yields.pl
#	  The application comes first: a batch ends as soon as somebody waits for
#	  one of its rows, and batches stay short while that happens.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('backfill_yields');
my $ctl = session($node);
my $app = session($node);
my $caller = session($node);

# A millisecond a row, whatever else the machine does.
$ctl->query("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, app int NOT NULL DEFAULT 0)");
$ctl->query("INSERT INTO t SELECT i FROM generate_series(1, 4000) AS i");
$ctl->query(q{CREATE FUNCTION slowly(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN PERFORM pg_sleep(0.001); RETURN n + 1; END $$});

sub look
{
	my ($what) = @_;
	return $ctl->query("SELECT $what FROM schemamig.backfill WHERE name = 'slow'");
}

# The rows of the batch in progress are hidden until it commits.
sub wait_for_batches
{
	my ($least) = @_;
	return $ctl->until("SELECT rows_done >= $least FROM schemamig.backfill WHERE name = 'slow'");
}

$caller->send("SET schemamig.batch_target = '2s'; SET client_min_messages = warning;"
	  . " SELECT schemamig_backfill('UPDATE t SET n = slowly(n)', name => 'slow', batch_size => 2000)");
ok(wait_for_batches(1000), 'the first batch is done');
my $done = look('rows_done');
my $before = look('current_batch');
cmp_ok($before, '>=', 1000, 'a batch has many rows while nobody waits');

# The first rows of the batch in progress: held until it ends.
sleep 0.1;
my $row = $done + 5;
$app->send("UPDATE t SET app = app + 1 WHERE id = $row");
ok( $ctl->until("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND pid = " . $app->pid)
	  || $app->is_done,
	'the application waits for a row of the batch');
$app->wait;
is($app->err, '', 'it gets it');
cmp_ok(look('rows_done') - $done, '<', 0.75 * $before, 'long before a whole batch would have been done');

# For a while batches are short.
wait_for_batches(look('rows_done') + 1);
cmp_ok(look('current_batch'), '<', 0.4 * $before, 'the next batch is much shorter');
$ctl->query("ALTER SYSTEM SET schemamig.batch_target = '100ms'; SELECT pg_reload_conf()");
is($caller->wait, 4000, 'all rows are done');
is($ctl->query('SELECT count(*), min(n), max(n), sum(app) FROM t'), '4000|1|1|1',
	'each once, and the application has lost nothing');

# A row that the application holds is waited for no longer than
# schemamig.lock_timeout at a time, and the rest goes on from there.
$ctl->query("UPDATE t SET n = 0");
$app->query('BEGIN; UPDATE t SET app = app + 1 WHERE id = 300');
$caller->send("SET schemamig.lock_timeout = '50ms'; SET client_min_messages = warning;"
	  . " SELECT schemamig_backfill('UPDATE t SET n = n + 1', name => 'held')");
ok( $ctl->until("SELECT current_batch < 100 AND rows_done > 200 FROM schemamig.backfill WHERE name = 'held'"),
	'batches shrink towards a row that is held');
ok(!$caller->is_done, 'and wait for it');
$app->query('COMMIT');
is($caller->wait, 4000, 'done when it is free');
is($ctl->query('SELECT count(*), min(n), max(n), sum(app) FROM t'), '4000|1|1|2', 'each row once');

# Nor does the application have to fill segments of WAL with zeros for a backfill.
sub segments_ahead
{
	return $ctl->query("SELECT count(*) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}\$'"
		  . " AND name > pg_walfile_name(pg_current_wal_insert_lsn())");
}

for (my $tries = 0; segments_ahead() > 0 && $tries < 100; $tries++)
{
	$ctl->query('SELECT txid_current()');
	$ctl->query('SELECT pg_switch_wal()');
}
is(segments_ahead(), 0, 'the server writes to its last segment of WAL');
is($ctl->query("SET client_min_messages = warning; SELECT schemamig_backfill('UPDATE t SET n = n + 1')"),
	4000, 'a backfill begins');
cmp_ok(segments_ahead(), '>=', 1, 'and has made the next segment before it was needed');

nothing_left($ctl, 'in the end');
$node->stop;
done_testing();
