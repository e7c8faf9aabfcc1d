# schemamig_diff leads from one random schema to another and back, as pg_dump
# sees it; both have much in common.
#
# A pair fails when a statement fails, when a dump differs, when a difference is
# left, or when a table that both have is another one afterwards.  A change that
# schemamig refuses or reports is allowed, as long as most are done.
#
# SCHEMAMIG_DIFF_SEED is the first seed (1), SCHEMAMIG_DIFF_PAIRS
# how many pairs (12; with SCHEMAMIG_STRESS, as "make stress" sets it, 1000).  A
# pair is made again by its seed.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 'test/perl';
use Schemamig::RandomSchema;
use Schemamig::SchemaDump qw(dump_of dumps_differ);

my $pairs   = $ENV{SCHEMAMIG_DIFF_PAIRS} // ($ENV{SCHEMAMIG_STRESS} ? 1000 : 12);
my $first   = $ENV{SCHEMAMIG_DIFF_SEED} // 1;
my $node    = PostgreSQL::Test::Cluster->new('random');
my $work    = $node->basedir;
my $refused = 0;

sub run_sql
{
	my ($db, $sql) = @_;
	my ($out, $err) = ('', '');

	$node->psql($db, $sql, stdout => \$out, stderr => \$err,
		on_error_stop => 0, extra_params => [ '-v', 'ON_ERROR_STOP=0' ]);
	return ($out, join "\n", grep { /ERROR|FATAL|PANIC/ } split /\n/, $err);
}

# The tables that both sides have as such, with their OIDs in "a".
sub tables
{
	my ($db) = @_;

	return run_sql($db, "SELECT relname, relkind, oid FROM pg_class
		WHERE relnamespace = 's'::regnamespace AND relkind IN ('r', 'p')
		ORDER BY 1");
}

# Executes a script and compares; returns what is wrong.
sub go
{
	my ($way, $want, $snapshot, $reported) = @_;
	my ($left, $err) = run_sql('a', "\\o /dev/null
		\\i $work/$way.sql
		\\o
		\\set t `cat $work/$snapshot.json`
		SELECT kind, object, action, up FROM smig.schemamig_diff('live', :'t');");
	my $differ = dumps_differ(dump_of($node, 'a'), $want);

	return "$way fails: $err"                          if $err ne '';
	return ''                                          if $reported;
	return "after $way the dump differs:\n$differ"     if $differ ne '';
	return "after $way there is still to do:\n$left"   if $left ne '';
	return '';
}

# Loads a pair, goes up and down; returns what is wrong.
sub try_pair
{
	my ($schema) = @_;
	my %dump;

	foreach my $db ('a', 'b')
	{
		run_sql('postgres', "DROP DATABASE IF EXISTS $db; CREATE DATABASE $db TEMPLATE model");
		run_sql($db, join '', 'SET client_min_messages = warning;', $schema->sql($db));
		run_sql($db, "\\o $work/$db.json
			SELECT smig.schemamig_snapshot()::text;");
		$dump{$db} = dump_of($node, $db);
	}
	my ($before) = tables('a');
	my ($told, $err) = run_sql('a', "\\set t `cat $work/b.json`
		CREATE TEMP TABLE d AS SELECT * FROM smig.schemamig_diff('live', :'t');
		SELECT coalesce(string_agg(DISTINCT h->>'rule', ' '), '')
		FROM d CROSS JOIN jsonb_array_elements(hazards) h
		WHERE h->>'rule' IN ('unsupported', 'irreversible');
		\\o $work/up.sql
		SELECT up FROM d WHERE up IS NOT NULL ORDER BY seq;
		\\o $work/down.sql
		SELECT down FROM d WHERE down IS NOT NULL ORDER BY seq DESC;");

	if ($err =~ /which holds data|in a circle|part of the partition key/)
	{
		$refused++;
		return '';
	}
	return "diff fails: $err" if $err ne '';
	$refused++ if $told =~ /unsupported/;

	my $wrong = go('up', $dump{b}, 'b', $told =~ /unsupported/);

	return $wrong if $wrong ne '';
	my %oid = map { /^(.*)\|(\d+)$/ ? ($1 => $2) : () } split /\n/, $before;
	foreach my $line (split /\n/, (tables('a'))[0])
	{
		my ($table, $oid) = $line =~ /^(.*)\|(\d+)$/;

		return "table $table is another one" if $oid{$table} && $oid{$table} != $oid;
	}
	return '' if $told =~ /irreversible|unsupported/;
	return go('down', $dump{a}, 'a', 0);
}

$node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off");
$node->start;
run_sql('postgres', 'CREATE ROLE alice; CREATE ROLE bob; CREATE DATABASE model');
run_sql('model', 'CREATE SCHEMA smig; CREATE EXTENSION schemamig SCHEMA smig');
note("seeds $first to " . ($first + $pairs - 1));
foreach my $seed ($first .. $first + $pairs - 1)
{
	my $wrong = try_pair(Schemamig::RandomSchema->new($seed));

	is($wrong, '', "random pair with seed $seed");
}
cmp_ok($refused, '<=', $pairs / 4 + 1, "few pairs are refused or reported ($refused)");
$node->stop;
done_testing();
