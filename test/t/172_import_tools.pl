# Histories of tools that keep them in files are imported: the schema is that of
# the tool's own run, and reverting leaves nothing.

use strict;
use warnings FATAL => 'all';

use Cwd;
use PostgreSQL::Test::Utils;
use Schemamig::Interop;
use Schemamig::Test;
use Test::More;

my $node = new_node('tools');
my $dir = PostgreSQL::Test::Utils::tempdir();

# 24 migrations: name, up, down, whether they stand outside a transaction.
my @history = (
	[ 'init', "CREATE SCHEMA app;\nCREATE TYPE app.mood AS ENUM ('sad');\nCREATE TABLE app.users (id bigint PRIMARY KEY, name text);",
		"DROP TABLE app.users;\nDROP TYPE app.mood;\nDROP SCHEMA app;" ],
	[ 'function', "CREATE FUNCTION app.f(n int) RETURNS int LANGUAGE plpgsql AS \$f\$\nBEGIN\n\tn := n + 1; -- it's ;\n\tRETURN n;\nEND \$f\$;",
		'DROP FUNCTION app.f(int);' ],
	[ 'add-index', 'CREATE INDEX CONCURRENTLY users_name ON app.users (name);',
		'DROP INDEX CONCURRENTLY app.users_name;', 1 ],
	[ 'rows', "INSERT INTO app.users SELECT n, 'name '' ' || n FROM generate_series(1, 50) n;\nUPDATE app.users SET name = upper(name);",
		'DELETE FROM app.users;' ],
	[ 'not-null', 'ALTER TABLE app.users ALTER name SET NOT NULL;', 'ALTER TABLE app.users ALTER name DROP NOT NULL;' ],
	(map { [ "column_$_", "ALTER TABLE app.users ADD c$_ int DEFAULT $_;\nCOMMENT ON COLUMN app.users.c$_ IS 'no $_';",
			"ALTER TABLE app.users DROP c$_;" ] } 1 .. 18),
	[ 'view', 'CREATE VIEW app.v AS SELECT id, name, c1 FROM app.users WHERE name ~ E\'^\\\\d\';', 'DROP VIEW app.v;' ],
);

sub round_trip
{
	my ($tool, $name, $files, $own, $run) = @_;
	my ($ours, $theirs) = databases($node, $name);

	write_files("$dir/$name", %$files);
	is(import_files($node, $ours, $tool, "$dir/$name"), scalar @history,
		"$name: all migrations are imported");
	$run->("$dir/$name", $theirs);
	same_schema($node, $ours, $theirs, $name, @$own);
	is($node->safe_psql($ours, 'SELECT count(*) FROM app.users'), '50', "$name: rows are there");
	is(import_files($node, $ours, $tool, "$dir/$name"), scalar @history,
		"$name: importing again changes nothing");
	nothing_after_revert($node, $ours, $name);
	return $theirs;
}

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
round_trip('golang-migrate', 'golang', \%files, [], sub {
	my ($directory, $db) = @_;
	run_by_psql($db, $_) foreach sort glob "$directory/migrations/*.up.sql";
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
	my ($dbmate) = grep { -x } ($ENV{SCHEMAMIG_DBMATE} // ''), '/usr/local/bin/dbmate', '/usr/bin/dbmate';
	if (!$dbmate && ($ENV{CI} || $ENV{CLIENTS}))
	{
		local $ENV{HOME} = $dir;
		mkdir "$dir/npm";
		my ($out, $err);
		eval {
			IPC::Run::run([ 'npm', 'install', '--no-audit', '--no-fund', '--prefix', "$dir/npm", 'dbmate' ],
				'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
		};
		($dbmate) = grep { -x } glob "$dir/npm/node_modules/\@dbmate/*/bin/dbmate";
	}
	skip 'dbmate is not installed; the npm package dbmate has it, SCHEMAMIG_DBMATE says where', 1
	  unless $dbmate;
	my %dbmate;
	foreach my $i (0 .. $#history)
	{
		my ($name, $up, $down, $alone) = @{ $history[$i] };
		my $option = $alone ? ' transaction:false' : '';
		$dbmate{ sprintf 'db/migrations/202001%02d000000_%s.sql', $i + 1, $name } =
		  "-- migrate:up$option\n$up\n\n-- migrate:down$option\n$down\n";
	}
	my $db = round_trip('dbmate', 'dbmate', \%dbmate, ['schema_migrations'], sub {
		my ($directory, $db) = @_;
		run_tool($directory, $dbmate, '--url', url_of($node, $db, 'socket') . '&sslmode=disable',
			'--no-dump-schema', 'migrate');
	});
	$node->safe_psql($db, 'CREATE EXTENSION schemamig');
	import_files($node, $db, 'dbmate', "$dir/dbmate");
	adopted($node, $db, 'dbmate', 'dbmate');
}

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
