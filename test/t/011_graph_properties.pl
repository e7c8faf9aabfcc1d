# Random graphs of up to 14 revisions keep the laws: the applied set is closed
# after every step, no step comes twice, what is done is undone, nothing depends
# on the order of creation but the order, and an error changes nothing.
#
# SCHEMAMIG_SEED and SCHEMAMIG_GRAPHS choose other graphs, and more of them.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed   = $ENV{SCHEMAMIG_SEED}   // 20260801;
my $graphs = $ENV{SCHEMAMIG_GRAPHS} // 300;
my $json   = JSON::PP->new->utf8->canonical;

# A generator of our own: the same graphs on every machine.
my $state = $seed;

sub random
{
	my ($n) = @_;
	$state = ($state * 1103515245 + 12345) % 2147483648;
	return int($state / 65536) % $n;
}

sub pick { return $_[ random(scalar @_) ] }

# A few distinct members of a list.
sub some
{
	my ($n, @from) = @_;
	my %picked = map { pick(@from) => 1 } 1 .. $n;
	return sort keys %picked;
}

# Revisions r00, r01, ... where later ones name earlier ones, declared in an
# order of their own.
sub graph
{
	my $n = 2 + random(13);
	my (@revisions, @ids, @labels);

	foreach my $i (0 .. $n - 1)
	{
		my $id = sprintf 'r%02d', $i;
		my @down = @ids && random(5) ? some(random(5) ? 1 : 1 + random(3),
			random(2) ? @ids : @ids[ -1, -1 ]) : ();
		my @needs = @ids && !random(4) ? some(1 + random(2), @ids, @labels) : ();
		my @own = random(4) ? () : "label$i";

		push @revisions,
		  { id => $id, down => \@down, depends_on => \@needs, labels => \@own };
		push @ids,    $id;
		push @labels, @own;
	}
	if (random(2))
	{
		for (my $i = $#revisions; $i > 0; $i--)
		{
			my $j = random($i + 1);
			@revisions[ $i, $j ] = @revisions[ $j, $i ];
		}
	}
	return (\@revisions, \@ids, \@labels);
}

sub target
{
	my ($ids, $labels) = @_;
	my @names  = (@$ids, @$labels);
	my $number = 1 + random(4);
	my $kind   = random(20);

	return 'heads' if $kind < 3;
	return pick('head', 'base', 'current') if $kind < 5;
	return pick(@names) if $kind < 9;
	return pick('+', '-') . $number if $kind < 11;
	return pick(@names) . pick('+', '-') . $number if $kind < 13;
	return pick(@names) . '@' . pick('head', 'heads', 'base', 'base', 'current')
	  if $kind < 16;
	return pick(@names) . '@' . pick('+', '-') . $number if $kind < 18;
	return pick(@names) . '@' . pick(@names) if $kind < 19;
	return join(',', some(2, @names)) if random(2);
	return pick('r', 'r0', 'nosuch', '', '+', '@', 'heads@r00', 'r00+1x', ',');
}

my $node = PostgreSQL::Test::Cluster->new('laws');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION schemamig');

note("seed $seed");
my $sql = slurp_file('test/conformance/answer.sql')
  . slurp_file('test/conformance/laws.sql');
my @walks;
foreach (1 .. $graphs)
{
	my ($revisions, $ids, $labels) = graph();
	my @steps = map {
		[ pick('apply', 'apply', 'revert', 'stamp'), target($ids, $labels) ]
	} 1 .. 10;
	my $walk = $json->encode($revisions) . "', '" . $json->encode(\@steps);

	push @walks, $walk;
	$sql .= "SELECT coalesce(pg_temp.check_laws('$walk'), 'kept');\n";
}
my ($stdout, $stderr);
$node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr,
	on_error_die => 1);
my @answers = split /\n(?=\[|kept)/, $stdout;
is(scalar @answers, $graphs, 'every graph is checked');

my $kept = 0;
foreach my $i (0 .. $#answers)
{
	chomp $answers[$i];
	$kept++, next if $answers[$i] eq 'kept';
	fail("laws hold for graph $i");
	diag("SELECT pg_temp.check_laws('$walks[$i]');\n$answers[$i]");
}
is($kept, $graphs, 'the laws hold for all of them');

$node->stop;
done_testing();
