# Backfills that were started and then lost their process, by a crash, a restart
# or pg_terminate_backend(), go on with the next run, schemamig_resume() or
# whoever waits for them; cancelled ones wait to be started again.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $rows = 20000;
my $node = new_node('backfill_resume');
my $ctl = session($node);
my $update = 'UPDATE t SET n = n + 1';

$ctl->query('CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)');

# Starts a backfill slow enough to be interrupted, found by search_path.
sub start
{
	my ($name) = @_;
	$ctl->query("TRUNCATE app.t; INSERT INTO app.t SELECT i FROM generate_series(1, $rows) AS i");
	# a session of its own, so that whoever resumes has other settings
	my $starter = session($node);
	like(
		$starter->query("SET search_path = app, public; SET schemamig.nice = 3;"
			  . " SELECT schemamig_backfill_start('$update', batch_size => 300, name => '$name')"),
		qr/\A\d+\z/, "$name: started");
	$starter->close;
	ok($ctl->until("SELECT max(rows_done) > 1000 FROM schemamig.backfill WHERE name = '$name'"),
		"$name: at work");
	return;
}

sub restart
{
	my ($how) = @_;
	crash($node, $how, worker_pid($ctl));
	$ctl = session($node);
	return;
}

sub state
{
	my ($name) = @_;
	return $ctl->query("SELECT b.state || ' ' || r.state FROM schemamig.backfill b"
		  . " JOIN schemamig.run r ON r.id = b.run WHERE name = '$name'");
}

sub exactly_once
{
	my ($name) = @_;
	ok($ctl->until("SELECT state = 'done' FROM schemamig.backfill WHERE name = '$name'"), "$name: done");
	is($ctl->query('SELECT count(*), min(n), max(n) FROM app.t'),
		"$rows|1|1", "$name: every row exactly once");
	no_worker($ctl, 5, $name);
	is( $ctl->query("SELECT count(*) FROM schemamig.run WHERE state IN ('running', 'waiting')"),
		0, "$name: no run looks as if it went on");
	return;
}

# 1. a run with nothing else to do
start('nothing to do');
restart('kill -9');
is(state('nothing to do'), 'running running', 'nothing to do: nobody has noticed yet');
$ctl->query('SELECT * FROM schemamig_apply()');
like($ctl->err, qr/NOTICE: .*1 interrupted backfill goes on/, 'nothing to do: the caller is told');
exactly_once('nothing to do');

# 2. a run that does something
start('apply');
restart('immediate');
revision($ctl, 'other', 'CREATE TABLE other (a int)', down => 'DROP TABLE other');
is($ctl->query('SELECT revision FROM schemamig_apply()'), 'other', 'apply: does its own work');
like($ctl->err, qr/NOTICE: .*1 interrupted backfill goes on/, 'apply: the caller is told');
exactly_once('apply');

# 3. a run that fails
start('failing');
restart('immediate');
revision($ctl, 'bad', 'SELECT 1 / 0', down => '');
$ctl->query("SELECT * FROM schemamig_apply('bad')");
like($ctl->err, qr/division by zero/, 'failing: the run fails');
exactly_once('failing');

# 4. a run that was started
start('started');
restart('kill -9');
$ctl->query("SELECT schemamig_start('other', 'revert', allow_destructive => true)");
exactly_once('started');

# 5. schemamig_resume(), from pg_cron say
start('resume');
restart('immediate');
is($ctl->query('SELECT schemamig_resume()'), 't', 'resume: goes on');
is($ctl->query('SELECT schemamig_backfill_finish(\'resume\')'), $rows, 'resume: is waited for');
exactly_once('resume');
is($ctl->query('SELECT schemamig_resume()'), 'f', 'resume: nothing is left');

# 6. its process is terminated: whoever waits takes it up
start('terminate');
my $waiter = session($node);
$waiter->send("SELECT schemamig_backfill_finish('terminate')");
$waiter->pump(0.3) if $waiter->can('pump');
$ctl->query('SELECT pg_terminate_backend(' . worker_pid($ctl) . ')');
is($waiter->wait, $rows, 'terminate: the waiting session takes it up');
exactly_once('terminate');

# 7. its process is terminated, and nobody waits: settled when seen
start('settled');
my $run = $ctl->query("SELECT run FROM schemamig.backfill WHERE name = 'settled'");
$ctl->query('SELECT pg_terminate_backend(' . worker_pid($ctl) . ')');
no_worker($ctl, 5, 'settled');
$ctl->query("CREATE TABLE u (id int PRIMARY KEY); SET schemamig.nice = 0;"
	  . " SELECT schemamig_backfill('DELETE FROM u')");
is(state('settled'), 'interrupted interrupted', 'settled: by the next backfill');
$ctl->query("SELECT schemamig_backfill_set('settled', workers => 2)");
is($ctl->err, '', 'settled: can be changed');
is($ctl->query('SELECT schemamig_resume()'), 't', 'settled: goes on');
exactly_once('settled');
is($ctl->query("SELECT state FROM schemamig.run WHERE id = $run"), 'interrupted', 'settled: the run that was terminated');

# 8. cancelled: not taken up by a run; starting it again continues
start('cancel');
is($ctl->query('SELECT schemamig_cancel()'), 't', 'cancel: takes effect');
no_worker($ctl, 5, 'cancel');
is(state('cancel'), 'cancelled cancelled', 'cancel: on record');
$ctl->query('SELECT * FROM schemamig_revert(\'base\', allow_destructive => true)');
is($ctl->query('SELECT schemamig_resume()'), 'f', 'cancel: is not taken up');
$ctl->query("SELECT schemamig_backfill_finish('cancel')");
like($ctl->err, qr/ERROR:  55000: backfill "cancel" is not done: it was cancelled/, 'cancel: who waits is told');
is(state('cancel'), 'cancelled cancelled', 'cancel: stays');
$ctl->query("SET search_path = app, public; SELECT schemamig_backfill_start('$update', name => 'cancel')");
exactly_once('cancel');

# 9. required by a revision, and killed meanwhile: the next apply goes on
start('required');
revision($ctl, 'require', "SELECT schemamig_backfill_finish('required'); CREATE TABLE required (a int)",
	down => 'DROP TABLE required');
$waiter = session($node);
$waiter->send("SELECT * FROM schemamig_apply('require')");
$ctl->until("SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'schemamig worker'");
restart('immediate');
is($ctl->query("SELECT revision FROM schemamig_apply('require')"), 'require', 'required: applied');
exactly_once('required');

# who may not vacuum is told so once
{
	$ctl->query('CREATE ROLE writer; CREATE TABLE dirty (id int PRIMARY KEY, n int NOT NULL);'
		  . ' INSERT INTO dirty SELECT i, 0 FROM generate_series(1, 8000) i;'
		  . ' GRANT SELECT, UPDATE ON dirty TO writer; GRANT USAGE ON SCHEMA schemamig TO writer;'
		  . ' GRANT EXECUTE ON FUNCTION schemamig_backfill TO writer');
	my $writer = session($node);
	is($writer->query("SET ROLE writer; SET schemamig.vacuum_every = 0.01;"
			  . " SELECT schemamig_backfill('UPDATE dirty SET n = n + 1', batch_size => 1000)"), 8000,
		'without the right to vacuum: done');
	is(scalar(() = $writer->err =~ /WARNING: .*vacuum/g), 1, 'and one warning');
	is($ctl->query('SELECT count(*), min(n), max(n) FROM dirty'), '8000|1|1', 'every row once');
}

$node->stop;
done_testing();
