# Targets, paths, stamps, ranges and graph checks give Alembic's answers.
#
# The cases are Alembic's own tests and what was derived from their graphs
# (../shared/data/alembic_traversal_cases.json).  Where we differ on purpose the
# case is listed in test/conformance/deliberate.tsv with our answer and the
# reason; any other difference is a failure, and so is a listed one that is none.
#
# SCHEMAMIG_CONFORMANCE_DIFF=FILE writes a line for deliberate.tsv of every case
# that differs, without the reason, which takes a person.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shared = $ENV{SCHEMAMIG_SHARED} // '../shared';
my $file   = "$shared/data/alembic_traversal_cases.json";
plan skip_all => "no $file" unless -r $file;

my $json  = JSON::PP->new->utf8->canonical;
my $cases = $json->decode(slurp_file($file))->{cases};
my %deliberate;
foreach my $line (split /\n/, slurp_file('test/conformance/deliberate.tsv'))
{
	next if $line =~ /^#|^\s*$/;
	my ($name, $answer, $reason) = split /\t/, $line;
	die "deliberate.tsv: \"$line\" has no reason" unless $reason;
	die "deliberate.tsv: \"$name\" is listed twice" if $deliberate{$name};
	$deliberate{$name} = $answer;
}

# What the database is asked to do for a case, in terms of pg_temp.answer().
sub question
{
	my ($case) = @_;
	my $args = $case->{args} // {};
	my $to   = target($case->{to});
	my %q    = (revisions => $case->{revisions}, op => $case->{op}, to => $to);

	if ($case->{op} eq 'range')
	{
		my $from = target($case->{from});

		# iterate_revisions() of Alembic's API has flags; each combination is
		# a call of another function here
		@q{qw(op from applied)} = ('path', $from, $from), $q{direction} = 'apply'
		  if $args->{implicit_base} && !$args->{select_for_downgrade};
		@q{qw(op from to applied direction)} =
		  ('path', $from, $from, $to, 'revert')
		  if $args->{select_for_downgrade};
		$q{from} = $from;
		$q{inclusive} = $args->{inclusive} ? \1 : \0;
		$q{op} = 'history' if $q{op} eq 'range';
	}
	elsif ($case->{op} eq 'upgrade' || $case->{op} eq 'downgrade')
	{
		$q{op} = 'path';
		$q{applied} = target($case->{from});
		$q{direction} = $case->{op} eq 'upgrade' ? 'apply' : 'revert';
	}
	else
	{
		$q{applied} = target($case->{from});
		$q{steps} = $case->{steps} // [];
	}
	$q{single} = $case->{single} ? \1 : \0;
	return \%q;
}

sub target
{
	my ($value) = @_;
	return 'base' unless defined $value;
	return $value unless ref $value;
	return join(', ', @$value) || 'base';
}

# The kind of an error, in the words of the case file.
sub error_kind
{
	my ($state, $message) = @{ $_[0] }{qw(sqlstate message)};
	my @kinds = (
		[ 'not_found',        '42704' ],
		[ 'not_found',        '42P08', qr/^revision ".*" is ambiguous/ ],
		[ 'multiple_heads',   '42P08', qr/there are \d+ heads/ ],
		[ 'ambiguous',        '42P08' ],
		[ 'relative_overrun', '22003' ],
		[ 'overlap',          '22023', qr/^requested revisions overlap/ ],
		[ 'not_ancestor',     '22023', qr/^range .* does not lead/ ],
		[ 'not_ancestor_downgrade', '55000' ],
		[ 'self_loop',        '42P17', qr/names itself as parent/ ],
		[ 'dep_self_loop',    '42P17', qr/depends on itself/ ],
		[ 'cycle',            '42P17', qr/form a cycle/ ],
		[ 'dep_cycle',        '42P17', qr/depend on each other/ ],
		[ 'duplicate_label',  '42710', qr/^label/ ]);

	foreach my $kind (@kinds)
	{
		return $kind->[0]
		  if $kind->[1] eq $state
		  && (!defined $kind->[2] || $message =~ $kind->[2]);
	}
	return "$state $message";
}

sub same_set
{
	my %count;
	$count{$_}++ foreach @{ $_[0] };
	$count{$_}-- foreach @{ $_[1] };
	return !grep { $_ } values %count;
}

# Does an order of steps have the steps expected, each pair in its order?
sub order_fits
{
	my ($case, $steps) = @_;
	my @expected = map { $_->[0] } @{ $case->{expect_steps} };
	my %place;

	return 0 unless same_set($steps, \@expected);
	return "@$steps" eq "@expected" if $case->{order} eq 'total';
	@place{@$steps} = (0 .. $#$steps);
	foreach my $pair (@{ $case->{order_constraints} })
	{
		return 0 unless $place{ $pair->[0] } < $place{ $pair->[1] };
	}
	return 1;
}

# Whether our answer is the one expected.
sub agrees
{
	my ($case, $ours) = @_;
	my $error = $ours->{error};

	return 0 if $error && $error->{sqlstate} =~ /^XX/;
	if (my $expected = $case->{expect_error})
	{
		return 0 unless $error;
		return $expected eq 'any' || $expected eq error_kind($error);
	}
	return 0 if $error || $ours->{unstable};
	foreach my $key (qw(heads effective_heads bases branch_points merge_points))
	{
		next unless $case->{"expect_$key"};
		return 0 unless same_set($ours->{$key}, $case->{"expect_$key"});
	}
	if ($case->{op} eq 'resolve')
	{
		# a set, in which Alembic repeats revisions and names the base
		my %expected = map { $_ => 1 } grep { $_ ne 'base' }
		  @{ $case->{expect_resolved} };
		return same_set($ours->{resolved}, [ keys %expected ]);
	}
	return 1 if $case->{op} eq 'stamp' || $case->{op} eq 'load';
	return order_fits($case, $ours->{steps});
}

# Our answer in one word for deliberate.tsv.
sub brief
{
	my ($case, $ours) = @_;
	return 'error:' . error_kind($ours->{error}) if $ours->{error};
	return join ' ', 'heads:', sort @{ $ours->{heads} } if $case->{op} eq 'stamp';
	return join ' ', 'resolved:', sort @{ $ours->{resolved} }
	  if $case->{op} eq 'resolve';
	return join ' ', 'steps:', @{ $ours->{steps} };
}

my $node = PostgreSQL::Test::Cluster->new('graph');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION schemamig');

# One statement for each case; the answers come back as one line of JSON each.
my $sql = slurp_file('test/conformance/answer.sql');
foreach my $case (@$cases)
{
	my $question = $json->encode(question($case));
	$question =~ s/'/''/g;
	$sql .= "SELECT pg_temp.answer('$question');\n";
}
my ($stdout, $stderr);
$node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr,
	on_error_die => 1);
my @answers = split /\n/, $stdout;
is(scalar @answers, scalar @$cases, 'every case is answered');

my ($same, @differs, %used) = (0);
foreach my $i (0 .. $#$cases)
{
	my $case = $cases->[$i];
	my $ours = $json->decode($answers[$i]);
	my $name = $case->{name};

	if (agrees($case, $ours))
	{
		fail("$name is listed as deliberate, but does not differ")
		  if exists $deliberate{$name};
		$same++;
		next;
	}
	my $brief = brief($case, $ours);
	push @differs, "$name\t$brief\tREASON";
	if (exists $deliberate{$name})
	{
		$used{$name} = 1;
		is($brief, $deliberate{$name}, "deliberate: $name");
		next;
	}
	fail($name);
	diag("expected: ", $json->encode({ map { $_ => $case->{$_} }
				grep { /^expect_|^order/ } keys %$case }),
		"\nours: $answers[$i]");
}
foreach my $name (sort keys %deliberate)
{
	fail("deliberate.tsv names \"$name\", which is no case")
	  unless grep { $_->{name} eq $name } @$cases;
}
is($same + keys %used, scalar @$cases,
	'all other cases have the expected answer');
note("$same of " . @$cases . " cases agree, " . keys(%used)
	  . " differ on purpose");

if ($ENV{SCHEMAMIG_CONFORMANCE_DIFF})
{
	append_to_file($ENV{SCHEMAMIG_CONFORMANCE_DIFF},
		join('', map { "$_\n" } @differs));
}

$node->stop;
done_testing();
