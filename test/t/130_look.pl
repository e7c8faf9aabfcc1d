# What the views and the status say while runs run, wait, pause and die.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use Schemamig::Test;
use Test::More;

my $node = new_node('look');
my $ctl = session($node);
my $lock = session($node, name => 'blocker');
my $superuser = $ctl->query('SELECT current_user');

# All that one may see of a run by SELECT on the views alone.
$ctl->query('CREATE ROLE reader');
$ctl->query('GRANT USAGE ON SCHEMA schemamig TO reader');
$ctl->query('GRANT SELECT ON schemamig.lock, schemamig.progress, schemamig.log TO reader');
my $reader = session($node);
$reader->query('SET ROLE reader');

sub progress_is
{
	my ($columns, $expected, $name) = @_;
	ok($reader->until("SELECT concat_ws('|', $columns) FROM schemamig.progress", $expected),
		$name)
	  or diag($reader->query("SELECT $columns FROM schemamig.progress") . $reader->err);
	return;
}

sub status
{
	my ($column) = @_;
	return $ctl->query("SELECT $column FROM schemamig_status()");
}

$ctl->query('CREATE TABLE big AS SELECT i AS a, i AS b FROM generate_series(1, 1000) i');

# 1. a statement that takes its time
revision($ctl, 'slow', "SELECT 1; COMMIT;\nSELECT pg_sleep(60);", down => '');
my $caller = session($node, name => 'the_caller');
my $second = session($node);
$caller->query("SET application_name = 'deploy'");
$caller->send("SELECT * FROM schemamig_apply('slow')");
my $worker = worker_at($ctl, "wait_event = 'PgSleep'", $caller);
progress_is("run, revision, step, workers, state, throttled_by", '1|slow|2|1|running',
	'progress shows run, revision and step');
is($reader->query("SELECT pid, role, application_name, run, target, acquired_at < now(), waiting_callers FROM schemamig.lock"),
	"$worker|$superuser|deploy|1|slow|t|{}", 'lock shows who holds it');
unlike($reader->query('SELECT * FROM schemamig.progress p, schemamig.lock l'), qr/pg_sleep/,
	'no text of a query is shown');
my $running = decode_json(status('running'));
is_deeply([ @$running{qw(run pid role direction target revision step steps statement statements state)} ],
	[ 1, $worker, $superuser, 'apply', 'slow', 'slow', 2, 2, 2, 2, 'running' ],
	'status shows the run');
like(status('next'), qr/^run 1 is in progress: SELECT \* FROM schemamig_wait\(\)/, 'status says how to wait');

# 2. a second caller waits; it is named
$second->send("SELECT * FROM schemamig_apply('slow')");
ok($reader->until("SELECT waiting_callers FROM schemamig.lock", '{' . $second->pid . '}'),
	'lock shows the waiting caller');
$ctl->query("SELECT schemamig_start('slow')");
ok($reader->until("SELECT cardinality(waiting_callers) FROM schemamig.lock", '2'), 'and the waiting run');
ok($reader->until("SELECT string_agg(run || ' ' || state, ', ') FROM schemamig.progress",
		'1 running, 2 waiting for another run'),
	'progress shows the run that waits');

# 3. pause: asked for, then in force
$ctl->query('SELECT schemamig_pause()');
ok($reader->until("SELECT state FROM schemamig.progress WHERE run = 1", 'pausing'),
	'a pause that was asked for is shown');
$ctl->query('SELECT schemamig_resume()');

# 4. cancelled: the run that waited is next, and ends the same way
$second->signal('INT');
ok($reader->until('SELECT cardinality(waiting_callers) FROM schemamig.lock', '1'),
	'a caller that gave up does not wait any more');
$ctl->query('SELECT schemamig_cancel()');
$caller->wait;
ok($ctl->until("SELECT concat_ws('|', running->>'run', running->>'state') FROM schemamig_status()",
		'2|running'),
	'the run that waited is next');
is(status("last_error->>'run', last_error->>'state'"), '1|cancelled', 'the one before it was cancelled');
worker_at($ctl, "wait_event = 'PgSleep'");
$ctl->query('SELECT schemamig_cancel()');
$ctl->until('SELECT count(*) FROM schemamig.lock', '0');
is(status("last_error->>'run', last_error->>'state', last_error->>'revision', last_error->>'step', last_error->>'sqlstate'"),
	'2|cancelled|slow|2|57014', 'status shows what was cancelled and where');
is(status('next'), qq{revision "slow" is half applied: SELECT schemamig_apply('slow') continues it.},
	'status names the command that continues');
$ctl->query("SELECT schemamig_settle('slow', 'applied')");

# 5. a table that somebody else has locked: waited for outside of the queue
revision($ctl, 'add', 'ALTER TABLE big ADD COLUMN c int', down => '', parents => 'slow');
$lock->query('BEGIN; SELECT count(*) FROM big');
$ctl->query("SELECT schemamig_start('add')");
progress_is("revision, step, throttled_by, state", 'add|1|process ' . $lock->pid . '|waiting for lock',
	'progress names the process in the way of a step');
like(status('running'), qr/"waits_for": "process ${\$lock->pid}"/, 'so does the status');

# 6. paused while it waits, outside of the lock queue
$ctl->until("SELECT event FROM schemamig.log ORDER BY seq DESC LIMIT 1", 'wait');
progress_is('revision, step, throttled_by, state', 'add|1|process ' . $lock->pid . '|waiting for lock',
	'progress names it as well while the step waits outside of the queue');
is($ctl->query('SELECT schemamig_pause()'), 't', 'a run that waits can be paused');
$lock->query('COMMIT');
progress_is('revision, step, state', 'add|1|paused', 'a paused run is shown');
like(status('next'), qr/is paused: SELECT schemamig_resume\(\)/, 'status says how it goes on');
is($ctl->query('SELECT schemamig_resume()'), 't', 'a paused run can go on');
$ctl->until('SELECT count(*) FROM schemamig.lock', '0');
is(status('current, pending'), '{add}|0', 'it goes on and ends');

# 7. CREATE INDEX CONCURRENTLY that waits for a writer: relation and phase
revision($ctl, 'idx', 'CREATE INDEX CONCURRENTLY big_a ON big (a)', down => '', parents => 'add');
$lock->query('BEGIN; UPDATE big SET b = 0 WHERE a = 1');
$ctl->query("SELECT schemamig_start('idx')");
ok($reader->until("SELECT concat_ws('|', revision, step, relation, throttled_by) FROM schemamig.progress",
		'idx|1|public.big|process ' . $lock->pid),
	'progress shows the relation of an index build, and whom it waits for')
  or diag($reader->query('TABLE schemamig.progress'));

# 8. the wait for a run sees that its worker is terminated
$caller = session($node);
$caller->send('SELECT * FROM schemamig_wait()');
$ctl->until('SELECT count(*) FROM pg_stat_activity WHERE query LIKE ' . "'SELECT * FROM schemamig_wait%' AND state = 'active'", '1');
$ctl->query("SELECT pg_terminate_backend($_)") for worker_pid($ctl);
$caller->wait;
like($caller->err, qr/ERROR/, 'schemamig_wait ends when the worker was terminated');
is(status("last_error->>'state', last_error->>'target'"), 'interrupted|idx', 'the run was interrupted');
is(status('next'), qq{revision "idx" is half applied: SELECT schemamig_apply('idx') continues it.},
	'status names the command that continues');
$lock->query('COMMIT');
$ctl->query("SELECT schemamig_apply('idx')");
is(status('current, last_error IS NULL'), '{idx}|t', 'and so it does');

# 9. after a crash nothing is said to run
revision($ctl, 'crash', 'SELECT pg_sleep(60)', down => '', parents => 'idx');
$ctl->query("SELECT schemamig_start('crash')");
worker_at($ctl, "wait_event = 'PgSleep'");
crash($node, 'immediate');
$ctl = session($node);
is(status("running IS NULL, last_error->>'state', last_error->>'target'"), 't|interrupted|crash',
	'a run that died with the server is shown as interrupted');
like(status('next'), qr/was interrupted: SELECT schemamig_apply\('crash'\) continues/, 'status names the command');

$node->stop;
done_testing();
