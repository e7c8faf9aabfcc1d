# schemamig_diff leads from A to B and back, as pg_dump sees it.
#
# Each pair test/diff/KIND/CASE.{a,b}.sql is two schemas.  A is loaded, "up" is
# applied and the dump compared with B's; "down" is applied and the dump
# compared with A's; and there must be no difference between B and itself, nor
# after up or down.  The dumps are compared statement by statement, without the
# order of statements, columns and storage parameters, which ALTER cannot set.
#
# Most cases run side by side, each in a schema of its own, in one pair of
# databases: one diff and four dumps for all of them.  Those that need the
# database for themselves (schemas, publications, bodies of functions that are
# text and name tables, ...) run one after the other.
#
# A case whose A begins with "-- from 18" runs on PostgreSQL 18 and later only.
#
# Security labels need a provider, which is compiled from test/diff/label.c; where
# there is no compiler, their cases are skipped.
#
# SCHEMAMIG_DIFF_CASES=REGEX runs only some, and each by itself.

use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 'test/perl';
use Schemamig::SchemaDump qw(dump_of dumps_differ);

my $node = PostgreSQL::Test::Cluster->new('diff');
my $dir  = 'test/diff';
my $only = $ENV{SCHEMAMIG_DIFF_CASES};
my @cases =
  grep { runs_here($_) }
  map { m{^\Q$dir\E/(.*)\.a\.sql$} ? $1 : () } sort glob("$dir/*/*.a.sql");
my @alone = grep { defined $only ? /$only/ : needs_database($_) } @cases;
my @together = defined $only ? () : grep { !needs_database($_) } @cases;
my $reset    = slurp_file("$dir/reset.sql");

# Whether this version of PostgreSQL has what a case is about: a case that begins
# with "-- from 18" needs 18 or a later one.
sub runs_here
{
	my ($case) = @_;
	my ($from) = slurp_file("$dir/$case.a.sql") =~ /^-- from (\d+)$/m;

	return !defined $from || $node->pg_version->major >= $from;
}

# Compiles the provider of security labels; returns its path, or undef.
sub label_provider
{
	my $config  = $ENV{PG_CONFIG} // 'pg_config';
	my $library = abs_path(PostgreSQL::Test::Utils::tempdir()) . '/label.so';
	my $headers = `$config --includedir-server 2>/dev/null`;

	chomp $headers;
	return system("cc -fPIC -shared -I'$headers' -o '$library' '$dir/label.c' >/dev/null 2>&1") == 0
	  ? $library : undef;
}

# Whether a case cannot share the databases with others.
sub needs_database
{
	my ($case) = @_;

	return join("\n", map { slurp_file("$dir/$case.$_.sql") } qw(a b)) =~
	  /^-- (alone|commit|schemamig:rename)|\b(SCHEMA|EXTENSION|PUBLICATION|SUBSCRIPTION|EVENT TRIGGER|LANGUAGE (?!sql|plpgsql)|ACCESS METHOD|FOREIGN (?!KEY)|SERVER|SECURITY LABEL|CAST|TRANSFORM|DEFAULT PRIVILEGES)/m;
}

# The hints in a schema, as the setting has them.
sub renames_of
{
	my ($sql) = @_;

	return join(', ', $sql =~ /^-- schemamig:rename (.*)/mg) =~ s/'/''/gr;
}

sub schema_of
{
	my ($case) = @_;

	return $case =~ s{\W}{_}gr;
}

sub run_sql
{
	my ($db, $sql) = @_;
	my ($out, $err) = ('', '');

	$node->psql($db, $sql, stdout => \$out, stderr => \$err,
		on_error_stop => 0, extra_params => [ '-v', 'ON_ERROR_STOP=0' ]);
	return ($out, join "\n", grep { /ERROR|FATAL|PANIC/ } split /\n/, $err);
}

# Loads two schemas, goes up, compares, goes down, compares; returns what was
# found.  Few sessions do much each: starting them is what takes time.
sub round_trip
{
	my ($load_a, $load_b) = @_;
	my $work = $node->basedir;
	my %found;
	my $left = sub {
		my ($target) = @_;

		return "\\set t `cat $work/$target.json`
			SELECT kind, object, up FROM smig.schemamig_diff('live', :'t');";
	};
	my $snapshot = sub {
		my ($to) = @_;

		return "RESET search_path;
			\\o $work/$to.json
			SELECT smig.schemamig_snapshot()::text;
			\\o\n";
	};

	unlink glob("$work/*.sql"), glob("$work/*.json");
	($found{same}, $found{load_b}) =
	  run_sql('b', "$load_b\n" . $snapshot->('b') . $left->('b'));
	(undef, $found{load_a}) = run_sql('a',
		"$load_a\n" . $snapshot->('a') . "\\set t `cat $work/b.json`
		SET schemamig.rename = '" . renames_of($load_b) . "';
		CREATE TEMP TABLE d AS SELECT * FROM smig.schemamig_diff('live', :'t');
		RESET schemamig.rename;
		\\o $work/up.sql
		SELECT up FROM d WHERE up IS NOT NULL ORDER BY seq;
		\\o $work/down.sql
		SELECT down FROM d WHERE down IS NOT NULL ORDER BY seq DESC;");
	my @before = map { dump_of($node, $_) } 'a', 'b';

	# what the statements themselves return (setval) is of no interest
	foreach my $way ('up', 'down')
	{
		my $goal = $way eq 'up' ? 'b' : 'a';

		($found{"${way}_again"}, $found{$way}) = run_sql('a',
			"\\o /dev/null\n\\i $work/$way.sql\n\\o\n" . $left->($goal));
		$found{"${way}_dump"} = [ dump_of($node, 'a'), $before[ $way eq 'up' ] ];
	}
	return \%found;
}

sub report
{
	my ($case, $found, $schema) = @_;
	my $of = sub {
		my ($text) = @_;

		return $text unless defined $schema;
		return join "\n", grep { /\b$schema\b/ } split /\n/, $text;
	};
	my @wrong;

	foreach my $part (qw(load_a load_b same up up_again down down_again))
	{
		my $text = $of->($found->{$part});

		push @wrong, "$part: $text" if $text ne '';
	}
	foreach my $part (qw(up_dump down_dump))
	{
		my $text = dumps_differ(@{ $found->{$part} }, $schema);

		push @wrong, "$part:\n$text" if $text ne '';
	}
	ok(!@wrong, "$case: up gives B, down gives A, nothing is left to do")
	  or diag(join "\n", @wrong);
	return !@wrong;
}

$node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', 'fsync = off');
my $provider = label_provider();
$node->append_conf('postgresql.conf', "session_preload_libraries = '$provider'")
  if defined $provider;
$node->start;
run_sql('postgres', 'CREATE ROLE alice; CREATE ROLE bob;');
# the cases' superuser, where another user runs the tests
run_sql('postgres', 'CREATE ROLE postgres SUPERUSER')
  if $node->safe_psql('postgres', 'SELECT current_user') ne 'postgres';
foreach my $db ('a', 'b')
{
	run_sql('postgres', "CREATE DATABASE $db");
	run_sql($db, 'CREATE SCHEMA smig; CREATE EXTENSION schemamig SCHEMA smig');
}

if (@together)
{
	my %load;

	foreach my $db ('a', 'b')
	{
		$load{$db} = "SET client_min_messages = warning;\n";
		foreach my $case (@together)
		{
			my $schema = schema_of($case);
			my $sql    = slurp_file("$dir/$case.$db.sql");

			$load{$db} .= "CREATE SCHEMA $schema; SET search_path = $schema;\n$sql\n";
		}
	}
	my $found = round_trip(@load{ 'a', 'b' });

	is("$found->{load_a}$found->{load_b}", '', 'the cases that run together load');
	report($_, $found, schema_of($_)) foreach @together;
}
foreach my $case (@alone)
{
	SKIP:
	{
		skip "$case: no compiler, or no headers of the server", 1
		  if $case =~ m{^security_label/} && !defined $provider;
		run_alone($case);
	}
}
$node->stop;
done_testing();

sub run_alone
{
	my ($case) = @_;
	my @load = map {
		"SET client_min_messages = warning;\n$reset\n"
		  . slurp_file("$dir/$case.$_.sql")
	} qw(a b);

	report($case, round_trip(@load));
	return;
}
