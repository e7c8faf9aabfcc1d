# What the tests that compare with other migration tools share.

package Schemamig::Interop;

use strict;
use warnings FATAL => 'all';

use Cwd;
use Encode;
use Exporter 'import';
use File::Basename;
use File::Path;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(@history databases run_tool tool schema_of import_files
  import_text write_files same_schema nothing_after_revert round_trip adopted
  url_of);

# 24 migrations: name, up, down, whether they stand outside a transaction.
our @history = (
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

# A program of another tool: of those that scripts/interop-tools has installed
# in SCHEMAMIG_TOOLS, or the system's; undef where there is none.
sub tool
{
	my ($name) = @_;
	my ($found) = grep { -x } map { "$_/$name" }
	  (map { ("$_/bin", "$_/$name/bin") } grep { $_ } $ENV{SCHEMAMIG_TOOLS}), split /:/, $ENV{PATH};

	return $found;
}

# Two new databases: one with the extension, one for the other tool.
sub databases
{
	my ($node, $name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE ${name}_ours");
	$node->safe_psql('postgres', "CREATE DATABASE ${name}_theirs");
	$node->safe_psql("${name}_ours", 'CREATE EXTENSION schemamig');
	return ("${name}_ours", "${name}_theirs");
}

# Runs a program of the other tool; dies with its output when it fails.
sub run_tool
{
	my ($directory, @command) = @_;
	my $result;
	my ($out, $err);
	my $cwd = Cwd::getcwd();

	chdir $directory or die "$directory: $!";
	$result = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
	chdir $cwd or die "$cwd: $!";
	die "@command: $out$err" unless $result;
	return $out;
}

# A database's schema as pg_dump shows it, without the extension's and without
# the tables that the other tool keeps for itself.
sub schema_of
{
	my ($node, $db, @own) = @_;
	my ($out, $err) = run_command(
		[ $node->installed_command('pg_dump'), '-s', '-N', 'schemamig',
			(map { ('-T', $_) } grep { !/^schema:/ } @own),
			(map { s/^schema://r } map { ('-N', $_) } grep { /^schema:/ } @own),
			$node->connstr($db) ]);
	die $err if $err =~ /error/;
	$out =~ s/^\\(un)?restrict .*\n//mg;
	$out =~ s/^(CREATE|COMMENT ON) EXTENSION.*schemamig.*\n//mg;
	$out =~ s/^--.*\n//mg;
	$out =~ s/\n+/\n/g;
	return $out;
}

# All files below a directory, by their paths.
sub files_below
{
	my ($directory) = @_;
	my %files;

	require File::Find;
	File::Find::find({ no_chdir => 1, wanted => sub {
		return unless -f;
		$files{ substr $_, length($directory) + 1 } = slurp_file($_);
	} }, $directory);
	return \%files;
}

# A string constant with any text in it.
sub quoted
{
	my ($text) = @_;
	return "\$interop\$$text\$interop\$";
}

# Imports the files below a directory; returns the number of revisions.
sub import_files
{
	my ($node, $db, $tool, $directory) = @_;
	my $files = files_below($directory);
	my $source = JSON::PP->new->ascii->encode(
		{ map { $_ => Encode::decode('UTF-8', $files->{$_}) } keys %$files });

	return $node->safe_psql($db,
		"SELECT count(*) FROM schemamig_import('$tool', " . quoted($source) . ")");
}

# Imports texts; returns what psql prints on both channels.
sub import_text
{
	my ($node, $db, $tool, $up, $down) = @_;
	my ($status, $out, $err) = $node->psql($db,
		"SELECT count(*) FROM schemamig_import('$tool', " . quoted($up)
		  . (defined $down ? ', ' . quoted($down) : '') . ")");
	return ($out, $err);
}

sub write_files
{
	my ($directory, %files) = @_;

	foreach my $name (sort keys %files)
	{
		File::Path::make_path(dirname("$directory/$name"));
		append_to_file("$directory/$name", $files{$name});
	}
	return;
}

# Applies all and compares with what the other tool has made.
sub same_schema
{
	my ($node, $ours, $theirs, $name, @own) = @_;
	my ($status, $out, $err) = $node->psql($ours,
		"SET client_min_messages = warning; SELECT count(*) FROM schemamig_apply('heads', allow_destructive => true)");

	is($err, '', "$name: all revisions run");
	is(schema_of($node, $ours), schema_of($node, $theirs, @own),
		"$name: the schema is that of the tool's own run");
	return $out;
}

# Reverts all: nothing may be left.
sub nothing_after_revert
{
	my ($node, $db, $name) = @_;
	my ($status, $out, $err) = $node->psql($db,
		"SET client_min_messages = warning; SELECT count(*) FROM schemamig_revert('base', allow_destructive => true)");

	$node->safe_psql('postgres', "CREATE DATABASE ${db}_empty");
	$node->safe_psql("${db}_empty", 'CREATE EXTENSION schemamig');
	is($err, '', "$name: all revisions are reverted");
	is(schema_of($node, $db), schema_of($node, "${db}_empty"),
		"$name: nothing is left");
	return;
}

# The history is imported and applied, and once more made by the tool, whose
# tables are @$own, by $run->(database): the schemas are the same, and nothing
# is left when all is reverted.  Returns the tool's database.
sub round_trip
{
	my ($node, $tool, $name, $directory, $own, $run) = @_;
	my ($ours, $theirs) = databases($node, $name);

	is(import_files($node, $ours, $tool, $directory), scalar @history,
		"$name: all migrations are imported");
	$run->($theirs);
	same_schema($node, $ours, $theirs, $name, @$own);
	foreach my $db ($ours, $theirs)
	{
		is($node->safe_psql($db, 'SELECT count(*) FROM app.users'), '50', "$name: rows are there");
	}
	is(import_files($node, $ours, $tool, $directory), scalar @history,
		"$name: importing again changes nothing");
	nothing_after_revert($node, $ours, $name);
	return $theirs;
}

# The history is imported into the tool's own database and adopted there.
sub adopted
{
	my ($node, $db, $tool, $name) = @_;

	my $before = schema_of($node, $db);

	$node->safe_psql($db, "SELECT * FROM schemamig_adopt('$tool')");
	is($node->safe_psql($db, 'SELECT pending, drifted,'
			  . ' (SELECT array_agg(revision) FROM schemamig_current()) = (SELECT array_agg(revision) FROM schemamig_heads(true))'
			  . ' FROM schemamig_status()'), '0|f|t',
		"$name: a database of the tool is adopted as current");
	is($node->safe_psql($db, 'SELECT * FROM schemamig_drift()'), '', "$name: it has not drifted");
	is(schema_of($node, $db), $before, "$name: adopting has changed nothing of it");
	return;
}

# A postgres:// URL of the server's Unix socket.
sub url_of
{
	my ($node, $db, $parameter) = @_;
	my $user = getpwuid($<);

	return "postgres://$user\@/$db?$parameter=" . $node->host . '&port=' . $node->port;
}

1;
