# A client that stops reading holds up no worker; its messages are counted.
# A full server makes the caller wait, and then says which setting is too low.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('client', 'max_worker_processes = 4');
my $ctl = session($node);
my $caller = session($node, name => 'deploy');

# 1. psql is stopped while the script raises notices under a strong lock
{
	my $name = 'client stopped';

	$ctl->query('CREATE TABLE t (a int)');
	revision($ctl, 'noisy', <<'SQL');
ALTER TABLE t ADD b int;
SELECT pg_advisory_xact_lock(1);
DO $$BEGIN FOR i IN 1 .. 200000 LOOP RAISE NOTICE 'notice % %', i, repeat('x', 50); END LOOP; END$$;
DO $$BEGIN RAISE WARNING 'the end'; END$$;
SQL
	$ctl->query("SET lock_timeout = '200ms'; SELECT pg_advisory_lock(1)");
	$caller->send("SET schemamig.lock_timeout = '20s'; SELECT * FROM schemamig_apply('noisy')");
	worker_at($ctl, 'in_script', $caller);
	$caller->signal('STOP');
	$ctl->query('SELECT pg_advisory_unlock(1)');
	my $took = $ctl->until("SELECT count(*) = 1 FROM schemamig.run WHERE target = 'noisy' AND state = 'done'", 't', 30);
	ok($took, "$name: the run is done all the same" . sprintf(' (%.1f s)', $took));
	$ctl->query('SELECT count(*) FROM t');
	is($ctl->err, '', "$name: the table is free");
	ok($ctl->until("SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'"),
		"$name: the migration lock is free");
	$caller->signal('CONT');
	like($caller->wait, qr/^1\|noisy\|apply/, "$name: it gets its answer when it goes on reading");
	like($caller->err, qr/notice 1 x/, "$name: the first notices arrive");
	like($caller->err, qr/NOTICE:  00000: \d+ messages were not relayed because the client read too slowly/,
		"$name: it is told how many are missing");
}

# 2. a client that reads gets everything, in order
{
	my $name = 'client that reads';

	revision($ctl, 'chatty', "DO \$\$BEGIN FOR i IN 1 .. 300 LOOP RAISE NOTICE '%', i; END LOOP;"
		  . " RAISE WARNING 'wide %', repeat('y', 20000); END\$\$;");
	$caller->query("RESET schemamig.lock_timeout; SELECT * FROM schemamig_apply('chatty')");
	my @numbers = $caller->err =~ /NOTICE:  00000: (\d+)$/mg;
	is("@numbers", join(' ', 1 .. 300), "$name: all notices in order");
	like($caller->err, qr/WARNING:  01000: wide y{20000}$/m, "$name: a long warning whole");
	unlike($caller->err, qr/not relayed/, "$name: nothing is missing");
}

# 3. no worker slot
{
	my $name = 'no worker slot';
	my @others = map { session($node) } 1 .. 6;

	# started runs that wait for the migration lock take the slots
	revision($ctl, 'long', 'SELECT pg_advisory_xact_lock(2)');
	revision($ctl, 'short', 'CREATE TABLE short ()');
	$ctl->query("SELECT pg_advisory_lock(2)");
	foreach my $other (@others)
	{
		$other->query("SET schemamig.lock_timeout = '1min'; SET schemamig.lock_wait = 0; SELECT schemamig_start('long')");
		last if $other->err =~ /waiting for a free background worker/;
	}
	my ($full) = grep { $_->err =~ /ERROR/ } @others;
	ok($full, "$name: there is an end to it");
	like($full->err,
		qr/ERROR:  53400: could not start a background worker: all slots are taken\nDETAIL:  Nothing has been run.\nHINT:  .*max_worker_processes \(now 4\)/,
		"$name: the error names the setting");

	# apply waits for the run in progress, so start is what needs a slot here
	$caller->send("SELECT schemamig_start('short')");
	ok($caller->wait_err(qr/NOTICE:  00000: waiting for a free background worker \(max_worker_processes = 4\)/),
		"$name: a notice says what is waited for");
	ok(!$caller->is_done, "$name: and the call waits");
	$ctl->query('SELECT pg_advisory_unlock(2)');
	like($caller->wait, qr/^\d+$/, "$name: it starts when a slot is free");
	ok($ctl->until("SELECT to_regclass('short') IS NOT NULL"), "$name: and does its work");
	is($ctl->query("SELECT count(*) FROM schemamig.applied WHERE revision IN ('long', 'short')"), 2, "$name: nothing is lost");

	# cancelled while it waits for a slot: nothing is left
	is($ctl->query("SELECT count(*) FROM schemamig.step"), 0, "$name: the journal is empty");
}

# 4. a run that ends while its caller's client is gone leaves the log
{
	my $name = 'errors of a run';

	revision($ctl, 'failing', "SELECT 1;\n\nSELECT 1/0;");
	$caller->query("SELECT * FROM schemamig_apply('failing')");
	like($caller->err, qr/ERROR:  22012: division by zero/, "$name: with SQLSTATE");
	like($caller->err, qr/CONTEXT:  .*up script of revision "failing", step 1, statement 2, line 3, column 1/s,
		"$name: with revision, step, statement, line and column");
}

# 5. the client of a caller that waits for another run is killed
{
	my $name = 'killed in the queue';
	my $first = session($node, name => 'first');
	my $second = session($node, name => 'second');

	revision($ctl, 'slow', 'SELECT pg_advisory_xact_lock(1)');
	$ctl->query('SELECT pg_advisory_lock(1)');
	$first->send("SELECT * FROM schemamig_apply('slow')");
	worker_at($ctl, 'in_script', $first);
	$second->send("SELECT * FROM schemamig_apply('slow')");
	ok($ctl->until("SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'second' AND wait_event = 'advisory'"),
		"$name: it waits");
	$second->signal('KILL');
	ok($ctl->until("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'second'", 't', 20),
		"$name: its session ends although the other run goes on");
	$ctl->query('SELECT pg_advisory_unlock(1)');
	like($first->wait, qr/slow\|apply/, "$name: the other run is not touched");
}

$node->stop;
done_testing();
