# Rules that squawk has as well agree with it.
#
# The cases are squawk's own tests (../shared/data/squawk_cases.json).  A case
# agrees when one of our rules for the same thing fires exactly where squawk's
# does.  Differences on purpose are listed in test/lint/squawk_deliberate.tsv,
# each with the reason; any other difference fails, and so does a listed one that
# is none.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shared = $ENV{SCHEMAMIG_SHARED} // '../shared';
my $file   = "$shared/data/squawk_cases.json";
plan skip_all => "no $file" unless -r $file;

my $json  = JSON::PP->new->utf8->canonical;
my $cases = $json->decode(slurp_file($file))->{cases};

# squawk's rules and ours for the same thing
my %ours = (
	'adding-field-with-default' => [
		qw(add-column-volatile-default add-column-serial add-column-identity
		  add-column-stored-generated add-column-constrained-domain)
	],
	'adding-foreign-key-constraint' => [qw(add-fk-valid add-column-fk)],
	'adding-not-nullable-field'            => ['set-not-null'],
	'adding-required-field'                => ['add-required-column'],
	'adding-serial-primary-key-field'      => ['add-primary-key'],
	'ban-alter-domain-with-add-constraint' => ['alter-domain-constraint'],
	'ban-char-field'                       => ['ban-char-field'],
	'ban-concurrent-index-creation-in-transaction' => ['cannot-run'],
	'ban-create-domain-with-constraint' => ['create-domain-with-constraint'],
	'ban-drop-column'                   => ['drop-column'],
	'ban-drop-not-null'                 => ['drop-not-null'],
	'ban-drop-table'                    => ['drop-table'],
	'ban-duplicate-column-assignments'  => ['duplicate-column'],
	'ban-truncate-cascade'              => ['truncate-cascade'],
	'ban-uncommitted-transaction'       => ['cannot-run'],
	'changing-column-type'              => ['change-column-type'],
	'constraint-missing-not-valid'      =>
	  [qw(add-check-valid add-fk-valid validate-in-same-transaction)],
	'disallowed-unique-constraint' => ['add-unique'],
	'identifier-too-long'          => ['identifier-too-long'],
	'prefer-bigint-over-int'       => ['prefer-bigint-over-int'],
	'prefer-bigint-over-smallint'  => ['prefer-bigint-over-smallint'],
	'prefer-identity'              => ['prefer-identity'],
	'prefer-text-field'            => ['prefer-text-field'],
	'prefer-timestamp-tz'          => ['prefer-timestamp-tz'],
	'renaming-column'              => ['rename-column'],
	'renaming-table'               => ['rename-table'],
	'require-concurrent-index-creation' =>
	  [qw(create-index create-index-partitioned)],
	'require-concurrent-index-deletion'   => ['drop-index'],
	'require-concurrent-partition-detach' => ['detach-partition'],
	'require-concurrent-reindex'          => ['reindex'],
	'require-enum-value-ordering'         => ['enum-value-ordering'],
	'transaction-nesting'                 => ['cannot-run']);

# rules that squawk alone has, and why
my %unshared = (
	'prefer-robust-stmts' =>
	  'steps are recorded in their own transaction, so nothing runs twice',
	'prefer-repack'            => 'PostgreSQL 19',
	'require-timeout-settings' => 'the runner sets lock_timeout itself',
	'require-lock-timeout'      => 'the runner sets lock_timeout itself',
	'require-statement-timeout' => 'schemamig.statement_timeout',
	'require-table-schema'      => 'the search_path of a run is recorded');

my %deliberate;
foreach my $line (split /\n/, slurp_file('test/lint/squawk_deliberate.tsv'))
{
	next if $line =~ /^#|^\s*$/;
	my ($name, $reason) = split /\t/, $line;
	die "squawk_deliberate.tsv: \"$name\" has no reason" unless $reason;
	$deliberate{$name} = $reason;
}

my $node = PostgreSQL::Test::Cluster->new('lint_squawk');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION schemamig');

my ($shared_cases, $agreed, %seen) = (0, 0);
foreach my $case (@$cases)
{
	my $rule = $case->{rule};
	my $name = $case->{test};
	next if $unshared{$rule};
	ok($ours{$rule}, "rule $rule is known") or next unless $ours{$rule};
	next unless $case->{pg15_parses};
	my $tag = 'squawk';
	my ($code, $out, $err) = $node->psql('postgres',
		"SET search_path = nothing, public; SET client_min_messages = error;"
		  . " SELECT coalesce(string_agg(rule, ' '), '')"
		  . " FROM schemamig_lint(\$$tag\$$case->{sql}\$$tag\$)");
	my $label = "$rule: $name" . ($case->{fixed_sql} ? '' : " ($case->{expect})");
	is($code, 0, "$label is linted") or diag($err);
	my %found = map { $_ => 1 } split / /, $out;
	my $flag = grep { $found{$_} } @{ $ours{$rule} };
	my $same = ($flag ? 'flag' : 'ok') eq $case->{expect};
	if (my $reason = $deliberate{$name})
	{
		$seen{$name} = 1;
		ok(!$same, "$label differs: $reason");
		next;
	}
	$shared_cases++;
	$agreed++ if $same;
	ok($same, "$label agrees")
	  or diag("expected $case->{expect}, found: $out\n$case->{sql}");
}
is(join(' ', grep { !$seen{$_} } sort keys %deliberate),
	'', 'each deliberate difference is one');
cmp_ok($shared_cases, '>', 150, 'most of the cases are about shared rules');
$node->stop;
done_testing();
