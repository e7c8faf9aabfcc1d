# A server that crashes while a thousand revisions are loaded has all of them
# afterwards, or none.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $pause = 4711;

my $node = PostgreSQL::Test::Cluster->new('load_crash');
$node->init;
# what the test is about: the server comes up again by itself
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION schemamig');

# The text is made in the server: a command line would not hold it.
my $load = q{
	SELECT count(*) FROM schemamig_load((
		SELECT string_agg(format(E'-- schemamig:revision r%s\n-- schemamig:parents %s\n-- schemamig:up\nCREATE TABLE t%s ();\n',
			i, 'r' || nullif(i - 1, 0), i), '' ORDER BY i)
		FROM generate_series(1, 1000) i))};

# In the middle of its work a load waits for a lock that the test holds.
$node->safe_psql(
	'postgres', qq{
	CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM pg_catalog.pg_advisory_xact_lock($pause);
		RETURN NEW;
	END
	\$\$;
	CREATE TRIGGER wait_here BEFORE INSERT ON schemamig.revision
		FOR EACH ROW WHEN (NEW.id = 'r500') EXECUTE FUNCTION wait_here()});

sub revisions
{
	return $node->safe_psql('postgres',
		'SELECT count(*) FROM schemamig.revision');
}

# Starts a load, waits until it is in the middle, crashes the server by
# calling $crash with the backend's process id, and waits for the server.
sub crash_in_the_middle
{
	my ($crash) = @_;
	my $holder = $node->background_psql('postgres');
	my $loader = $node->background_psql('postgres', on_error_stop => 0);

	$holder->query_safe("SELECT pg_advisory_lock($pause)");
	$loader->query_until(qr/started/, "\\echo started\n$load;\n");
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory'"
		  . " AND objid = $pause AND NOT granted")
	  or die 'the load does not come to its middle';
	$crash->(
		$node->safe_psql(
			'postgres',
			"SELECT pid FROM pg_locks WHERE locktype = 'advisory'"
			  . " AND objid = $pause AND NOT granted"));
	foreach my $session ($holder, $loader)
	{
		eval { $session->{run}->kill_kill };
	}
	$node->poll_query_until('postgres', 'SELECT true')
	  or die 'the server does not come back';
}

crash_in_the_middle(
	sub {
		my ($pid) = @_;
		kill 'KILL', $pid or die "kill $pid: $!";
		# the postmaster notices, and restarts
		$node->poll_query_until('postgres',
			"SELECT pg_postmaster_start_time() IS NOT NULL AND NOT EXISTS"
			  . " (SELECT FROM pg_stat_activity WHERE pid = $pid)");
	});
is(revisions(), 0, 'kill -9 of the loading backend leaves no revision');

crash_in_the_middle(
	sub {
		$node->stop('immediate');
		$node->start;
	});
is(revisions(), 0, 'an immediate shutdown leaves no revision');

is($node->safe_psql('postgres', $load), 1000, 'the same load works afterwards');
$node->stop('immediate');
$node->start;
is(revisions(), 1000, 'what was loaded survives the next crash');
is($node->safe_psql('postgres', "SELECT revision FROM schemamig_heads()"),
	'r1000', 'and its graph is whole');
is($node->safe_psql('postgres', $load),
	1000, 'loading it again is no error');
is(revisions(), 1000, 'and adds nothing');

$node->stop;
done_testing();
