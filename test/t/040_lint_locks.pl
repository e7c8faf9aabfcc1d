# Predicted locks, rewrites and scans are those that the server really takes.
#
# Each statement is predicted by schemamig_lint and then run in a transaction
# that is rolled back; pg_locks, relfilenodes and the transaction's scan counters
# say what it did.  The statements are those of ../shared/data/locks-pg15.json,
# with their own fixture, and of test/lint/own_cases.sql.
#
# Locks must be the same for each relation that exists before, but AccessShare
# on indexes, which any reading takes, and what DML may take on partitions and
# indexes the rows never reach.  Rewrites must be the same.  Scans must include
# every real one; a predicted scan that did not happen is a failure too, unless
# the planner decides (DML, checks of foreign keys), or the relation is rewritten.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shared = $ENV{SCHEMAMIG_SHARED} // '../shared';
my $json   = JSON::PP->new->utf8->canonical;

my $node = PostgreSQL::Test::Cluster->new('lint_locks');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\ntimezone = 'UTC'");
$node->start;

my @modes = qw(None AccessShareLock RowShareLock RowExclusiveLock
  ShareUpdateExclusiveLock ShareLock ShareRowExclusiveLock ExclusiveLock
  AccessExclusiveLock);
my %strength = map { $modes[$_] => $_ } 0 .. $#modes;

sub quoted
{
	my ($sql) = @_;
	my $tag = 'q';
	$tag .= 'q' while index($sql, "\$$tag\$") >= 0;
	return "\$$tag\$$sql\$$tag\$";
}

# Runs all cases in one session and returns, for each, what was predicted for
# its last statement and what that did; undef where the server refused it.
sub measure
{
	my ($db, $path, @cases) = @_;
	my $script = "\\set ON_ERROR_STOP 0\n\\pset format unaligned\n\\pset tuples_only\n";
	foreach my $n (0 .. $#cases)
	{
		my @parts = @{ $cases[$n] };
		my $last  = pop @parts;
		my $sql   = join('; ', @parts, $last);
		$script .= "SET search_path = $path;\n";
		$script .= "SELECT measure.predicted($n, " . quoted($sql) . ");\n";
		$script .= "BEGIN;\n";
		$script .= "$_;\n" foreach @parts;
		$script .= "RESET search_path;\nSET LOCAL search_path = $path;\n" unless "@parts" =~ /search_path/;
		# locks of the preparing statements do not count, so only what grows
		$script .= "SELECT measure.before();\n$last;\nSELECT measure.after($n);\nROLLBACK;\nRESET ALL;\n";
	}
	my ($out, $err);
	$node->psql($db, $script, stdout => \$out, stderr => \$err);
	my @result = map { {} } @cases;
	foreach my $line (split /\n/, $out)
	{
		next unless $line =~ /^\{/;
		my $row = $json->decode($line);
		$result[ $row->{n} ]{ $row->{what} } = $row;
	}
	return (\@result, $err);
}

my $harness = q{
CREATE EXTENSION schemamig;
CREATE SCHEMA measure;
CREATE VIEW measure.relation AS
SELECT c.oid, c.relkind, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
	pg_catalog.pg_relation_filenode(c.oid) AS filenode
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid > 16383
	AND n.nspname NOT IN ('pg_toast', 'measure', 'schemamig', 'pg_catalog')
	AND n.nspname !~ '^pg_temp';
CREATE TABLE measure.original AS SELECT * FROM measure.relation WHERE false;
CREATE TABLE measure.start AS SELECT * FROM measure.original;
CREATE TABLE measure.scans (oid oid, n bigint);
CREATE TABLE measure.held (oid oid, mode text);
CREATE FUNCTION measure.before() RETURNS void LANGUAGE sql AS $$
	DELETE FROM measure.scans; DELETE FROM measure.held;
	INSERT INTO measure.scans SELECT relid, seq_scan FROM pg_catalog.pg_stat_xact_all_tables;
	DELETE FROM measure.start;
	INSERT INTO measure.start SELECT * FROM measure.relation;
$$;
CREATE FUNCTION measure.after(n int) RETURNS json LANGUAGE sql AS $$
	SELECT pg_catalog.json_build_object('n', n, 'what', 'did',
		'locks', (SELECT coalesce(pg_catalog.json_agg(
				pg_catalog.json_build_array(b.name, l.mode, b.relkind)), '[]')
			FROM pg_catalog.pg_locks l
				JOIN measure.original b ON b.oid = l.relation
				JOIN measure.start s ON s.oid = b.oid
			WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted),
		'names', (SELECT pg_catalog.json_agg(o.name)
			FROM measure.original o JOIN measure.start s ON s.oid = o.oid),
		'rewrites', (SELECT coalesce(pg_catalog.json_agg(o.name ORDER BY o.name), '[]')
			FROM measure.original o JOIN measure.start b ON b.oid = o.oid
				JOIN measure.relation r ON r.oid = b.oid
			WHERE r.filenode IS DISTINCT FROM b.filenode),
		'scans', (SELECT coalesce(pg_catalog.json_agg(o.name ORDER BY o.name), '[]')
			FROM measure.original o
				JOIN pg_catalog.pg_stat_xact_all_tables t ON t.relid = o.oid
				LEFT JOIN measure.scans b ON b.oid = t.relid
			WHERE t.seq_scan > coalesce(b.n, 0)))
$$;
CREATE FUNCTION measure.predicted(n int, sql text) RETURNS SETOF json LANGUAGE sql AS $$
	SELECT pg_catalog.json_build_object('n', n, 'what', 'predicted', 'locks', l.locks,
		'rewrites', l.rewrites, 'scans', l.scans,
		'all', (SELECT pg_catalog.json_agg(a.locks) FROM public.schemamig_lint(sql) a))
	FROM public.schemamig_lint(sql) l
	WHERE l.statement IS NOT NULL
	ORDER BY l.statement DESC LIMIT 1
$$;
};

# Compares one case; returns a list of complaints.
sub compare
{
	my ($sql, $predicted, $did) = @_;
	my @wrong;
	my (%real, %kind, %guess);
	my %there = map { $_ => 1 } @{ $did->{names} };
	foreach my $lock (@{ $did->{locks} })
	{
		my ($name, $mode, $kind) = @$lock;
		$kind{$name} = $kind;
		$real{$name} = $mode
		  if !$real{$name} || $strength{$mode} > $strength{ $real{$name} };
	}
	# locks are kept, so those of the preparing statements count as well
	foreach my $locks (@{ $predicted->{all} })
	{
		while (my ($name, $mode) = each %$locks)
		{
			$guess{$name} = $mode
			  if !$guess{$name} || $strength{$mode} > $strength{ $guess{$name} };
		}
	}
	my $dml = $sql =~ /(^|; )(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|COPY)\b/i;
	my $planned = $dml || $sql =~ /FOREIGN KEY/;
	foreach my $name (sort keys %real)
	{
		next if $real{$name} eq 'AccessShareLock' && $kind{$name} =~ /[iI]/;
		push @wrong, "$name: takes $real{$name}, predicted "
		  . ($guess{$name} // 'nothing')
		  if ($guess{$name} // '') ne $real{$name};
	}
	foreach my $name (sort keys %guess)
	{
		next
		  if $real{$name}
		  || $guess{$name} eq 'AccessShareLock'
		  || $dml
		  || !$there{$name};
		push @wrong, "$name: predicted $guess{$name}, takes nothing";
	}
	my %rewritten = map { $_ => 1 } @{ $did->{rewrites} };
	my %rewrites  = map { $_ => 1 } @{ $predicted->{rewrites} };
	push @wrong, "$_: rewritten, not predicted"
	  foreach grep { !$rewrites{$_} } sort keys %rewritten;
	push @wrong, "$_: predicted rewrite did not happen"
	  foreach grep { !$rewritten{$_} } sort keys %rewrites;
	my %scanned = map { $_ => 1 } @{ $did->{scans} };
	my %scans   = map { $_ => 1 } @{ $predicted->{scans} };
	push @wrong, "$_: scanned, not predicted"
	  foreach grep { !$scans{$_} } sort keys %scanned;
	push @wrong, "$_: predicted scan did not happen"
	  foreach grep { !$scanned{$_} && !$rewritten{$_} && !$planned } sort keys %scans;
	return @wrong;
}

sub run_suite
{
	my ($db, $path, $fixture, @cases) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, $harness);
	$node->safe_psql($db, $fixture);
	$node->safe_psql($db, 'INSERT INTO measure.original SELECT * FROM measure.relation');
	my ($results, $errors) = measure($db, $path, @cases);
	my $refused = 0;
	foreach my $n (0 .. $#cases)
	{
		my $name   = join('; ', @{ $cases[$n] });
		my $result = $results->[$n];
		if (!$result->{did})
		{
			# what the server refuses takes no locks worth predicting
			$refused++;
			pass("$name (refused by this server)");
			next;
		}
		my @wrong = $result->{predicted}
		  ? compare($name, $result->{predicted}, $result->{did})
		  : ('no prediction');
		is(join("\n", @wrong), '', $name);
	}
	return ($refused, $errors);
}

my @own;
foreach my $line (split /\n/, slurp_file('test/lint/own_cases.sql'))
{
	next if $line =~ /^--|^\s*$/;
	push @own, [ split /; /, $line ];
}
my ($refused, $errors) =
  run_suite('own', 'f, public', slurp_file('test/lint/fixture.sql'), @own);
cmp_ok(@own - $refused, '>=', 60, 'at least 60 own cases ran')
  or diag($errors);
diag($errors) if $ENV{SCHEMAMIG_LINT_VERBOSE};

SKIP:
{
	my $file = "$shared/data/locks-pg15.json";
	skip "no $file", 1 unless -r $file;
	my $matrix = $json->decode(slurp_file($file));
	my @cases = map { [ split /; /, $_->{sql} ] } @{ $matrix->{statements} };
	@cases = map { $_->[0] =~ /plpgsql|\$\$/ ? [ join('; ', @$_) ] : $_ } @cases;
	($refused, $errors) = run_suite('matrix', 's, public',
		$matrix->{fixture}, @cases);
	cmp_ok($refused, '<=', 3, 'nearly all statements of the matrix ran')
	  or diag($errors);
}

# What CONCURRENTLY statements hold while they wait was measured from another
# session; nothing can be measured in a transaction that is rolled back.
SKIP:
{
	my $file   = "$shared/data/concurrently-locks-pg15.json";
	my $matrix = "$shared/data/locks-pg15.json";
	skip "no $file", 1 unless -r $file && -r $matrix;
	$node->safe_psql('matrix', 'CREATE INDEX ci ON s.t (ck)');
	foreach my $case (@{ $json->decode(slurp_file($file)) })
	{
		next unless $case->{locks_while_waiting};
		my %real;
		foreach my $lock (split /, /, $case->{locks_while_waiting})
		{
			my ($name, $mode) = $lock =~ /^(s\.\w+)=(\w+)$/ or next;
			$real{$name} = $mode unless $name =~ /_cc(new|old)$/;
		}
		my $sql = $case->{stmt};
		$sql =~ s/INDEX CONCURRENTLY ci ON/INDEX CONCURRENTLY ci9 ON/;
		my $guess = $json->decode(
			$node->safe_psql('matrix',
				"SET search_path = s, public; SELECT DISTINCT locks FROM schemamig_lint("
				  . quoted($sql) . ')'));
		is_deeply($guess, \%real, $case->{stmt});
	}
}

$node->stop;
done_testing();
