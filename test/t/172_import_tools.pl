# Histories of tools that keep them in files are imported: the schema is that of
# the tool's own run, or psql's, and reverting leaves nothing.  Tools that
# scripts/interop-tools installs are in 173_interop_tools.pl.

use strict;
use warnings FATAL => 'all';

use Cwd;
use PostgreSQL::Test::Utils;
use Schemamig::Interop;
use Schemamig::Test;
use Test::More;

my $node = new_node('tools');
my $dir = PostgreSQL::Test::Utils::tempdir();

sub run_by_psql
{
	my ($db, $file) = @_;
	run_command([ $node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1',
			'-d', $node->connstr($db), '-f', $file ]);
	return;
}

# as golang-migrate has them: psql applies the up files
my %files;
foreach my $i (0 .. $#history)
{
	my ($name, $up, $down) = @{ $history[$i] };
	my $file = sprintf 'migrations/%06d_%s', $i + 1, $name;
	@files{ "$file.up.sql", "$file.down.sql" } = ("$up\n", "$down\n");
}
write_files("$dir/golang", %files);
round_trip($node, 'golang-migrate', 'golang', "$dir/golang", [], sub {
	my ($db) = @_;
	run_by_psql($db, $_) foreach sort glob "$dir/golang/migrations/*.up.sql";
});

# goose's form, the same by psql
my %goose;
foreach my $i (0 .. $#history)
{
	my ($name, $up, $down, $alone) = @{ $history[$i] };
	$goose{ sprintf '%05d_%s.sql', $i + 1, $name } = ($alone ? "-- +goose NO TRANSACTION\n" : '')
	  . "-- +goose Up\n-- +goose StatementBegin\n$up\n-- +goose StatementEnd\n\n-- +goose Down\n$down\n";
}
my ($ours) = databases($node, 'goose');
write_files("$dir/goose", %goose);
import_files($node, $ours, 'goose', "$dir/goose");
same_schema($node, $ours, 'golang_theirs', 'goose');

SKIP:
{
	skip 'sqitch is not installed; apt-get install sqitch libdbd-pg-perl', 1
	  unless -x '/usr/bin/sqitch'
	  && system('/usr/bin/perl -MDBD::Pg -e1 2>/dev/null') == 0;
	my $project = "$dir/sqitch";
	my ($sqitch_ours, $sqitch_theirs) = databases($node, 'sqitch');
	my @sqitch = ('/usr/bin/sqitch');
	my $previous;
	local $ENV{SQITCH_FULLNAME} = 'We Ird Näme';
	local $ENV{SQITCH_EMAIL} = 'weird@example.com';
	local $ENV{HOME} = $dir;

	mkdir $project;
	run_tool($project, @sqitch, 'init', 'shop', '--engine', 'pg', '--uri', 'https://example.com/shop/');
	foreach (@history)
	{
		my ($name, $up, $down, $alone) = @$_;
		my @begin = $alone ? ('', '') : ("BEGIN;\n", "\nCOMMIT;");
		run_tool($project, @sqitch, 'add', $name, ($previous ? ('--requires', $previous) : ()), '-n', "The \"$name\" # of\nit");
		write_file("$project/deploy/$name.sql", "-- Deploy shop:$name\n\\set name '$name'\n$begin[0]SET LOCAL app.x = :'name';\n$up$begin[1]\n");
		write_file("$project/revert/$name.sql", "$begin[0]$down$begin[1]\n");
		write_file("$project/verify/$name.sql", "SELECT 1;\n");
		$previous = $name;
	}
	# the view is done again, another way
	run_tool($project, @sqitch, 'tag', 'v1.0', '-n', 'first');
	run_tool($project, @sqitch, 'rework', 'view', '-n', 'again');
	write_file("$project/deploy/view.sql", "DROP VIEW app.v;\nCREATE VIEW app.v AS SELECT id FROM app.users;\n");
	write_file("$project/revert/view.sql", "DROP VIEW app.v;\n" . slurp_file("$project/deploy/view\@v1.0.sql"));
	is(import_files($node, $sqitch_ours, 'sqitch', $project), 1 + @history,
		'sqitch: all changes are imported');
	run_tool($project, @sqitch, 'deploy', '--no-verify',
		'db:pg://' . getpwuid($<) . "\@/$sqitch_theirs?host=" . $node->host . '&port=' . $node->port);
	same_schema($node, $sqitch_ours, $sqitch_theirs, 'sqitch', 'schema:sqitch');
	is($node->safe_psql($sqitch_ours, 'SELECT string_agg(version || checksum, E\'\n\' ORDER BY version) FROM schemamig.origin'),
		$node->safe_psql($sqitch_theirs, 'SELECT string_agg(change_id || script_hash, E\'\n\' ORDER BY change_id) FROM sqitch.changes'),
		"sqitch: versions and checksums are sqitch's own");
	is($node->safe_psql($sqitch_ours, "SELECT parents, depends_on FROM schemamig.revision WHERE id = 'view.2'"),
		'{view}|{view}', 'sqitch: a change that is reworked follows itself');
	nothing_after_revert($node, $sqitch_ours, 'sqitch');
	$node->safe_psql($sqitch_theirs, 'CREATE EXTENSION schemamig');
	import_files($node, $sqitch_theirs, 'sqitch', $project);
	adopted($node, $sqitch_theirs, 'sqitch', 'sqitch');
}

sub write_file
{
	my ($name, $text) = @_;
	open my $out, '>', $name or die "$name: $!";
	print $out $text;
	close $out or die $!;
	return;
}

$node->stop;
done_testing();
