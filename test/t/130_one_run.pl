# One run at a time: others wait without a snapshot, say for whom, and then
# find nothing to do.  start, wait, cancel, pause and resume.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('one_run', 'max_worker_processes = 20');
my $ctl = session($node);
my $first = session($node, name => 'first');
my $second = session($node, name => 'second');

$ctl->query('CREATE TABLE hold AS SELECT 0 AS wait; CREATE TABLE effect (id text)');
sub effects { return $ctl->query("SELECT count(*) FROM effect WHERE id = '$_[0]'") }

# A revision whose statement waits until advisory lock 1 is free.
sub waiting_revision
{
	my ($id, @more) = @_;
	revision($ctl, $id, "INSERT INTO effect VALUES ('$id'); SELECT pg_advisory_xact_lock(1); @more");
	return;
}
sub hold { $ctl->query('SELECT pg_advisory_lock(1)'); return }
sub let_go { $ctl->query('SELECT pg_advisory_unlock(1)'); return }
$_->query("SET schemamig.lock_timeout = '1min'") foreach $first, $second, $ctl;

# 1. a second caller
{
	my $name = 'second caller';

	waiting_revision('two');
	hold();
	$first->send("SELECT * FROM schemamig_apply('two')");
	my $worker = worker_at($ctl, 'in_script', $first);
	$second->send("SELECT * FROM schemamig_apply('two')");
	ok($second->wait_err(qr/NOTICE:  00000: waiting for the run of process $worker \(role "\w+", active for \d+ m?s\)/),
		"$name: a notice names the holder");
	ok($ctl->until('SELECT wait_event_type = $$Lock$$ AND backend_xmin IS NULL AND backend_xid IS NULL'
			  . ' FROM pg_stat_activity WHERE pid = ' . $second->pid), "$name: waits without a snapshot");
	is($ctl->query('SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = ' . $first->pid), 't',
		'first caller: waits without a snapshot');
	let_go();
	like($first->wait, qr/^1\|two\|/, 'first caller: done');
	is($second->wait, '', "$name: no rows");
	like($second->err, qr/NOTICE:  00000: nothing to do: target "two" is reached/, "$name: nothing is left to do");
	is(effects('two'), 1, "$name: every effect once");
	is($ctl->query("SELECT count(*) FROM schemamig.run WHERE target = 'two'"), 1, "$name: needed no run");
}

# 2. a second caller that is cancelled leaves the first alone
{
	waiting_revision('cancelled');
	hold();
	$first->send("SELECT * FROM schemamig_apply('cancelled')");
	worker_at($ctl, 'in_script', $first);
	$second->send("SELECT * FROM schemamig_apply('cancelled')");
	$second->wait_err(qr/waiting for the run/);
	$ctl->query('SELECT pg_cancel_backend(' . $second->pid . ')');
	$second->wait;
	like($second->err, qr/ERROR:  57014/, 'second caller cancelled: it is told');
	let_go();
	like($first->wait, qr/^1\|cancelled\|/, 'second caller cancelled: the first goes on');
}

# 3. ten callers at once
{
	my $name = 'ten callers';
	my @callers = map { session($node, name => "caller $_") } 1 .. 10;

	revision($ctl, 'ten1', "INSERT INTO effect VALUES ('ten'); SELECT pg_sleep(0.3);");
	revision($ctl, 'ten', "INSERT INTO effect VALUES ('ten'); COMMIT; INSERT INTO effect VALUES ('ten');"
		  . " VACUUM hold; INSERT INTO effect VALUES ('ten')", parents => 'ten1');
	$_->send("SELECT * FROM schemamig_apply('ten')") foreach @callers;
	my @rows = map { scalar(() = $_->wait =~ /\|apply\|/g) } @callers;
	is(join(',', sort @rows), '0,0,0,0,0,0,0,0,0,2', "$name: one does the work");
	is(effects('ten'), 4, "$name: every effect once");
	is(join('', map { $_->err =~ /ERROR.*/ ? $& : '' } @callers), '', "$name: no errors");
	is(scalar(grep { $_->err =~ /nothing to do/ } @callers), 9, "$name: the others find nothing to do");
}

# 4. start and wait
{
	waiting_revision('started');
	hold();
	my $starter = session($node);
	$starter->query("SET schemamig.lock_timeout = '1min'; SET my.setting = 'x'");
	my $run = $starter->query("SELECT schemamig_start('started')");
	like($run, qr/^\d+$/, 'start: returns the id of the run');
	cmp_ok($starter->took, '<', 1, 'start: at once');
	$second->send("SELECT * FROM schemamig_wait($run)");
	$starter->close;
	worker_at($ctl, 'in_script');
	ok($ctl->until('SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = ' . $starter->pid),
		'start: its session ends');
	ok(!$second->is_done, 'wait: waits');
	is($ctl->query('SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = ' . $second->pid), 't',
		'wait: without a snapshot');
	$ctl->query('SELECT pg_cancel_backend(' . $second->pid . ')');
	$second->wait;
	like($second->err, qr/ERROR:  57014/, 'wait: can be cancelled');
	ok(worker_pid($ctl), 'wait cancelled: the run goes on');
	$second->send('SELECT * FROM schemamig_wait()');
	let_go();
	like($second->wait, qr/^1\|started\|apply/, 'wait: returns the revisions of the run');
	is(effects('started'), 1, 'start: the work is done');
	is($ctl->query("SELECT detached, state FROM schemamig.run WHERE id = $run"), 't|done', 'start: on record');

	# many short runs: wait finds each at once
	foreach my $i (1 .. 5)
	{
		revision($ctl, "quick$i", 'SELECT 1');
		like($second->query("SELECT schemamig_start('quick$i') AS run \\gset\nSELECT * FROM schemamig_wait(:run)"),
			qr/^1\|quick$i/, "start and wait, time $i");
	}

	# errors
	revision($ctl, 'failing', "SELECT 1; SELECT 1/0");
	$run = $first->query("SELECT schemamig_start('failing')");
	$first->query("SELECT * FROM schemamig_wait($run)");
	like($first->err, qr/ERROR:  22012: division by zero/, 'wait: raises the error of the run with its SQLSTATE');
	like($first->err, qr/CONTEXT:  run $run, revision "failing", step 1/, 'wait: and its place');
	$first->query("SELECT schemamig_start('nothing')");
	like($first->err, qr/ERROR:  42704/, 'start: an unknown target is told at once');
	$first->query('SELECT * FROM schemamig_wait(987654)');
	like($first->err, qr/ERROR:  42704: run 987654 does not exist/, 'wait: an unknown run');
	$first->query("SELECT schemamig_start('failing', transaction => 'caller')");
	like($first->err, qr/ERROR:  22023/, 'start: not in the transaction of the caller');

	# killed
	waiting_revision('killed');
	hold();
	$run = $first->query("SELECT schemamig_start('killed')");
	my $worker = worker_at($ctl, 'in_script');
	$first->send('SELECT * FROM schemamig_wait()');
	sleep 0.3;
	$ctl->query("SELECT pg_terminate_backend($worker)");
	$first->wait;
	like($first->err, qr/ERROR:  08006: run $run was interrupted/, 'wait: tells of a run that was terminated');
	let_go();
}

# 5. cancel
{
	is($ctl->query('SELECT schemamig_cancel()'), 'f', 'cancel: false without a run');
	is($ctl->query('SELECT schemamig_pause()'), 'f', 'pause: false without a run');
	is($ctl->query('SELECT schemamig_resume()'), 'f', 'resume: false without a run');
	waiting_revision('cancel');
	hold();
	my $run = $first->query("SELECT schemamig_start('cancel')");
	worker_at($ctl, 'in_script');
	is($ctl->query('SELECT schemamig_cancel()'), 't', 'cancel: true with a run');
	ok($ctl->until("SELECT state = 'cancelled' FROM schemamig.run WHERE id = $run"), 'cancel: on record');
	$first->query("SELECT * FROM schemamig_wait($run)");
	like($first->err, qr/ERROR:  57014/, 'wait: raises the cancel');
	let_go();
	is(effects('cancel'), 0, 'cancel: the step is rolled back');
}

# 6. pause and resume
{
	$ctl->query('CREATE TABLE paused (a int)');
	revision($ctl, 'pause', "INSERT INTO effect VALUES ('pause'); COMMIT;"
		  . " ALTER TABLE paused ADD b int; SELECT pg_advisory_xact_lock(1); INSERT INTO effect VALUES ('pause');");
	hold();
	$first->send("SELECT * FROM schemamig_apply('pause')");
	my $worker = worker_at($ctl, 'in_script', $first);
	is($ctl->query('SELECT schemamig_pause()'), 't', 'pause: true with a run');
	let_go();
	ok($first->wait_err(qr/NOTICE:  00000: run \d+ is paused; SELECT schemamig_resume\(\) lets it go on/),
		'pause: the caller is told');
	is($ctl->query("SELECT count(*) FROM pg_locks WHERE pid = $worker AND locktype = 'relation'"), 0, 'pause: no lock is held');
	$ctl->query("BEGIN; SET LOCAL lock_timeout = '300ms'; LOCK TABLE paused; COMMIT");
	is($ctl->err, '', 'pause: the table is free');
	is($ctl->query("SELECT count(*) FROM pg_attribute WHERE attrelid = 'paused'::regclass AND attname = 'b'"), 0,
		'pause: the step is rolled back');
	is(effects('pause'), 1, 'pause: steps before it are kept');
	ok(!$first->is_done, 'pause: the call goes on waiting');
	is($ctl->query('SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = ' . $first->pid), 't',
		'pause: without a snapshot');
	$second->send("SELECT * FROM schemamig_apply('pause')");
	ok($second->wait_err(qr/waiting for the run of process $worker/), 'pause: others still wait for the run');
	is($ctl->query('SELECT schemamig_resume()'), 't', 'resume: true');
	like($first->wait, qr/^1\|pause\|/, 'resume: the run goes on');
	is($second->wait, '', 'resume: others find nothing to do');
	is(effects('pause'), 2, 'resume: every effect once');
	is($ctl->query("SELECT string_agg(event, ' ' ORDER BY seq) FROM schemamig.log_entry"
			  . " WHERE run = (SELECT id FROM schemamig.run WHERE target = 'pause' ORDER BY id LIMIT 1)"
			  . " AND event IN ('pause', 'resume')"), 'pause resume', 'pause and resume: in the log');
}

# 7. a paused run can be cancelled
{
	revision($ctl, 'long', "INSERT INTO effect VALUES ('long'); SELECT pg_advisory_xact_lock(1); INSERT INTO effect VALUES ('long');");
	hold();
	my $run = $first->query("SELECT schemamig_start('long')");
	worker_at($ctl, 'in_script');
	$ctl->query('SELECT schemamig_pause()');
	let_go();
	ok($ctl->until("SELECT count(*) = 1 FROM schemamig.log_entry WHERE run = $run AND event = 'pause'"), 'paused');
	is($ctl->query('SELECT schemamig_cancel()'), 't', 'cancel of a paused run: true');
	ok($ctl->until("SELECT state = 'cancelled' FROM schemamig.run WHERE id = $run"), 'cancel of a paused run: it ends');
	no_worker($ctl, 2, 'cancel of a paused run');
	is(effects('long'), 0, 'cancel of a paused run: nothing is left of the step');
	like($first->query("SELECT * FROM schemamig_apply('long')"), qr/^1\|long/, 'cancel of a paused run: the next apply is not paused');
}

# 8. a script that lets go of all advisory locks
foreach my $unlock ('SELECT pg_advisory_unlock_all()', 'DISCARD ALL')
{
	my $id = $unlock =~ /DISCARD/ ? 'discard' : 'unlock';

	revision($ctl, $id, "INSERT INTO effect VALUES ('$id'); COMMIT; $unlock; COMMIT; SELECT pg_sleep(wait) FROM hold;"
		  . " INSERT INTO effect VALUES ('$id'); COMMIT; INSERT INTO effect VALUES ('$id')");
	$ctl->query('UPDATE hold SET wait = 0.5');
	$first->send("SELECT * FROM schemamig_apply('$id')");
	$second->send("SELECT * FROM schemamig_apply('$id')");
	my @rows = ($first->wait, $second->wait);
	is(scalar(grep { /^1\|$id/ } @rows), 1, "$unlock: one of two callers does the work")
	  or diag($first->err, $second->err);
	is(($first->err . $second->err) =~ /ERROR.*/ ? $& : '', '', "$unlock: no error");
	is(effects($id), 3, "$unlock: every effect once");
}

$node->stop;
done_testing();
