# Interrupting the caller, its client or the worker stops the run within a
# second; the step is rolled back, the lock is free, the next apply continues.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('cancel');
my $ctl = session($node);
my $lock = session($node, name => 'blocker');
my $n = 0;

$ctl->query('CREATE TABLE big AS SELECT i AS a, i AS b FROM generate_series(1, 100) i');

# How the run is stopped; the caller's session may not survive it.
my @interruptions = (
	{
		name => 'cancel of the caller',
		act => sub { $ctl->query('SELECT pg_cancel_backend(' . $_[0]->pid . ')') },
		error => qr/ERROR:  57014: canceling statement due to user request/,
	},
	{
		name => 'Ctrl-C in psql',
		act => sub { $_[0]->signal('INT') },
		error => qr/canceling statement due to user request/,
		gone => 1,
	},
	{
		name => 'statement_timeout of the caller',
		before => "SET statement_timeout = '700ms'",
		act => sub { },
		error => qr/ERROR:  57014: canceling statement due to statement timeout/,
	},
	{
		name => 'termination of the caller',
		act => sub { $ctl->query('SELECT pg_terminate_backend(' . $_[0]->pid . ')') },
		error => qr/FATAL:  57P01/,
		gone => 1,
	},
	{
		name => 'kill -9 of the client',
		act => sub { $_[0]->signal('KILL') },
		gone => 1,
	},
	{
		name => 'cancel of the worker',
		act => sub { $ctl->query('SELECT pg_cancel_backend(' . $_[1] . ')') },
		error => qr/ERROR:  57014: canceling statement due to user request/,
		names_step => 1,
	},
	{
		name => 'schemamig_cancel()',
		act => sub { is($ctl->query('SELECT schemamig_cancel()'), 't', 'schemamig_cancel() finds the run') },
		error => qr/ERROR:  57014: canceling statement due to user request/,
		names_step => 1,
	},
	{
		name => 'termination of the worker',
		act => sub { $ctl->query('SELECT pg_terminate_backend(' . $_[1] . ')') },
		error => qr/ERROR:  57P01: terminating background worker/,
		names_step => 1,
		hard => 1,
	},
);

sub interrupt
{
	my ($caller, $how, $name, $id, $step) = @_;
	my $worker = worker_pid($ctl);

	$how->{act}->($caller, $worker);
	no_worker($ctl, 2, $name);
	if ($how->{error})
	{
		$caller->wait;
		like($caller->err, $how->{error}, "$name: the caller is told");
		like($caller->err, qr/revision "$id", step $step, statement $step/,
			"$name: the error names revision and step")
		  if $how->{names_step};
	}
	ok($ctl->until('SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = ' . $caller->pid),
		"$name: the session is gone")
	  if $how->{gone} && $how->{name} ne 'Ctrl-C in psql';
	return;
}

# 1. in a transactional step that sleeps, behind one that is done
foreach my $how (@interruptions)
{
	my $id = 's' . ++$n;
	my $name = "$how->{name}, in a transaction";
	my $caller = session($node);

	revision($ctl, $id, "CREATE TABLE ${id}_a (); COMMIT;\n"
		  . 'DO $$BEGIN CREATE TABLE '
		  . "${id}_b"
		  . ' (); PERFORM pg_sleep(wait) FROM hold; END$$;');
	$ctl->query('DROP TABLE IF EXISTS hold; CREATE TABLE hold AS SELECT 30 AS wait');
	$caller->query($how->{before}) if $how->{before};
	$caller->send("SELECT * FROM schemamig_apply('$id')");
	worker_at($ctl, "wait_event = 'PgSleep'");
	interrupt($caller, $how, $name, $id, 2);
	is($ctl->query("SELECT to_regclass('${id}_a') IS NOT NULL, to_regclass('${id}_b') IS NULL"),
		't|t', "$name: the first step is kept, the second rolled back");
	is($ctl->query("SELECT state FROM schemamig.step WHERE revision = '$id' AND step = 1"),
		'done', "$name: the journal has the first step");
	$ctl->query('UPDATE hold SET wait = 0');
	is($ctl->query("SELECT revision, direction, steps FROM schemamig_apply('$id')"),
		"$id|apply|2", "$name: the next apply goes on");
	unlike($ctl->err, qr/step 1 of 2/, "$name: at the second step");
	is($ctl->query("SELECT to_regclass('${id}_b') IS NOT NULL"), 't', "$name: and completes it");
	is($ctl->query("SELECT state, sqlstate FROM schemamig.run WHERE target = '$id' ORDER BY id LIMIT 1"),
		($how->{hard} || $how->{name} =~ /termination/ ? 'interrupted|' : 'cancelled|57014'),
		"$name: the record says what became of the run");
}

# 2. in CREATE INDEX CONCURRENTLY that waits for a writer
foreach my $how (@interruptions)
{
	my $id = 'c' . ++$n;
	my $name = "$how->{name}, in CREATE INDEX CONCURRENTLY";
	my $caller = session($node);

	revision($ctl, $id, "CREATE TABLE ${id}_a ();\n CREATE INDEX CONCURRENTLY ${id}_i ON big (a);");
	$lock->query('BEGIN; UPDATE big SET b = b + 1 WHERE a = 1');
	$caller->query($how->{before}) if $how->{before};
	$caller->send("SELECT * FROM schemamig_apply('$id')");
	worker_at($ctl, "wait_event_type = 'Lock' AND query LIKE '%CREATE INDEX CONC%'");
	interrupt($caller, $how, $name, $id, 2);
	$lock->query('COMMIT');
	is($ctl->query("SELECT revision, steps FROM schemamig_apply('$id')"),
		"$id|2", "$name: the next apply goes on");
	is($ctl->query("SELECT indisvalid FROM pg_index WHERE indexrelid = '${id}_i'::regclass"),
		't', "$name: the index is valid");
	nothing_left($ctl, $name);
	$ctl->query("DROP INDEX ${id}_i");
}

$node->stop;
done_testing();
