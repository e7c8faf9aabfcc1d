# Real tools, as scripts/interop-tools installs them: what is imported from their
# files and applied has the schema of their own run, reverting leaves nothing, and
# a database that they have made is adopted as current and has not drifted.

use strict;
use warnings FATAL => 'all';

use Cwd;
use PostgreSQL::Test::Utils;
use Schemamig::Interop;
use Schemamig::Test;
use Test::More;

my $node = new_node('interop', "listen_addresses = '127.0.0.1'");
my $dir = PostgreSQL::Test::Utils::tempdir();
my $user = getpwuid($<);
my $java_tests = Cwd::getcwd() . '/test/interop';

# programs keep their settings in it
local $ENV{HOME} = $dir;

sub url
{
	my ($db) = @_;
	return sprintf 'postgres://%s@127.0.0.1:%d/%s?sslmode=disable', $user, $node->port, $db;
}

# The history as files: $names->(number, migration) returns name and content
# of each.
sub files
{
	my ($names) = @_;
	return map { $names->($_ + 1, @{ $history[$_] }) } 0 .. $#history;
}

sub flyway
{
	my ($jars) = glob(($ENV{SCHEMAMIG_TOOLS} // '/usr/share/java') . '/flyway/flyway-core-*.jar');
	return undef unless $jars && tool('javac');
	return $jars =~ s/flyway-core-[^\/]*$/*/r;
}

# name: of import and adopt; program: what runs; files: what it reads; run: how
my @tools = (
	{
		name => 'dbmate', program => tool('dbmate'), own => ['schema_migrations'],
		files => sub {
			my ($number, $name, $up, $down, $alone) = @_;
			my $option = $alone ? ' transaction:false' : '';
			return (sprintf('db/migrations/202001%02d000000_%s.sql', $number, $name),
				"-- migrate:up$option\n$up\n\n-- migrate:down$option\n$down\n");
		},
		run => sub {
			my ($program, $directory, $db) = @_;
			run_tool($directory, $program, '--url', url($db), '--no-dump-schema', 'migrate');
		},
	},
	{
		name => 'golang-migrate', program => tool('migrate'), own => ['schema_migrations'],
		files => sub {
			my ($number, $name, $up, $down) = @_;
			my $file = sprintf 'migrations/%06d_%s', $number, $name;
			return ("$file.up.sql", "$up\n", "$file.down.sql", "$down\n");
		},
		run => sub {
			my ($program, $directory, $db) = @_;
			run_tool($directory, $program, '-source', "file://$directory/migrations",
				'-database', url($db), 'up');
		},
	},
	{
		name => 'goose', program => tool('goose'), own => [ 'goose_db_version', 'goose_db_version_id_seq' ],
		files => sub {
			my ($number, $name, $up, $down, $alone) = @_;
			# goose has to be told where the ";" of a function are
			my @block = $up =~ /\$f\$/ ? ("-- +goose StatementBegin\n", "\n-- +goose StatementEnd") : ('', '');
			return (sprintf('%05d_%s.sql', $number, $name),
				($alone ? "-- +goose NO TRANSACTION\n" : '')
				  . "-- +goose Up\n$block[0]$up$block[1]\n\n-- +goose Down\n$down\n");
		},
		run => sub {
			my ($program, $directory, $db) = @_;
			run_tool($directory, $program, '-dir', $directory, 'postgres', url($db), 'up');
		},
	},
	{
		name => 'flyway', program => flyway(), own => ['flyway_schema_history'],
		files => sub {
			my ($number, $name, $up, $down) = @_;
			$up =~ s/CREATE SCHEMA app/CREATE SCHEMA \${owner}/;
			return ("sql/V1.${number}__$name.sql", "$up\n", "sql/U1.${number}__$name.sql", "$down\n",
				'flyway.conf', "flyway.placeholders.owner=app\n");
		},
		run => sub {
			my ($jars, $directory, $db) = @_;
			run_tool($directory, 'java', '-cp', $jars, "$java_tests/Flyway.java",
				sprintf('jdbc:postgresql://127.0.0.1:%d/%s', $node->port, $db), $user, "$directory/sql");
		},
	},
	{
		name => 'diesel', program => tool('diesel'), own => ['__diesel_schema_migrations'], slow => 1,
		files => sub {
			my ($number, $name, $up, $down, $alone) = @_;
			my $directory = sprintf 'migrations/2020-01-%02d-000000_%s', $number, $name;
			return ("$directory/up.sql", "$up\n", "$directory/down.sql", "$down\n",
				$alone ? ("$directory/metadata.toml", "run_in_transaction = false\n") : ());
		},
		run => sub {
			my ($program, $directory, $db) = @_;
			run_tool($directory, $program, 'migration', 'run', '--database-url', url($db),
				'--migration-dir', "$directory/migrations");
		},
	},
	{
		name => 'sqlx', program => tool('sqlx'), own => ['_sqlx_migrations'], slow => 1,
		files => sub {
			my ($number, $name, $up, $down, $alone) = @_;
			my $file = sprintf 'migrations/202001%02d000000_%s', $number, $name;
			my $first = $alone ? "-- no-transaction\n" : '';
			return ("$file.up.sql", "$first$up\n", "$file.down.sql", "$first$down\n");
		},
		run => sub {
			my ($program, $directory, $db) = @_;
			run_tool($directory, $program, 'migrate', 'run', '--source', "$directory/migrations",
				'--database-url', url($db));
		},
	},
);

foreach my $tool (@tools)
{
	my ($name, $program) = @$tool{ 'name', 'program' };
	my $id = $name =~ tr/-/_/r;

	SKIP:
	{
		skip "$name is not installed; scripts/interop-tools DIRECTORY"
		  . ($tool->{slow} ? " $name compiles it" : ' loads it')
		  . ', SCHEMAMIG_TOOLS=DIRECTORY says where', 1
		  unless $program;
		my %files = files($tool->{files});

		write_files("$dir/$id", %files);
		my $db = round_trip($node, $name, $id, "$dir/$id", $tool->{own},
			sub { $tool->{run}->($program, "$dir/$id", @_) });
		$node->safe_psql($db, 'CREATE EXTENSION schemamig');
		import_files($node, $db, $name, "$dir/$id");
		adopted($node, $db, $name, $name);
		# the tool still finds its own table as it was
		$tool->{run}->($program, "$dir/$id", $db);
	}
}

$node->stop;
done_testing();
