#-------------------------------------------------------------------------
#
# 080_example_history.pl
#	  The history of examples/shop, revision by revision, among rows: each
#	  can be reverted alone, and then the schema is what it was before, as
#	  pg_dump sees it; all of it can be reverted, and nothing is left.  The
#	  scripts of schemamig_sql, run by psql on a copy, do the same.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $examples = dirname(__FILE__) . '/../../examples';
my @files = sort glob("$examples/shop/*.sql");
my $node = PostgreSQL::Test::Cluster->new('shop');

$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;

# The schema as pg_dump writes it, without what differs from run to run.
sub schema
{
	my ($database) = @_;
	my ($dump) = run_command(
		[ 'pg_dump', '--schema-only', '--no-owner',
			$node->connstr($database || 'postgres') ]);

	return join "\n", grep { !/^(--.*|\\(un)?restrict .*|)$/ } split /\n/,
	  $dump;
}

sub value
{
	return $node->safe_psql('postgres', shift);
}

# The applied set, as one string.
sub applied
{
	return value(
		q{SELECT coalesce(string_agg(revision, ' ' ORDER BY revision COLLATE "C"), '')
		  FROM schemamig_history() WHERE state = 'applied'});
}

sub path
{
	my ($target, $direction) = @_;

	my ($status, $out) = $node->psql('postgres',
		qq{SELECT string_agg(revision, ' ' ORDER BY seq)
		   FROM schemamig_path('$target', '$direction')});
	return $status == 0 ? $out : undef;
}

# A target that reverts this revision and no other: one step down where there
# is one line, one step down its own line, its parent, or its label's base.
sub target_that_reverts
{
	my ($id) = @_;
	my ($parent, $label) = split /\|/,
	  value(qq{SELECT parents[1], labels[1] FROM schemamig_history()
			   WHERE revision = '$id'}), -1;

	foreach my $target ('-1', "$id\@-1", $parent,
		$label eq '' ? '' : "$label\@base", 'base')
	{
		my $path = $target eq '' ? undef : path($target, 'revert');

		return $target if defined $path && $path eq $id;
	}
	return undef;
}

value('CREATE EXTENSION schemamig');
my $empty = schema();

cmp_ok(scalar @files, '>=', 32, 'the example has at least 32 revisions');
my $source = join "\n", map { slurp_file($_) } @files;
is( value("SELECT count(*) FROM schemamig_load(\$shop_files\$$source\$shop_files\$)"),
	scalar @files,
	'one call loads all files');
is( value('SELECT string_agg(revision, chr(10) ORDER BY revision COLLATE "C")
	FROM schemamig_history()'),
	join("\n", map { basename($_, '.sql') } @files),
	'each file is called like its revision');
is(path('head', 'apply') =~ tr/ // + 1,
	scalar @files, 'one head is above all of them');

$node->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE postgres');

my $before = $empty;
foreach my $id (split / /, path('head', 'apply'))
{
	my $set = applied();

	is( value("SELECT string_agg(revision, ' ') FROM schemamig_apply('$id')"),
		$id, "$id applies");
	my $after = schema();
	my $target = target_that_reverts($id);
	ok(defined $target, "$id can be reverted alone") or next;
	value("SELECT count(*) FROM schemamig_revert('$target', allow_destructive => true)");
	is(applied(), $set, "$id is no longer applied after its down");
	is(schema(), $before, "$id leaves the schema as it was before");
	value("SELECT count(*) FROM schemamig_apply('$id')");
	$before = $after;

	# From here on there are rows to keep.
	value(slurp_file("$examples/shop_data.sql"))
	  if $id eq '0008_seed_categories';
}
my $head = schema();
is($head, $before, 'up, down and up again give what up gave');
is(value('SELECT count(*) FROM pg_index WHERE NOT indisvalid'),
	0, 'no index is INVALID');
is( value(
		q{SELECT (SELECT count(*) FROM account) || ' ' ||
			(SELECT count(*) FROM orders) || ' ' ||
			(SELECT count(*) FROM orders WHERE contact LIKE 'Customer.%') || ' ' ||
			(SELECT count(*) FROM stock)}),
	'400 3000 3000 250',
	'rows survive, and data changes reach them');

value("SELECT count(*) FROM schemamig_revert('base', allow_destructive => true)");
is(applied(), '', 'all is reverted');
is(schema(), $empty, 'then nothing is left but the extension');

value("SELECT count(*) FROM schemamig_apply()");
is(schema(), $head, 'applied again, it is the same schema');

# What psql makes of the copy, in the same order and with the same books.
sub run_by_psql
{
	my ($range) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/script.sql";
	my ($script) =
	  $node->safe_psql('copy', "SELECT schemamig_sql('$range')");

	append_to_file($file, "$script\n");
	command_ok(
		[
			'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d',
			$node->connstr('copy'), '-f', $file
		],
		"psql runs the script of $range");
	unlink $file;
}

my $books = q{SELECT revision, state, is_current, parents
	FROM schemamig_history() ORDER BY revision COLLATE "C"};

run_by_psql('head');
is(schema('copy'), $head, 'it makes the same schema');
is($node->safe_psql('copy', $books), value($books), 'and keeps the books');
is($node->safe_psql('copy', 'SELECT count(*) FROM schemamig_apply()'),
	0, 'so that apply finds nothing to do');
run_by_psql('base');
is(schema('copy'), $empty, 'the way back leaves nothing but the extension');
is( $node->safe_psql('copy',
		q{SELECT count(*) FROM schemamig_history() WHERE state <> 'pending'}),
	0,
	'and no revision applied');

$node->stop;
done_testing();
