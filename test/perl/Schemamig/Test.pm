# What the tests of runs share.

package Schemamig::Test;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Schemamig::Session;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(new_node revision session $worker_sql $answered_sql worker_pid
  worker_at no_worker nothing_left crash);

# The worker of the run in progress, and one that has answered.
our $worker_sql =
  "SELECT pid FROM pg_stat_activity WHERE backend_type = 'schemamig worker'"
  . " AND query <> 'schemamig: snapshot of the schema'";
our $answered_sql =
  "SELECT pid FROM pg_stat_activity WHERE query = 'schemamig: snapshot of the schema'";

# A server with the extension in database postgres.
sub new_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	# whatever the locale of the machine is
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', join "\n",
		'max_worker_processes = 16', 'autovacuum = off',
		'restart_after_crash = on', 'max_prepared_transactions = 5',
		@settings, '');
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION schemamig');
	return $node;
}

sub session
{
	my ($node, @options) = @_;
	return Schemamig::Session->new($node, @options);
}

# Stores a revision without parents (or with the given ones); scripts are
# written as they are.
sub revision
{
	my ($session, $id, $up, %options) = @_;
	my $parents = $options{parents} ? "'{$options{parents}}'" : "'{}'";
	my $down = defined $options{down} ? "\$down\$$options{down}\$down\$" : 'NULL';
	$session->query("SELECT schemamig_revision('$id', \$up\$$up\$up\$, $down,"
		  . " revision => '$id', parents => $parents)");
	die $session->err if $session->err =~ /ERROR/;
	return;
}

sub worker_pid
{
	my ($ctl) = @_;
	return $ctl->query($worker_sql);
}

# Waits until the worker is where $condition (about pg_stat_activity) says.
# "in_script" is where a script of the test waits for an advisory lock, not the
# worker for one of its own.
sub worker_at
{
	my ($ctl, $condition, $caller) = @_;
	$condition = "wait_event = 'advisory' AND query LIKE '/* schemamig run %pg_advisory_%'"
	  if $condition eq 'in_script';
	$ctl->until("SELECT EXISTS ($worker_sql AND ($condition)) AND NOT EXISTS ($answered_sql)")
	  or die "the worker did not get to: $condition\n"
	  . ($caller ? $caller->err : '');
	return worker_pid($ctl);
}

# No worker is left within so many seconds, and the migration lock is free.
sub no_worker
{
	my ($ctl, $seconds, $name) = @_;
	my $took = $ctl->until(
		"SELECT count(*) = 0 FROM pg_stat_activity"
		  . " WHERE backend_type = 'schemamig worker'",
		't', $seconds);
	ok($took, "$name: worker gone within $seconds s"
		  . ($took ? sprintf ' (%.2f s)', $took : ''));
	is( $ctl->query(
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
		0,
		"$name: migration lock free");
	return;
}

# Nothing half built is left in the database.
sub nothing_left
{
	my ($ctl, $name) = @_;
	is( $ctl->query(
			"SELECT string_agg(what, ', ') FROM ("
			  . " SELECT 'invalid ' || indexrelid::regclass FROM pg_index"
			  . "  WHERE NOT indisvalid UNION ALL"
			  . " SELECT 'named ' || oid::regclass FROM pg_class"
			  . "  WHERE relname ~ '_cc(new|old)' UNION ALL"
			  . " SELECT 'pending ' || inhrelid::regclass FROM pg_inherits"
			  . "  WHERE inhdetachpending UNION ALL"
			  . " SELECT 'step ' || revision FROM schemamig.step) AS l(what)"),
		'',
		"$name: nothing half done is left");
	return;
}

# Crashes the server, by killing the worker or by an immediate stop, and
# brings it back.
sub crash
{
	my ($node, $how, $pid) = @_;
	if ($how eq 'kill -9')
	{
		kill 9, $pid or die "could not kill $pid: $!";
		# the postmaster sees it and starts over
		foreach (1 .. 600)
		{
			my ($out) = run_command(
				[
					$node->installed_command('psql'), '-XAt',
					'-d', $node->connstr('postgres'), '-c',
					"SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"
				]);
			return if $out eq '0';
			sleep 0.05;
		}
		die "the server did not come back";
	}
	$node->stop('immediate');
	$node->start;
	return;
}

1;
