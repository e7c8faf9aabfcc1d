#-------------------------------------------------------------------------
#
# 090_documentation.pl
#	  What the documentation says is true: the examples of each page run, in
#	  order, in a database of their own, and give what is shown; what it
#	  mentions is there.  test/perl/Schemamig/Page.pm has the rules.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Schemamig::Page;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $node = PostgreSQL::Test::Cluster->new('documentation');

chdir $top or die "could not change to $top: $!\n";
my @pages = ('README.md', 'examples/README.md', sort glob('doc/*.md'));

# made from the rules, whose examples 040_lint_locks.pl and sql/lint_rules.sql run
my %tested_elsewhere = ('doc/rules.md' => 1);

$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_worker_processes = 16");
$node->start;

sub value
{
	my ($sql) = @_;
	return $node->safe_psql('template1', $sql);
}

# The functions of the extension, and its settings, tables and views.
value('CREATE EXTENSION schemamig');
my %names = map { $_ => 1 } split /\n/, value(
	q{LOAD 'schemamig';
	  SELECT p.proname FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
	  WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		AND p.proname ~ '^schemamig_'
	  UNION ALL
	  SELECT 'schemamig.' || c.relname FROM pg_class c
	  WHERE c.relnamespace = 'schemamig'::regnamespace
	  UNION ALL
	  SELECT 'schemamig.' || p.proname FROM pg_proc p
	  WHERE p.pronamespace = 'schemamig'::regnamespace
	  UNION ALL
	  SELECT name FROM pg_settings WHERE name ~ '^schemamig[.]'});
ok($names{schemamig_apply} && $names{'schemamig.log'}
	  && $names{'schemamig.lock_timeout'}, 'the extension is known');

# Functions, settings and files that a page mentions and that are not there.
sub unknown_names
{
	my ($page, $file) = @_;
	my $text = $page->text;
	my %unknown;

	while ($text =~ /(?<![\w.\/-])(schemamig(?:_|[.])\w+)/g)
	{
		my $name = $1;
		$unknown{$name} = 1 unless $names{$name} || -e $name;
	}
	while ($text =~ /\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)
	{
		$unknown{$1} = 1 unless -e dirname($file) . "/$1";
	}
	while ($text =~ /(?<![\w.\/-])((?:src|test|scripts|examples|bench|install|doc)\/[\w.\/*-]*[\w*\/])/g)
	{
		my $path = $1;
		my @found = grep { -e } glob $path;

		$unknown{$path} = 1 unless @found;
	}
	return sort keys %unknown;
}

my $n = 0;
foreach my $file (@pages)
{
	my $page = Schemamig::Page->new($file);
	my $dbname = 'page_' . ++$n;
	my $own = grep { $_->{text} =~ /^\s*CREATE EXTENSION schemamig\b/m }
	  $page->blocks;

	$node->safe_psql('postgres',
		"CREATE DATABASE $dbname TEMPLATE " . ($own ? 'template0' : 'template1'));
	my @problems =
	  $tested_elsewhere{$file} ? () : $page->run($node, $dbname);
	my @unknown = unknown_names($page, $file);

	is(join("\n", @problems), '', "$file: the examples are true");
	is("@unknown", '', "$file: what it mentions is there")
	  unless $tested_elsewhere{$file};
}

# The index has every page, and the other way round.
my $index = Schemamig::Page->new('doc/README.md')->text;
is( join(' ', sort $index =~ /\]\((\w[\w-]*\.md)\)/g),
	join(' ', grep { $_ ne 'README.md' } map { basename $_ } sort glob('doc/*.md')),
	'doc/README.md lists the pages');

# The rules can fail: a page of falsehoods is not taken for true.
my $lies = PostgreSQL::Test::Utils::tempdir() . '/lies.md';
sub problems_of
{
	my ($text) = @_;
	append_to_file($lies, '');
	open my $out, '>', $lies or die "could not write $lies: $!\n";
	print $out $text;
	close $out;
	return join "\n", Schemamig::Page->new($lies)->run($node, 'template1');
}

like(problems_of("```sql\nSELECT 1/0;\n```\n"),
	qr/^line 1: the example fails/, 'an example that fails is a problem');
like(problems_of("```sql error\nSELECT 1;\n```\n"),
	qr/does not fail/, 'an error that does not happen is a problem');
like(problems_of("```sql\nSELECT 1 AS n;\n```\n\n```text\n n\n---\n 2\n```\n"),
	qr/^line 5: the output is/, 'other output is a problem');
is(problems_of("```sql\nSELECT 1 AS n, now();\n```\n\n```text\n n | now\n---+---\n"
	  . " 1 | 2020-01-01 00:00:00.1+00\n```\n"),
	'', 'another time is not');
like(problems_of("```sql\nSELECT 1;\n```\n\nThus:\n\n```text\n1\n```\n"),
	qr/without a statement/, 'output far from its statement is a problem');
like(problems_of("```SQL\nSELECT 1/0;\n```\n"),
	qr/unknown kind of block/, 'a block of unknown kind is a problem');
like(problems_of("```sql\nSELECT 1;\n"),
	qr/has no end/, 'a block without end is a problem');

$node->stop;
done_testing();
